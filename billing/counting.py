"""Pure: one step of the tick. Counts the periods of a step against what stands and answers with the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.accrual import TargetLine, Usage, fee_target, minimum_target, usage_target
from billing.charged import accrual_entry, earned_in, supply_date
from billing.codec import decode_value
from billing.decided import overridden, respected
from billing.differences import Difference, differences
from billing.discounting import discount_lines
from billing.events import ChargeAccrued, ContractEnded, Event, ItemPeriod, PeriodsClosed, PeriodsOpened
from billing.interest import interest_target
from billing.outlook import outlook
from billing.schedule import Step, is_minimum
from billing.state import AccountState, Contract, PeriodRow
from billing.terms import Policy, Segment, plan_of, segments
from plans.catalogue import InvoicePolicy, Item, Minimum
from plans.discounts import Discount
from plans.errors import Conflict
from plans.frozen import changed, frozen
from plans.periods import Period, Span, share

PeriodKey = tuple[str, str, datetime]  # contract, item, start
Measurements = Mapping[PeriodKey, Usage]


LARGEST = Decimal(10) ** 24  # of an amount or quantity of one line: what the columns hold, with room for the sums of many


@frozen()
class Counted:
    """A period that the step counts: `closed` periods have their minimum and true-up due."""

    row: PeriodRow
    contract: Contract
    found: tuple[Segment, ...]
    closed: bool


def counted_periods(step: Step, state: AccountState, policy: Policy) -> list[Counted]:
    """The periods whose target the step computes, with their terms: closing ones, the fees of opening ones, and those counted again.

    Found once for a step: it is asked when the use is measured and when it is counted.
    """
    if step.counted is None:
        step.counted = _counted_periods(step, state, policy)
    return step.counted


def _counted_periods(step: Step, state: AccountState, policy: Policy) -> list[Counted]:
    found = [_counted(row, state, policy, step, closed=True) for row in step.closing]
    found += [_counted(row, state, policy, step, closed=False) for row in step.opening if at_start(row, state, policy)]
    for row in step.recount:
        if row.closed or at_start(row, state, policy) or _at_tick(row, state, policy):
            found.append(_counted(row, state, policy, step, closed=row.closed))
    return found


def _items(row: PeriodRow, state: AccountState, policy: Policy) -> tuple[Item, ...]:
    return outlook(policy, state.contracts[row.contract]).items.get(row.item, ())


def at_start(row: PeriodRow, state: AccountState, policy: Policy) -> bool:
    return row.start == row.full_end or row.item in outlook(policy, state.contracts[row.contract]).at_start


def _at_tick(row: PeriodRow, state: AccountState, policy: Policy) -> bool:
    return row.item in outlook(policy, state.contracts[row.contract]).ticking


def _counted(row: PeriodRow, state: AccountState, policy: Policy, step: Step, *, closed: bool) -> Counted:
    contract = state.contracts[row.contract]
    if row.start == row.full_end:  # charged once: the terms at that moment, whatever their length
        return Counted(row, contract, tuple(_once(policy, contract, row, state.zone)), closed)
    kept = [terms for terms in contract.timeline if terms.effective_at == row.end and terms.terms.keep_unused]
    if kept and row.end < row.full_end:  # a new billing day broke the period, and what was charged for the rest of it stays
        contract = replace(contract, timeline=tuple(terms for terms in contract.timeline if terms.effective_at < row.end))
    keep = (contract.keep_unused or bool(kept)) and at_start(row, state, policy)
    end = row.full_end if keep else row.end
    if not closed and _at_tick(row, state, policy):
        end = min(end, step.moment + datetime.resolution)  # what was used at this very moment counts
    if end <= row.start:
        return Counted(row, contract, (), closed)
    found = segments(policy, contract, row.item, Span(row.start, end), state.zone, until_end=not keep)
    return Counted(row, contract, tuple(found), closed)


def _once(policy: Policy, contract: Contract, row: PeriodRow, zone: str) -> Sequence[Segment]:
    far = row.start.replace(year=row.start.year + 1, day=1)
    found = segments(policy, contract, row.item, Span(row.start, far), zone, until_end=False)[:1]
    return [replace(segment, end=row.start) for segment in found]


# --- targets ----------------------------------------------------------------------------------------------------------------------


def count(step: Step, state: AccountState, policy: Policy, usage: Measurements) -> list[Event]:
    """The events of one step: periods closed, differences accrued, periods opened, contracts ended; in this order."""
    counted = counted_periods(step, state, policy)
    lines = _targets(counted, state, policy, usage)
    events: list[Event] = []
    for stage in stages_of(step, counted, state):
        events += _accrued(stage, lines[_key(stage.row)], step, state, policy) if isinstance(stage, Counted) else [stage]
    return events


def stages_of(step: Step, counted: Sequence[Counted], state: AccountState) -> list[Event | Counted]:
    """The events of a step in their order, where a counted period stands for the charges that it accrues."""
    opening = {_key(row) for row in step.opening}
    once = [row for row in step.opening if row.start == row.full_end]
    return [
        *_period_events(PeriodsClosed, step.closing, state),
        *(c for c in counted if _key(c.row) not in opening),
        *_period_events(PeriodsOpened, step.opening, state),
        *(c for c in counted if _key(c.row) in opening),
        *_period_events(PeriodsClosed, once, state),
        *(ContractEnded(account=state.account, contract=contract) for contract in step.ending),
    ]


def accrued(c: Counted, step: Step, state: AccountState, policy: Policy, usage: Usage) -> list[ChargeAccrued]:
    """What one counted period accrues, where no minimum looks at it."""
    return _accrued(c, _target(c, state, policy, usage), step, state, policy)


def accrued_like(charge: ChargeAccrued, c: Counted, zone: str, usage: Usage) -> ChargeAccrued | None:
    """The charge of a period of which nothing stands, for another use than that of `charge`; None where that is not one line of the same
    kind, or of nothing."""
    lines = usage_target(c.contract, c.row, c.found, usage, zone, closed=c.closed)
    (line,) = lines if len(lines) == 1 else (None,)
    if line is None or line.key != charge.key or line.name != charge.name or not line.amount or not _fits(line):
        return None
    before, amount = charge.amount, line.amount
    postings = tuple([changed(leg, amount=amount if leg.amount == before else -amount) for leg in charge.entry.postings])
    entry = changed(charge.entry, postings=postings)
    said: dict[str, Any] = {"quantity": line.quantity, "unit_price": line.unit_price, "steps": line.steps}
    return changed(charge, amount=amount, target=amount, entry=entry, **said)


def reads(c: Counted) -> bool:
    """Whether the period is charged by what was used."""
    return bool(c.found) and c.found[0].item.charge == "usage"


def recalculated(
    step: Step, state: AccountState, policy: Policy, usage: Measurements
) -> list[tuple[Counted, list[TargetLine], list[Difference]]]:
    """What the counted periods would be by the policy and the maths of now, and how that differs from what stands: whatever people
    adjusted, and however long ago it is. For a person to look at; nothing of it is recorded."""
    found = targets(step, state, policy, usage)
    return [(c, lines, _found(c, lines, state, policy)[1]) for c, lines in found]


def targets(step: Step, state: AccountState, policy: Policy, usage: Measurements) -> list[tuple[Counted, list[TargetLine]]]:
    """What the counted periods come to by the policy, whatever stands. Nothing of it is recorded."""
    counted = counted_periods(step, state, policy)
    lines = _targets(counted, state, policy, usage)
    return [(c, lines[_key(c.row)]) for c in counted]


def _found(c: Counted, lines: Sequence[TargetLine], state: AccountState, policy: Policy) -> tuple[str, list[Difference]]:
    """What the period is counted in (a currency, or the unit of the wallet that pays it), and what differs from what stands."""
    currency = lines[0].key.currency if lines else _currency(c, state, policy)
    return currency, differences(lines, state.standing, [c.row], currency)


def _targets(counted: Sequence[Counted], state: AccountState, policy: Policy, usage: Measurements) -> dict[PeriodKey, list[TargetLine]]:
    """The target of every period; minimums over several items come after the items."""
    lines = {
        _key(c.row): _target(c, state, policy, usage.get(_key(c.row), Usage()))
        for c in counted
        if not is_minimum(policy, c.contract, c.row.item)
    }
    for c in counted:
        if is_minimum(policy, c.contract, c.row.item):
            lines[_key(c.row)] = _minimum(c, state, policy, lines)
    return lines


def _key(row: PeriodRow) -> PeriodKey:
    return row.contract, row.item, row.start


def _period_events(kind: type[PeriodsOpened] | type[PeriodsClosed], rows: Sequence[PeriodRow], state: AccountState) -> list[Event]:
    by_contract: dict[str, list[ItemPeriod]] = {}
    for row in rows:
        period = ItemPeriod(item=row.item, start=row.start, end=row.end, full_start=row.full_start, full_end=row.full_end)
        by_contract.setdefault(row.contract, []).append(period)
    return [kind(account=state.account, contract=contract, periods=tuple(periods)) for contract, periods in by_contract.items()]


def _target(c: Counted, state: AccountState, policy: Policy, usage: Usage) -> list[TargetLine]:
    if not c.found:
        return []
    charge = c.found[-1].item.charge
    if charge == "usage":
        lines = usage_target(c.contract, c.row, c.found, usage, state.zone, closed=c.closed)
    elif charge == "interest":
        earlier = [row for row in state.periods if (row.contract, row.item) == (c.row.contract, c.row.item) and row.start < c.row.start]
        lines = interest_target(c.contract, earlier, c.row, c.found, state.zone)
    else:
        lines = fee_target(c.contract, c.row, c.found, state.zone)
    for line in lines:
        _check_size(line, c)
    lines = overridden(lines, state)
    return [*lines, *discount_lines(c.contract, lines, price_discounts(c, state))]


def _check_size(line: TargetLine, c: Counted) -> None:
    """Raises Conflict `too_large` for what no column holds: its account is parked with this as the reason."""
    if _fits(line):
        return
    for value, what in ((line.amount, f"the amount in {c.contract.currency}"), (line.quantity, "the quantity")):
        if abs(value) >= LARGEST:
            shown = f"{value:.3E} ({LARGEST:.0E} is too much)"
            message = (
                f"{line.name} from {line.start:%Y-%m-%d} to {line.end:%Y-%m-%d}: {what} would be {shown}; void or amend its measurements"
            )
            raise Conflict("too_large", f"{message}, or correct its price, then release the account", contract=c.contract.id)


def _fits(line: TargetLine) -> bool:
    return -LARGEST < line.amount < LARGEST and -LARGEST < line.quantity < LARGEST


def price_discounts(c: Counted, state: AccountState) -> list[tuple[str, Discount]]:
    """(attachment, discount) of the percentages that hold for the period, in their order: given by the time that it starts, not ended
    before it, within their number of periods, for this item and plan."""
    found = []
    for held in state.discounts:
        if held.level != "price" or held.contract not in ("", c.contract.id) or held.start > c.row.start:
            continue
        if held.end is not None and held.end <= c.row.start:
            continue
        discount: Discount = decode_value(Discount, held.terms)
        if not discount.covers(item=c.row.item, plan=c.found[-1].terms.plan):
            continue
        most = discount.most_uses
        if most is None or _periods_since(held.start, c.row, c.contract) < most:
            found.append((held.attachment, discount))
    return sorted(found, key=lambda one: one[1].order)


def _periods_since(start: datetime, row: PeriodRow, contract: Contract) -> int:
    """How many full periods of this length lie between the discount's start and the period."""
    first = max(start, contract.start)
    length = (row.full_end - row.full_start).total_seconds() or 1
    return max(0, round((row.full_start - first).total_seconds() / length))


def _minimum(c: Counted, state: AccountState, policy: Policy, lines: Mapping[PeriodKey, Sequence[TargetLine]]) -> list[TargetLine]:
    """What the items' targets of the period fall short of the plan's minimum: those of this step, and those that stand."""
    terms = c.contract.terms_at(c.row.start).terms
    plan = plan_of(policy, terms)
    minimum = next((minimum for minimum in plan.minimums if minimum.code == c.row.item), None)
    if minimum is None:
        return []
    reached = Decimal(0)
    for (contract, item, start), found in lines.items():
        if contract == c.contract.id and _belongs(minimum, item, start, c.row):
            reached += sum((line.amount for line in found if not line.segment.item.wallet), Decimal(0))
    for (contract, item, _, start, _), amount in state.standing.items():
        in_units = item in plan.items and plan.items[item].wallet
        elsewhere = contract == c.contract.id and (contract, item, start) not in lines
        if elsewhere and not in_units and _belongs(minimum, item, start, c.row):
            reached += amount
    full = Span(c.row.full_start, c.row.full_end)
    part = share(Span(c.row.start, c.row.end), full, proration="day", zone=state.zone)
    least = Item(code=minimum.code, name=minimum.code.replace("-", " ").replace("_", " ").capitalize(), charge="fee", tax=minimum.tax)
    held = next(iter(terms.items.values()))
    key = str(c.contract.terms_at(c.row.start).sequence)
    rounding = policy.catalogue(terms.catalogue, terms.version).rounding
    segment = Segment(c.row.start, c.row.end, key, least, Decimal(1), None, held, terms, rounding)
    return minimum_target(c.contract, c.row, segment, minimum, reached, part)


def _belongs(minimum: Minimum, item: str, start: datetime, row: PeriodRow) -> bool:
    return item != minimum.code and (not minimum.items or item in minimum.items) and row.start <= start < row.end


# --- events -----------------------------------------------------------------------------------------------------------------------


def _accrued(c: Counted, lines: Sequence[TargetLine], step: Step, state: AccountState, policy: Policy) -> list[ChargeAccrued]:
    currency, found = _found(c, lines, state, policy)
    if currency == c.contract.currency:
        found = respected(found, c.row, state)
    return [_charge(c, difference, step, state, policy) for difference in found if not _too_old(c, difference, step, state)]


def _currency(c: Counted, state: AccountState, policy: Policy) -> str:
    """In what the item is charged where nothing of its target is left: the contract's currency, or units of a wallet."""
    return next((item.wallet for item in _items(c.row, state, policy) if item.wallet), c.contract.currency)


def _too_old(c: Counted, difference: Difference, step: Step, state: AccountState) -> bool:
    """`correct_back_to` bounds how far automatic differences reach; beyond it a person decides."""
    bound: Period | None = difference.line.segment.item.correct_back_to if difference.line else None
    return bound is not None and c.row.closed and bound.after(c.row.end, state.zone) < step.moment


def _charge(c: Counted, difference: Difference, step: Step, state: AccountState, policy: Policy) -> ChargeAccrued:
    line = difference.line
    terms = line.segment.terms if line else c.contract.terms_at(c.row.start).terms
    catalogue = policy.catalogue(terms.catalogue, terms.version)
    item = (
        line.segment.item
        if line
        else (next(iter(_items(c.row, state, policy)), None) or Item(code=c.row.item, name=c.row.item, charge="fee"))
    )
    start, end = (line.start, line.end) if line else (c.row.start, c.row.end)
    if not c.closed and item.timing == "tick":
        end = min(end, max(start, step.moment))  # what arrives at the moment of the tick counts; the span that is shown ends there
    if c.closed and c.row.closed:
        cause = "usage" if step.marks else "terms"
    elif item.timing == "tick" and step.marks and not c.closed:
        cause = "tick"
    else:
        cause = "period" if not step.recount else "terms"
    when = _by_the_change(c, step) or _invoice_when(item, plan_of(policy, terms).invoice, difference.amount)
    return ChargeAccrued(
        account=state.account,
        key=difference.key,
        name=line.name if line else item.name,
        amount=difference.amount,
        target=difference.target,
        quantity=line.quantity if line else Decimal(0),
        unit_price=line.unit_price if line else "",
        start=start,
        end=end,
        supply_date=supply_date(item, start, end, state.zone),
        tax_category=item.tax or "",
        inclusive=catalogue.tax_policy.inclusive,
        catalogue=terms.catalogue,
        version=terms.version,
        cause=cause,
        invoice_when=when,
        entry=accrual_entry(item, difference.amount, difference.key.currency, step.moment, catalogue.zone, state.seller),
        steps=line.steps if line else (),
        attributes={**item.attributes, **(line.segment.item_terms.attributes if line else {})},
        unit=item.unit,
        earned_in=earned_in(item),
    )


def _by_the_change(c: Counted, step: Step) -> str:
    """When what a change moves is on a document, where the change itself says so."""
    terms = c.contract.terms_at(step.moment)
    changed = c.row.contract in step.recounted and terms.effective_at == step.moment and c.row.start < step.moment
    return terms.terms.bill if changed else ""


def _invoice_when(item: Item, rule: InvoicePolicy, amount: Decimal) -> str:
    """Which policy decides when the charge is on a document: none for what a wallet pays, and for nothing where that is skipped."""
    if item.draws == "tick":
        return "wallet"
    return "never" if not amount and rule.zero == "skip" else rule.when
