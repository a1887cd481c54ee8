"""Discounts and coupons: what they are, and the pure sums. A discount lowers a price (it is part of the target) or a document.

At price level a discount is a percentage of the amount, rated with it. At document level it is a percentage or a fixed amount with a
remainder, decided when the document is issued and spread over its lines by largest remainder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from plans.errors import Invalid
from plans.fields import Fields
from plans.frozen import frozen
from plans.listing import by_code, words
from plans.money import Exact, Rounding, allocate, decimals, fraction, plain, round_money
from plans.periods import parse_date

Duration = Literal["once", "periods", "forever"]
Stacking = Literal["successive", "additive"]


@dataclass(frozen=True)
class Discount:
    """Either `percent` or `amount` (in `currency`, or in that of what it is given on where that is ""). Empty scopes mean everything.

    `duration`: `once` is one period (price level), one document (percent), or until a fixed amount is used up; `periods` is that many
    periods or documents; `forever` never ends. `successive` takes its percentage of what earlier discounts left, `additive` of the
    undiscounted amount; lower `order` goes first. `cap` is the most it takes from one period (price) or one document.
    """

    code: str
    name: str
    percent: Decimal | None = None
    amount: Decimal | None = None
    currency: str = ""
    level: Literal["price", "document"] = "price"
    duration: Duration = "forever"
    periods: int | None = None
    items: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    stacking: Stacking = "successive"
    order: int = 0
    cap: Decimal | None = None
    leftover: Literal["carry", "lose"] = "carry"  # a fixed amount given once that is larger than the document

    def covers(self, *, item: str, plan: str) -> bool:
        return (not self.items or item in self.items) and (not self.plans or plan in self.plans)

    @property
    def most_uses(self) -> int | None:
        """After how many periods or documents it ends; None: never, or when its remainder is used up."""
        if self.duration == "periods":
            return self.periods
        carries = self.level == "document" and self.amount is not None and self.leftover == "carry"
        return 1 if self.duration == "once" and not carries else None

    @property
    def opening_remainder(self) -> Decimal | None:
        """What a fixed amount given once starts with; None for all others, which have no remainder."""
        return self.amount if self.level == "document" and self.duration == "once" else None


@dataclass(frozen=True)
class Coupon:
    """A code that gives a discount. `limit` counts all accounts, `per_account` one; it can't be taken from the day `expires` on."""

    code: str
    discount: str
    limit: int | None = None
    per_account: int | None = 1
    expires: date | None = None
    plans: tuple[str, ...] = ()


# --- at price level ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DiscountStep:
    """What one discount takes from an amount: exact, of the same sign as the amount."""

    discount: Discount
    base: Fraction
    amount: Fraction


def stacked(discounts: Sequence[Discount]) -> list[Discount]:
    """Discounts in the order in which they apply; equal orders keep the order given (the oldest first)."""
    return sorted(discounts, key=lambda discount: discount.order)


def discount_steps(base: Exact, discounts: Sequence[Discount]) -> list[DiscountStep]:
    """What each percentage takes from `base`, exact. Together they never take more than the whole; each respects its cap."""
    whole = left = fraction(base)
    found = []
    for discount in stacked(discounts):
        if discount.percent is None:
            continue
        of = left if discount.stacking == "successive" else whole
        off = of * Fraction(discount.percent) / 100
        if discount.cap is not None:
            off = _nearer_zero(off, Fraction(discount.cap))
        off = _nearer_zero(off, abs(left))
        left -= off
        found.append(DiscountStep(discount, of, off))
    return found


def discount_amount(base: Exact, discounts: Sequence[Discount]) -> Fraction:
    """What all percentages together take from `base`, exact: 20 % and 10 % of 100 are 28 successively and 30 additively."""
    return sum((step.amount for step in discount_steps(base, discounts)), Fraction(0))


def _nearer_zero(value: Fraction, most: Fraction) -> Fraction:
    return max(-most, min(most, value))


# --- at document level ------------------------------------------------------------------------------------------------------------


@frozen()
class DiscountableLine:
    """A line of a document before its discounts."""

    id: str
    amount: Decimal
    item: str = ""
    plan: str = ""
    contract: str = ""


@dataclass(frozen=True)
class Held:
    """A document discount that an account holds: `remainder` is what a fixed amount given once has left; `contract` "" means all."""

    id: str
    discount: Discount
    remainder: Decimal | None = None
    contract: str = ""


@dataclass(frozen=True)
class Use:
    """What a document takes of one held discount, positive; `shares` are by line id, positive, and add up to it."""

    held: Held
    amount: Decimal
    shares: Mapping[str, Decimal]


def document_discounts(
    lines: Sequence[DiscountableLine], held: Sequence[Held], *, currency: str, rounding: Rounding = "half_up"
) -> list[Use]:
    """What each held discount takes from a document, in order; those that take nothing are left out, so they are not used up.

    Each is spread pro rata over what is left of the positive lines in its scope. None brings a line or the document below 0.
    """
    left = {line.id: line.amount for line in lines}
    uses = []
    for one in sorted(held, key=lambda one: one.discount.order):
        if one.discount.currency not in ("", currency):
            continue
        scope = [line for line in lines if left[line.id] > 0 and _in_scope(line, one)]
        wanted = _wanted(one, scope, left, currency, rounding)
        room = min(sum((left[line.id] for line in scope), Decimal(0)), sum(left.values(), Decimal(0)))
        amount = min(wanted, max(Decimal(0), room))
        if amount > 0:
            shares = spread_fixed([(line.id, left[line.id]) for line in scope], amount, places=decimals(currency))
            left = {name: value - shares.get(name, Decimal(0)) for name, value in left.items()}
            uses.append(Use(one, amount, shares))
    return uses


def _in_scope(line: DiscountableLine, held: Held) -> bool:
    return held.discount.covers(item=line.item, plan=line.plan) and held.contract in ("", line.contract)


def _wanted(held: Held, scope: Sequence[DiscountableLine], left: Mapping[str, Decimal], currency: str, rounding: Rounding) -> Decimal:
    discount = held.discount
    if discount.percent is None:
        fixed = held.remainder if held.remainder is not None else (discount.amount or Decimal(0))
        return fixed if discount.cap is None else min(fixed, discount.cap)
    successive = discount.stacking == "successive"
    base = sum((left[line.id] if successive else line.amount for line in scope), Decimal(0))
    taken = Fraction(base) * Fraction(discount.percent) / 100
    if discount.cap is not None:
        taken = min(taken, Fraction(discount.cap))
    return round_money(taken, currency, rounding)


def spread_fixed(lines: Sequence[tuple[str, Decimal]], amount: Decimal, *, places: int) -> dict[str, Decimal]:
    """Share `amount` (at most the sum of the lines) over lines (id, what is left, 0 or more) pro rata, by largest remainder.

    The shares add up to the amount, and none is larger than its line. Raises Invalid `out_of_range` for an amount beyond the lines.
    """
    if amount > sum((left for _, left in lines), Decimal(0)):
        raise Invalid("out_of_range", f"{amount} is more than the lines hold")
    shares = allocate(amount, [left for _, left in lines], places)
    return {name: share for (name, _), share in zip(lines, shares, strict=True)}


# --- reading ----------------------------------------------------------------------------------------------------------------------


def parse_discount(value: object, at: str = "discount") -> Discount:
    """One discount. Exactly one of `percent` (0 to 100) and `amount`; fixed amounts live on documents."""
    fields = Fields(value, at)
    code = fields.text("code", longest=60)
    percent, amount = fields.decimal("percent", None), fields.decimal("amount", None)
    if (percent is None) == (amount is None):
        raise Invalid("missing_field", "a discount has either a percent or an amount", at=fields.path("percent"))
    if percent is not None and percent > 100:
        raise Invalid("out_of_range", f"a discount is 0 to 100 percent, found {percent}", at=fields.path("percent"))
    level = fields.choice("level", ("price", "document"), "price" if amount is None else "document")
    if amount is not None and level == "price":
        raise Invalid("conflict", "a fixed amount is taken from a document, not from a price", at=fields.path("level"))
    periods = fields.integer("periods", None, least=1)
    duration = fields.choice("duration", ("once", "periods", "forever"), "forever" if periods is None else "periods")
    if (duration == "periods") != (periods is not None):
        raise Invalid("conflict", "`periods` (how many) belongs to the duration `periods`", at=fields.path("periods"))
    discount = Discount(
        code=code,
        name=fields.text("name", code),
        percent=percent,
        amount=amount,
        currency=_currency(fields),
        level=level,
        duration=duration,
        periods=periods,
        items=words(fields, "items"),
        plans=words(fields, "plans"),
        stacking=fields.choice("stacking", ("successive", "additive"), "successive"),
        order=fields.integer("order", 0, most=1000),
        cap=fields.decimal("cap", None),
        leftover=fields.choice("leftover", ("carry", "lose"), "carry"),
    )
    fields.done()
    return discount


def _currency(fields: Fields) -> str:
    currency: str = fields.text("currency", "")
    if currency:
        try:
            decimals(currency)
        except Invalid as error:
            raise Invalid(error.code, error.message, at=fields.path("currency")) from None
    return currency


def discount_terms(discount: Discount) -> dict[str, Any]:
    """The discount as data that `parse_discount` reads back unchanged: how it is frozen in the event that gives it."""
    terms: dict[str, Any] = {}
    for name, value in vars(discount).items():
        if value is None or value == "" or value == ():
            continue
        terms[name] = plain(value) if isinstance(value, Decimal) else list(value) if isinstance(value, tuple) else value
    return terms


def parse_discounts(value: object, at: str = "discounts") -> dict[str, Discount]:
    """A mapping code → discount, or a list of discounts that name their codes. Raises Invalid `conflict` for a code stated twice."""
    return by_code(value, at, reader=parse_discount, what="discount")


def parse_coupon(value: object, at: str = "coupon") -> Coupon:
    """One coupon; whether its discount exists is checked where both are known."""
    fields = Fields(value, at)
    coupon = Coupon(
        code=fields.text("code", longest=60),
        discount=fields.text("discount", longest=60),
        limit=fields.integer("limit", None, least=1),
        per_account=fields.integer("per_account", 1, least=1),
        expires=fields.read("expires", parse_date, None),
        plans=words(fields, "plans"),
    )
    fields.done()
    return coupon


def parse_coupons(value: object, at: str = "coupons") -> dict[str, Coupon]:
    """A mapping code → coupon, or a list of coupons that name their codes. Raises Invalid `conflict` for a code stated twice."""
    return by_code(value, at, reader=parse_coupon, what="coupon")
