"""What a meter counts: the catalogue's `meters`, read and checked.

meters:
  calls:   {aggregate: sum, unit: minute, dimensions: [destination], derive: {band: tariff}}
  seats:   {aggregate: time_weighted, values: changes}
  peak:    {aggregate: max, window: hour, over: sum, filter: {kind: [a, b]}}
  transit: {aggregate: percentile, percentile: 95}
  users:   {aggregate: unique, unique: user}
  energy:  {aggregate: register, unit: kWh, register: {digits: 6, spread: days, per: serial}}
  link:    {max_of: [in, out], window: 5 minutes, over: percentile, percentile: 95}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from plans.errors import Invalid
from plans.fields import Fields, describe, join, suggestion
from plans.periods import Period, parse_period

Aggregate = Literal[
    "count", "sum", "max", "min", "latest", "average", "unique", "percentile", "time_weighted", "register", "max_of", "sum_of"
]
Over = Literal["sum", "max", "min", "average", "percentile"]
AGGREGATES = ("count", "sum", "max", "min", "latest", "average", "unique", "percentile", "time_weighted", "register")
COMPOSED = ("max_of", "sum_of")
ADDITIVE = frozenset({"count", "sum", "time_weighted", "register"})  # their quantity is the sum of what each record puts in
WITH_CHANGES = ("max", "min", "latest", "time_weighted")


@dataclass(frozen=True)
class Register:
    """A counter that only goes up. `modulus`: the value at which it starts again from 0. `per`: the dimension that tells registers apart.

    `spread: days` spreads a difference evenly over the time between its readings, `end` puts it at the later reading (the moment before
    it). `estimates: replaced` drops an estimate once a later actual reading exists, `kept` lets the actual one correct it (a difference
    from an estimate may be negative). Default: replaced with `days`, kept with `end`.
    """

    modulus: Decimal | None = None
    spread: Literal["days", "end"] = "days"
    estimates: Literal["replaced", "kept"] = "replaced"
    per: str | None = None


@dataclass(frozen=True)
class Meter:
    """How raw records become a quantity.

    `reads`: the code under which records are sent (its own by default). `filter`: dimension -> values that count. `dimensions`: what the
    quantity is kept apart by; levels and registers are one for each combination. `derive`: dimension -> calendar that gives it by time of
    use. `window` and `over`: measured in each window alone, then combined. `values: changes`: records add to a running level instead of
    stating it. `carry`: whether the state before the period counts. `spread`: where a record with a duration belongs: evenly over it
    (`time`), at its `start` or its `end`. `factor`: every value is multiplied by it. `parts`: the meters that this one is made of.
    """

    code: str
    aggregate: Aggregate = "sum"
    name: str = ""
    unit: str = ""
    reads: str = ""
    percentile: Decimal | None = None
    unique: str | None = None
    filter: tuple[tuple[str, frozenset[str]], ...] = ()
    dimensions: tuple[str, ...] = ()
    derive: tuple[tuple[str, str], ...] = ()
    window: Period | None = None
    over: Over = "sum"
    values: Literal["absolute", "changes"] = "absolute"
    carry: bool = False
    spread: Literal["time", "start", "end"] = "time"
    factor: Decimal = Decimal(1)
    register: Register = Register()
    parts: tuple[str, ...] = ()

    @property
    def looks_back(self) -> bool:
        """Whether what it shows for a span depends on records from before it."""
        return self.carry or self.aggregate in ("register", "time_weighted", "latest") or self.values == "changes"

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions that the quantity is kept apart by, derived ones too."""
        return tuple(dict.fromkeys([*self.dimensions, *(name for name, _ in self.derive)]))

    @property
    def identity(self) -> tuple[str, ...]:
        """The dimensions that tell levels or registers apart."""
        per = (self.register.per,) if self.register.per else ()
        return tuple(dict.fromkeys([*self.dimensions, *per]))


def parse_meter(code: str, value: object, at: str = "") -> Meter:
    """Read one meter of the catalogue; see the module for examples, `Meter` for the fields. Raises Invalid with the path."""
    fields = Fields(value, at)
    composed = [name for name in COMPOSED if fields.has(name)]
    if len(composed) > 1 or (composed and fields.has("aggregate")):
        raise Invalid("conflict", "a meter has one of aggregate, max_of and sum_of", at=fields.path(composed[-1]))
    if composed:
        meter = _composed(code, fields, composed[0])
    else:
        meter = _simple(code, fields)
    fields.done()
    return meter


def _composed(code: str, fields: Fields, how: str) -> Meter:
    parts = tuple(_word(element, path) for element, path in fields.items(how))
    if not parts:
        raise Invalid("missing_field", "a meter made of meters names at least one", at=fields.path(how))
    return Meter(code=code, aggregate=how, parts=parts, **_common(fields), **_windowed(fields, {}))  # type: ignore[arg-type]


def _simple(code: str, fields: Fields) -> Meter:
    aggregate = fields.choice("aggregate", AGGREGATES, "sum")
    settings = _windowed(fields, {"percentile"} if aggregate == "percentile" else set())
    values = fields.choice("values", ("absolute", "changes"), "absolute")
    if values == "changes" and aggregate not in WITH_CHANGES:
        raise Invalid("conflict", f"values: changes goes with {', '.join(WITH_CHANGES)}, not with {aggregate}", at=fields.path("values"))
    stateful = aggregate == "time_weighted" or values == "changes" or (aggregate == "latest" and settings["window"] is None)
    meter = Meter(
        code=code,
        aggregate=aggregate,
        reads=fields.text("reads", ""),
        unique=fields.text("unique") if aggregate == "unique" else None,
        filter=tuple((name, _values(wanted, path)) for name, wanted, path in fields.mapping("filter", ())),
        dimensions=tuple(_word(element, path) for element, path in fields.items("dimensions", ())),
        derive=tuple((name, _word(calendar, path)) for name, calendar, path in fields.mapping("derive", ())),
        values=values,
        carry=fields.flag("carry", stateful),
        spread=fields.choice("spread", ("time", "start", "end"), "time"),
        factor=fields.decimal("factor", Decimal(1)),
        register=fields.read("register", _register, Register()) if aggregate == "register" else Register(),
        **_common(fields),
        **settings,
    )
    _check(meter, fields)
    return meter


def _common(fields: Fields) -> dict[str, Any]:
    return {"name": fields.text("name", ""), "unit": fields.text("unit", "")}


def _windowed(fields: Fields, needs: set[str]) -> dict[str, Any]:
    """`window`, `over` and `percentile`: the last is needed where either the aggregate or `over` is a percentile."""
    window = None if fields.raw("window", None) == "none" else fields.read("window", parse_period, None)
    over = fields.choice("over", ("sum", "max", "min", "average", "percentile"), "sum")
    if fields.has("over") and window is None:
        raise Invalid("missing_field", "over combines windows: name the window", at=fields.path("window"))
    percentile = None
    if over == "percentile" or "percentile" in needs:
        percentile = fields.decimal("percentile")
        if not 0 < percentile <= 100:
            raise Invalid("out_of_range", f"a percentile is above 0, up to 100; found {percentile}", at=fields.path("percentile"))
    return {"window": window, "over": over, "percentile": percentile}


def _register(value: object, at: str) -> Register:
    fields = Fields(value, at)
    digits = fields.integer("digits", None, least=1, most=18)
    modulus = fields.decimal("modulus", None)
    if digits is not None and modulus is not None:
        raise Invalid("conflict", "a register has digits or a modulus, not both", at=fields.path("modulus"))
    if modulus is not None and modulus == 0:
        raise Invalid("out_of_range", "the modulus is the value at which the register starts again: above 0", at=fields.path("modulus"))
    spread = fields.choice("spread", ("days", "end"), "days")
    estimates = fields.choice("estimates", ("replaced", "kept"), "replaced" if spread == "days" else "kept")
    register = Register(Decimal(10) ** digits if digits else modulus, spread, estimates, fields.text("per", None))
    fields.done()
    return register


def _check(meter: Meter, fields: Fields) -> None:
    if meter.aggregate == "latest" and meter.derive:
        raise Invalid("conflict", "the latest value has one time: it can't be kept apart by time of use", at=fields.path("derive"))
    derived = {name for name, _ in meter.derive}
    for name in derived & set(meter.dimensions):
        raise Invalid("conflict", f"the dimension {name!r} is derived: it need not be listed", at=fields.path("dimensions"))
    if meter.factor == 0:
        raise Invalid("out_of_range", "a factor of 0 would count nothing", at=fields.path("factor"))


def _word(value: object, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid("wrong_type", f"expected a name, found {describe(value)}", at=at)
    return value


def _values(value: object, at: str) -> frozenset[str]:
    """The values of a dimension that count: one or a list; numbers and true/false as their text."""
    listed = value if isinstance(value, list | tuple) else [value]
    found = set()
    for i, element in enumerate(listed):
        if not isinstance(element, str | int | Decimal):
            raise Invalid("wrong_type", f"expected text, found {describe(element)}", at=join(at, i))
        found.add(str(element).lower() if isinstance(element, bool) else str(element))
    if not found:
        raise Invalid("missing_field", "name at least one value that counts", at=at)
    return frozenset(found)


def check_meters(meters: Mapping[str, Meter], calendars: Mapping[str, Any], at: str = "") -> None:
    """Refuse references to meters and calendars that do not exist, and meters made of themselves (Invalid `unknown_choice`, `conflict`)."""
    for code, meter in meters.items():
        path = join(at, code)
        for part in meter.parts:
            _known("meter", part, meters, join(path, meter.aggregate))
        for name, calendar in meter.derive:
            _known("calendar", calendar, calendars, f"{path}.derive.{name}")
        _refuse_circle(code, meters, (), path)


def _known(what: str, name: str, known: Mapping[str, Any], at: str) -> None:
    if name not in known:
        raise Invalid("unknown_choice", f"there is no {what} {name!r}{suggestion(name, sorted(known))}", at=at)


def _refuse_circle(code: str, meters: Mapping[str, Meter], above: tuple[str, ...], at: str) -> None:
    if code in above:
        raise Invalid("conflict", f"a meter can't be made of itself: {' of '.join((*above, code))}", at=at)
    for part in meters[code].parts if code in meters else ():
        _refuse_circle(part, meters, (*above, code), at)
