"""Instants, zones and lengths of time as people write them.

Inside the system an instant is an aware UTC datetime; a wall clock appears only where a person writes or reads one. Between the two
one rule holds (RFC 5545): a local time that the clocks skip is read with the offset before the gap (02:30 becomes 03:30), a local
time that comes twice means the first of the two.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from plans.errors import Invalid
from plans.fields import describe

_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<part>\d{1,6}))?)?"
_OFFSET = r"(?P<offset>Z|z|[+-]\d{2}:?\d{2})"
_TIME = re.compile(rf"{_DATE}(?:[T ]{_CLOCK}(?: ?{_OFFSET})?)?", re.ASCII)
_PIECE = re.compile(r"(\d{1,9})\s*([a-z]+)", re.ASCII)
_ISO_DURATION = re.compile(r"P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII)
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_LENGTHS = {"week": "w", "day": "d", "hour": "h", "minute": "m", "min": "m", "second": "s", "sec": "s"}


FIRST_YEAR, LAST_YEAR = 1900, 2999  # beyond them a zone has no rules, and periods reach the ends of the calendar


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_of(name: str, *, at: str = "") -> ZoneInfo:
    """The time zone of that IANA name, such as Europe/Madrid. Raises Invalid `unknown_zone`."""
    try:
        return _zone(name)
    except (KeyError, ValueError, TypeError, OSError):
        raise Invalid("unknown_zone", f"{name!r} is not a time zone; write a name such as Europe/Madrid or UTC", at=at) from None


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises Invalid `wrong_type` where the datetime names no zone: such a value is not an instant."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise Invalid("wrong_type", f"{instant.isoformat()} has no time zone, so it is not an instant")
    return instant.astimezone(UTC)


def to_local(instant: datetime, zone: str) -> datetime:
    """The instant as the clock on the wall of `zone` shows it (aware)."""
    return as_utc(instant).astimezone(zone_of(zone))


def to_utc(local: datetime, zone: str, *, second: bool = False) -> datetime:
    """The instant at which the wall clock of `zone` shows `local` (naive). Skipped and repeated local times: see the module;
    with `second` the later of the two meanings of a repeated time, and the offset after the gap for a skipped one."""
    try:
        return local.replace(tzinfo=zone_of(zone), fold=int(second)).astimezone(UTC)
    except OverflowError:
        raise Invalid("out_of_range", f"{local.isoformat()} is outside the years 1 to 9999") from None


@lru_cache(maxsize=10_000)
def local_date(instant: datetime, zone: str) -> date:
    """The date on the wall of `zone` at that instant. Items of one contract share the bounds of their periods: asked once for all."""
    return to_local(instant, zone).date()


def day_start(day: date, zone: str) -> datetime:
    """The instant at which the local day starts (where midnight is skipped, the end of the gap)."""
    return to_utc(datetime.combine(day, time()), zone)


def parse_time(value: object, zone: str, at: str = "") -> datetime:
    """Read an instant: `2026-03-01` (its local midnight), `2026-03-01T15:00[:00[.5]]` (wall clock of `zone`), or with `Z` or an offset.

    Dates and datetimes that a YAML reader made are accepted too. Raises Invalid `not_a_time`, `unknown_zone`, `out_of_range` outside the
    years 1900 to 2999.
    """
    instant = _read_time(value, zone, at)
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise Invalid("out_of_range", f"{describe(value)} is outside the years {FIRST_YEAR} to {LAST_YEAR}", at=at)
    return instant


def _read_time(value: object, zone: str, at: str) -> datetime:
    zone_of(zone, at=at)
    if type(value) is str and (quick := parse_utc(value)) is not None:
        return quick
    if isinstance(value, datetime):
        return as_utc(value) if value.tzinfo else to_utc(value, zone)
    if isinstance(value, date):
        return day_start(everyday(value, at), zone)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Invalid("not_a_time", f"{describe(value)} is not a time; write 2026-03-01, 2026-03-01T15:00 or 2026-03-01T15:00Z", at=at)
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
        clock = time(hour, minute, second, int((match["part"] or "0").ljust(6, "0")))
        local = datetime.combine(everyday(day, at), clock)
        return _with_offset(local, match["offset"]) if match["offset"] else to_utc(local, zone)
    except (ValueError, OverflowError) as error:
        raise Invalid("not_a_time", f"{describe(value)} is not a time: {error}", at=at) from None


def everyday(day: date, at: str) -> date:
    """The day, if a moment of it can be told in every zone. Raises Invalid `out_of_range`."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Invalid("out_of_range", f"{day} is outside the years {FIRST_YEAR} to {LAST_YEAR}", at=at)
    return day


def parse_utc(text: str) -> datetime | None:
    """`2026-03-01T15:00:00Z`, with or without milli- or microseconds: as machines send times, read in a third of the time."""
    length = len(text)
    if length not in (20, 24, 27) or text[-1] != "Z" or text[10] != "T" or text[4] != "-" or text[7] != "-" or not text.isascii():
        return None
    if length > 20 and text[19] != ".":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _with_offset(local: datetime, offset: str) -> datetime:
    if offset in "Zz":
        return local.replace(tzinfo=UTC)
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(f"no place on earth has the offset {offset}")
    shift = timedelta(hours=hours, minutes=minutes)
    return (local + shift if offset[0] == "-" else local - shift).replace(tzinfo=UTC)


def parse_date(value: object, at: str = "") -> date:
    """Read a calendar date such as 2026-03-01. Raises Invalid `not_a_time`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.fullmatch(_DATE, value.strip(), re.ASCII):
        try:
            return date.fromisoformat(value.strip())
        except ValueError as error:
            raise Invalid("not_a_time", f"{value!r} is not a date: {error}", at=at) from None
    raise Invalid("not_a_time", f"{describe(value)} is not a date; write it as 2026-03-01", at=at)


def parse_duration(value: object, at: str = "") -> timedelta:
    """Read a fixed length of time: `8d`, `48h`, `90 minutes`, `1h 30m`, `P2D`, `PT15M`, `2 weeks`. A day is 24 hours here; a length in days
    on the wall clock, or in months, is a `Period`. Raises Invalid `not_a_duration`, `out_of_range`."""
    text = value.strip() if isinstance(value, str) else ""
    seconds = _iso_seconds(text) if text[:1] in ("P", "p") else _plain_seconds(text.lower())
    if seconds is None:
        raise Invalid("not_a_duration", f"{describe(value)} is not a fixed length of time; write 8d, 48h, 90 minutes or P2D", at=at)
    if seconds > 100_000 * _SECONDS["d"]:
        raise Invalid("out_of_range", f"{text!r} is longer than 100,000 days", at=at)
    return timedelta(seconds=seconds)


def _iso_seconds(text: str) -> int | None:
    match = _ISO_DURATION.fullmatch(text.upper())
    if match is None or not any(match.groups()):
        return None
    return sum(int(count) * _SECONDS[letter] for count, letter in zip(match.groups(), "wdhms", strict=True) if count)


def _plain_seconds(text: str) -> int | None:
    pieces = _PIECE.findall(text)
    if not pieces or _PIECE.sub("", text).strip(" ,"):
        return None
    total = 0
    for count, word in pieces:
        letter = word if word in _SECONDS else _LENGTHS.get(word.removesuffix("s"))
        if letter is None:
            return None
        total += int(count) * _SECONDS[letter]
    return total
