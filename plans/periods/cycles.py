"""Periods that repeat: their length, and where each of them starts and ends.

A bound is always computed from the anchor, never from the bound before it, so a month that started on 31 January comes back to
31 March after 28 February. Days, weeks, months and years follow the wall clock of the zone (a day may have 23 or 25 hours); minutes
and hours are elapsed time. Local times that the clocks skip or repeat are settled in `plans.periods.times`; the anchor itself is
an instant and always a bound where the period starts from it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from plans.errors import Invalid
from plans.fields import describe
from plans.frozen import frozen
from plans.periods.spans import Span
from plans.periods.times import as_utc, day_start, local_date, to_local, to_utc, zone_of

Unit = Literal["minute", "hour", "day", "week", "month", "year"]
Align = Literal["anchor", "calendar"]
LAST_DAY = 31  # the last day of every month: shorter months end earlier

_UNITS: dict[str, tuple[int, Unit]] = {
    "minute": (1, "minute"), "hour": (1, "hour"), "day": (1, "day"), "week": (1, "week"), "fortnight": (2, "week"), "month": (1, "month"),
    "quarter": (3, "month"), "half-year": (6, "month"), "halfyear": (6, "month"), "half year": (6, "month"), "year": (1, "year"),
}  # fmt: skip
_ADVERBS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
_ISO: dict[str, Unit] = {"Y": "year", "M": "month", "W": "week", "D": "day", "TH": "hour", "TM": "minute"}
_MOST = {"minute": 5_256_000, "hour": 87_600, "day": 36_500, "week": 5_200, "month": 1_200, "year": 100}
_ELAPSED: dict[Unit, timedelta] = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_ABOUT: dict[Unit, timedelta] = _ELAPSED | {
    unit: timedelta(days=days) for unit, days in (("day", 1), ("week", 7), ("month", 30), ("year", 365))
}  # type: ignore[assignment]
_WRITTEN = re.compile(r"(?:(\d{1,9})\s*)?([a-z][a-z -]*)", re.ASCII)
_WRITTEN_ISO = re.compile(r"P(T?)(\d{1,9})([YMWDH])", re.ASCII)


@frozen()
class Period:
    """A length of time: `count` (1 or more) minutes, hours, days, weeks, months or years."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    @property
    def about(self) -> timedelta:
        """Its length where months have 30 days and years 365: to tell many periods from few, never to bill by."""
        return self.count * _ABOUT[self.unit]

    def after(self, instant: datetime, zone: str, times: int = 1) -> datetime:
        """The instant `times` periods later (earlier where negative), on the wall clock of `zone` for days and longer; a day that the
        month lacks becomes its last (31 January + 1 month: 28 February). Raises Invalid `out_of_range` outside the years 1 to 9999."""
        steps = self.count * times
        try:
            if self.unit in _ELAPSED:
                return as_utc(instant) + steps * _ELAPSED[self.unit]
            if steps == 0:
                return as_utc(instant)
            local = to_local(instant, zone).replace(tzinfo=None, fold=0)
            return to_utc(datetime.combine(add(local.date(), steps, self.unit), local.time()), zone)
        except (OverflowError, ValueError):
            raise Invalid("out_of_range", f"{times} × {self} from {instant.isoformat()} is outside the years 1 to 9999") from None


def add(day: date, steps: int, unit: Unit, intended: int | None = None) -> date:
    """The date `steps` days, weeks, months or years later; in months and years on day `intended` (default: the same), or the last."""
    if unit in ("day", "week"):
        return day + timedelta(days=steps * (7 if unit == "week" else 1))
    index = day.year * 12 + day.month - 1 + steps * (12 if unit == "year" else 1)
    return on_day(index // 12, index % 12 + 1, intended or day.day)


def on_day(year: int, month: int, day: int) -> date:
    """That day of the month, or its last where the month is shorter."""
    if not 1 <= year <= 9999:
        raise OverflowError(f"the year {year} is outside 1 to 9999")
    return date(year, month, min(day, monthrange(year, month)[1]))


def parse_period(text: object, at: str = "") -> Period:
    """Read `month`, `1 month`, `2 weeks`, `15 minutes`, `quarter`, `half-year`, `yearly`, `P1M`, `PT15M`.

    Raises Invalid `not_a_period`, `out_of_range` (0, or more than a century).
    """
    if isinstance(text, Period):
        return text
    found = _read_period(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise Invalid("not_a_period", f"{describe(text)} is not a period; write month, 2 weeks, 15 minutes, quarter, year or P1M", at=at)
    if not 1 <= found.count <= _MOST[found.unit]:
        raise Invalid("out_of_range", f"a period of {found} is out of range: 1 to {_MOST[found.unit]} {found.unit}s", at=at)
    return found


def _read_period(text: str) -> Period | None:
    iso = _WRITTEN_ISO.fullmatch(text.upper())
    if iso:
        unit = _ISO.get(iso[1] + iso[3])
        return Period(int(iso[2]), unit) if unit else None
    match = _WRITTEN.fullmatch(text.lower())
    if match is None:
        return None
    word = match[2].strip()
    if match[1] is None:
        word = _ADVERBS.get(word, word)
    known = _UNITS.get(word) or _UNITS.get(word.removesuffix("s"))
    return Period(int(match[1] or 1) * known[0], known[1]) if known else None


def parse_day(value: object, at: str = "") -> int:
    """Read a billing day of the month: 1 to 31, or `last`. In a shorter month the bound is its last day, so 31 and `last` are one
    intent, and 28 is another one. Raises Invalid `out_of_range`."""
    if value == "last":
        return LAST_DAY
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 31:
        raise Invalid("out_of_range", f"expected a day of the month, 1 to 31 or last; found {describe(value)}", at=at)
    return int(text)


@frozen()
class Cycle:
    """The periods that follow each other from an anchor, without gap or overlap, in both directions.

    `align: anchor`: bounds at the anchor's local time of day; months and years on the anchor's day, or on `day` where named.
    `align: calendar`: bounds at local midnight; weeks start on Monday (or ISO weekday `day`), months on the 1st (or `day`), n months
    counted from January where n divides 12 and from the anchor's month otherwise, years in January, n days, n weeks and n years
    counted from the anchor's own. Minutes and hours count from each local midnight; the last of a day may be shorter.
    `day`: 31 is the last day of every month. Raises Invalid `unknown_zone`, `out_of_range`.
    """

    period: Period
    anchor: datetime
    zone: str
    align: Align = "anchor"
    day: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "anchor", as_utc(self.anchor))
        zone_of(self.zone)
        most = 7 if self.period.unit == "week" else LAST_DAY
        if self.day is not None and not 1 <= self.day <= most:
            raise Invalid("out_of_range", f"the billing day must be 1 to {most}, not {self.day}", at="day")

    def period_at(self, instant: datetime) -> Span:
        """The full period that contains the instant."""
        return _period_at(self, as_utc(instant))

    def following(self, span: Span) -> Span:
        """The full period that starts where `span` ends."""
        return self.period_at(span.end)

    def preceding(self, span: Span) -> Span:
        """The full period that ends at, or contains, the last moment before `span`."""
        return self.period_at(span.start - timedelta(microseconds=1))

    def starting_at(self, start: datetime) -> Span:
        """From `start` to the end of its period: the leading (possibly partial) piece of a contract, or of a new anchor."""
        return Span(start, self.period_at(start).end)

    def periods(self, start: datetime, end: datetime | None = None) -> Iterator[Span]:
        """The full periods that touch `[start, end)`, in order, without end where `end` is None."""
        span = self.period_at(start)
        while end is None or span.start < end:
            yield span
            span = self.following(span)

    def spans(self, start: datetime, end: datetime | None = None) -> Iterator[Span]:
        """The billing periods of a contract that runs `[start, end)`: the first and the last may be pieces of their full period."""
        start = as_utc(start)
        if end is not None and end <= start:
            return
        for span in self.periods(start, end):
            yield Span(max(span.start, start), span.end if end is None else min(span.end, as_utc(end)))

    def _elapsed_at(self, instant: datetime) -> Span:
        step = self.period.count * _ELAPSED[self.period.unit]
        if self.align == "anchor":
            start = self.anchor + (instant - self.anchor) // step * step
            return Span(start, start + step)
        today = local_date(instant, self.zone)
        midnight, next_midnight = day_start(today, self.zone), day_start(today + timedelta(days=1), self.zone)
        start = midnight + (instant - midnight) // step * step
        return Span(start, min(start + step, next_midnight))

    def _dated_at(self, instant: datetime) -> Span:
        index = self._guess(local_date(instant, self.zone))
        start = self._bound(index)
        while start > instant:
            index -= 1
            start = self._bound(index)
        end = self._bound(index + 1)
        while end <= instant:
            index += 1
            start, end = end, self._bound(index + 1)
        return Span(start, end)

    def _guess(self, day: date) -> int:
        """An index near the period that holds that local date."""
        first = self._first()
        if self.period.unit in ("day", "week"):
            return (day - first).days // (self.period.count * (7 if self.period.unit == "week" else 1))
        months = (day.year - first.year) * 12 + day.month - first.month
        return months // (self.period.count * (12 if self.period.unit == "year" else 1))

    def _bound(self, index: int) -> datetime:
        """The instant at which period `index` starts; period 0 is the one of the anchor, or of the calendar around it."""
        if index == 0 and self.align == "anchor" and (self.day is None or self.period.unit in ("day", "week")):
            return self.anchor
        local = to_local(self.anchor, self.zone)
        day = add(self._first(), index * self.period.count, self.period.unit, self._intended(local.day))
        clock = local.time() if self.align == "anchor" else time()
        return to_utc(datetime.combine(day, clock), self.zone)

    def _intended(self, anchor_day: int) -> int:
        return self.day or (anchor_day if self.align == "anchor" else 1)

    def _first(self) -> date:
        """The local date from which bounds are counted: that of period 0."""
        day = local_date(self.anchor, self.zone)
        unit, count = self.period.unit, self.period.count
        if unit == "day" or (unit == "week" and self.align == "anchor"):
            return day
        if unit == "week":
            return day - timedelta(days=(day.isoweekday() - (self.day or 1)) % 7)
        month = day.month
        if self.align == "calendar" and unit == "year":
            month = 1
        elif self.align == "calendar" and 12 % count == 0:
            month = (month - 1) // count * count + 1
        return on_day(day.year, month, self._intended(day.day))


@lru_cache(maxsize=10_000)
def _period_at(cycle: Cycle, instant: datetime) -> Span:
    """Remembered, because the same period is asked for many times while its account is counted, and by many accounts."""
    try:
        if cycle.period.unit in _ELAPSED:
            return cycle._elapsed_at(instant)
        return cycle._dated_at(instant)
    except (OverflowError, ValueError):
        raise Invalid("out_of_range", f"the {cycle.period} at {instant.isoformat()} is outside the years 1 to 9999") from None
