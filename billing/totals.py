"""Quantities that the database adds up itself: sums and counts whose price looks at no single record. A tick reads one row per meter then,
not one per record.

What a sum can't say is measured record by record, as `billing.measuring` does: filters, windows, levels and registers; prices that look
at events; contracts of one subject; and meters of accounts with corrections, or with uses that last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any

from billing import bulk
from billing.accrual import Usage
from billing.counting import Counted, PeriodKey
from billing.terms import Policy, Segment
from plans.frozen import frozen
from plans.metering import Measured, Meter, Record
from plans.metering.evaluate import tidy
from plans.money import MOST, Exact
from plans.periods import Span
from plans.pricing import Pricing

LASTING = timedelta(days=31)


@frozen()
class Ask:
    """One segment of one period: the sum of what was sent to `source` within the span."""

    source: str
    meter: Meter
    span: Span


def total_usage(
    counted: Mapping[str, Sequence[Counted]],
    policy: Policy,
    more: Mapping[tuple[str, str], Sequence[Record]],
    then: Callable[[], None] | None = None,
) -> dict[tuple[str, PeriodKey], Usage]:
    """(account, period) → what was used, for the periods that can be added up; with records that are not stored (account and meter →
    plain uses). `then` says what may go with the question, after it."""
    asked = [
        (account, (c.row.contract, c.row.item, c.row.start), ask)
        for account, of in counted.items()
        for c in of
        for ask in asks_of(c, policy)
    ]
    if not asked:
        return {}
    found: dict[tuple[str, PeriodKey], dict[Span, Measured]] = {}
    totals, told = sums([account for account, _, _ in asked], [ask for _, _, ask in asked], then)
    for position, (account, period, ask) in enumerate(asked):
        if (account, ask.source) in told:
            continue
        given = [one for one in more.get((account, ask.source), ()) if ask.span.start <= one.at < ask.span.end]
        used = quantity(ask.meter, *totals.get(position, NOTHING), given)
        found.setdefault((account, period), {})[ask.span] = Measured(used)
    return {key: Usage(measured=measured) for key, measured in found.items()}


NOTHING = 0, Decimal(0)
#: Below MOST a number of so many decimals is short enough for a Decimal, as `tidy` says it.
PLACES, _EXACT = 14, Context(prec=100, traps=[Inexact])


def quantity(meter: Meter, records: int, total: Decimal, given: Sequence[Record] = ()) -> Exact:
    """What so many stored records of this sum, and those given, come to."""
    if meter.aggregate == "count":
        return tidy(Fraction(records + len(given)))
    whole = total.to_integral_value()
    if not given and meter.factor == 1 and abs(whole) < MOST:  # nearly always
        if whole == total:
            return Decimal(int(whole))
        short = _EXACT.normalize(total)  # without the zeros of its column
        if short.as_tuple().exponent >= -PLACES:  # type: ignore[operator]  # a sum is a number
            return short
    return tidy(sum((Fraction(one.value or 0) for one in given), Fraction(total)) * Fraction(meter.factor))


def asks_of(c: Counted, policy: Policy) -> list[Ask]:
    """One for each segment; none where the period can't be added up."""
    terms = c.found[-1].terms
    meters = policy.catalogue(terms.catalogue, terms.version).meters
    found = []
    for segment in c.found:
        code = segment.item.meter
        meter = (meters.get(code) or Meter(code=code)) if code else None
        if meter is None or not adds_up(meter) or not _by_quantity(segment):
            return []
        found.append(Ask(meter.reads or meter.code, meter, segment.span))
    return found


def adds_up(meter: Meter) -> bool:
    """Whether its quantity is the plain sum or count of its records."""
    plain = not (meter.filter or meter.derive or meter.window or meter.parts or meter.carry)
    return plain and meter.aggregate in ("sum", "count") and meter.values == "absolute"


def _by_quantity(segment: Segment) -> bool:
    return not segment.terms.subject and not segment.item.deciding and (segment.pricing is None or not looks_at_events(segment.pricing))


def looks_at_events(pricing: Pricing) -> bool:
    """Whether the price needs more than the period's quantity."""
    each = pricing.window is not None or pricing.event_transform is not None or pricing.beside.per_event is not None
    return each or pricing.needs_events or pricing.amounts


def sums(
    accounts: Sequence[str], asks: Sequence[Ask], then: Callable[[], None] | None = None
) -> tuple[dict[int, tuple[int, Decimal]], set[tuple[str, str]]]:
    """Position of the ask of an account → how many records, and the sum of their values; and the meters of accounts that hold
    corrections, or uses that last into the stretch: their sums say nothing. Both have an index of their own, mostly empty. The bounds are
    constants of the statement, so that only the partitions of these months are looked at."""
    start, end = _bounds(asks)
    names: list[Any] = [sorted(set(accounts)), sorted({ask.source for ask in asks})]
    single = len(asks) == 1
    alike = single or (len(names[0]) > 1 and all(ask.span.start == start and ask.span.end == end for ask in asks))
    if single:
        names = [accounts[0], asks[0].source]
    beside = [*names, *names, start - LASTING, end]
    if single:
        answer = bulk.ask(_OF_ONE, [*names, start, end, *beside])
    elif alike:
        answer = bulk.ask(f"{_OF_ONE_SPAN}{_BESIDE}", [*names, start, end, *beside])
    else:
        given = [list(accounts), [ask.source for ask in asks], [ask.span.start for ask in asks], [ask.span.end for ask in asks]]
        answer = bulk.ask(f"{_OF_EACH}{_BESIDE}", [list(range(len(asks))), *given, start, end, *beside])
    if then is not None:
        then()
    found: dict[Any, tuple[int, Decimal]] = {}
    told: set[tuple[str, str]] = set()
    for position, account, meter, records, total in answer():
        if position < 0:
            told.add((account, meter))
        else:
            found[(account, meter) if alike else position] = records, total
    if alike:
        found = {i: found.get((account, ask.source), NOTHING) for i, (account, ask) in enumerate(zip(accounts, asks, strict=True))}
    return found, told


_OF_EACH = """
    SELECT given.position, '', '', used.records, used.total
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
        AS given(position, account, meter, start, until)
    CROSS JOIN LATERAL (SELECT count(*) AS records, coalesce(sum(value), 0) AS total FROM usage_record
        WHERE account = given.account AND meter = given.meter AND at >= given.start AND at < given.until
            AND at >= %s AND at < %s) AS used"""
#: The same in one walk along the index, where all of a chunk ask of one stretch of time: what a month's tick does.
_OF_ONE_SPAN = """
    SELECT 0, account, meter, count(*), coalesce(sum(value), 0) FROM usage_record
    WHERE account = ANY(%s) AND meter = ANY(%s) AND at >= %s AND at < %s GROUP BY account, meter"""
_BESIDE = """
    UNION ALL SELECT -1, account, meter, 0, 0 FROM usage_record
        WHERE account = ANY(%s) AND meter = ANY(%s) AND (voids <> '' OR amends <> '')
    UNION ALL SELECT -1, account, meter, 0, 0 FROM usage_record
        WHERE account = ANY(%s) AND meter = ANY(%s) AND until IS NOT NULL AND at >= %s AND at < %s"""

#: Of one account, what a single command asks: without arrays, of which the server makes tables.
_OF_ONE = f"{_OF_ONE_SPAN}{_BESIDE}".replace("= ANY(%s)", "= %s")


def _bounds(asks: Sequence[Ask]) -> tuple[datetime, datetime]:
    return min([ask.span.start for ask in asks]), max([ask.span.end for ask in asks])
