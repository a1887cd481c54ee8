"""Pure: the terms of a contract over a stretch of time, cut into segments at every change, phase and list entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

from billing.events import ItemTerms, Terms
from billing.state import Contract, TermsRow
from plans.agreements import IndexEntry, factors
from plans.catalogue import Catalogue, Item, ListEntry, Phase, Plan
from plans.frozen import frozen
from plans.money import UNITS, Rounding
from plans.periods import Cycle, Span
from plans.pricing import PRICING_FIELDS, Pricing, parse_pricing


class Policy(Protocol):
    """Where published policy comes from."""

    def catalogue(self, name: str, version: int) -> Catalogue: ...

    def entries(self, catalogue: str, price_list: str) -> tuple[ListEntry, ...]:
        """The entries of a price list that items follow: those of the newest published version."""
        ...

    def index(self, catalogue: str, code: str) -> tuple[IndexEntry, ...]:
        """The values of a published index, those of the newest version as well."""
        ...


@frozen()
class Segment:
    """A stretch in which the terms of one item are the same. `pricing` None: nothing is charged (a trial)."""

    start: datetime
    end: datetime
    key: str  # the event that set the terms, with list entry and phase: `5`, `5@2014-02-01`, `5+trial`
    item: Item
    quantity: Decimal
    pricing: Pricing | None
    item_terms: ItemTerms
    terms: Terms
    rounding: Rounding = "half_up"
    factor: Fraction = Fraction(1)  # what an index makes of the price
    follows: str = ""  # the price list that says the price

    @cached_property
    def span(self) -> Span:
        return Span(self.start, self.end)

    def same_terms(self, other: Segment) -> bool:
        mine, theirs = self.item_terms, other.item_terms
        return (self.item, self.quantity, self.pricing, self.factor, mine.principal, mine.parts) == (
            other.item,
            other.quantity,
            other.pricing,
            other.factor,
            theirs.principal,
            theirs.parts,
        )


def plan_of(policy: Policy, terms: Terms) -> Plan:
    return policy.catalogue(terms.catalogue, terms.version).plans[terms.plan]


def item_of(policy: Policy, terms: Terms, code: str) -> Item | None:
    """The item as the contract's plan (or the catalogue, for an add-on) defines it; None where the terms do not hold it."""
    if code not in terms.items:
        return None
    catalogue = policy.catalogue(terms.catalogue, terms.version)
    plan = catalogue.plans[terms.plan]
    return plan.items.get(code) or catalogue.items.get(code)


def item_codes(contract: Contract) -> list[str]:
    """Every item that the contract has or had, in the order of the terms."""
    found: dict[str, None] = {}
    for row in contract.timeline:
        found |= dict.fromkeys(row.terms.items)
    return list(found)


def used_items(policy: Policy, contract: Contract) -> list[str]:
    """The items of the contract that are charged by use."""
    codes: dict[str, None] = {}
    for row in contract.timeline:
        for code in row.terms.items:
            item = item_of(policy, row.terms, code)
            if item is not None and item.charge == "usage":
                codes[code] = None
    return list(codes)


@frozen()
class PhaseSpan:
    phase: Phase
    start: datetime
    end: datetime | None


def phase_spans(plan: Plan, terms: Terms, zone: str) -> list[PhaseSpan]:
    """The plan's phases on the calendar, from `terms.phases_from`; none where the phases are over."""
    if terms.phases_from is None or not plan.phases:
        return []
    spans, start = [], terms.phases_from
    for phase in plan.phases:
        end = phase.length.after(start, zone) if phase.length else None
        spans.append(PhaseSpan(phase, start, end))
        if end is None:
            break
        start = end
    return spans


def anchor_at(policy: Policy, terms: Terms, moment: datetime, zone: str) -> datetime:
    """Where periods are counted from at the moment: the terms' anchor, or the end of the last phase that restarts the period."""
    anchor = terms.anchor
    for span in phase_spans(plan_of(policy, terms), terms, zone):
        if span.end is not None and span.end <= moment and span.phase.then == "restart":
            anchor = max(anchor, span.end)
    return anchor


def cycle_at(policy: Policy, contract: Contract, code: str, moment: datetime, zone: str) -> Cycle | None:
    """The item's billing cycle in force at the moment; None where the item is not in the terms or is charged once."""
    terms = contract.terms_at(moment).terms
    item = item_of(policy, terms, code)
    period = None if item is None or item.once else item.period or plan_of(policy, terms).period
    if item is None or period is None:
        return None
    return Cycle(period=period, anchor=anchor_at(policy, terms, moment, zone), zone=zone, align=item.align, day=item.day)


def breaks(policy: Policy, contract: Contract, code: str, *, start: datetime, zone: str) -> datetime | None:
    """The first moment after `start` at which the item's cycle is another one, or ends: a period that runs there ends early."""
    if len(contract.timeline) == 1 and not plan_of(policy, contract.timeline[0].terms).phases:  # nearly always: one cycle for ever
        return contract.end if contract.end is not None and contract.end > start else None
    cycle = cycle_at(policy, contract, code, start, zone)
    moments = [row.effective_at for row in contract.timeline]
    for row in contract.timeline:
        moments += [span.end for span in phase_spans(plan_of(policy, row.terms), row.terms, zone) if span.end]
    if contract.end is not None:
        moments.append(contract.end)
    for moment in sorted(moments):
        if moment <= start:
            continue
        if moment == contract.end or cycle_at(policy, contract, code, moment, zone) != cycle:
            return moment
    return None


def segments(policy: Policy, contract: Contract, code: str, span: Span, zone: str, *, until_end: bool = True) -> list[Segment]:
    """The item's terms over `span`, in order, without the times at which it is not charged. Neighbours with equal terms are one."""
    end = span.end if contract.end is None or not until_end else min(span.end, contract.end)
    start = max(span.start, contract.start)
    found: list[Segment] = []
    for i, row in enumerate(contract.timeline):
        last = i + 1 == len(contract.timeline)
        until = end if last else min(end, _holds_until(policy, contract, code, i, Span(start, max(start, end))))
        since = max(start, row.effective_at) if i else start
        if since < until:
            found += _of_row(policy, contract, code, row, Span(since, until), zone, set_by=set_by(policy, contract, code, i))
    return _merged(found) if len(found) > 1 else found


def _holds_until(policy: Policy, contract: Contract, code: str, position: int, span: Span) -> datetime:
    """Until when terms that others follow count for the item: until those, or the end of the period where those leave what was charged
    in advance for another plan's item, or for one that is gone."""
    row, following = contract.timeline[position], contract.timeline[position + 1]
    if not following.terms.keep_unused or not span.start < following.effective_at < span.end:
        return following.effective_at
    item = item_of(policy, row.terms, code)
    ahead = item is not None and item.charge == "fee" and item.timing == "advance"
    return span.end if ahead and (following.terms.plan != row.terms.plan or code not in following.terms.items) else following.effective_at


def set_by(policy: Policy, contract: Contract, code: str, position: int) -> int:
    """The sequence of the event that set the item's terms: changes of other things since then don't count."""
    while position > 0:
        row, before = contract.timeline[position], contract.timeline[position - 1]
        held, earlier = row.terms.items.get(code), before.terms.items.get(code)
        same = held == earlier and (row.terms.paused, row.terms.keep_billing) == (before.terms.paused, before.terms.keep_billing)
        if not same or item_of(policy, row.terms, code) != item_of(policy, before.terms, code):
            break
        position -= 1
    return contract.timeline[position].sequence


def _of_row(policy: Policy, contract: Contract, code: str, row: TermsRow, span: Span, zone: str, *, set_by: int) -> Iterable[Segment]:
    item = item_of(policy, row.terms, code)
    if item is None or (row.terms.paused and not (item.pause == "keep" or row.terms.keep_billing)):
        return []
    held = row.terms.items[code]
    rounding = policy.catalogue(row.terms.catalogue, row.terms.version).rounding
    own = _own_pricing(UNITS if item.wallet else contract.currency, held.price, rounding) if held.price is not None else None
    follows = (item.follows or "") if own is None else ""
    base = Segment(span.start, span.end, str(set_by), item, held.quantity, own or item.pricing, held, row.terms, rounding, follows=follows)
    phases = phase_spans(plan_of(policy, row.terms), row.terms, zone)
    if not (follows or phases or item.indexation):
        return [base]
    found = _by_phase(base, phases)
    found = [part for one in found for part in _by_list(one, _entries(policy, one, agreed_from(contract, row.terms), zone))]
    if item.indexation and held.index_base is not None:
        found = [part for segment in found for part in _by_index(policy, segment, agreed_from(contract, row.terms), zone)]
    return found


def _entries(policy: Policy, segment: Segment, start: datetime, zone: str) -> tuple[ListEntry, ...]:
    """The entries of the list that the segment follows, as far as no lock keeps them off."""
    return locked(policy.entries(segment.terms.catalogue, segment.follows), segment.item, start, zone) if segment.follows else ()


def agreed_from(contract: Contract, terms: Terms) -> datetime:
    """Since when the prices are agreed: from here a lock holds and an index is counted."""
    return terms.agreed_from or contract.start


def locked(entries: tuple[ListEntry, ...], item: Item, start: datetime, zone: str) -> tuple[ListEntry, ...]:
    """The entries that count where the price is locked: that of the day of signing holds, then the one in force when the lock ends."""
    if item.lock is None:
        return entries
    until = item.lock.after(start, zone)
    inside = [entry for entry in entries if start < entry.start <= until]
    kept = tuple(entry for entry in entries if entry not in inside)
    after = (replace(inside[-1], start=until),) if inside else ()
    return tuple(sorted((*kept, *after), key=lambda entry: entry.start))


_OWN_PRICES: dict[tuple[str, str, str], Pricing] = {}


def _own_pricing(currency: str, price: Mapping[str, Any], rounding: Rounding) -> Pricing:
    """A customer's own price, parsed once per process."""
    name = currency, rounding, repr(sorted(price.items()))
    if name not in _OWN_PRICES:
        beside = {field: value for field, value in price.items() if field in PRICING_FIELDS} if "price" in price else {"price": price}
        _OWN_PRICES[name] = parse_pricing(beside, currency=currency, at="price", rounding=rounding)
    return _OWN_PRICES[name]


def _by_phase(segment: Segment, spans: list[PhaseSpan]) -> list[Segment]:
    found, rest = [], segment
    for span in spans:
        if span.end is not None and span.end <= rest.start:
            continue
        end = rest.end if span.end is None else min(span.end, rest.end)
        excluded = span.phase.only is not None and segment.item.code not in span.phase.only
        if not excluded and span.start <= rest.start < end:
            found.append(replace(_in_phase(rest, span.phase), end=end))
        if end >= rest.end:
            return found
        rest = replace(rest, start=end)
    return [*found, rest]


def _in_phase(segment: Segment, phase: Phase) -> Segment:
    """The segment with the price that the phase names for its item: a price of its own, no price (free), or another list."""
    code, key = segment.item.code, f"{segment.key}+{phase.name}"
    if code in phase.follows:
        return replace(segment, key=key, follows=phase.follows[code])
    return replace(segment, key=key, pricing=phase.prices[code], follows="") if code in phase.prices else segment


def _by_list(segment: Segment, entries: tuple[ListEntry, ...]) -> list[Segment]:
    if not segment.follows:
        return [segment]
    found = []
    for i, entry in enumerate(entries):
        start = max(segment.start, entry.start)
        end = min(segment.end, entries[i + 1].start) if i + 1 < len(entries) else segment.end
        if start < end:
            key = f"{segment.key}@{entry.start:%Y-%m-%dT%H:%M}"
            found.append(replace(segment, start=start, end=end, key=key, pricing=entry.pricing))
    return found


def _by_index(policy: Policy, segment: Segment, start: datetime, zone: str) -> list[Segment]:
    """The segment cut where the index adjusts its price; the first stretch keeps its name."""
    rule, base = segment.item.indexation, segment.item_terms.index_base
    assert rule is not None
    assert base is not None
    entries = policy.index(segment.terms.catalogue, rule.index)
    steps = list(factors(rule, entries, base=base, start=start, until=segment.end, zone=zone))
    found = []
    for i, (moment, factor) in enumerate(steps):
        begin = max(segment.start, moment) if i else segment.start
        end = min(segment.end, steps[i + 1][0]) if i + 1 < len(steps) else segment.end
        if begin < end:
            key = f"{segment.key}@{moment:%Y-%m-%dT%H:%M}" if i else segment.key
            found.append(replace(segment, start=begin, end=end, key=key, factor=factor))
    return found


def _merged(found: list[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for segment in found:
        if merged and merged[-1].end == segment.start and merged[-1].same_terms(segment):
            merged[-1] = replace(merged[-1], end=segment.end)
        else:
            merged.append(segment)
    return merged
