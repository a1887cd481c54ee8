"""Discounts and coupons given to an account, and taken away again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.command import Command, Timed
from billing.commands.attaching import attach_discount
from billing.commands.common import account_stream, open_state
from billing.commands.offers import offered
from billing.commands.timing import running
from billing.engine import Context, Decision
from billing.events import CouponTaken, DiscountEnded
from billing.journal import Draft
from plans.catalogue import Catalogue
from plans.discounts import Coupon, Discount
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.periods import local_date


@dataclass(frozen=True)
class GiveDiscount(Timed):
    account: str
    discount: str = ""  # one of the catalogue
    percent: Decimal | None = None  # or one of its own
    amount: Decimal | None = None
    periods: int | None = None
    items: tuple[str, ...] = ()
    contract: str = ""
    name: str = ""

    def writes(self) -> frozenset[str]:
        return frozenset({f"discount:{self.discount or self.name or self.reason}"})

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "items"} if self.contract else ())


def discount(context: Context, args: GiveDiscount) -> Decision:
    """Give a discount of the catalogue, or one of its own: percent (part of the price) or a fixed amount (off the next documents)."""
    state = open_state(args.account)
    contract = running(state, args.contract, context.at) if args.contract else ""
    given = _named(args.discount, local_date(context.at, state.zone)) if args.discount else _own(args)
    return Decision(
        [attach_discount(state, given, contract=contract, start=context.at, currency=state.currency)],
        {"discount": context.next_address(args.account)},
    )


def _own(args: GiveDiscount) -> Discount:
    if (args.percent is None) == (args.amount is None):
        raise Invalid("missing_field", "name a discount of the catalogue, or give a percent or an amount", at="percent")
    if args.percent is not None and not 0 < args.percent <= 100:
        raise Invalid("out_of_range", f"expected a percent above 0 and at most 100, found {args.percent}", at="percent")
    if args.amount is not None and args.amount <= 0:
        raise Invalid("out_of_range", f"expected an amount above 0, found {args.amount}", at="amount")
    fixed = args.amount is not None
    return Discount(
        code="",
        name=args.name or args.reason or "Discount",
        percent=args.percent,
        amount=args.amount,
        level="document" if fixed else "price",
        duration="periods" if args.periods else ("once" if fixed else "forever"),
        periods=args.periods,
        items=args.items,
    )


def _named(code: str, on: date) -> Discount:
    on_offer = offered(on)
    for catalogue in on_offer:
        if code in catalogue.discounts:
            return catalogue.discounts[code]
    known = [found for catalogue in on_offer for found in catalogue.discounts]
    raise NotFound("unknown_discount", f"there is no discount {code!r}{suggestion(code, known)}", at="discount")


@dataclass(frozen=True)
class ApplyCoupon(Timed):
    account: str
    coupon: str
    contract: str = ""

    def writes(self) -> frozenset[str]:
        return frozenset({f"coupon:{self.coupon}"})

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "items", "plan"})


def coupon_stream(code: str) -> str:
    return f"coupon:{code}"


def _coupon_streams(args: Any) -> list[str]:
    return [args.account, coupon_stream(args.coupon)]


def apply_coupon(context: Context, args: ApplyCoupon) -> Decision:
    """Take a coupon: its discount, if the code is known, not expired, not used up, and not taken by this account before."""
    state = open_state(args.account)
    catalogue, coupon = _coupon(args.coupon, local_date(context.at, state.zone))
    if coupon.expires is not None and local_date(context.at, state.zone) >= coupon.expires:
        message = f"the coupon {coupon.code} expired on {coupon.expires}"
        raise Conflict("coupon_expired", message, at="coupon", coupon=coupon.code, day=coupon.expires)
    taken = bulk.fetch("SELECT taken FROM read_coupon WHERE coupon = %s", [coupon.code])
    count = taken[0][0] if taken else 0
    if coupon.limit is not None and count >= coupon.limit:
        message = f"the coupon {coupon.code} was taken {count} times, which is all there were"
        raise Conflict("coupon_used_up", message, at="coupon", coupon=coupon.code)
    mine = sum(1 for held in state.discounts if held.coupon == coupon.code)
    if coupon.per_account is not None and mine >= coupon.per_account:
        raise Conflict("coupon_taken", f"the account took the coupon {coupon.code} before", at="coupon", coupon=coupon.code)
    contract = running(state, args.contract, context.at) if args.contract else ""
    plans = {row.terms.plan for c in state.contracts.values() if c.status != "ended" for row in c.timeline[-1:]}
    if coupon.plans and not plans & set(coupon.plans):
        message = f"the coupon {coupon.code} is for {', '.join(coupon.plans)}; the account has none of them"
        named = [plan.name for code, plan in catalogue.plans.items() if code in coupon.plans]
        raise Conflict("coupon_elsewhere", message, at="coupon", coupon=coupon.code, plans=", ".join(named))
    attached = attach_discount(
        state, catalogue.discounts[coupon.discount], contract=contract, start=context.at, currency=state.currency, coupon=coupon.code
    )
    took = CouponTaken(coupon=coupon.code, account=args.account, taken=count + 1)
    drafts = [attached, Draft(coupon_stream(args.coupon), took, context.at, context.next_address(args.account))]
    return Decision(drafts, {"discount": context.next_address(args.account)})


def _coupon(code: str, on: date) -> tuple[Catalogue, Coupon]:
    for catalogue in offered(on):
        if code in catalogue.coupons:
            return catalogue, catalogue.coupons[code]
    raise NotFound("unknown_coupon", f"there is no coupon {code!r}", at="coupon", coupon=code[:40])


@dataclass(frozen=True)
class EndDiscount(Timed):
    account: str
    discount: str

    def writes(self) -> frozenset[str]:
        return frozenset({f"discount:{self.discount}"})


def end_discount(context: Context, args: EndDiscount) -> Decision:
    """Take a discount away from now on; what it gave so far stays."""
    state = open_state(args.account)
    held = next((one for one in state.discounts if args.discount in (one.attachment, one.name) and one.end is None), None)
    if held is None:
        raise NotFound("unknown_discount", f"the account holds no discount {args.discount!r}", at="discount")
    event = DiscountEnded(account=args.account, attachment=held.attachment, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("discount", "Give a discount to an account or a contract", GiveDiscount, discount, account_stream),
    Command("apply_coupon", "Take a coupon", ApplyCoupon, apply_coupon, _coupon_streams),
    Command("end_discount", "Take a discount away from now on", EndDiscount, end_discount, account_stream),
)
