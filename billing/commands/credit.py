"""The credit status that people set. Dunning sets it as its steps say (payments/dunning/)."""

from __future__ import annotations

from dataclasses import dataclass

from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.credit import STATUSES, changed
from billing.engine import Context, Decision
from billing.loading import policy
from plans.errors import Conflict
from plans.fields import Fields


@dataclass(frozen=True)
class SetCreditStatus:
    account: str
    status: str
    reason: str


def set_credit_status(context: Context, args: SetCreditStatus) -> Decision:
    """Set the credit status by hand: good, grace, limited or suspended. Contracts stop or go on with it, as their plans say."""
    state = open_state(args.account)
    status = Fields({"status": args.status}).choice("status", STATUSES)
    drafts = changed(
        state,
        policy(),
        status=status,
        reason=args.reason,
        set_by="person",
        at=context.at,
        address=context.next_address(args.account),
    )
    if not drafts:
        raise Conflict("no_change", f"the credit status of {args.account} is {status} already", at="status")
    return Decision(drafts)


COMMANDS = (
    Command("set_credit_status", "Set the credit status of an account by hand", SetCreditStatus, set_credit_status, account_stream),
)
