"""Prices as data: `parse_pricing` reads one, `rate` says what a consumption costs under it. Pure: no table, no clock, no float.

`docs/prices.md` explains the form with worked examples.
"""

from plans.pricing.beside import Beside, Commitment, Pricing
from plans.pricing.parsing import PRICING_FIELDS, parse_pricing
from plans.pricing.rating import PRORATABLE, rate
from plans.pricing.values import Consumption, Rated, RatedLine, Step, UsageEvent

__all__ = [
    "PRICING_FIELDS",
    "PRORATABLE",
    "Beside",
    "Commitment",
    "Consumption",
    "Pricing",
    "Rated",
    "RatedLine",
    "Step",
    "UsageEvent",
    "parse_pricing",
    "rate",
]
