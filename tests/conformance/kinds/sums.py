"""`rounding`, `allocation`, `discount`, `coupon`: sums of money that look at no time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from plans.discounts import DiscountableLine, Held, discount_amount, document_discounts, parse_discount
from plans.money import allocate, decimals, fraction, parse_decimal, plain, round_to


def rounding(inputs: Mapping[str, Any]) -> Any:
    """`amounts` rounded to `decimals` (or those of `currency`) by `rule`: each, and the sum of the rounded ones."""
    places = int(inputs["decimals"]) if "decimals" in inputs else decimals(inputs["currency"])
    rounded = [round_to(parse_decimal(amount), places, inputs.get("rule", "half_up")) for amount in inputs["amounts"]]
    return {"amounts": [plain(amount, places) for amount in rounded], "total": plain(sum(rounded, Decimal(0)), places)}


def allocation(inputs: Mapping[str, Any]) -> Any:
    """`amount` shared by `weights` (a list)."""
    places = int(inputs["decimals"])
    shares = allocate(parse_decimal(inputs["amount"]), [parse_decimal(weight) for weight in inputs["weights"]], places)
    return {"shares": [plain(share, places) for share in shares]}


def discount(inputs: Mapping[str, Any]) -> Any:
    """What percentages in `discounts` take from `base` together, at the level of the price: exact."""
    off = discount_amount(parse_decimal(inputs["base"]), [_discount(i, one) for i, one in enumerate(inputs["discounts"])])
    return {"off": plain(off), "left": plain(fraction(parse_decimal(inputs["base"])) - off)}


def coupon(inputs: Mapping[str, Any]) -> Any:
    """`discounts` held by an account (with what is left of each as `remainder`) on a document with `lines` (amounts, or mappings)."""
    places = decimals(inputs["currency"])
    lines = [_line(i, line) for i, line in enumerate(inputs["lines"])]
    held = []
    for i, given in enumerate(inputs["discounts"]):
        one = {name: value for name, value in given.items() if name != "remainder"}
        read = _discount(i, {"level": "document"} | one)
        remainder = parse_decimal(given["remainder"]) if "remainder" in given else read.opening_remainder
        held.append(Held(str(i), read, remainder))
    uses = document_discounts(lines, held, currency=inputs["currency"])
    taken = {line.id: sum((use.shares.get(line.id, Decimal(0)) for use in uses), Decimal(0)) for line in lines}
    return {
        "uses": {use.held.id: plain(use.amount, places) for use in uses},
        "off": plain(sum(taken.values(), Decimal(0)), places),
        "lines": [plain(taken[line.id], places) for line in lines],
        "total": plain(sum((line.amount - taken[line.id] for line in lines), Decimal(0)), places),
    }


def _line(i: int, given: Any) -> DiscountableLine:
    fields = given if isinstance(given, Mapping) else {"amount": given}
    return DiscountableLine(str(i), parse_decimal(fields["amount"]), item=fields.get("item", ""), plan=fields.get("plan", ""))


def _discount(i: int, given: Mapping[str, Any]) -> Any:
    return parse_discount({"code": f"d{i}"} | dict(given))
