"""Calendars that the catalogue names: they say of an instant which band it falls in (`peak`, `night`, `high season`).

    calendars:
      tariff:
        zone: Europe/Madrid          # default: the account's
        holidays: [2026-01-06]       # and / or  country: ES, subdivision: MD
        bands:                       # the first that matches wins
          valley: {days: [weekends, holidays]}
          peak: ["10:00-14:00", "18:00-22:00"]           # short for {hours: [...]}
          summer-night: {hours: ["22:00-08:00"], seasons: ["06-01..09-30"]}
          fair: {dates: [2026-04-21..2026-04-26]}
        otherwise: flat

A rule matches when all that it names matches. Everything is read on the wall clock: hours are half-open and may cross midnight (both
ends then belong to the local date on which each instant falls), seasons and date ranges include both ends, seasons may cross the
year's end. Where the clocks go back, the repeated hour is in the same band twice. A band may have a list of rules, any of which will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, cast

import holidays as holiday_tables

from plans.errors import Invalid
from plans.fields import Fields, describe, join, suggestion
from plans.periods import Span, as_utc, day_start, local_date, parse_date, to_local, to_utc, zone_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_WORDS = (*WEEKDAYS, "weekdays", "weekends", "workdays", "holidays")
_HOURS = re.compile(r"(\d{2}):(\d{2})\s*-\s*(\d{2}):(\d{2})", re.ASCII)
_SEASON = re.compile(r"(\d{2})-(\d{2})\s*\.\.\s*(\d{2})-(\d{2})", re.ASCII)
_DAY = 24 * 60  # minutes


@dataclass(frozen=True)
class Rule:
    """When a band applies; what is empty matches always. `hours` in minutes after local midnight, half-open, the end up to 1440."""

    hours: tuple[tuple[int, int], ...] = ()
    days: frozenset[str] = frozenset()
    seasons: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()
    dates: tuple[tuple[date, date], ...] = ()

    def matches_date(self, day: date, *, holiday: bool) -> bool:
        """Whether the rule can hold on that local date."""
        if self.days and not self.days & day_words(day, holiday=holiday):
            return False
        if self.seasons and not any(_in_season((day.month, day.day), *season) for season in self.seasons):
            return False
        return not self.dates or any(first <= day <= last for first, last in self.dates)

    def matches_minute(self, minute: int) -> bool:
        """Whether the rule holds at that minute of the day; hours that cross midnight are its two ends."""
        return not self.hours or any(start <= minute < end if start < end else minute >= start or minute < end for start, end in self.hours)


@dataclass(frozen=True)
class Calendar:
    """Bands by rules in order, and what holds otherwise. `zone` outweighs the zone that a caller gives."""

    bands: tuple[tuple[str, tuple[Rule, ...]], ...]
    otherwise: str
    zone: str | None = None
    holidays: frozenset[date] = frozenset()
    country: str | None = None
    subdivision: str | None = None
    _edges: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        minutes = {0} | {edge % _DAY for _, rules in self.bands for rule in rules for hours in rule.hours for edge in hours}
        object.__setattr__(self, "_edges", tuple(sorted(minutes)))

    def names(self) -> tuple[str, ...]:
        """Every value that `classify` can give."""
        return tuple(dict.fromkeys([*(name for name, _ in self.bands), self.otherwise]))

    def is_holiday(self, day: date) -> bool:
        if day in self.holidays:
            return True
        return self.country is not None and day in country_holidays(self.country, self.subdivision, day.year)

    def classify(self, instant: datetime, zone: str) -> str:
        """The band at that instant."""
        local = to_local(instant, self.zone or zone)
        holiday, minute = self.is_holiday(local.date()), local.hour * 60 + local.minute
        for name, rules in self.bands:
            if any(rule.matches_date(local.date(), holiday=holiday) and rule.matches_minute(minute) for rule in rules):
                return name
        return self.otherwise

    def split(self, span: Span, zone: str) -> tuple[tuple[Span, str], ...]:
        """The span cut where the band changes: pieces in order with their bands, neighbours always different. An empty span: one piece."""
        found: list[tuple[Span, str]] = []
        for piece in span.cut(self._changes(span, self.zone or zone)):
            band = self.classify(piece.start, zone)
            if found and found[-1][1] == band:
                found[-1] = (Span(found[-1][0].start, piece.end), band)
            else:
                found.append((piece, band))
        return tuple(found)

    def _changes(self, span: Span, zone: str) -> Iterator[datetime]:
        """Every instant inside the span at which the band could change, and some more."""
        day, last = local_date(span.start, zone), local_date(span.end, zone)
        while day <= last:
            yield from clock_changes(day, zone)
            for minute in self._edges:
                local = datetime.combine(day, time(minute // 60, minute % 60))
                yield to_utc(local, zone)
                yield to_utc(local, zone, second=True)
            day += timedelta(days=1)


def day_words(day: date, *, holiday: bool) -> frozenset[str]:
    """What a date is called in `days`: its weekday, weekdays (Monday to Friday) or weekends, holidays, workdays (weekdays, no holidays)."""
    weekend = day.weekday() >= 5
    words = {WEEKDAYS[day.weekday()], "weekends" if weekend else "weekdays"}
    if holiday:
        words.add("holidays")
    elif not weekend:
        words.add("workdays")
    return frozenset(words)


def _in_season(day: tuple[int, int], first: tuple[int, int], last: tuple[int, int]) -> bool:
    return first <= day <= last if first <= last else day >= first or day <= last


@lru_cache(maxsize=2000)
def country_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    """The public holidays of a country (ISO 3166-1) or part of it, in one year, from the installed tables. Raises NotImplementedError
    for a country that they lack; `parse_calendar` checks that first."""
    table = holiday_tables.country_holidays(country, subdiv=subdivision, years=year)
    return frozenset(cast("Any", table).keys())


@lru_cache(maxsize=10000)
def clock_changes(day: date, zone: str) -> tuple[datetime, ...]:
    """The instants of that local date at which the clocks of the zone are changed (at most one), to the second."""
    place = zone_of(zone)
    low, high = day_start(day, zone), day_start(day + timedelta(days=1), zone) if day < date.max else datetime.max.replace(tzinfo=UTC)
    before = low.astimezone(place).utcoffset()
    if before == high.astimezone(place).utcoffset():
        return ()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(place).utcoffset() == before:
            low = middle
        else:
            high = middle
    return (as_utc(high),)


def parse_calendar(value: object, at: str = "") -> Calendar:
    """Read a calendar of the catalogue; see the module for its form. Raises Invalid with the path of what is wrong."""
    fields = Fields(value, at)
    zone = fields.text("zone", None)
    if zone is not None:
        zone_of(zone, at=fields.path("zone"))
    listed = frozenset(parse_date(day, path) for day, path in fields.items("holidays", ()))
    country, subdivision = _country(fields)
    bands = tuple((name, _rules(rules, path)) for name, rules, path in fields.mapping("bands"))
    calendar = Calendar(bands, fields.text("otherwise"), zone, listed, country, subdivision)
    fields.done()
    for name, rules in bands:
        if any("holidays" in rule.days for rule in rules) and not listed and country is None:
            message = f"the band {name!r} speaks of holidays: name a country or list the holidays"
            raise Invalid("missing_field", message, at=fields.path("holidays"))
    return calendar


def _country(fields: Fields) -> tuple[str | None, str | None]:
    country, subdivision = fields.text("country", None), fields.text("subdivision", None)
    if country is None:
        if subdivision is not None:
            raise Invalid("missing_field", "a subdivision needs its country", at=fields.path("country"))
        return None, None
    known = holiday_tables.list_supported_countries()
    if country not in known:
        raise Invalid("unknown_choice", f"no holidays are known for {country!r}; write an ISO code such as ES", at=fields.path("country"))
    if subdivision is not None and subdivision not in known[country]:
        message = f"{country} has no subdivision {subdivision!r}{suggestion(subdivision, known[country])}"
        raise Invalid("unknown_choice", message, at=fields.path("subdivision"))
    return country, subdivision


def _rules(value: object, at: str) -> tuple[Rule, ...]:
    """One band: a list of hours, a rule, or a list of rules."""
    if isinstance(value, str):
        return (Rule(hours=(_hours(value, at),)),)
    if isinstance(value, list | tuple) and value:
        if all(isinstance(element, str) for element in value):
            return (Rule(hours=tuple(_hours(element, join(at, i)) for i, element in enumerate(value))),)
        return tuple(_rule(element, join(at, i)) for i, element in enumerate(value))
    return (_rule(value, at),)


def _rule(value: object, at: str) -> Rule:
    fields = Fields(value, at)
    rule = Rule(
        hours=tuple(_hours(element, path) for element, path in _listed(fields, "hours")),
        days=frozenset(_day_word(element, path) for element, path in _listed(fields, "days")),
        seasons=tuple(_season(element, path) for element, path in _listed(fields, "seasons")),
        dates=tuple(_dates(element, path) for element, path in _listed(fields, "dates")),
    )
    fields.done()
    if rule == Rule():
        raise Invalid("missing_field", "this rule says nothing; name hours, days, seasons or dates", at=at)
    return rule


def _listed(fields: Fields, name: str) -> list[tuple[object, str]]:
    """The elements of a field that may hold one value or a list of them."""
    value = fields.raw(name, ())
    if isinstance(value, list | tuple):
        return [(element, join(fields.path(name), i)) for i, element in enumerate(value)]
    return [(value, fields.path(name))]


def _hours(value: object, at: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    numbers = [int(part) for part in match.groups()] if match else []
    start, end = (numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]) if match else (0, 0)
    if match is None or numbers[1] > 59 or numbers[3] > 59 or start >= _DAY or end > _DAY or start == end:
        raise Invalid("out_of_range", f"{describe(value)} is no stretch of hours; write 18:00-23:00, 22:00-06:00 or 00:00-24:00", at=at)
    return start, end


def _day_word(value: object, at: str) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word in FULL_NAMES:
        return word[:3]
    if word not in DAY_WORDS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(DAY_WORDS)}; found {describe(value)}", at=at)
    return word


def _season(value: object, at: str) -> tuple[tuple[int, int], tuple[int, int]]:
    match = _SEASON.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        first, last = (int(match[1]), int(match[2])), (int(match[3]), int(match[4]))
        if all(_exists_in_a_leap_year(month, day) for month, day in (first, last)):
            return first, last
    raise Invalid("out_of_range", f"{describe(value)} is no season; write the first and the last day, such as 06-01..09-30", at=at)


def _exists_in_a_leap_year(month: int, day: int) -> bool:
    try:
        return date(2000, month, day) is not None
    except ValueError:
        return False


def _dates(value: object, at: str) -> tuple[date, date]:
    if isinstance(value, str) and ".." in value:
        first, last = (parse_date(part, at) for part in value.split("..", 1))
        if last < first:
            raise Invalid("out_of_range", f"{value!r} ends before it starts", at=at)
        return first, last
    day = parse_date(value, at)
    return day, day
