"""From the usage annex to quantities: reads the records that a chunk of steps needs in one statement, and measures them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from billing import bulk
from billing.accrual import Usage, decimal_of
from billing.counting import Counted, Measurements, PeriodKey, counted_periods, reads
from billing.schedule import Step, meters_of
from billing.state import AccountState
from billing.terms import Policy, Segment
from billing.totals import total_usage
from plans.catalogue import Catalogue
from plans.metering import NEEDS_VALUE, Measured, Meter, Record, effective, measure
from plans.periods import Span, local_days

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Need:
    """The records of one meter that one account needs: `[start, end)`, and of the time before it nothing, the `last` of each key (what a
    level was), or `all` of them with the readings that follow (a register, a running total)."""

    account: str
    meter: str
    start: datetime
    end: datetime
    history: str = ""


def measure_steps(
    steps: Mapping[str, Step],
    states: Mapping[str, AccountState],
    policy: Policy,
    *,
    more: Mapping[tuple[str, str], Sequence[Record]] | None = None,
    totals: bool = False,
    then: Callable[[], None] | None = None,
) -> dict[str, Measurements]:
    """What was used in every period that the steps count: account → period → usage. `more` are records that are not stored (account and
    meter → records): what would be used with them. With `totals` the database adds up where the price allows it: the answer holds no single
    records then, and `then` says what may go with that question, after it; where nothing is asked so it is not called."""
    counted = {account: [c for c in counted_periods(step, states[account], policy) if reads(c)] for account, step in steps.items()}
    added = total_usage(counted, policy, more or {}, then) if totals else {}
    single = {account: [c for c in periods if (account, _key(c)) not in added] for account, periods in counted.items()}
    needs = [need for account, periods in single.items() for c in periods for need in _needs(account, c, policy)]
    records = read_records(needs)
    for key, given in (more or {}).items():
        records[key] = [*records.get(key, ()), *given]
    return {
        account: {_key(c): added.get((account, _key(c))) or _usage(c, states[account], policy, records) for c in periods}
        for account, periods in counted.items()
        if periods
    }


def _key(c: Counted) -> PeriodKey:
    return c.row.contract, c.row.item, c.row.start


def _catalogue(c: Counted, policy: Policy) -> Catalogue:
    terms = c.found[-1].terms
    return policy.catalogue(terms.catalogue, terms.version)


def _needs(account: str, c: Counted, policy: Policy) -> list[Need]:
    catalogue = _catalogue(c, policy)
    start, end = c.found[0].start, c.found[-1].end
    found = []
    for code in sorted({meter for segment in c.found for meter in meters_of(policy, c.contract, segment.item)}):
        meter = catalogue.meters.get(code) or Meter(code=code)
        if not meter.parts:
            found.append(Need(account, meter.reads or code, start, end, history(meter)))
    return found


HISTORIES = ("", "last", "all")


def history(meter: Meter) -> str:
    """How much of the time before a period its quantity looks at. A level that is stated holds until the next one of its key; bands of the
    time of use may drop that one, so these read all."""
    if not meter.looks_back:
        return ""
    running = meter.aggregate == "register" or (meter.values == "changes" and meter.carry)
    return "all" if running or meter.derive or meter.aggregate not in NEEDS_VALUE else "last"


COLUMNS = (
    "account, meter, source, record, at, until, value, amount, dimensions::text, subject, kind, estimated, initial, final, voids, amends,"
    " sequence"
)
LASTING = timedelta(days=31)


def read_records(needs: Sequence[Need]) -> dict[tuple[str, str], list[Record]]:
    """(account, meter) → the records of the stretches needed, uses that last into them (begun up to 31 days before), the readings that
    follow (up to 50 for each meter: of several registers, and estimates among them), and every correction of that meter.

    The bounds are constants of the statement, so that only the partitions of these years are looked at.
    """
    found: dict[tuple[str, str], dict[int, Record]] = {}
    merged: dict[tuple[str, str], Need] = {}
    for need in needs:
        held = merged.get((need.account, need.meter), need)
        longer = max(need.history, held.history, key=HISTORIES.index)
        merged[need.account, need.meter] = replace(need, start=min(need.start, held.start), end=max(need.end, held.end), history=longer)
    for kind in HISTORIES:
        listed = [need for need in merged.values() if need.history == kind]
        if not listed:
            continue
        _keep(found, _stretches([replace(need, start=EARLIEST) for need in listed] if kind == "all" else listed))
        if kind == "all":
            _keep(found, _following(listed))
        else:
            _keep(found, _lasting(listed, since=EARLIEST if kind else None))
        if kind == "last":
            _keep(found, _last(listed))
    if merged:
        _keep(found, _corrections(list(merged.values())))
    return {key: list(records.values()) for key, records in found.items()}


def _keep(found: dict[tuple[str, str], dict[int, Record]], rows: Sequence[Sequence[Any]]) -> None:
    for row in rows:
        found.setdefault((row[0], row[1]), {})[row[16]] = _record(row)


def _wanted(needs: Sequence[Need]) -> list[list[str]]:
    return [sorted({need.account for need in needs}), sorted({need.meter for need in needs})]


def _stretches(needs: Sequence[Need]) -> list[tuple[Any, ...]]:
    statement = f"SELECT {COLUMNS} FROM usage_record WHERE account = ANY(%s) AND meter = ANY(%s) AND at >= %s AND at < %s"
    return bulk.fetch(statement, [*_wanted(needs), min(need.start for need in needs), max(need.end for need in needs)])


def _lasting(needs: Sequence[Need], *, since: datetime | None) -> list[tuple[Any, ...]]:
    """Uses that last into the stretch, begun up to 31 days before; levels that were stated for a time, whenever that was."""
    start = min(need.start for need in needs)
    statement = f"SELECT {COLUMNS} FROM usage_record WHERE account = ANY(%s) AND meter = ANY(%s) AND at >= %s AND at < %s AND until > %s"
    return bulk.fetch(statement, [*_wanted(needs), since or start - LASTING, start, start])


def _last(needs: Sequence[Need]) -> list[tuple[Any, ...]]:
    """The last record of each key before the stretch that nothing corrects, and every one that something does: which of them stands is
    for `plans.metering` to say. Older ones of a key say nothing of a level that is stated anew each time."""
    statement = f"""
        WITH wanted AS (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS given(who, what, bound)),
            corrected AS (SELECT account, meter, unnest(ARRAY[voids, amends]) AS named FROM usage_record
                WHERE account = ANY(%s) AND meter = ANY(%s) AND (voids <> '' OR amends <> ''))
        SELECT * FROM (SELECT DISTINCT ON (who, what, subject, dimensions) {COLUMNS} FROM wanted JOIN usage_record u
            ON u.account = who AND u.meter = what AND u.at < bound
            WHERE value IS NOT NULL AND until IS NULL AND voids = '' AND (account, meter, source || '/' || record) NOT IN (
                SELECT account, meter, named FROM corrected)
            ORDER BY who, what, subject, dimensions, at DESC, sequence DESC) AS newest
        UNION SELECT {COLUMNS} FROM wanted JOIN usage_record u ON u.account = who AND u.meter = what AND u.at < bound
            WHERE (account, meter, source || '/' || record) IN (SELECT account, meter, named FROM corrected)"""
    return bulk.fetch(statement, [[n.account for n in needs], [n.meter for n in needs], [n.start for n in needs], *_wanted(needs)])


def _following(needs: Sequence[Need]) -> list[tuple[Any, ...]]:
    statement = f"""
        SELECT {COLUMNS} FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS given(who, what, bound) CROSS JOIN LATERAL (
            SELECT * FROM usage_record WHERE account = given.who AND meter = given.what AND at >= given.bound
                AND kind <> 'usage' AND voids = '' AND amends = '' ORDER BY at LIMIT 50) AS after"""
    return bulk.fetch(statement, [[n.account for n in needs], [n.meter for n in needs], [n.end for n in needs]])


def _corrections(needs: Sequence[Need]) -> list[tuple[Any, ...]]:
    statement = f"SELECT {COLUMNS} FROM usage_record WHERE account = ANY(%s) AND meter = ANY(%s) AND (voids <> '' OR amends <> '')"
    return bulk.fetch(statement, _wanted(needs))


def _record(row: Sequence[Any]) -> Record:
    _, meter, source, record, at, until, value, amount, dimensions, subject, kind, estimated, initial, final, voids, amends, sequence = row
    named = orjson.loads(dimensions)
    return Record(
        id=record,
        at=at,
        value=value,
        dimensions=named | {"subject": subject} if subject else named,
        until=until,
        amount=amount,
        estimated=estimated,
        kind=kind,
        initial=initial,
        final=final,
        source=source,
        meter=meter,
        sequence=sequence,
        voids=_pair(voids),
        amends=_pair(amends),
    )


def _pair(text: str) -> tuple[str, str] | None:
    """`source/record`; a source has no slash, a record's id may."""
    source, slash, record = text.partition("/")
    return (source, record) if slash else None


def _usage(c: Counted, state: AccountState, policy: Policy, records: Mapping[tuple[str, str], list[Record]]) -> Usage:
    measured, days = {}, {}
    chosen: dict[str, Decimal] = {}
    for segment in c.found:
        if segment.item.meter is None:
            continue
        measured[segment.span] = measure_item(c, segment.item.meter, segment.span, state, policy, records, subject=segment.terms.subject)
        register = _catalogue(c, policy).meters.get(segment.item.meter)
        since = _last_read(c, segment, register, records, state) if segment.end == c.contract.end else None
        read = _reading_days(measured[segment.span], register, state.zone, since, segment.end)
        if read is not None:
            days[segment.span] = read
    for name, meter in c.found[-1].item.deciding.items():
        whole = Span(c.found[0].start, c.found[-1].end)
        shown = measure_item(c, meter, whole, state, policy, records, subject=c.found[-1].terms.subject)
        chosen[name] = decimal_of(shown.quantity)
    return Usage(measured=measured, chosen=chosen, days=days)


def measure_item(
    c: Counted,
    code: str,
    span: Span,
    state: AccountState,
    policy: Policy,
    records: Mapping[tuple[str, str], list[Record]],
    *,
    subject: str = "",
) -> Measured:
    """What the meter of the catalogue shows for the span, of the account's records (of the contract's subject, where it has one)."""
    catalogue = _catalogue(c, policy)
    meter = catalogue.meters.get(code) or Meter(code=code)
    parts = meters_of(policy, c.contract, c.found[-1].item)
    sources = {(catalogue.meters[part].reads or part) if part in catalogue.meters else part for part in parts}
    mine = [record for name in sorted(sources) for record in records.get((state.account, name), ())]
    mine = records_of_subject(mine, subject) if subject else mine
    before = [r for r in mine if r.at < span.start]
    within = [r for r in mine if r.at >= span.start]
    return measure(
        meter,
        within,
        span,
        zone=state.zone,
        calendars=catalogue.calendars,
        before=before,
        meters=catalogue.meters,
        full=Span(c.row.full_start, c.row.full_end) if meter.aggregate == "time_weighted" and c.row.full_end > c.row.full_start else None,
    )


def records_of_subject(records: Sequence[Record], subject: str) -> list[Record]:
    """The records of the subject and the corrections of them, which need not name it."""
    own = {record.key for record in records if record.dimensions.get("subject") == subject}
    return [record for record in records if record.key in own or (record.voids or record.amends) in own]


def _last_read(
    c: Counted, segment: Segment, meter: Meter | None, records: Mapping[tuple[str, str], list[Record]], state: AccountState
) -> datetime | None:
    """When a register was last read before a segment that ends with its contract; the start of the contract where it never was."""
    if meter is None or meter.aggregate != "register":
        return None
    mine = records.get((state.account, meter.reads or meter.code), ())
    mine = records_of_subject(mine, segment.terms.subject) if segment.terms.subject else mine
    return max((r.at for r in effective(mine).records if r.kind != "usage" and r.at < segment.start), default=c.contract.start)


def _reading_days(measured: Measured, meter: Meter | None, zone: str, unread_since: datetime | None, end: datetime) -> int | None:
    """For a register read at intervals (`spread: end`): the days between the first reading compared with and the last one counted. They,
    not the calendar's, are what a price `per_days` is scaled by; none where no reading came, whose time the next one speaks for. Where the
    contract ends no next one comes (`unread_since` says so): its last days count until `end`."""
    if meter is None or meter.aggregate != "register" or meter.register.spread != "end":
        return None
    since = [event.since_at for event in measured.events if event.since_at is not None]
    if unread_since is not None:
        return local_days(Span(min(since, default=unread_since), end), zone)
    if not since:
        return None if measured.quantity else 0
    last = max(event.at for event in measured.events) + datetime.resolution
    return local_days(Span(min(since), last), zone) or None
