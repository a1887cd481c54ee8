"""What a person does with scheduled changes: move one to another moment, or withdraw it. Those that it touches are looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accounts.access import is_customer
from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.commands.timing import effective_moment
from billing.engine import Context, Decision
from billing.events import ChangeMoved, ChangeQuestioned, ChangeWithdrawn
from billing.journal import Draft
from billing.models.changes import QUESTIONED, SCHEDULED
from billing.scheduling.pending import Pending, load_pending
from billing.scheduling.rehearsal import of, rehearse
from plans.errors import Invalid, NotAllowed, NotFound
from plans.fields import suggestion


@dataclass(frozen=True)
class WithdrawChange:
    account: str
    change: str
    reason: str = ""


def withdraw_change(context: Context, args: WithdrawChange) -> Decision:
    """Take back a change that is scheduled, or waits for a person. Later ones that no longer make sense are put before a person.

    A customer takes back what customers asked for; what the office has planned stays."""
    open_state(args.account)
    change, others = _find(args.account, args.change)
    if is_customer(context.actor) and not is_customer(change.by):
        message = f"{change.command} was planned by us, not by you; ask us to withdraw it"
        raise NotAllowed("office_change", message, at="change", command=change.command)
    withdrawn = ChangeWithdrawn(account=args.account, change=change.address, reason=args.reason)
    return Decision([Draft(args.account, withdrawn, context.at, change.address), *_questioned(context, [change, *others], others)])


@dataclass(frozen=True)
class MoveChange:
    account: str
    change: str
    when: str
    reason: str = ""


def move_change(context: Context, args: MoveChange) -> Decision:
    """Carry out a scheduled change at another moment (`now` too); one that waits for a person is scheduled again."""
    state = open_state(args.account)
    change, others = _find(args.account, args.change)
    contract = state.contracts.get(change.contract)
    if contract is None and args.when in ("period_end", "trial_end", "term_end"):
        raise Invalid("unknown_choice", "the change is about no contract that runs; give a date", at="when")
    moment = effective_moment(context, state, contract, args.when)
    if moment < context.at:
        raise Invalid("in_the_past", f"{moment:%Y-%m-%d %H:%M} UTC is past", at="when")
    moved = replace(change, moment=moment, order=0, status=SCHEDULED)
    refused = rehearse(context, [of(one) for one in sorted([moved, *others], key=lambda one: one.place)])
    if moved.address in refused:
        raise refused[moved.address]
    event = ChangeMoved(account=args.account, change=change.address, moment=moment, previous=change.moment, order=0, reason=args.reason)
    standing = [change, *others] if change.status == SCHEDULED else others
    return Decision([Draft(args.account, event, context.at, change.address), *_questioned(context, standing, [moved, *others])])


def _find(account: str, name: str) -> tuple[Pending, list[Pending]]:
    """The change, and the others that are scheduled. Raises NotFound `unknown_change`."""
    listed = load_pending([account], statuses=(SCHEDULED, QUESTIONED)).get(account, [])
    found = next((one for one in listed if one.address == name), None)
    if found is None:
        hint = suggestion(name, [one.address for one in listed])
        raise NotFound("unknown_change", f"no change {name[:80]!r} is scheduled for the account{hint}", at="change")
    return found, [one for one in listed if one is not found and one.status == SCHEDULED]


def _questioned(context: Context, before: Sequence[Pending], after: Sequence[Pending]) -> list[Draft]:
    """Of the changes that stay, those that would be refused now and would not have been before."""
    earlier = rehearse(context, [of(one) for one in _ordered(before)])
    later = rehearse(context, [of(one) for one in _ordered(after)])
    return [
        Draft(
            one.account,
            ChangeQuestioned(account=one.account, change=one.address, code=later[one.address].code, message=later[one.address].message),
            context.at,
        )
        for one in after
        if one.address in later and one.address not in earlier
    ]


def _ordered(changes: Sequence[Pending]) -> list[Pending]:
    return sorted((one for one in changes if one.status == SCHEDULED), key=lambda one: one.place)


COMMANDS = (
    Command("withdraw_change", "Take back a scheduled change", WithdrawChange, withdraw_change, account_stream),
    Command("move_change", "Carry out a scheduled change at another moment", MoveChange, move_change, account_stream),
)
