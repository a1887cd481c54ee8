"""Reading a price that a person wrote, once: every field typed, every mistake named with its path.

Error codes: `unknown_field missing_field wrong_type not_a_number negative out_of_range bad_tiers unknown_model unknown_currency conflict`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from plans.errors import Invalid
from plans.fields import Fields, describe, suggestion
from plans.pricing.arithmetic import EXACT
from plans.pricing.models import (
    AnyPrice,
    Cell,
    Dynamic,
    Flat,
    Matrix,
    Package,
    Percentage,
    Unit,
    carries_amounts,
)
from plans.pricing.tiers import Graduated, GraduatedPercentage, Tier, TierTable, Volume

MOST_TIERS = 10_000
DEEPEST = 8  # prices inside prices: cells, volume tiers with a whole price
HUNDREDTH = Decimal("0.01")
PACKAGE_ROUNDS = ("up", "down", "nearest", "none")


class PriceFields(Fields):
    """The reader of fields with the error codes of prices: a word that is not among the choices is `out_of_range`."""

    def choice(self, name: str, choices: Sequence[str], default: Any = None) -> Any:
        value = self.raw(name, default)
        if value is default:
            return value
        if not isinstance(value, str):
            raise Invalid("wrong_type", f"expected one of {', '.join(choices)}; found {describe(value)}", at=self.path(name))
        if value not in choices:
            raise Invalid("out_of_range", f"expected one of {', '.join(choices)}; found {describe(value)}", at=self.path(name))
        return value

    def positive(self, name: str, *default: Any) -> Any:
        """A decimal above 0."""
        number = self.decimal(name, *default)
        if isinstance(number, Decimal) and not number:
            raise Invalid("out_of_range", "expected a number above 0", at=self.path(name))
        return number


@dataclass(frozen=True, slots=True)
class Reading:
    """What a price inherits from where it stands."""

    negative: bool
    depth: int = 0

    def deeper(self) -> Reading:
        return Reading(self.negative, self.depth + 1)


def read_price(value: object, at: str, context: Reading) -> AnyPrice:
    """One price, `{model: …}`."""
    if context.depth > DEEPEST:
        raise Invalid("conflict", f"prices inside prices more than {DEEPEST} deep", at=at)
    fields = PriceFields(value, at)
    model = fields.text("model")
    reader = MODELS.get(model)
    if reader is None:
        raise Invalid("unknown_model", f"there is no price model {model!r}{suggestion(model, sorted(MODELS))}", at=fields.path("model"))
    price = reader(fields, context)
    fields.done()
    return price


def _flat(fields: PriceFields, context: Reading) -> Flat:
    return Flat(fields.decimal("amount", negative=context.negative))


def _unit(fields: PriceFields, context: Reading) -> Unit:
    return Unit(fields.decimal("amount", negative=context.negative))


def _package(fields: PriceFields, context: Reading) -> Package:
    return Package(
        size=fields.positive("size"),
        amount=fields.decimal("amount", negative=context.negative),
        round=fields.choice("round", PACKAGE_ROUNDS, "up"),
    )


def _dynamic(fields: PriceFields, context: Reading) -> Dynamic:
    return Dynamic(fields.decimal("multiplier", Decimal(1), negative=context.negative))


def _percentage(fields: PriceFields, context: Reading) -> Percentage:
    price = Percentage(
        rate=hundredth(fields.decimal("rate", negative=context.negative)),
        fixed=fields.decimal("fixed", Decimal(0), negative=context.negative),
        free_events=fields.integer("free_events", None),
        free_amount=fields.decimal("free_amount", None),
        minimum=fields.decimal("minimum_per_event", None, negative=context.negative),
        maximum=fields.decimal("maximum_per_event", None, negative=context.negative),
    )
    check_bounds(price.minimum, price.maximum, fields.path("minimum_per_event"))
    return price


def check_bounds(minimum: Decimal | None, maximum: Decimal | None, at: str) -> None:
    """Raises `conflict` for a minimum above the maximum."""
    if minimum is not None and maximum is not None and minimum > maximum:
        raise Invalid("conflict", f"the minimum {minimum} is above the maximum {maximum}", at=at)


def hundredth(percent: Decimal) -> Decimal:
    with localcontext(EXACT):
        return percent * HUNDREDTH


# -- tiers -------------------------------------------------------------------------------------------------------------------------


def _graduated(fields: PriceFields, context: Reading) -> Graduated:
    return Graduated(_tiers(fields, context, _unit_tier), _zero_free(fields), fields.at)


def _graduated_percentage(fields: PriceFields, context: Reading) -> GraduatedPercentage:
    return GraduatedPercentage(_tiers(fields, context, _rate_tier), _zero_free(fields), fields.at)


def _volume(fields: PriceFields, context: Reading) -> Volume:
    tiers = _tiers(fields, context, _volume_tier)
    same_kind([tier.price for tier in tiers if tier.price is not None], fields.path("tiers"))
    if any(tier.price is None for tier in tiers) and any(carries_amounts(tier.price) for tier in tiers if tier.price is not None):
        raise Invalid("conflict", "some of these tiers look at amounts of events and some at quantities", at=fields.path("tiers"))
    return Volume(tiers, _zero_free(fields), fields.at)


def _zero_free(fields: PriceFields) -> bool:
    """Whether quantity 0 costs nothing: `zero: free`; by default the first tier's flat is due."""
    return bool(fields.choice("zero", ("free", "due"), "due") == "free")


TierReader = Callable[[PriceFields, Reading, Decimal | None], Tier]


def _tiers(fields: PriceFields, context: Reading, reader: TierReader) -> tuple[Tier, ...]:
    return tuple(tier for tier, _ in read_bounded(fields, lambda one, up_to: reader(one, context, up_to)))


def read_bounded(fields: PriceFields, reader: Callable[[PriceFields, Decimal | None], Any]) -> Iterator[tuple[Any, Decimal | None]]:
    """The list `tiers`, each with its inclusive bound. Raises `bad_tiers` unless the bounds rise strictly and only the last is open."""
    items = fields.items("tiers")
    if not 1 <= len(items) <= MOST_TIERS:
        raise Invalid("bad_tiers", f"expected 1 to {MOST_TIERS} tiers, found {len(items)}", at=fields.path("tiers"))
    before: Decimal | None = None
    for position, (element, at) in enumerate(items):
        one = PriceFields(element, at)
        up_to = one.decimal("up_to", None)
        read = reader(one, up_to)
        one.done()
        if up_to is None and position < len(items) - 1:
            raise Invalid("bad_tiers", "only the last tier may be without `up_to`", at=one.path("up_to"))
        if up_to is not None and before is not None and up_to <= before:
            raise Invalid("bad_tiers", f"`up_to` must rise: {up_to} comes after {before}", at=one.path("up_to"))
        before = up_to
        yield read, up_to


def _unit_tier(fields: PriceFields, context: Reading, up_to: Decimal | None) -> Tier:
    return Tier(
        up_to=up_to,
        unit=fields.decimal("unit", Decimal(0), negative=True),
        flat=fields.decimal("flat", Decimal(0), negative=True),
        size=fields.positive("size", None),
    )


def _rate_tier(fields: PriceFields, context: Reading, up_to: Decimal | None) -> Tier:
    rate = hundredth(fields.decimal("rate", Decimal(0), negative=True))
    return Tier(up_to=up_to, unit=rate, flat=fields.decimal("flat", Decimal(0), negative=True))


def _volume_tier(fields: PriceFields, context: Reading, up_to: Decimal | None) -> Tier:
    if not fields.has("price"):
        return _unit_tier(fields, context, up_to)
    for name in ("unit", "flat", "size"):
        if fields.has(name):
            raise Invalid("conflict", f"a tier with a whole `price` has no {name!r} of its own", at=fields.path(name))
    price = read_price(fields.raw("price"), fields.path("price"), context.deeper())
    return Tier(up_to=up_to, unit=Decimal(0), flat=Decimal(0), price=price)


# -- matrix ------------------------------------------------------------------------------------------------------------------------


def _matrix(fields: PriceFields, context: Reading) -> Matrix:
    if context.depth:
        raise Invalid("conflict", "a matrix can't stand inside another price; name all its dimensions in one `by`", at=fields.at)
    by = tuple(_dimension(name, at) for name, at in fields.items("by"))
    if not by or len(set(by)) != len(by):
        raise Invalid("out_of_range", "expected at least one dimension, each once", at=fields.path("by"))
    cells = tuple(_cell(element, at, by, context) for element, at in fields.items("cells"))
    otherwise = fields.read("otherwise", lambda value, at: read_price(value, at, context.deeper()), None)
    prices = [cell.price for cell in cells] + ([otherwise] if otherwise is not None else [])
    if not prices:
        raise Invalid("missing_field", "a matrix needs at least one cell or `otherwise`", at=fields.path("cells"))
    return Matrix(by, cells, otherwise, same_kind(prices, fields.path("cells")), fields.at)


def _dimension(name: object, at: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise Invalid("wrong_type", f"expected the name of a dimension, found {describe(name)}", at=at)
    return name


def _cell(element: object, at: str, by: tuple[str, ...], context: Reading) -> Cell:
    fields = PriceFields(element, at)
    when = {}
    for name, value, path in fields.mapping("when", []):
        if name not in by:
            raise Invalid("unknown_field", f"{name!r} is not a dimension of `by`{suggestion(name, by)}", at=path)
        when[name] = dimension_value(value, path)
    price = read_price(fields.raw("price"), fields.path("price"), context.deeper())
    fields.done()
    return Cell(when, price)


def dimension_value(value: object, at: str) -> str | None:
    """A dimension's value as text; null stands for a missing dimension."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    raise Invalid("wrong_type", f"expected a text, found {describe(value)}", at=at)


def same_kind(prices: Sequence[AnyPrice], at: str) -> bool:
    """Whether the prices look at amounts; `conflict` where some look at amounts and some at quantities. A flat price goes with both."""
    kinds = {carries_amounts(price) for price in prices if not isinstance(price, Flat)}
    if len(kinds) > 1:
        raise Invalid("conflict", "some of these prices look at the amounts of events and some at quantities", at=at)
    return kinds == {True}


MODELS: dict[str, Callable[[PriceFields, Reading], AnyPrice]] = {
    "flat": _flat,
    "unit": _unit,
    "package": _package,
    "graduated": _graduated,
    "volume": _volume,
    "percentage": _percentage,
    "graduated_percentage": _graduated_percentage,
    "dynamic": _dynamic,
    "matrix": _matrix,
}


def inside(price: AnyPrice) -> Iterator[AnyPrice]:
    """The price and every price inside it."""
    yield price
    if isinstance(price, Matrix):
        for one in (*(cell.price for cell in price.cells), *(() if price.otherwise is None else (price.otherwise,))):
            yield from inside(one)
    elif isinstance(price, TierTable):
        for tier in price.tiers:
            if tier.price is not None:
                yield from inside(tier.price)
