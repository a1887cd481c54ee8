"""Time as billing needs it: instants, spans, periods that repeat, and shares of a period. Pure: no clock is read here."""

from plans.periods.cycles import LAST_DAY, Align, Cycle, Period, Unit, parse_day, parse_period
from plans.periods.shares import CONVENTIONS, Convention, Proration, local_days, share, year_fraction
from plans.periods.spans import Span
from plans.periods.times import (
    as_utc,
    day_start,
    everyday,
    local_date,
    parse_date,
    parse_duration,
    parse_time,
    to_local,
    to_utc,
    zone_of,
)

__all__ = [
    "CONVENTIONS",
    "LAST_DAY",
    "Align",
    "Convention",
    "Cycle",
    "Period",
    "Proration",
    "Span",
    "Unit",
    "as_utc",
    "day_start",
    "everyday",
    "local_date",
    "local_days",
    "parse_date",
    "parse_day",
    "parse_duration",
    "parse_period",
    "parse_time",
    "share",
    "to_local",
    "to_utc",
    "year_fraction",
    "zone_of",
]
