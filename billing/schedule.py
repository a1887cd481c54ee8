"""Pure: what an account needs next. Answers the earliest due moment and what falls due then, from what stands alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.state import AccountState, Contract, OpenCharge, PeriodRow, UsageMark
from billing.terms import Policy, breaks, cycle_at, item_codes, item_of, plan_of, used_items
from plans.catalogue import InvoicePolicy, Item
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


@dataclass(frozen=True)
class Recount:
    """Terms changed in this transaction: the periods that end after `since` are counted again, at the moment `at`."""

    since: datetime
    at: datetime


Recounts = Mapping[str, Mapping[str, Recount]]  # account -> contract


def next_step(state: AccountState, policy: Policy, *, recount: Mapping[str, Recount], issued_from: datetime | None = None) -> Step | None:
    """The account's next step, whenever it is; None where nothing is ahead. Parked accounts rest. No document is dated before
    `issued_from`."""
    if state.status == "parked":
        return None
    found: list[Step] = []
    for contract in state.contracts.values():
        found += _contract_steps(state, policy, contract)
        if contract.id in recount:
            again = recount[contract.id]
            found.append(Step(again.at, recount=_periods_after(state, contract.id, again.since), recounted=[contract.id]))
    found += _mark_steps(state, policy)
    counting = _earliest(found)
    documents = document_moment(state, policy)
    if documents is not None and issued_from is not None:
        documents = max(documents, issued_from)
    if documents is not None and (counting is None or documents < counting.moment):
        return Step(documents, documents=True)
    return counting


def _earliest(found: Sequence[Step]) -> Step | None:
    """All steps of the earliest moment as one."""
    if not found:
        return None
    moment = min(step.moment for step in found)
    merged = Step(moment)
    for step in found:
        if step.moment == moment:
            merged.closing += step.closing
            merged.opening += step.opening
            merged.recount += [row for row in step.recount if row not in merged.recount]
            merged.ending += step.ending
            merged.marks += step.marks
            merged.recounted += step.recounted
    merged.recount = [
        row
        for row in merged.recount
        if not any(row.item == c.item and row.start == c.start and row.contract == c.contract for c in merged.closing)
    ]
    return merged


# --- periods ----------------------------------------------------------------------------------------------------------------------


def _contract_steps(state: AccountState, policy: Policy, contract: Contract) -> list[Step]:
    if contract.settled:
        return []
    found = []
    open_rows = 0
    for code in period_codes(policy, contract):
        rows = [row for row in state.periods if row.contract == contract.id and row.item == code]
        live = next((row for row in rows if not row.closed), None)
        last = next((row for row in rows if row.last), None)
        if live is not None:
            open_rows += 1
            ended = ended_row(policy, contract, live, state.zone)
            closing = Step(ended.end, closing=[ended])
            following = next_period(policy, contract, code, ended, state.zone)
            if following is not None and following.start == ended.end:
                closing.opening.append(following)
            found.append(closing)
        else:
            opening = next_period(policy, contract, code, last, state.zone)
            if opening is not None:
                open_rows += 1
                found.append(Step(opening.start, opening=[opening]))
    if contract.end is not None and contract.status != "ended":
        found.append(Step(contract.end, ending=[contract.id]))
    return found


def period_codes(policy: Policy, contract: Contract) -> list[str]:
    """Items that have periods: those of the terms that are charged by time or use, and the plan's minimums. In the order of the plan, then
    add-ons: so documents show them."""
    order: dict[str, int] = {}
    for row in contract.timeline:
        order |= plan_of(policy, row.terms).places
    codes = sorted(item_codes(contract), key=lambda code: order.get(code, len(order)))
    codes = [code for code in codes if _has_periods(policy, contract, code)]
    minimums = {m.code: None for row in contract.timeline for m in plan_of(policy, row.terms).minimums}
    return [*codes, *minimums]


def _has_periods(policy: Policy, contract: Contract, code: str) -> bool:
    for row in contract.timeline:
        item = item_of(policy, row.terms, code)
        if item is not None and item.charge != "sale":
            return True
    return False


def ended_row(policy: Policy, contract: Contract, row: PeriodRow, zone: str) -> PeriodRow:
    """The open period with the end that it has by what is known now: its full end, or an earlier break of its cycle."""
    if row.start == row.full_end:
        return row
    stop = (
        minimum_break(policy, contract, row)
        if is_minimum(policy, contract, row.item)
        else breaks(policy, contract, row.item, start=row.start, zone=zone)
    )
    end = row.full_end if stop is None else min(row.full_end, stop)
    return row if end == row.end else replace(row, end=end)


def is_minimum(policy: Policy, contract: Contract, code: str) -> bool:
    return any(code in plan_of(policy, row.terms).minimum_codes for row in contract.timeline)


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


def _mark_steps(state: AccountState, policy: Policy) -> list[Step]:
    """What marks make to be counted again. Those that touch nothing are idle: see below."""
    found = []
    for mark in state.marks:
        touched = _marked(state, policy, mark)
        if touched:
            found.append(Step(mark.arrived_at, recount=touched, marks=[mark.id]))
    return found


def idle_marks(state: AccountState, policy: Policy, *, until: datetime) -> list[int]:
    """Use that arrived by `until` and moves no period yet: its period is open, and counted when it ends. Nothing else may be due before
    `until`: what closes a period makes a mark of it count."""
    return [mark.id for mark in state.marks if mark.arrived_at <= until and not _marked(state, policy, mark)]


def _marked(state: AccountState, policy: Policy, mark: UsageMark) -> list[PeriodRow]:
    """The closed periods that the mark touches, the open ones that count at every tick, and the minimums over them."""
    found = []
    for row in state.periods:
        contract = state.contracts.get(row.contract)
        if contract is None or (row.closed and row.end <= mark.at) or (not row.closed and row.start > mark.arrived_at):
            continue
        items = {item.code: item for terms in contract.timeline if (item := item_of(policy, terms.terms, row.item))}
        reads = any(mark.meter in sources_of(policy, contract, item) for item in items.values())
        ticks = any(item.timing == "tick" for item in items.values())
        if (reads and (row.closed or ticks)) or (row.closed and is_minimum(policy, contract, row.item)):
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


def raw_meters_of(policy: Policy, contract: Contract, item: Item) -> set[str]:
    """The codes under which the records of these meters are sent."""
    terms = contract.timeline[-1].terms
    meters = policy.catalogue(terms.catalogue, terms.version).meters
    return {(meters[code].reads or code) if code in meters else code for code in meters_of(policy, contract, item)}


# --- documents ----------------------------------------------------------------------------------------------------------------------


def invoice_policy(state: AccountState, policy: Policy, charge: OpenCharge) -> InvoicePolicy:
    contract = state.contracts.get(charge.contract)
    return plan_of(policy, contract.terms_at(charge.effective_at).terms).invoice if contract else InvoicePolicy()


def bill_at(state: AccountState, policy: Policy, charge: OpenCharge) -> datetime | None:
    """When the charge goes on a document; None: when another does, or never.

    Late usage of a period whose draft still waits (`grace`) goes with it; later, it waits for the contract's next document, unless the
    contract has ended.
    """
    if charge.invoice_when == "now":
        return charge.effective_at
    contract = state.contracts.get(charge.contract)
    if charge.invoice_when in ("next_invoice", "never", "wallet") or contract is None:
        return None
    rule = invoice_policy(state, policy, charge)
    late = is_late(charge)
    if charge.invoice_when == "end" and contract.end is None:
        return None
    moment = _with_grace(_document_time(rule, contract, charge.end if late else charge.effective_at, state.zone), rule, state.zone)
    if moment >= charge.effective_at:
        return moment
    if charge.invoice_when == "calendar":
        return _with_grace(_document_time(rule, contract, charge.effective_at, state.zone), rule, state.zone)
    if charge.invoice_when == "charges" and _adds(state, charge) and (contract.end is None or contract.end > charge.effective_at):
        return contract.end
    return charge.effective_at


def is_late(charge: OpenCharge) -> bool:
    """Whether the charge was found after the time that it is for: late or corrected usage."""
    return charge.kind == "accrual" and charge.end < charge.effective_at


def _adds(state: AccountState, charge: OpenCharge) -> bool:
    """Whether what was found with the charge comes to more than before: less is credited at once."""
    found = [c for c in state.open_charges if is_late(c) and (c.contract, c.effective_at) == (charge.contract, charge.effective_at)]
    return sum(c.amount for c in found) >= 0


def _document_time(rule: InvoicePolicy, contract: Contract, moment: datetime, zone: str) -> datetime:
    """When a charge of this moment is on a document by the plan's policy, without grace."""
    if rule.when == "end":
        return moment if contract.end is None else max(contract.end, moment)
    if rule.when != "calendar" or rule.every is None:
        return moment
    cycle = Cycle(period=rule.every, anchor=contract.start, zone=zone, align="calendar" if rule.day else "anchor", day=rule.day)
    full = cycle.period_at(moment)
    bound = moment if full.start == moment else full.end
    return bound if contract.end is None or contract.end < moment else min(bound, contract.end)


def draft_until(state: AccountState, policy: Policy, contract: Contract, moment: datetime) -> datetime:
    """Until when what the contract charges at the moment is on a draft, by its plan's policy."""
    rule = plan_of(policy, contract.terms_at(moment).terms).invoice
    return _with_grace(_document_time(rule, contract, moment, state.zone), rule, state.zone)


def _with_grace(moment: datetime, rule: InvoicePolicy, zone: str) -> datetime:
    return rule.grace.after(moment, zone) if rule.grace else moment


def billable(state: AccountState, policy: Policy) -> list[OpenCharge]:
    """The open charges that a document is about. Those of one line that cancel each other out are about nothing, unless the policy wants
    documents over nothing."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    for charge in state.open_charges:
        sums[charge.key] = sums.get(charge.key, Decimal(0)) + charge.amount
    return [charge for charge in state.open_charges if sums[charge.key] or invoice_policy(state, policy, charge).zero == "issue"]


def document_moment(state: AccountState, policy: Policy) -> datetime | None:
    """When the account's next document is due; at once where unbilled charges pass their plan's threshold."""
    moments = [moment for charge in billable(state, policy) if (moment := bill_at(state, policy, charge)) is not None]
    reached = [max(charge.effective_at for charge in charges) for charges in over_threshold(state, policy).values()]
    return min([*moments, *reached], default=None)


def over_threshold(state: AccountState, policy: Policy) -> dict[str, list[OpenCharge]]:
    """Contracts whose open charges reach the threshold of their plan, with these charges."""
    by_contract: dict[str, list[OpenCharge]] = {}
    for charge in state.open_charges:
        if charge.contract in state.contracts and charge.invoice_when not in ("never", "wallet"):
            by_contract.setdefault(charge.contract, []).append(charge)
    found = {}
    for contract, charges in by_contract.items():
        rule = invoice_policy(state, policy, charges[-1])
        whole = rule.threshold is not None and sum(charge.amount for charge in charges) >= rule.threshold
        if whole or (rule.thresholds and _crossed(state, policy, contract, charges, rule.thresholds)):
            found[contract] = charges
    return found


def _crossed(state: AccountState, policy: Policy, contract: str, charges: Sequence[OpenCharge], thresholds: Sequence[Decimal]) -> bool:
    """Whether the contract's use over its whole life passes a threshold that what is on documents has not reached."""
    used = used_items(policy, state.contracts[contract])
    before = state.billed_use.get(contract, Decimal(0))
    by_now = before + sum((charge.amount for charge in charges if charge.kind == "accrual" and charge.item in used), Decimal(0))
    return any(before < threshold <= by_now for threshold in thresholds)


def chosen_charges(state: AccountState, policy: Policy, moment: datetime) -> list[OpenCharge]:
    """The open charges that a document of this moment takes: those that are due, and those that wait for the next document."""
    at_once = {charge.address for charges in over_threshold(state, policy).values() for charge in charges}
    due: set[str] = set()
    waiting: list[OpenCharge] = []
    open_charges = billable(state, policy)
    for charge in open_charges:
        when = bill_at(state, policy, charge)
        if charge.address in at_once or (when is not None and when <= moment):
            due.add(charge.address)
        elif charge.invoice_when == "next_invoice" or (is_late(charge) and charge.invoice_when == "charges"):
            waiting.append(charge)
    currencies = {charge.currency for charge in open_charges if charge.address in due}
    due |= {charge.address for charge in waiting if charge.currency in currencies and charge.effective_at <= moment}
    return [charge for charge in open_charges if charge.address in due]
