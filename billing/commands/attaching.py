"""Attaching a discount: the event that freezes its terms."""

from __future__ import annotations

from datetime import datetime

from billing.codec import encode_value
from billing.events import DiscountAttached
from billing.journal import Draft
from billing.state import AccountState
from plans.discounts import Discount


def attach_discount(state: AccountState, given: Discount, *, contract: str, start: datetime, currency: str, coupon: str = "") -> Draft:
    """The event that gives the account the discount from `start` on."""
    event = DiscountAttached(
        account=state.account,
        contract=contract,
        discount=given.code,
        name=given.name,
        level=given.level,
        terms=encode_value(given),
        start=start,
        currency=given.currency or currency,
        remainder=given.opening_remainder,
        coupon=coupon,
    )
    return Draft(state.account, event, start)
