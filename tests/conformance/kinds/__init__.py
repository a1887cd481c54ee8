"""One runner for each kind of case: inputs as written → what this system answers, as text. The arithmetic is the system's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.conformance.kinds import credits, fees, house, measures, notices, payments, prices, sums, taxes, times, wallets

Runner = Callable[[Mapping[str, Any]], Any]

RUNNERS: dict[str, Runner] = {
    "rating": prices.rating,
    "rounding": sums.rounding,
    "allocation": sums.allocation,
    "discount": sums.discount,
    "coupon": sums.coupon,
    "proration": fees.proration,
    "fee": fees.fee,
    "change": fees.change,
    "difference": fees.difference,
    "usage": fees.usage,
    "interest": fees.interest,
    "measure": measures.measured,
    "tax": taxes.tax,
    "calendar": times.calendar,
    "days": times.days,
    "year-fraction": times.fraction_of_year,
    "payment": payments.payment,
    "allowance": house.allowance,
    "excess": house.excess,
    "approval": house.approval,
    "relief": house.relief,
    "burn": wallets.burn,
    "notice": notices.notice,
    "credit": credits.credit,
}
