"""`calendar`, `days`, `year-fraction`: periods, local days, and the fractions that interest counts by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from itertools import islice, takewhile
from typing import Any

from plans.money import plain
from plans.periods import (
    Cycle,
    Span,
    local_days,
    parse_date,
    parse_day,
    parse_duration,
    parse_period,
    parse_time,
    share,
    to_local,
    year_fraction,
)


def calendar(inputs: Mapping[str, Any]) -> Any:
    """The periods from `anchor`: the one `at` an instant, and the bounds of the first `count` of a contract that starts at `start`.

    With `end` or `target`: those up to it (that start by then), how many of them are `whole`, and the sum of their shares as `cycles`.
    `times`: what lies so many periods after the anchor.
    """
    zone = inputs.get("zone", "UTC")
    day = parse_day(inputs["day"]) if "day" in inputs else None
    cycle = Cycle(parse_period(inputs["period"]), parse_time(inputs["anchor"], zone), zone, inputs.get("align", "anchor"), day)
    start = parse_time(inputs.get("start", inputs["anchor"]), zone)
    spans = _spans(inputs, cycle, start)
    if "trial" in inputs:
        end = parse_period(inputs["trial"]).after(start, zone)
        spans = [piece for span in spans for piece in span.cut([end])]
    found: dict[str, Any] = {"starts": [_shown(span.start, zone) for span in spans]}
    found["spans"] = [[_shown(span.start, zone), _shown(span.end, zone)] for span in spans]
    if "end" in inputs or "target" in inputs:
        shares = [share(span, cycle.period_at(span.start), proration="day", zone=zone) for span in spans]
        found |= {"cycles": plain(sum(shares, Fraction(0)), 9), "whole": str(shares.count(Fraction(1)))}
    if "times" in inputs:
        found["later"] = _shown(cycle.period.after(cycle.anchor, zone, int(inputs["times"])), zone)
    if "at" in inputs:
        span = cycle.period_at(parse_time(inputs["at"], zone))
        found["period"] = [_shown(span.start, zone), _shown(span.end, zone)]
    return found


def _spans(inputs: Mapping[str, Any], cycle: Cycle, start: datetime) -> list[Span]:
    end = parse_time(inputs["end"], cycle.zone) if "end" in inputs else None
    if "target" in inputs:
        target = parse_time(inputs["target"], cycle.zone)
        return list(takewhile(lambda span: span.start <= target, cycle.spans(start, end)))
    return list(islice(cycle.spans(start, end), int(inputs.get("count", "1" if end is None else "1000"))))


def days(inputs: Mapping[str, Any]) -> Any:
    """The local days and the elapsed hours between `start` and `end`."""
    zone = inputs["zone"]
    span = Span(parse_time(inputs["start"], zone), parse_time(inputs["end"], zone))
    found = {"days": str(local_days(span, zone)), "hours": plain(span.seconds / 3600)}
    if "plus" in inputs:
        found["later"] = _shown(span.start + parse_duration(inputs["plus"]), zone)
    return found


def fraction_of_year(inputs: Mapping[str, Any]) -> Any:
    """The years from `start` to `end` by the day count `convention`, exact."""
    return {"years": plain(year_fraction(parse_date(inputs["start"]), parse_date(inputs["end"]), inputs["convention"]))}


def _shown(instant: Any, zone: str) -> str:
    """The wall clock; a local midnight as its date."""
    local = to_local(instant, zone)
    return local.date().isoformat() if local.time().isoformat() == "00:00:00" else local.strftime("%Y-%m-%dT%H:%M")
