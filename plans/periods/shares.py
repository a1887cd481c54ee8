"""How much of a period a piece of it is: for prorating fees, and the year fractions of interest."""

from __future__ import annotations

from calendar import isleap
from datetime import date
from fractions import Fraction
from typing import Literal

from plans.errors import Invalid
from plans.periods.spans import Span
from plans.periods.times import local_date

Proration = Literal["none", "day", "second"]
Convention = Literal["act/365", "act/360", "act/act", "30/360", "30e/360"]
CONVENTIONS: tuple[Convention, ...] = ("act/365", "act/360", "act/act", "30/360", "30e/360")


def local_days(span: Span, zone: str) -> int:
    """The days of the span: how many local midnights it passes, so that a day of 23 or 25 hours is one day.

    A local day counts where its end (midnight) lies inside `(start, end]`; the counts of adjoining spans therefore add up.
    """
    return (local_date(span.end, zone) - local_date(span.start, zone)).days


def share(
    part: Span,
    full: Span,
    *,
    proration: Proration,
    zone: str,
    denominator: int | None = None,
    last_day: Literal["free", "charged"] = "free",
) -> Fraction:
    """The share of the full period that `part` is, 0 to 1, exact; what lies outside the period counts nothing.

    `none`: 1 for any piece that is not empty. `second`: elapsed time over elapsed time. `day`: a local day belongs to the piece that is
    in force at its end; over the days of the full period, or over `denominator` where named (then never above 1, and the whole is 1).
    Pieces that partition the period add up to exactly 1 by `second`, and by `day` unless `denominator` differs from its days.
    `last_day: charged` (only for the piece in which a contract ends): the local day on which it ends counts too. A period that passes
    no midnight goes, by `day`, wholly to the piece that ends with it.
    """
    piece = part.intersect(full)
    if piece is None:
        return Fraction(0)
    if proration == "none" or piece == full:
        return Fraction(1)
    if proration == "second":
        return piece.seconds / full.seconds
    if denominator is not None and denominator < 1:
        raise Invalid("out_of_range", f"the denominator must be 1 day or more, not {denominator}", at="denominator")
    days = local_days(full, zone)
    if not days:
        return Fraction(int(piece.end == full.end))
    counted = local_days(piece, zone)
    if last_day == "charged" and piece.end < full.end:
        counted += 1
    return min(Fraction(counted, denominator or days), Fraction(1))


def year_fraction(start: date, end: date, convention: Convention) -> Fraction:
    """The years between two dates, `[start, end)`, exact, by the day-count convention of ISDA 2006, section 4.16.

    `act/365`: days / 365 (fixed). `act/360`. `act/act`: days in leap years / 366 + other days / 365. `30/360`: bond basis; `30e/360`:
    Eurobond basis. Raises Invalid `out_of_range` where it ends before it starts, `unknown_choice` for another convention.
    """
    if end < start:
        raise Invalid("out_of_range", f"interest can't run backwards, from {start} to {end}")
    days = (end - start).days
    if convention == "act/365":
        return Fraction(days, 365)
    if convention == "act/360":
        return Fraction(days, 360)
    if convention == "act/act":
        return _actual(start, end)
    if convention in ("30/360", "30e/360"):
        return Fraction(_days_of_thirty(start, end, european=convention == "30e/360"), 360)
    raise Invalid("unknown_choice", f"{convention!r} is not a day count; expected one of {', '.join(CONVENTIONS)}")


def _actual(start: date, end: date) -> Fraction:
    total = Fraction(0)
    for year in range(start.year, end.year + 1):
        first = max(start.toordinal(), date(year, 1, 1).toordinal())
        last = min(end.toordinal(), date(year, 12, 31).toordinal() + 1)
        total += Fraction(max(last - first, 0), 366 if isleap(year) else 365)
    return total


def _days_of_thirty(start: date, end: date, *, european: bool) -> int:
    first = min(start.day, 30)
    last = 30 if end.day == 31 and (european or first == 30) else end.day
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + last - first
