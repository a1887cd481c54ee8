"""Accounts that are alike: what the clockwork finds for the first of them holds for all, but for their names and what they used.

Most customers of a house hold one of a few plans, and their periods turn at the same moments. What falls due then follows from terms,
periods, currency and zone. So it is found once, by the functions that everybody goes through, and kept as a `Turn`: when it is, what is
recorded then, and when the account is due again. The others are told the same under their own names (`billing.naming`); what they used
is priced by the same functions, and kept where somebody else used as much. Whoever holds anything else (discounts, holds, changes ahead,
corrections) is looked at alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any

from billing.accrual import Usage
from billing.codec import canonical, encode_value
from billing.counting import Counted, accrued, accrued_like, counted_periods, reads, stages_of
from billing.events import ChargeAccrued, Event, Terms
from billing.folding import fold
from billing.journal import Recorded
from billing.naming import ACCOUNT, CONTRACT, Amounts, NotAlike, Pattern
from billing.outlook import Outlook, outlook
from billing.schedule import Step, next_step
from billing.state import AccountState, Contract
from billing.terms import Policy, plan_of, set_by
from billing.totals import NOTHING, Ask, asks_of, quantity, sums
from billing.works import moving
from plans.catalogue import Catalogue, Item
from plans.errors import Refusal
from plans.metering import Measured
from plans.money import Exact

Likeness = tuple[Any, ...]
_PERIOD = attrgetter("item", "start", "end", "full_start", "full_end", "closed", "last")
Quantities = tuple[Exact, ...]
#: So many likenesses are known to a process, so many patterns kept in all of them (2 to 5 kB each), and so many keys remembered as met.
MOST_KNOWN, MOST_PATTERNS, MOST_MET = 2_000, 10_000, 100_000


# --- who is like whom ---------------------------------------------------------------------------------------------------------------


def likeness(state: AccountState, policy: Policy) -> Likeness | None:
    """All that an account's next turn of periods follows from, but its names and its use; None for who must be looked at alone.

    Terms that ended before the open periods began say nothing any more. Use that waits moves nothing where it is of no closed period:
    others are counted when they end.
    """
    if len(state.contracts) != 1 or state.status == "parked" or state.discounts or state.held or state.billed_use:
        return None
    (contract,) = state.contracts.values()
    if contract.end is not None or contract.settled or contract.keep_unused or contract.taken_over:
        return None
    terms = contract.timeline[-1]
    since = contract.start if len(contract.timeline) == 1 else terms.effective_at
    used_since = min([mark.at for mark in state.marks], default=None)
    rows = []
    for row in state.periods:
        if row.closed and used_since is not None and row.end > used_since:
            return None
        if row.last or not row.closed:
            if (row.start < since and not row.closed) or row.contract != contract.id:
                return None
            rows.append(_PERIOD(row))
    known = outlook(policy, contract)
    begun = {row.item for row in state.periods if not row.closed or (row.last and row.end >= since)}
    begins = None if begun.issuperset(known.with_periods) else _begins(contract)
    shape = _shape(terms.terms, policy)
    return state.zone, state.seller, contract.currency, known, shape, _set_by(contract, policy), tuple(rows), begins


def _begins(contract: Contract) -> tuple[datetime | None, ...]:
    """What the first period of an item follows from, where it is still to come: when the contract starts and each of its terms."""
    return contract.start, contract.paid_through, *(row.effective_at for row in contract.timeline)


def _set_by(contract: Contract, policy: Policy) -> tuple[int, ...]:
    """The sequence of the event that set each item's terms, in their order: charges name it."""
    if len(contract.timeline) == 1:
        return (contract.timeline[0].sequence,)
    newest = len(contract.timeline) - 1
    return tuple([set_by(policy, contract, code, newest) for code in contract.timeline[newest].terms.items])


def _shape(terms: Terms, policy: Policy) -> bytes:
    """The terms without the moments that periods of whole calendar months do not depend on."""
    catalogue = policy.catalogue(terms.catalogue, terms.version)
    known: tuple[Catalogue, bytes] | None = terms.remembered.get("shape")
    if known is None or known[0] is not catalogue:  # another database may have another text under its name
        told = encode_value(terms) | {"phases_from": None, "agreed_from": None}  # who has phases, indexes or locks is looked at alone
        plan = plan_of(policy, terms)
        items = [item for code in terms.items if (item := plan.items.get(code)) is not None]
        if len(items) == len(terms.items) and all(_by_calendar(item, item.period or plan.period) for item in items):
            told["anchor"] = None
        known = terms.remembered["shape"] = catalogue, canonical(told)
    return known[1]


def _by_calendar(item: Item, period: Any) -> bool:
    months = period is None or (period.unit == "month" and 12 % period.count == 0)
    return item.charge == "sale" or (item.align == "calendar" and months)


# --- what falls due for all of them -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Priced:
    """What one counted period comes to. `seen`: what of its charges decides when the account is due again."""

    patterns: list[Pattern]

    @cached_property
    def seen(self) -> Seen:
        charges = [pattern.model for pattern in self.patterns if isinstance(pattern.model, ChargeAccrued)]
        return tuple([(charge.invoice_when, bool(charge.amount), _moves_works(charge)) for charge in charges])


Seen = tuple[tuple[str, bool, bool], ...]  # when it is billed, whether it is about anything, whether works of the clockwork look at it


def _moves_works(event: Event) -> bool:
    return any(moved_by(event) for moved_by in moving(type(event)))


@dataclass(eq=False)
class Turn:
    """What falls due next for everybody of one likeness, found for the `model`. `stages` are its events in their order, as patterns; a
    counted period stands for what it accrues. `asks`: what must be known of its use, for each of its segments."""

    model: AccountState
    step: Step
    stages: list[Pattern | Counted]
    asks: dict[int, list[Ask]]  # position among the stages -> one ask for each segment
    priced: dict[tuple[Any, ...], Priced] = field(default_factory=dict)
    samples: dict[int, tuple[ChargeAccrued, Amounts]] = field(default_factory=dict)  # of each stage, a charge for use
    rests: dict[tuple[Any, ...], datetime | None] = field(default_factory=dict)


class Met:
    """What was met once already: a model is made for the second, so that nobody's is made in vain."""

    #: How often before a model is worth its price.
    times = 1

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def before(self, key: object) -> bool:
        name = hash(key)
        if not self.times or name in self._hashes:
            return True
        if len(self._hashes) >= MOST_MET:
            self._hashes.clear()
        self._hashes.add(name)
        return False


class Unknown:
    """Stands for what was not looked for yet."""


class Memory:
    """What a process knows of those who are alike, by likeness. Beyond its bounds all of it is forgotten: it is found again in no time."""

    def __init__(self) -> None:
        self.registers: list[dict[Any, Any]] = []
        self.patterns = 0

    def register(self) -> dict[Any, Any]:
        self.registers.append({})
        return self.registers[-1]

    def know(self, register: dict[Any, Any], key: object, value: object) -> None:
        if len(register) >= MOST_KNOWN:
            register.clear()
        register[key] = value

    def keep(self, patterns: dict[Any, Any], key: object, value: object) -> None:
        """Keep a pattern of one of the likenesses."""
        if self.patterns >= MOST_PATTERNS:
            self.patterns = 0
            for register in self.registers:
                register.clear()
        self.patterns += 1
        patterns[key] = value


MEMORY = Memory()


UNKNOWN = Unknown()
_TURNS: dict[Likeness, Turn | None] = MEMORY.register()
_met = Met()


def turn_of(alike: Likeness, state: AccountState, policy: Policy) -> Turn | None:
    """The next turn of the periods of an account of this likeness; None where it must be looked at alone."""
    found = _TURNS.get(alike, UNKNOWN)
    if not isinstance(found, Unknown):
        return found
    if not _met.before(alike):
        return None
    try:
        found = _turn(state, policy)
    except NotAlike:
        found = None
    MEMORY.know(_TURNS, alike, found)
    return found


def _turn(state: AccountState, policy: Policy) -> Turn | None:
    (contract,) = state.contracts.values()
    if not _plain(outlook(policy, contract)):
        return None
    model = _model(state, contract)
    step = next_step(model, policy, recount={}, marked=())
    if step is None or not (step.closing or step.opening) or any(row.start == row.full_end for row in (*step.closing, *step.opening)):
        return None
    counted = counted_periods(step, model, policy)
    stages: list[Pattern | Counted] = [stage if isinstance(stage, Counted) else Pattern(stage) for stage in stages_of(step, counted, model)]
    asks = {}
    for position, stage in enumerate(stages):
        if isinstance(stage, Counted) and reads(stage):
            asks[position] = asks_of(stage, policy)
            if not asks[position]:
                return None  # it looks at single records
    return Turn(model, step, stages, asks)


def _model(state: AccountState, contract: Contract) -> AccountState:
    """The account under the names of a model, with nothing but its periods."""
    own = replace(contract, id=CONTRACT, account=ACCOUNT)
    periods = [replace(row, contract=CONTRACT) for row in state.periods if row.last or not row.closed]
    nothing: dict[str, Any] = {"open_charges": [], "marks": [], "standing": {}, "works": (), "facts": {}}
    return replace(state, account=ACCOUNT, contracts={CONTRACT: own}, periods=periods, **nothing)


def _plain(known: Outlook) -> bool:
    """Whether what the terms hold is charged by these terms alone: by no phase, list, index or capital, for no tick and no minimum."""
    if known.phased or known.minimums or known.ticking:
        return False
    items = [item for found in known.items.values() for item in found]
    return not any(item.follows or item.indexation or item.charge == "interest" for item in items)


# --- what each of them is told ------------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """account → the events of its turn; account → when its periods or documents are next due, where that is known; and who must be looked
    at alone after all."""

    events: dict[str, list[Event]] = field(default_factory=dict)
    rests: dict[str, datetime] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)


def tell(turns: Mapping[str, Turn], states: Mapping[str, AccountState], policy: Policy) -> Told:
    """The turns as events of each account. What they are compared with was loaded."""
    told = Told()
    together = {}
    for account, turn in turns.items():
        state = states[account]
        if state.adjusted or state.overrides or state.taken_back:
            told.alone.append(account)
        else:
            together[account] = turn
    used, unsure = _used(together)
    for account, turn in together.items():
        if account in unsure:
            told.alone.append(account)
            continue
        try:
            _tell(told, account, turn, states[account], used.get(account, {}), policy)
        except (Refusal, NotAlike):
            told.alone.append(account)  # looked at alone it says under its own name what is wrong
    return told


def _used(turns: Mapping[str, Turn]) -> tuple[dict[str, dict[int, Quantities]], set[str]]:
    """account → position of a stage → what was used in each of its segments; and the accounts whose records can't be added up."""
    accounts: list[str] = []
    places: list[int] = []
    asks: list[Ask] = []
    for account, turn in turns.items():
        for position, of_stage in turn.asks.items():
            for ask in of_stage:
                accounts.append(account)
                places.append(position)
                asks.append(ask)
    found: dict[str, dict[int, Quantities]] = {}
    if not asks:
        return found, set()
    totals, corrected = sums(accounts, asks)
    for i, (account, position, ask) in enumerate(zip(accounts, places, asks, strict=True)):
        records, total = totals.get(i, NOTHING)
        of_account = found.setdefault(account, {})
        of_account[position] = (*of_account.get(position, ()), quantity(ask.meter, records, total))
    return found, {account for account, _ in corrected}


def _tell(told: Told, account: str, turn: Turn, state: AccountState, used: Mapping[int, Quantities], policy: Policy) -> None:
    (contract,) = state.contracts
    patterns: list[Pattern] = []
    seen: list[Seen] = []
    for position, stage in enumerate(turn.stages):
        if isinstance(stage, Pattern):
            patterns.append(stage)
        else:
            priced = _priced(turn, position, stage, used.get(position, ()), _stands(stage, state), policy)
            patterns += priced.patterns
            seen.append(priced.seen)
    told.events[account] = [pattern.named(account, contract) for pattern in patterns]
    if not state.open_charges:
        key = tuple(seen)
        if key not in turn.rests:
            turn.rests[key] = _rest(turn, [pattern.model for pattern in patterns], policy)
        rest = turn.rests[key]
        if rest is not None:
            told.rests[account] = rest


Stands = tuple[tuple[str, str, Decimal], ...]  # terms, component, what was recorded


def _stands(c: Counted, state: AccountState) -> Stands:
    if not state.standing:
        return ()
    row = c.row
    return tuple([(key[2], key[4], amount) for key, amount in state.standing.items() if (key[1], key[3]) == (row.item, row.start)])


def _priced(turn: Turn, position: int, c: Counted, used: Quantities, stands: Stands, policy: Policy) -> Priced:
    """What a counted period accrues, by what was used in it and what stands of it."""
    key = position, used, stands
    found = turn.priced.get(key)
    if found is None:
        usage = Usage(measured={ask.span: Measured(value) for ask, value in zip(turn.asks.get(position, ()), used, strict=True)})
        found = None if stands else _like_before(turn, position, c, usage)
        found = found or _first(turn, position, c, usage, stands, policy)
        if not used or _met.before((id(turn), key)):  # use that nobody else had is not worth keeping
            MEMORY.keep(turn.priced, key, found)
    return found


def _first(turn: Turn, position: int, c: Counted, usage: Usage, stands: Stands, policy: Policy) -> Priced:
    """As for an account that is looked at alone. One charge for use is kept, for others to be like it."""
    row = c.row
    standing = {(row.contract, row.item, terms, row.start, component): amount for terms, component, amount in stands}
    state = replace(turn.model, standing=standing) if stands else turn.model
    charges = accrued(c, turn.step, state, policy, usage)
    if len(charges) == 1 and charges[0].amount and position in turn.asks and not stands:
        turn.samples.setdefault(position, (charges[0], Amounts(charges[0])))
    return Priced([Pattern(charge) for charge in charges])


def _like_before(turn: Turn, position: int, c: Counted, usage: Usage) -> Priced | None:
    """By a charge for another use of the same period; None where there is none yet, or it is not like it."""
    sample = turn.samples.get(position)
    charge = accrued_like(sample[0], c, turn.model.zone, usage) if sample else None
    return Priced([Pattern(charge, sample[1].written(charge))]) if sample and charge else None


def _rest(turn: Turn, events: Sequence[Event], policy: Policy) -> datetime | None:
    """When the account is due again after these events, where it had no open charges; None where that depends on more than `Seen` says."""
    model, moment = turn.model, turn.step.moment
    (contract,) = model.contracts.values()
    rule = plan_of(policy, contract.timeline[-1].terms).invoice
    if rule.when in ("calendar", "end") or rule.threshold is not None or rule.thresholds or any(_moves_works(event) for event in events):
        return None
    state = replace(model, periods=list(model.periods), open_charges=[], standing={})
    recorded = [Recorded(model.account, number, event, moment, moment, "", "") for number, event in enumerate(events)]
    if not fold(state, recorded):
        return None
    following = next_step(state, policy, recount={}, until=moment)
    return None if following is None else following.moment
