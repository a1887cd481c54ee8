"""Time: clocks that jump, calendars that are odd, what is known late, and months that close while somebody posts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from random import Random
from typing import Any, get_args
from unittest.mock import patch

from billing import bulk, clockwork
from billing.accounting import periods
from billing.journal import Draft
from billing.queries.status import status
from plans.periods import Cycle, Period, Unit, to_local, to_utc
from tests.books import advance, do, moment, open_account, publish, undone, use
from tests.drills.base import Drill, Tally, check, race

# --- F20: clocks that jump -------------------------------------------------------------------------------------------------------------

JUMPS = (timedelta(hours=1), timedelta(days=1), timedelta(hours=-1), timedelta(days=-1))
FIRST, LAST = moment("2026-01-15"), moment("2026-03-10")


def _subscribed(prefix: str) -> list[str]:
    publish()
    names = [f"{prefix}{number}" for number in range(4)]
    for number, name in enumerate(names):
        open_account(name, zone=("UTC", "Europe/Madrid", "Pacific/Kiritimati", "America/New_York")[number])
        plan = ("basic", "seats", "metered", "pro")[number]
        do("subscribe", f"2026-01-0{number + 1}T0{number}:30", account=name, plan=plan)
        if plan in ("seats", "metered"):
            use(name, "calls", arrived="2026-01-10", records=[{"id": f"{name}u", "at": "2026-01-09T10:00", "value": "7"}])
    return names


def _billed(names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Every event of the clockwork, when it counts and all that it says but the number of a document, which is drawn in order of time."""
    statement = """
        SELECT stream, kind, effective_at, (data - 'number')::text FROM journal WHERE stream = ANY(%s) AND command = 'advance'
        ORDER BY stream, sequence"""
    return bulk.fetch(statement, [list(names)])


def _ticks(count: int) -> list[datetime]:
    return [FIRST + (LAST - FIRST) * number / count for number in range(1, count + 1)]


def _reports(names: Sequence[str], known: datetime) -> str:
    return str([status(name, at=FIRST, as_of=day, known_at=known) for name in names for day in (moment("2026-01-12"), FIRST)])


def _jumped(count: int, random: Random, *, before: Callable[[datetime], None] = lambda until: None) -> Tally:
    """Workers whose clocks are an hour or a day off, forwards and back, against the same ticks by a clock that is right."""
    names = _subscribed("j")
    with undone():
        for until in (*_ticks(count), LAST):
            clockwork.run(until=until, actor="right")
        wanted = _billed(names)
    known = bulk.fetch("SELECT clock_timestamp()")[0][0]
    asked = _reports(names, known)
    for until in _ticks(count):
        off = until + random.choice(JUMPS)
        before(off)
        clockwork.run(until=off, actor="off")
    before(LAST)
    clockwork.run(until=LAST, actor="right")
    found = _billed(names)
    tally = Tally(count, note=f"{len(wanted)} events the same, reports as known before them too")
    tally.doubles, tally.lost = max(len(found) - len(wanted), 0), max(len(wanted) - len(found), 0)
    different = next((one for one, other in zip(found, wanted, strict=False) if one != other), None)
    if different is not None:
        tally.wrong.append(f"{different[0]} {different[1]} counts on {different[2]:%Y-%m-%d %H:%M}, or says something else")
    if _reports(names, known) != asked:
        tally.wrong.append("a report as known before the jumps is another one now")
    backwards = "SELECT stream FROM (SELECT stream, recorded_at < lag(recorded_at) OVER (PARTITION BY stream ORDER BY sequence) AS back"
    if rows := bulk.fetch(f"{backwards} FROM journal WHERE recorded_at > now() - interval '1 day') AS told WHERE back"):
        tally.wrong.append(f"known times of {rows[0][0]} go backwards")
    return tally


def jumping_clocks(count: int, random: Random) -> Tally:
    return check(_jumped(count, random), random)


def dated_by_the_worker(count: int, random: Random) -> Tally:
    """What is due is dated when the worker thinks that it is."""
    real, now = clockwork.record, [FIRST]

    def by_the_clock(drafts: Sequence[Draft], **given: Any) -> Any:
        return real([replace(draft, effective_at=now[0]) for draft in drafts], **given)

    with patch("billing.clockwork.record", by_the_clock):
        return _jumped(count, random, before=lambda until: now.__setitem__(0, until))


# --- F21: odd calendars ------------------------------------------------------------------------------------------------------------------

ZONES = (
    "UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati", "Etc/GMT+12",
    "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns",
)  # fmt: skip
Bounds = Callable[[Period, datetime, str], list[datetime]]
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def _ours(period: Period, anchor: datetime, zone: str) -> list[datetime]:
    """Over a year at least; of short periods the first 400."""
    found = [anchor]
    for span in islice(Cycle(period, anchor, zone).periods(anchor, None), 400):
        found.append(span.end)
        if span.end > anchor + timedelta(days=366):
            break
    return found


def _chained(period: Period, anchor: datetime, zone: str) -> list[datetime]:
    """Each period counted from the one before it, in UTC."""
    del zone
    found, months = [anchor], MONTHS.get(period.unit, 0) * period.count
    while found[-1] < anchor + timedelta(days=366) and len(found) < 400:
        last = found[-1]
        if months:
            year, month = divmod(last.year * 12 + last.month - 1 + months, 12)
            longest = (datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
            found.append(last.replace(year=year, month=month + 1, day=min(last.day, longest)))
        else:
            found.append(last + timedelta(**{f"{period.unit}s": period.count}))
    return found


def _kept(period: Period, anchor: datetime, zone: str, bounds: Sequence[datetime]) -> str:
    """What is wrong with these bounds: they follow each other, at the anchor's time on the wall, months on its day or their last."""
    wall = to_local(anchor, zone)
    if not all(one < other for one, other in pairwise(bounds)):
        return "they do not follow each other"
    if period.unit in ("minute", "hour"):
        return ""
    for bound in bounds[1:]:
        local = to_local(bound, zone)
        meant = local.replace(tzinfo=None, hour=wall.hour, minute=wall.minute, second=wall.second, microsecond=wall.microsecond, fold=0)
        there = to_local(to_utc(meant, zone), zone).replace(tzinfo=None, fold=0) == meant
        if there and local.replace(tzinfo=None, fold=0) != meant:
            return f"{local} is not at {wall:%H:%M:%S} on the wall"
        last_of_month = (local.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        if period.unit in MONTHS and there and local.day != min(wall.day, last_of_month.day):
            return f"{local:%Y-%m-%d} is not the day {wall.day} or the last of its month"
    return ""


def _calendars(count: int, random: Random, bounds_of: Bounds) -> Tally:
    """Contracts with any period, zone and anchor, leap days and 31sts more often than by chance."""
    tally = Tally(count)
    odd = [datetime(2024, 2, 29, 12, tzinfo=UTC), datetime(2026, 1, 31, 1, 30, tzinfo=UTC), datetime(2025, 12, 31, 23, 59, tzinfo=UTC)]
    for number in range(count):
        unit = random.choice([one for one in get_args(Unit) if one != "minute"])
        period = Period(random.randint(1, 3), unit)
        start = datetime(2024, 1, 1, tzinfo=UTC)
        anchor = odd[number] if number < len(odd) else start + timedelta(seconds=random.randrange(3 * 366 * 86400))
        zone = random.choice(ZONES)
        bounds = bounds_of(period, anchor, zone)
        wrong = _kept(period, anchor, zone, bounds)
        cycle = Cycle(period, anchor, zone)
        for _ in range(20):
            second = anchor + timedelta(seconds=random.randrange(int((bounds[-1] - anchor).total_seconds()) or 1))
            owners = sum(one <= second < other for one, other in pairwise(bounds))
            if owners != 1 or not cycle.period_at(second).contains(second):
                wrong = f"{second} belongs to {owners} periods"
        if wrong:
            tally.wrong.append(f"{period.count} {unit} from {anchor} in {zone}: {wrong}")
    tally.note = f"20 seconds of each, in {len(ZONES)} zones"
    return tally


def odd_calendars(count: int, random: Random) -> Tally:
    return _calendars(count, random, _ours)


def periods_counted_from_the_last(count: int, random: Random) -> Tally:
    return _calendars(count, random, _chained)


# --- F22: known late ---------------------------------------------------------------------------------------------------------------------

Use = tuple[str, int]  # when, how much
K1, K2 = moment("2026-02-06"), moment("2026-03-05")


def _random_use(random: Random) -> list[Use]:
    return [(f"2026-01-{random.randint(2, 28):02}T10:{number:02}", random.randint(1, 9)) for number in range(random.randint(1, 5))]


def _send(account: str, records: Sequence[Use], arrived: str, prefix: str) -> None:
    rows = [{"id": f"{account}{prefix}{i}", "at": when, "value": str(value)} for i, (when, value) in enumerate(records)]
    if rows:
        use(account, "calls", arrived=arrived, records=rows)


def _charged(account: str) -> Decimal:
    """What January's calls came to, over all charges."""
    statement = "SELECT coalesce(sum(amount), 0) FROM read_charge WHERE account = %s AND item = 'calls' AND period_start < '2026-02-01'"
    return Decimal(bulk.fetch(statement, [account])[0][0])


def _issued(account: str) -> list[tuple[Any, ...]]:
    statement = """
        SELECT sequence, data::text, hash FROM journal WHERE stream = %s AND kind LIKE 'invoice.%%' AND recorded_at <= %s ORDER BY 1"""
    return bulk.fetch(statement, [account, K1])


def _matrix(account: str) -> str:
    """Three days, as known on the eve of the late records."""
    return str([status(account, at=K1, as_of=moment(day), known_at=K1) for day in ("2026-01-20", "2026-02-02", "2026-02-06")])


def _late_stories(count: int, random: Random, *, naive: bool) -> Tally:
    """Each account has a twin whose records all came in time, and one to whom only the late ones came."""
    publish()
    stories = [(_random_use(random), _random_use(random)) for _ in range(count)]
    for number, (early, late) in enumerate(stories):
        for twin, records in (("late", early), ("intime", early + late), ("alone", late)):
            account = f"{twin}{number}"
            open_account(account)
            do("subscribe", account=account, plan="seats", quantities={"seat": "1"})
            _send(account, records, "2026-01-30", "e")
    advance(K1)
    before = [(_issued(f"late{number}"), _matrix(f"late{number}"), _charged(f"late{number}")) for number in range(count)]
    for number, (_, late) in enumerate(stories):
        _send(f"late{number}", late, "2026-02-10", "l")
    advance(K2)
    tally = Tally(count, note="documents and reports of before unchanged to the byte")
    for number in range(count):
        issued, matrix, first = before[number]
        account, wanted = f"late{number}", _charged(f"intime{number}")
        found = first + _charged(f"alone{number}") if naive else _charged(account)
        if found != wanted:
            tally.wrong.append(f"{account}: {found:.2f} instead of {wanted:.2f}")
        if _issued(account) != issued:
            tally.wrong.append(f"{account}: a document issued before is another one now")
        if _matrix(account) != matrix:
            tally.wrong.append(f"{account}: what was known on {K1:%Y-%m-%d} is told otherwise now")
    return tally


def late_use(count: int, random: Random) -> Tally:
    return check(_late_stories(count, random, naive=False), random)


def late_use_rated_alone(count: int, random: Random) -> Tally:
    """What came late is priced for itself, and added."""
    return _late_stories(count, random, naive=True)


# --- F23: a month closes while others post ------------------------------------------------------------------------------------------------

PAYERS = 6


def _posted(month: str) -> list[tuple[Any, ...]]:
    """What the month's books say: the answer may not change once it is closed."""
    statement = """
        SELECT ledger, sum(amount), count(*) FROM read_posting WHERE to_char(accounting_date, 'YYYY-MM') = %s GROUP BY 1 ORDER BY 1"""
    return bulk.fetch(statement, [month])


def slowly(
    step: Callable[[Any], list[Draft]], somebody_has: threading.Event, closed: threading.Event, wait: float
) -> Callable[[Any], list[Draft]]:
    """The step that decides accounting dates, with time to close the month before the commit: so long, or until it is closed."""

    def decide(drafts: Any) -> list[Draft]:
        decided = step(drafts)
        if any(getattr(draft.event, "entry", None) for draft in decided):
            somebody_has.set()
            closed.wait(wait)
        return decided

    return decide


def _closing(count: int, random: Random, *, patience: float = 0) -> Tally:
    """In each of so many months payments are decided, the month closes, and they commit; they wait for it a moment, or with patience."""
    publish()
    for number in range(PAYERS):
        open_account(f"a{number}")
    tally, closed = Tally(count), {}
    for turn in range(count):
        year, place = divmod(2026 * 12 + turn, 12)
        month, after = f"{year}-{place + 1:02}", datetime(year + place // 11, (place + 1) % 12 + 1, 3, tzinfo=UTC)
        decided, over = threading.Event(), threading.Event()

        def act(number: int, month: str = month, after: datetime = after, decided: Any = decided, over: Any = over) -> None:
            if number:
                do("pay", after - timedelta(days=2, minutes=1), account=f"a{number}", amount="7.00")
            else:
                assert decided.wait(30)
                do("close_period", after, period=month)
                closed[month] = _posted(month)
                over.set()

        slow = slowly(periods.into_open_months, decided, over, patience or random.uniform(0.05, 0.2))
        with patch("billing.engine.into_open_months", slow):
            tally.wrong += [f"{type(one).__name__}: {one}" for one in race(PAYERS, act) if one is not None]
    for month, books in closed.items():
        if _posted(month) != books:
            tally.wrong.append(f"{month} was posted into after it was closed")
    tally.lost = max(count * (PAYERS - 1) - bulk.fetch("SELECT count(*) FROM read_payment")[0][0], 0)
    within = sum(bool(books) for books in closed.values())
    tally.note = f"{count * (PAYERS - 1)} payments; {within} months had some before they closed"
    return tally


def closing_races(count: int, random: Random) -> Tally:
    return check(_closing(count, random), random)


def the_first_open_day_read_and_hoped_for(count: int, random: Random) -> Tally:
    with patch.object(periods, "hold_open", lambda sellers: None):
        return _closing(count, random, patience=20)


DRILLS = (
    Drill("F20", "clocks an hour or a day off", jumping_clocks, "dated by the worker's clock", dated_by_the_worker, 10, 500, wrong_count=6),
    Drill(
        "F21",
        "contracts over DST, leap days, 31sts, zones −12 to +14",
        odd_calendars,
        "counted from the last bound, in UTC",
        periods_counted_from_the_last,
        60,
        10_000,
        wrong_count=60,
        commits=False,
    ),
    Drill(
        "F22", "use that arrives after the close", late_use, "rated for itself", late_use_rated_alone, 2, 300, wrong_count=2, commits=False
    ),
    Drill("F23", "months closed while others post", closing_races, "no lock", the_first_open_day_read_and_hoped_for, 1, 60, wrong_count=1),
)
