"""`notice`: what a change of mind costs by how long before it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plans.errors import Refusal
from plans.money import decimals, parse_decimal, plain
from plans.notice import fee_for, parse_steps
from plans.periods import parse_duration


def notice(inputs: Mapping[str, Any]) -> Any:
    """The fee for each notice of `told` by the table `steps`, and what is given back; or why the table can't be published."""
    units = [parse_decimal(amount) for amount in inputs["units"]]
    places = decimals(inputs["currency"])
    try:
        steps = parse_steps(inputs["steps"], "steps")
    except Refusal as refusal:
        return {"error": refusal.code, "message": refusal.message}
    fees = {name: fee_for(steps, parse_duration(text)).of(units, inputs["currency"]) for name, text in inputs["told"].items()}
    return {
        "fees": {name: plain(fee, places) for name, fee in fees.items()},
        "back": {name: plain(sum(units) - fee, places) for name, fee in fees.items()},
    }
