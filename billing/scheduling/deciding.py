"""Now or later: every command of the engine comes through here.

A command that is not `Timed`, or is meant for now on an account with nothing scheduled, runs at once. Otherwise it is held against what is
scheduled (billing/conflicts.py) and rehearsed together with it. What is for later becomes one event, `change.scheduled`; what is for now
runs, and the scheduled changes that it leaves no room for are refused, withdrawn or put before a person, as the caller chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from billing.command import Command, Timed
from billing.commands.common import find_contract, open_state
from billing.commands.timing import ContractChange, effective_moment
from billing.conflicts import REBASE, REFUSE, REPLACE, WAYS, Change, Clash, Rule, find, placed
from billing.engine import Context, Decision
from billing.events import ChangeQuestioned, ChangeScheduled, ChangeWithdrawn
from billing.journal import Draft
from billing.limits import check_bought
from billing.requests.guarding import check_alone
from billing.scheduling.pending import Pending, load_pending
from billing.scheduling.rehearsal import Try, of, rehearse
from billing.state import AccountState
from plans.errors import Conflict, Invalid, Refusal
from plans.fields import suggestion

NOW = ("", "now")
RULES = ("period_end", "trial_end", "term_end")
ASKED = "asked"


def decide(command: Command, context: Context, arguments: Any, given: Mapping[str, Any]) -> Decision:
    """The command's own answer, or the event that schedules it. Raises what the command raises, Conflict `change_conflict`, and what
    `check_alone` raises for members of staff."""
    check_alone(command, context, arguments)
    if not isinstance(arguments, Timed):
        return run_now(command, context, arguments)
    if arguments.on_conflict not in WAYS:
        message = f"expected one of {', '.join(WAYS)}, found {arguments.on_conflict!r}{suggestion(arguments.on_conflict, WAYS)}"
        raise Invalid("unknown_choice", message, at="on_conflict")
    account: str = getattr(arguments, "account")  # noqa: B009 - every timed command is about an account
    pending = load_pending([account]).get(account, [])
    if arguments.when in NOW and not pending:
        return run_now(command, context, arguments)
    return _Deciding(command, context, arguments, given, pending, open_state(account)).decision()


def run_now(command: Command, context: Context, arguments: Any) -> Decision:
    """The command's answer, if what it buys fits into the credit limit. Raises what the command raises, and Conflict `credit_limit`."""
    decision = command.run(context, arguments)
    if command.buyer is not None:
        check_bought(context, command.buyer(arguments), decision.drafts, what=command.name)
    return decision


@cache
def _rules() -> tuple[Rule, ...]:
    return tuple(import_string(path) for path in settings.BILLING_CONFLICT_RULES)


@dataclass
class _Deciding:
    """One timed command held against the changes that are scheduled for its account."""

    command: Command
    context: Context
    arguments: Timed
    given: Mapping[str, Any]
    pending: Sequence[Pending]
    state: AccountState

    def decision(self) -> Decision:
        asked = self._asked()
        if asked.moment < self.context.at or (not self.pending and self._immediate(asked)):
            return run_now(self.command, self.context, self.arguments)
        if not self._immediate(asked):
            self.arguments.later()
        clashes = find(asked, [one.change() for one in self.pending], _rules())
        way = self.arguments.on_conflict
        if clashes and way == REFUSE:
            raise _conflict(asked, clashes[0])
        moment, order = placed(asked, clashes, way)
        asked = replace(asked, moment=max(moment, self.context.at), order=order)
        gone = [clash.other.address for clash in clashes] if way == REPLACE else []
        staying = [one for one in self.pending if one.address not in gone]
        broken = self._rehearsed(asked, staying)
        if broken and way == REFUSE:
            other = next(one for one in staying if one.address in broken)
            raise _conflict(asked, Clash(other.change(), f"then the other would be refused: {broken[other.address].message}"))
        if way == REPLACE:
            gone, broken = [*gone, *broken], {}
        return self._answer(asked, gone, broken)

    # --- what is asked

    def _asked(self) -> Change:
        contract = self._contract()
        return Change(
            address="",
            command=self.command.name,
            account=self.state.account,
            contract=contract,
            moment=self._moment(contract),
            writes=self.arguments.writes(),
            needs=self.arguments.needs(),
            by=self.context.actor,
            at=self.context.at,
            firm=self.arguments.firm,
        )

    def _contract(self) -> str:
        """The contract that it is about: the one named, or the only one of a change of contracts; "" for a command about the account."""
        named: str = getattr(self.arguments, "contract", "")
        return find_contract(self.state, named).id if named or isinstance(self.arguments, ContractChange) else ""

    def _moment(self, contract: str) -> datetime:
        when = self.arguments.when
        if when in RULES and not contract:
            raise Invalid("unknown_choice", f"{when} is the end of something that a contract has; name one, or give a date", at="when")
        if when in NOW:
            return self.context.at
        return effective_moment(self.context, self.state, self.state.contracts.get(contract), when)

    def _immediate(self, asked: Change) -> bool:
        return asked.moment <= self.context.at or self.arguments.firm

    # --- rehearsal

    def _try(self, asked: Change) -> Try:
        plain = {**self.given, "contract": asked.contract} if asked.contract else dict(self.given)
        if self.arguments.firm:
            return Try(ASKED, self.command, plain, self.context.at)
        return Try(ASKED, self.command, {**plain, "when": "now"}, asked.moment)

    def _rehearsed(self, asked: Change, staying: Sequence[Pending]) -> dict[str, Refusal]:
        """The scheduled changes that what is asked would leave no room for. Raises the refusal of what is asked."""
        alone = [*staying]
        mine = self._try(asked)
        order = sorted([*((one.place, of(one)) for one in alone), (asked.place, mine)], key=lambda pair: pair[0])
        if self.arguments.firm:
            order = [(asked.place, mine), *((place, one) for place, one in order if one is not mine)]
        refused = rehearse(self.context, [one for _, one in order])
        if ASKED in refused:
            raise self._why(asked, refused[ASKED], [one for one in staying if one.place < asked.place])
        if not refused:
            return {}
        before = rehearse(self.context, [of(one) for one in alone])
        return {address: refusal for address, refusal in refused.items() if address not in before}

    def _why(self, asked: Change, refusal: Refusal, earlier: Sequence[Pending]) -> Refusal:
        """The refusal itself; or, where nothing would refuse it but for a change that is scheduled before it, the conflict with that."""
        if not earlier or ASKED in rehearse(self.context, [self._try(asked)]):
            return refusal
        for count in range(1, len(earlier) + 1):
            if ASKED in rehearse(self.context, [*(of(one) for one in earlier[:count]), self._try(asked)]):
                return _conflict(asked, Clash(earlier[count - 1].change(), f"after it this is refused: {refusal.message}"))
        return refusal

    # --- the answer

    def _answer(self, asked: Change, gone: Sequence[str], broken: Mapping[str, Refusal]) -> Decision:
        if self._immediate(asked):
            decision = run_now(self.command, self.context, self.arguments)
        else:
            address = self.context.next_address(self.state.account)
            decision = Decision([Draft(self.state.account, self._scheduled(asked), self.context.at)], {"change": address})
        cause = self.context.next_address(self.state.account)
        for address in gone:
            withdrawn = ChangeWithdrawn(account=self.state.account, change=address, reason=f"replaced by {asked.command}", instead=cause)
            decision.drafts.append(Draft(self.state.account, withdrawn, self.context.at, cause))
        for address, refusal in broken.items():
            questioned = ChangeQuestioned(account=self.state.account, change=address, code=refusal.code, message=refusal.message)
            decision.drafts.append(Draft(self.state.account, questioned, self.context.at, cause))
        return decision

    def _scheduled(self, asked: Change) -> ChangeScheduled:
        contract = self.state.contracts.get(asked.contract)
        plain = {name: value for name, value in self.given.items() if name not in ("when", "on_conflict")}
        if contract is not None:
            plain["contract"] = contract.id
        return ChangeScheduled(
            account=self.state.account,
            command=asked.command,
            arguments=plain,
            moment=asked.moment,
            rule=self.arguments.when if self.arguments.when in RULES else "",
            contract=asked.contract,
            order=asked.order,
            terms=f"{self.state.account}/{contract.timeline[-1].sequence}" if contract else "",
            based_on={stream: head.sequence for stream, head in self.context.heads.items()},
            reason=getattr(self.arguments, "reason", ""),
        )


def _conflict(asked: Change, clash: Clash) -> Conflict:
    """The refusal that names both parties and the ways out."""
    other = clash.other
    message = (
        f"{asked.title} meets {other.title}: {clash.why}; withdraw the other or move it, choose another moment, "
        f"or say on_conflict: {', '.join(WAYS[1:-1])} or {REBASE}"
    )
    facts = {"event": other.address, "moment": other.moment, "scheduled_by": other.by, "scheduled_at": other.at, "asked_by": asked.by}
    return Conflict("change_conflict", message, at="when", ways=WAYS[1:], command=other.command, **facts)
