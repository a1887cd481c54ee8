"""The credit status and the credit limit that people set. Dunning sets the status as its steps say (payments/dunning/)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from billing.command import Command, Timed
from billing.commands.common import account_stream, money, open_state
from billing.credit import STATUSES, changed
from billing.engine import Context, Decision
from billing.events import CreditLimitSet
from billing.journal import Draft
from billing.limits import limit_of
from billing.loading import policy
from plans.errors import Conflict, Invalid
from plans.fields import Fields


@dataclass(frozen=True)
class SetCreditStatus(Timed):
    account: str
    status: str
    reason: str = field(kw_only=True)

    def writes(self) -> frozenset[str]:
        return frozenset({"credit_status"})


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


@dataclass(frozen=True)
class SetCreditLimit(Timed):
    account: str
    amount: Decimal | None = None  # in the account's currency
    unlimited: bool = False

    def writes(self) -> frozenset[str]:
        return frozenset({"credit_limit"})


def set_credit_limit(context: Context, args: SetCreditLimit) -> Decision:
    """Say how much the account may owe before it gets nothing more on credit: an `amount` of 0 or more, or `unlimited: yes`. What is owed
    already stays owed."""
    state = open_state(args.account)
    if (args.amount is None) != args.unlimited:
        raise Invalid("missing_field", "give an amount, or say unlimited: yes", at="amount")
    if args.amount is not None and args.amount < 0:
        raise Invalid("negative", f"expected an amount of 0 or more, found {args.amount}", at="amount")
    amount = None if args.amount is None else money(args.amount, state.currency, least=Decimal(-1))
    held = limit_of(args.account)
    previous = held.amount if held else None
    if amount == previous:
        raise Conflict("no_change", f"the credit limit of {args.account} is so already", at="amount")
    event = CreditLimitSet(account=args.account, amount=amount, currency=state.currency, previous=previous, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("set_credit_limit", "Say how much an account may owe", SetCreditLimit, set_credit_limit, account_stream),
    Command("set_credit_status", "Set the credit status of an account by hand", SetCreditStatus, set_credit_status, account_stream),
)
