"""The nights, days or hours that a booking takes, as the moments at which they begin. Pure.

A `night` belongs to the evening on which it begins: the day of departure is free for the next guest. A `day` is taken from the first to
the last local day that is touched, an `hour` likewise; a `show` is one slot, at its start. Local days are those of the catalogue's zone.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from plans.errors import Invalid
from plans.periods import day_start, local_date
from plans.resources import Resource

MOST = 1000  # slots of one booking
HOUR = timedelta(hours=1)


def number_of(thing: str, unit: str) -> int:
    """The number by which the database compares single things: the same for the same name, whatever else there is."""
    return int.from_bytes(hashlib.sha256(f"{thing}/{unit}".encode()).digest()[:8], "big") >> 2


def slots_of(resource: Resource, start: datetime, end: datetime, zone: str) -> tuple[datetime, ...]:
    """The slots of `[start, end)`, UTC, in order; at least one. Raises Invalid `out_of_range` for more than `MOST`."""
    if resource.per == "show":
        return (start.astimezone(UTC),)
    if resource.per == "hour":
        first = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        count = -int((first - end) // HOUR)
        found = [first + HOUR * i for i in range(min(max(count, 1), MOST + 1))]
    else:
        first_day, last_day = local_date(start, zone), local_date(end - timedelta(microseconds=1), zone)
        days = (last_day - first_day).days + 1
        if resource.per == "night":
            days = max(1, (local_date(end, zone) - first_day).days)
        found = [day_start(first_day + timedelta(days=i), zone) for i in range(min(days, MOST + 1))]
    if len(found) > MOST:
        raise Invalid("out_of_range", f"a booking takes at most {MOST} {resource.per}s", at="until")
    return tuple(found)
