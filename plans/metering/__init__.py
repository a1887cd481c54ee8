"""Metering: from raw records to the quantities that prices look at. Pure: no clock, no tables."""

from plans.metering.evaluate import MeasuredEvent, tidy
from plans.metering.measure import Measured, measure, measure_windows
from plans.metering.meters import AGGREGATES, Meter, Register, check_meters, parse_meter
from plans.metering.prepare import NEEDS_VALUE
from plans.metering.records import Effective, Record, Skipped, effective
from plans.metering.samples import percentile

__all__ = [
    "AGGREGATES",
    "NEEDS_VALUE",
    "Effective",
    "Measured",
    "MeasuredEvent",
    "Meter",
    "Record",
    "Register",
    "Skipped",
    "check_meters",
    "effective",
    "measure",
    "measure_windows",
    "parse_meter",
    "percentile",
    "tidy",
]
