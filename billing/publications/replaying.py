"""The past of accounts, priced by a draft: their real contracts and use, through the functions that bill them. Nothing is written.

Every contract of the catalogue is taken as if the draft had been signed (`everybody`), or keeps its own version and only what follows a
price list takes the draft's (`followers`: what publishing alone would do). Of a price list the newest entry counts for the whole time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.accrual import TargetLine
from billing.counting import at_start, targets
from billing.events import ItemTerms, Terms
from billing.loading import LONG_AGO, StoredPolicy, load, trimmed
from billing.measuring import measure_steps
from billing.outlook import outlook
from billing.schedule import Recount, Step, next_period, running_cycle
from billing.state import AccountState, Contract, PeriodRow
from plans.agreements import IndexEntry
from plans.catalogue import Catalogue, Item, ListEntry
from plans.periods import Span
from plans.pricing import Consumption, rate

DRAFT = 0  # the version of what is not published
EVERYBODY, FOLLOWERS = "everybody", "followers"
ZERO = Decimal(0)


@dataclass(frozen=True)
class Trial:
    """What is tried: the draft, over the half-open span `[since, until)`, and who is moved to it."""

    draft: Catalogue
    since: datetime
    until: datetime
    moved: str = EVERYBODY


@dataclass
class Line:
    """One period of an item, or one sale: what it came to by the terms in force, and by the draft. In `currency`, or units of a wallet."""

    account: str
    contract: str
    item: str
    name: str
    start: datetime
    end: datetime
    currency: str
    before: Decimal = ZERO
    after: Decimal = ZERO
    quantity: Decimal = ZERO  # by the draft, where it has the item; else before

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


@dataclass
class Replayed:
    """The lines of some accounts; `left_out`: why a contract or a sale could not be compared → how many."""

    lines: list[Line] = field(default_factory=list)
    periods: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


class DraftPolicy(StoredPolicy):
    """Published policy, and beside it the draft as version 0; its price lists and indexes in place of those published."""

    def __init__(self, draft: Catalogue) -> None:
        super().__init__()
        self.draft = draft

    def catalogue(self, name: str, version: int) -> Catalogue:
        return self.draft if (name, version) == (self.draft.name, DRAFT) else super().catalogue(name, version)

    def entries(self, catalogue: str, price_list: str) -> tuple[ListEntry, ...]:
        stated = self.draft.lists.get(price_list) if catalogue == self.draft.name else None
        return (replace((stated or super().entries(catalogue, price_list))[-1], start=LONG_AGO),)

    def index(self, catalogue: str, code: str) -> tuple[IndexEntry, ...]:
        published = super().index(catalogue, code)
        stated = self.draft.indexes.get(code, ()) if catalogue == self.draft.name else ()
        return (*(one for one in published if not stated or one.start < stated[0].start), *stated)


def replay(accounts: Sequence[str], trial: Trial) -> Replayed:
    """What these accounts were charged in the span by each of the two. Fees in advance count when they start, everything else when its
    period has ended; what somebody set by hand counts on neither side."""
    found = Replayed()
    states = load(accounts, since={name: {"": Recount(LONG_AGO, trial.until)} for name in accounts})
    stored, drafted = StoredPolicy(), DraftPolicy(trial.draft)
    before = {name: _side(state, _contracts(state, trial)) for name, state in states.items()}
    after = {name: _side(state, _moved(state.contracts, trial, stored, found.left_out)) for name, state in before.items()}
    for name, state in after.items():
        before[name] = _side(before[name], {code: before[name].contracts[code] for code in state.contracts})
    rows = {name: _charged(state, trial, stored) for name, state in before.items()}
    moved = {name: _rows(before[name], after[name], rows[name], trial, stored, drafted) for name in before}
    found.periods = sum(map(len, rows.values()))
    lines: dict[tuple[str, str, str, datetime], Line] = {}
    for line, amount in _counted(before, rows, stored, trial.until):
        _line(lines, line, before).before += amount
    for line, amount in _counted(after, moved, drafted, trial.until):
        one = _line(lines, line, after)
        one.after += amount
        one.quantity = line[1].quantity
    found.lines = [one for one in lines.values() if one.before or one.after]
    found.lines += _sales(accounts, trial, found.left_out)
    return found


def _side(state: AccountState, contracts: Mapping[str, Contract]) -> AccountState:
    """The account with these contracts, and without what stands or was set by hand: only what is counted here counts."""
    return replace(state, contracts=dict(contracts), standing={}, adjusted={}, overrides={})


def _contracts(state: AccountState, trial: Trial) -> dict[str, Contract]:
    of = {name: one for name, one in state.contracts.items() if one.timeline[-1].terms.catalogue == trial.draft.name}
    return {name: one for name, one in of.items() if one.start < trial.until and (one.end is None or one.end > trial.since)}


# --- contracts as if the draft had been signed ------------------------------------------------------------------------------------


def _moved(contracts: Mapping[str, Contract], trial: Trial, stored: StoredPolicy, left_out: Counter[str]) -> dict[str, Contract]:
    if trial.moved == FOLLOWERS:
        return dict(contracts)
    found = {}
    for name, contract in contracts.items():
        why = next((why for row in contract.timeline if (why := _not_compared(row.terms, contract, trial.draft))), "")
        if why:
            left_out[why] += 1
        else:
            timeline = tuple(replace(row, terms=_signed(row.terms, trial.draft, stored)) for row in contract.timeline)
            found[name] = replace(contract, timeline=timeline)
    return found


def _not_compared(terms: Terms, contract: Contract, draft: Catalogue) -> str:
    plan = draft.plans.get(terms.plan)
    if plan is None:
        return f"the draft has no plan {terms.plan}"
    return f"the plan {terms.plan} is in {plan.currency}, the contract in {contract.currency}" if plan.currency != contract.currency else ""


def _signed(terms: Terms, draft: Catalogue, stored: StoredPolicy) -> Terms:
    """The terms with the draft's plan: its items as many as before, those that are new in the plan as it says, those that are gone not."""
    plan, old = draft.plans[terms.plan], stored.catalogue(terms.catalogue, terms.version).plans[terms.plan]
    items = {code: held for code, held in terms.items.items() if code in plan.items or code in draft.items}
    for code, item in plan.items.items():
        if code not in items and code not in old.items and not item.optional and item.charge not in ("sale", "interest"):
            items[code] = ItemTerms(quantity=item.quantity)
    return replace(terms, version=DRAFT, items=items, phases_from=terms.phases_from if plan.phases else None)


# --- which periods are counted ----------------------------------------------------------------------------------------------------


def _charged(state: AccountState, trial: Trial, stored: StoredPolicy) -> list[PeriodRow]:
    """The periods that were charged in the span."""

    def counts(row: PeriodRow) -> bool:
        if row.contract not in state.contracts:
            return False
        if at_start(row, state, stored):
            return trial.since <= row.start < trial.until
        return row.closed and trial.since < row.end <= trial.until

    return [replace(row, closed=True) for row in state.periods if counts(row)]


def _rows(
    old: AccountState, new: AccountState, rows: Sequence[PeriodRow], trial: Trial, stored: StoredPolicy, drafted: DraftPolicy
) -> list[PeriodRow]:
    """The periods by the draft: the same ones where an item has the cycle that it had; else those of the new cycle over the same time."""
    found: list[PeriodRow] = []
    for name, contract in new.contracts.items():
        was = old.contracts[name]
        for code in outlook(drafted, contract).with_periods:
            mine = [row for row in rows if (row.contract, row.item) == (name, code)]
            ends = (mine[0], mine[-1]) if mine else ()
            zone = old.zone
            same = all(
                running_cycle(stored, was, code, row.start, zone) == running_cycle(drafted, contract, code, row.start, zone) for row in ends
            )
            if mine and same:
                found += mine
            elif (span := _covered(mine, contract, trial)) is not None and (mine or code not in outlook(stored, was).with_periods):
                found += _of_cycle(drafted, contract, code, span, zone)
    return found


def _covered(mine: Sequence[PeriodRow], contract: Contract, trial: Trial) -> Span | None:
    if mine:
        start, end = min(row.start for row in mine), max(row.end for row in mine)
    else:
        start, end = max(contract.start, trial.since), min(contract.end or trial.until, trial.until)
    return Span(start, end) if start < end else None


def _of_cycle(policy: DraftPolicy, contract: Contract, code: str, span: Span, zone: str) -> Iterator[PeriodRow]:
    last = PeriodRow(contract.id, code, span.start, span.start, span.start, span.start, closed=True, last=True)
    while (row := next_period(policy, contract, code, last, zone)) is not None and row.start < span.end:
        yield replace(row, end=min(row.end, span.end), closed=True)
        last = row


# --- what they come to ------------------------------------------------------------------------------------------------------------


def _counted(
    states: Mapping[str, AccountState], rows: Mapping[str, Sequence[PeriodRow]], policy: StoredPolicy, until: datetime
) -> Iterator[tuple[tuple[str, TargetLine, PeriodRow], Decimal]]:
    steps = {name: Step(until, recount=list(rows[name])) for name in states if rows[name]}
    usage = measure_steps(steps, states, policy, totals=True)
    for name, step in steps.items():
        for counted, lines in targets(step, states[name], policy, usage.get(name, {})):
            for line in lines:
                yield (name, line, counted.row), line.amount


def _line(
    lines: dict[tuple[str, str, str, datetime], Line], given: tuple[str, TargetLine, PeriodRow], states: Mapping[str, AccountState]
) -> Line:
    account, line, row = given
    key = account, row.contract, row.item, row.start
    if key not in lines:
        lines[key] = Line(account, row.contract, row.item, line.name, row.start, row.end, line.key.currency, quantity=line.quantity)
    return lines[key]


# --- sales ------------------------------------------------------------------------------------------------------------------------


def _sales(accounts: Sequence[str], trial: Trial, left_out: Counter[str]) -> Iterator[Line]:
    """Single sales take the newest version whoever buys. One that was sold at a price of its own would be again."""
    statement = """
        SELECT account, contract, item, name, effective_at, currency, amount, quantity, version FROM read_charge
        WHERE account = ANY(%s) AND kind = 'sale' AND catalogue = %s AND effective_at >= %s AND effective_at < %s
        ORDER BY account, sequence"""
    stored = StoredPolicy()
    for row in bulk.fetch(statement, [list(accounts), trial.draft.name, trial.since, trial.until]):
        account, contract, code, name, at, currency, amount, quantity, version = row
        amount, quantity = trimmed(amount), abs(trimmed(quantity))
        item, was = trial.draft.items.get(code), stored.catalogue(trial.draft.name, version).items.get(code)
        if item is None:
            left_out[f"the draft has no item {code} to sell"] += 1
            continue
        sold, now = _sold(was, quantity), _sold(item, quantity)
        after = amount if sold is None or now is None or sold != abs(amount) else now.copy_sign(amount)
        yield Line(account, contract, code, name, at, at, currency, amount, after, quantity)


def _sold(item: Item | None, quantity: Decimal) -> Decimal | None:
    if item is None or item.pricing is None or not quantity:
        return None
    return rate(item.pricing, Consumption(quantity=quantity)).amount
