"""Pure: what an account needs next. Answers the earliest due moment and what falls due then, from what stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from billing.bill_times import document_moment
from billing.outlook import outlook
from billing.state import AccountState, Contract, PeriodRow, UsageMark
from billing.terms import Policy, breaks, cycle_at, plan_of
from plans.catalogue import Item
from plans.frozen import frozen
from plans.periods import Cycle


@dataclass
class Step:
    """What to do at one moment: count and close periods, open new ones, end contracts, or compose documents."""

    moment: datetime
    closing: list[PeriodRow] = field(default_factory=list)
    opening: list[PeriodRow] = field(default_factory=list)
    recount: list[PeriodRow] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)
    documents: bool = False
    marks: list[int] = field(default_factory=list)
    recounted: list[str] = field(default_factory=list)  # the contracts whose changed terms it counts again
    counted: list[Any] | None = field(default=None, compare=False, repr=False)  # what `billing.counting` found for it

    @property
    def rank(self) -> int:
        """Its place in the order of one moment."""
        if self.documents:
            return 5
        return 1 if self.closing or self.recount or self.recounted or self.marks or self.ending else 4

    def closing_only(self) -> Step:
        """The step without the periods that start: changes of the same moment come between."""
        return replace(self, opening=[]) if self.rank == 1 else self

    @property
    def counts(self) -> bool:
        return bool(self.closing or self.opening or self.recount or self.recounted or self.ending or self.marks)


@frozen()
class Recount:
    """Terms changed in this transaction: the periods that end after `since` are counted again, at the moment `at`."""

    since: datetime
    at: datetime


Recounts = Mapping[str, Mapping[str, Recount]]  # account -> contract
Marked = Sequence[tuple[UsageMark, list[PeriodRow]]]  # mark of use -> the periods that it makes to be counted again


def next_step(
    state: AccountState,
    policy: Policy,
    *,
    recount: Mapping[str, Recount],
    issued_from: datetime | None = None,
    until: datetime | None = None,
    marked: Marked | None = None,
) -> Step | None:
    """The account's next step, whenever it is; None where nothing is ahead. Parked accounts rest. No document is dated before
    `issued_from`. Of a step after `until` the moment alone is answered, not what falls due then. `marked`: what `marked_periods` found."""
    if state.status == "parked":
        return None
    turns = [turn for contract in state.contracts.values() for turn in _turns(state, policy, contract)]
    touched = [(mark, rows) for mark, rows in (marked_periods(state, policy) if marked is None else marked) if rows]
    moments = [turn.moment for turn in turns] + [mark.arrived_at for mark, _ in touched]
    moments += [again.at for name, again in recount.items() if name in state.contracts]
    counting = min(moments, default=None)
    documents = document_moment(state, policy)
    if documents is not None and issued_from is not None:
        documents = max(documents, issued_from)
    if documents is not None and (counting is None or documents < counting):
        return Step(documents, documents=True)
    if counting is None or (until is not None and counting > until):
        return None if counting is None else Step(counting)
    return _step_at(counting, turns, touched, state, policy, recount)


@frozen()
class _Turn:
    """What comes next for one item of a contract: its open period ends, or its next one starts; without `item`, the contract ends."""

    moment: datetime
    contract: Contract
    item: str = ""
    open: PeriodRow | None = None
    opening: PeriodRow | None = None


def _step_at(
    moment: datetime, turns: Sequence[_Turn], touched: Marked, state: AccountState, policy: Policy, recount: Mapping[str, Recount]
) -> Step:
    """All that falls due at the moment as one step."""
    step = Step(moment)
    for turn in turns:
        if turn.moment != moment:
            continue
        if turn.open is not None:
            step.closing.append(ended := _with_end(turn.open, moment))
            following = next_period(policy, turn.contract, turn.item, ended, state.zone)
            if following is not None and following.start == moment:
                step.opening.append(following)
        elif turn.opening is not None:
            step.opening.append(turn.opening)
        else:
            step.ending.append(turn.contract.id)
    step.recounted = [name for name in state.contracts if name in recount and recount[name].at == moment]
    again = [row for name in step.recounted for row in _periods_after(state, name, recount[name].since)]
    for mark, rows in touched:
        if mark.arrived_at == moment:
            step.marks.append(mark.id)
            again += rows
    closing = {(row.contract, row.item, row.start) for row in step.closing}
    for row in again:
        if row not in step.recount and (row.contract, row.item, row.start) not in closing:
            step.recount.append(row)
    return step


# --- periods ----------------------------------------------------------------------------------------------------------------------


def _turns(state: AccountState, policy: Policy, contract: Contract) -> list[_Turn]:
    if contract.settled:
        return []
    known, name = outlook(policy, contract), contract.id
    live: dict[str, PeriodRow] = {}
    last: dict[str, PeriodRow] = {}
    for row in state.periods:
        if row.contract == name:
            if not row.closed:
                live.setdefault(row.item, row)
            if row.last:
                last.setdefault(row.item, row)
    for_ever = contract.end is None and len(contract.timeline) == 1 and not known.phased  # nearly always: nothing ends a period early
    found = []
    for code in known.with_periods:
        running = live.get(code)
        if running is not None:
            ends = running.full_end if for_ever and running.start != running.full_end else period_end(policy, contract, running, state.zone)
            found.append(_Turn(ends, contract, code, running))
        elif (opening := next_period(policy, contract, code, last.get(code), state.zone)) is not None:
            found.append(_Turn(opening.start, contract, code, opening=opening))
    if contract.end is not None and contract.status != "ended":
        found.append(_Turn(contract.end, contract))
    return found


def ended_row(policy: Policy, contract: Contract, row: PeriodRow, zone: str) -> PeriodRow:
    """The open period with the end that it has by what is known now: its full end, or an earlier break of its cycle."""
    return _with_end(row, period_end(policy, contract, row, zone))


def _with_end(row: PeriodRow, end: datetime) -> PeriodRow:
    return row if end == row.end else replace(row, end=end)


def period_end(policy: Policy, contract: Contract, row: PeriodRow, zone: str) -> datetime:
    """When the open period ends by what is known now."""
    if row.start == row.full_end:
        return row.end
    known = outlook(policy, contract)
    if len(contract.timeline) == 1 and not known.phased:  # nearly always: one cycle for ever
        stop = contract.end if contract.end is not None and contract.end > row.start else None
    elif row.item in known.minimums:
        stop = minimum_break(policy, contract, row)
    else:
        stop = breaks(policy, contract, row.item, start=row.start, zone=zone)
    return row.full_end if stop is None else min(row.full_end, stop)


def is_minimum(policy: Policy, contract: Contract, code: str) -> bool:
    return code in outlook(policy, contract).minimums


def minimum_break(policy: Policy, contract: Contract, row: PeriodRow) -> datetime | None:
    """Where a plan's minimum stops: at a change to a plan without it, or at the contract's end."""
    moments = [terms.effective_at for terms in contract.timeline if row.item not in plan_of(policy, terms.terms).minimum_codes]
    later = [moment for moment in (*moments, contract.end) if moment is not None and moment > row.start]
    return min(later, default=None)


def next_period(policy: Policy, contract: Contract, code: str, last: PeriodRow | None, zone: str) -> PeriodRow | None:
    """The period that follows `last` (the first one where there is none); None where the item has no more."""
    start = _start_after(policy, contract, code, last)
    if start is None or (contract.end is not None and start >= contract.end):
        return None
    cycle = running_cycle(policy, contract, code, start, zone)
    if cycle is None:
        return None if last is not None else PeriodRow(contract.id, code, start, start, start, start, closed=False, last=True)
    full = cycle.period_at(start)
    row = PeriodRow(contract.id, code, start, full.end, full.start, full.end, closed=False, last=True)
    return ended_row(policy, contract, row, zone)


def _start_after(policy: Policy, contract: Contract, code: str, last: PeriodRow | None) -> datetime | None:
    """Where the item's next period starts: at the end of the last one, or when the item (again) belongs to the terms."""
    earliest = max(contract.start, contract.paid_through or contract.start) if last is None else last.end
    for i, row in enumerate(contract.timeline):
        until = contract.timeline[i + 1].effective_at if i + 1 < len(contract.timeline) else None
        if until is not None and until <= earliest:
            continue
        if code in row.terms.items or code in plan_of(policy, row.terms).minimum_codes:
            return max(earliest, row.effective_at) if i else earliest
    return None


def running_cycle(policy: Policy, contract: Contract, code: str, moment: datetime, zone: str) -> Cycle | None:
    terms = contract.terms_at(moment).terms
    for minimum in plan_of(policy, terms).minimums:
        if minimum.code == code:
            return Cycle(period=minimum.period, anchor=terms.anchor, zone=zone, align=minimum.align, day=minimum.day)
    return cycle_at(policy, contract, code, moment, zone)


def _periods_after(state: AccountState, contract: str, moment: datetime) -> list[PeriodRow]:
    """What a change of terms at `moment` may move: periods that end after it, the open ones included."""
    return [row for row in state.periods if row.contract == contract and (row.end > moment or not row.closed)]


# --- usage that came late -----------------------------------------------------------------------------------------------------------


def marked_periods(state: AccountState, policy: Policy) -> Marked:
    """Each mark of use that arrived, and the periods that it makes to be counted again. A mark that touches none is idle: its period is
    open, and counted when it ends."""
    return [(mark, periods_touched(state, policy, mark)) for mark in state.marks]


def periods_touched(state: AccountState, policy: Policy, mark: UsageMark) -> list[PeriodRow]:
    """The closed periods that the mark touches, the open ones that count at every tick, and the minimums over them."""
    found = []
    for row in state.periods:
        contract = state.contracts.get(row.contract)
        if contract is None or (row.closed and row.end <= mark.at) or (not row.closed and row.start > mark.arrived_at):
            continue
        known = outlook(policy, contract)
        if row.closed or row.item in known.ticking:
            reads = any(mark.meter in sources_of(policy, contract, item) for item in known.items.get(row.item, ()))
            if reads or (row.closed and row.item in known.minimums):
                found.append(row)
    return found


def meters_of(policy: Policy, contract: Contract, item: Item) -> set[str]:
    """The catalogue's meters that the item's quantity is made of (and those of the quantities that pick its price)."""
    terms = contract.timeline[-1].terms
    catalogue = policy.catalogue(terms.catalogue, terms.version)
    pending = [code for code in (item.meter, *item.deciding.values()) if code]
    found: set[str] = set()
    while pending:
        code = pending.pop()
        if code in found or code not in catalogue.meters:
            found.add(code)
            continue
        found.add(code)
        meter = catalogue.meters[code]
        pending += meter.parts
    return found


def sources_of(policy: Policy, contract: Contract, item: Item) -> set[str]:
    """The codes under which the records of the item's meters are sent."""
    terms = contract.timeline[-1].terms
    meters = policy.catalogue(terms.catalogue, terms.version).meters
    return {(meters[code].reads or code) if code in meters else code for code in meters_of(policy, contract, item)}
