"""`parse_pricing`: a mapping with a price and everything beside it → `Pricing`, checked once and for all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from plans.errors import Invalid
from plans.money import ROUNDINGS, Rounding, places_of
from plans.pricing.arithmetic import QUANTITY_ROUNDS
from plans.pricing.beside import PLAIN, Beside, Choice, Choose, Commitment, EventTransform, Pricing, QuantityTransform, Window
from plans.pricing.models import AnyPrice, Matrix, Package, Percentage
from plans.pricing.reading import PriceFields, Reading, check_bounds, hundredth, inside, read_bounded, read_price, same_kind

QUANTITY_SIDE = ("quantity_transform", "at_least", "included")
AMOUNT_SIDE = ("discount", "maximum", "commitment", "minimum")
PRICING_FIELDS = frozenset(
    {"price", "choose", "event_transform", "per_event", "per_days", "window", "lines", "rounding", "negative", *QUANTITY_SIDE, *AMOUNT_SIDE}
)
WINDOWS = ("hour", "day", "week", "month")


def parse_pricing(value: object, *, currency: str, at: str = "", rounding: Rounding = "half_up") -> Pricing:
    """Read a mapping of `PRICING_FIELDS` (a case or a catalogue item, cut down to them), amounts in `currency`.

    `at` is the path of the mapping; `rounding` the rule where the mapping names none. Raises Invalid with the codes of `reading`.
    """
    places = places_of(currency)
    fields = PriceFields(value, at)
    negative = fields.choice("negative", ("allowed", "refused"), "refused") == "allowed"
    price, choose = _price_or_choose(fields, Reading(negative))
    beside = _beside(fields, negative)
    event_transform = fields.read("event_transform", _event_transform, None)
    window = fields.read("window", lambda one, path: _window(one, path, beside, negative), None)
    prices = [price] if price is not None else [choice.price for choice in choose.tiers] if choose is not None else []
    every = [one for top in prices for one in inside(top)]
    amounts = same_kind(prices, fields.path("choose"))
    _check_together(fields, every, amounts)
    pricing = Pricing(
        currency=currency,
        places=places,
        price=price,
        choose=choose,
        beside=beside,
        event_transform=event_transform,
        window=window,
        per_days=fields.positive("per_days", None),
        rounding=fields.choice("rounding", ROUNDINGS, rounding),
        negative=negative,
        lines_by_tier=fields.choice("lines", ("tiers", "single"), "single") == "tiers",
        amounts=amounts,
        needs_events=amounts or any(isinstance(one, Matrix) for one in every),
        fractions=_leaves_decimals(every, beside, window),
        at=at,
    )
    fields.done()
    return pricing


def _price_or_choose(fields: PriceFields, context: Reading) -> tuple[AnyPrice | None, Choose | None]:
    if fields.has("price") and fields.has("choose"):
        raise Invalid("conflict", "`choose` stands in place of `price`: give one of them", at=fields.path("choose"))
    if fields.has("choose"):
        return None, fields.read("choose", lambda value, at: _choose(value, at, context))
    return read_price(fields.raw("price"), fields.path("price"), context), fields.raw("choose", None)


def _choose(value: object, at: str, context: Reading) -> Choose:
    fields = PriceFields(value, at)
    by = fields.text("by")

    def choice(one: PriceFields, up_to: Decimal | None) -> Choice:
        return Choice(up_to, read_price(one.raw("price"), one.path("price"), context))

    tiers = tuple(read for read, _ in read_bounded(fields, choice))
    fields.done()
    return Choose(by, tiers, at)


def _beside(fields: PriceFields, negative: bool) -> Beside:
    """The wrappers that stand in this mapping."""
    discount = fields.decimal("discount", None)
    if discount is not None and discount > 100:
        raise Invalid("out_of_range", f"a discount is 0 to 100 percent, found {discount}", at=fields.path("discount"))
    beside = Beside(
        quantity_transform=fields.read("quantity_transform", _quantity_transform, None),
        at_least=fields.decimal("at_least", None),
        included=fields.decimal("included", None),
        per_event=fields.decimal("per_event", None, negative=negative),
        discount=None if discount is None else hundredth(discount),
        maximum=fields.decimal("maximum", None, negative=negative),
        commitment=fields.read("commitment", _commitment, None),
        minimum=fields.decimal("minimum", None, negative=negative),
    )
    check_bounds(beside.minimum, beside.maximum, fields.path("minimum"))
    return PLAIN if beside == PLAIN else beside


def _quantity_transform(value: object, at: str) -> QuantityTransform:
    fields = PriceFields(value, at)
    if fields.has("divide_by") and fields.has("multiply_by"):
        raise Invalid("conflict", "give one of `divide_by` and `multiply_by`", at=fields.path("multiply_by"))
    if fields.has("multiply_by"):
        factor = Fraction(fields.positive("multiply_by"))
        fields.raw("divide_by", None)
    else:
        factor = 1 / Fraction(fields.positive("divide_by"))
        fields.raw("multiply_by", None)
    transform = QuantityTransform(factor, fields.choice("round", QUANTITY_ROUNDS, "none"), fields.integer("decimals", 0, most=30))
    fields.done()
    return transform


def _event_transform(value: object, at: str) -> EventTransform:
    fields = PriceFields(value, at)
    transform = EventTransform(
        minimum=fields.decimal("minimum", Decimal(0)),
        step=fields.positive("step", None),
        round=fields.choice("round", QUANTITY_ROUNDS, "up"),
    )
    fields.done()
    return transform


def _commitment(value: object, at: str) -> Commitment:
    fields = PriceFields(value, at)
    commitment = Commitment(fields.decimal("amount"), fields.decimal("overage_factor", Decimal(1)), fields.flag("true_up", False))
    fields.done()
    return commitment


def _window(value: object, at: str, period: Beside, negative: bool) -> Window:
    """`window: day`, or `{every: day, …}` with the amount wrappers of each window.

    What acts on the quantity is always the window's (the period has no quantity of its own then); what acts on the amount is the period's
    unless it stands inside `window`.
    """
    fields = PriceFields({"every": value} if isinstance(value, str) else value, at)
    every = fields.choice("every", WINDOWS) if fields.has("every") else fields.raw("every")
    own = _beside(fields, negative)
    fields.raw("per_event", None)
    if own.per_event is not None:
        raise Invalid("conflict", "`per_event` stands beside the price", at=fields.path("per_event"))
    for name in QUANTITY_SIDE:
        if getattr(own, name) is not None and getattr(period, name) is not None:
            raise Invalid("conflict", f"{name!r} acts in each window; state it once", at=fields.path(name))
    fields.done()
    merged = {name: getattr(own, name) or getattr(period, name) for name in QUANTITY_SIDE}
    return Window(every, Beside(**merged, **{name: getattr(own, name) for name in AMOUNT_SIDE}))


def _check_together(fields: PriceFields, every: Sequence[AnyPrice], amounts: bool) -> None:
    """Raises `conflict` for wrappers that mean nothing beside this model."""
    quantity_side = [name for name in QUANTITY_SIDE if fields.has(name)]
    if amounts and fields.has("event_transform"):
        raise Invalid("conflict", "`event_transform` works on quantities; this price looks at amounts", at=fields.path("event_transform"))
    if quantity_side and any(isinstance(one, Percentage) for one in every):
        hint = "`percentage` prices each event by itself; use free_events and free_amount"
        raise Invalid("conflict", f"{quantity_side[0]!r} works on the total: {hint}", at=fields.path(quantity_side[0]))
    if any(isinstance(one, Matrix) for one in every):
        if fields.has("at_least"):
            raise Invalid("conflict", "each group of a matrix has its own total: `at_least` has none to raise", at=fields.path("at_least"))
        if fields.has("included") and fields.has("quantity_transform"):
            raise Invalid(
                "conflict", "a matrix takes `included` from the events, so it can't be in a transformed unit", at=fields.path("included")
            )


def _leaves_decimals(every: Sequence[AnyPrice], beside: Beside, window: Window | None) -> bool:
    transforms = beside.quantity_transform or (window and window.beside.quantity_transform)
    return bool(transforms) or any(isinstance(one, Package) and one.round != "up" for one in every)
