"""Charts as plain geometry, drawn as SVG by a template: no script, nothing from elsewhere, each bar a link to the rows behind it. Pure.

Coordinates are whole units of a picture 600 wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

WIDTH, HEIGHT, TOP, BOTTOM = 600, 180, 14, 22
LANE = 24


@dataclass(frozen=True)
class Value:
    """One thing to show: its label, how much, how that is written, and where its rows are."""

    label: str
    amount: Decimal
    text: str
    link: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Bar:
    value: Value
    x: int
    y: int
    width: int
    height: int
    middle: int  # where its label stands


@dataclass(frozen=True)
class Chart:
    bars: tuple[Bar, ...]
    zero: int  # y of the line that bars stand on
    width: int = WIDTH
    height: int = HEIGHT


def bar_chart(values: Sequence[Value]) -> Chart:
    """Bars from left to right, the largest as high as the picture; those below zero hang from the line. No values: no bars."""
    most = max((one.amount for one in values), default=Decimal(0))
    least = min((one.amount for one in values), default=Decimal(0))
    high, low = max(Fraction(most), Fraction(0)), min(Fraction(least), Fraction(0))
    scale = Fraction(HEIGHT - TOP - BOTTOM) / ((high - low) or 1)
    zero = TOP + round(high * scale)
    step = Fraction(WIDTH, max(len(values), 1))
    return Chart(tuple(_bar(one, position, step=step, scale=scale, zero=zero) for position, one in enumerate(values)), zero)


def _bar(value: Value, position: int, *, step: Fraction, scale: Fraction, zero: int) -> Bar:
    """Whatever is not nothing is seen: one unit high at least."""
    height = max(round(abs(Fraction(value.amount)) * scale), 1 if value.amount else 0)
    y = zero - height if value.amount > 0 else zero
    return Bar(
        value,
        round((position + Fraction(3, 20)) * step),
        y,
        round(step * Fraction(7, 10)),
        height,
        round((position + Fraction(1, 2)) * step),
    )


@dataclass(frozen=True)
class Stretch:
    """Something that lasts, from `start` to `end` (None: open-ended)."""

    label: str
    start: datetime
    end: datetime | None
    link: str = ""


@dataclass(frozen=True)
class Lane:
    stretch: Stretch
    x: int
    y: int
    width: int
    open_ended: bool


@dataclass(frozen=True)
class Mark:
    """A moment on the time line."""

    label: str
    x: int


@dataclass(frozen=True)
class TimeLine:
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    now: int
    height: int
    width: int = WIDTH


def time_line(
    stretches: Sequence[Stretch], moments: Sequence[tuple[datetime, str]], *, start: datetime, end: datetime, now: datetime
) -> TimeLine:
    """What lasts as bars, one under the other, and moments as marks, from `start` to `end`; what lies outside is left out or cut off."""

    def place(moment: datetime) -> int:
        return round(Fraction((min(max(moment, start), end) - start) // resolution, (end - start) // resolution) * WIDTH)

    resolution = (end - start) / WIDTH / 10
    shown = [one for one in stretches if one.start < end and (one.end is None or one.end > start)]
    lanes = tuple(
        Lane(one, place(one.start), position * LANE, max(place(one.end or end) - place(one.start), 2), one.end is None or one.end > end)
        for position, one in enumerate(shown)
    )
    marks = tuple(Mark(label, place(moment)) for moment, label in moments if start <= moment <= end)
    return TimeLine(lanes, marks, place(now), max(len(lanes), 1) * LANE + BOTTOM)
