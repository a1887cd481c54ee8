"""Cases: a price, a consumption and what is expected, as data → the answer as data. `docs/prices.md` shows the form.

`answer` never raises for a bad case: it answers `{"id", "error": {"code", "message", "at"}}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from plans.errors import Invalid
from plans.fields import Fields, describe, join
from plans.money import parse_decimal, places_of, plain
from plans.pricing.arithmetic import EXACT
from plans.pricing.beside import Pricing
from plans.pricing.models import Flat
from plans.pricing.parsing import PRICING_FIELDS, parse_pricing
from plans.pricing.rating import rate
from plans.pricing.reading import dimension_value
from plans.pricing.values import Consumption, Rated, UsageEvent

CASE_FIELDS = frozenset(
    {"id", "currency", "quantity", "events", "runs", "windows", "each", "closes", "days", "quantities", "expect", "source", "note", "about"}
)
EXPECTED = ("amount", "exact", "runs", "error")


@dataclass(frozen=True)
class Case:
    """One case, read: how it is priced and what was consumed at each successive tick (one tick unless it has runs)."""

    pricing: Pricing
    ticks: tuple[Consumption, ...]
    closes: bool
    days: int | None


def answer(case: object) -> dict[str, Any]:
    """`{"id", "amount", "exact", "steps", "runs"}`, or `{"id", "error"}`; with `differs` where `expect` does not hold."""
    name = case.get("id") if isinstance(case, Mapping) else None
    found: dict[str, Any] = {"id": name if isinstance(name, str) else None}
    try:
        found |= priced(read_case(case))
    except Invalid as error:
        found["error"] = {"code": error.code, "message": error.message, "at": error.at}
    expected = case.get("expect") if isinstance(case, Mapping) else None
    if isinstance(expected, Mapping):
        differs = differences(expected, found)
        if differs:
            found["differs"] = differs
    return found


def holds(found: Mapping[str, Any], case: object) -> bool:
    """Whether the case is as it should be: no error and no unmet expectation, or exactly the error that it expects."""
    if "differs" in found:
        return False
    expected = case.get("expect") if isinstance(case, Mapping) else None
    return "error" not in found or (isinstance(expected, Mapping) and expected.get("error") is not None)


def priced(case: Case) -> dict[str, Any]:
    """The answer of a good case, without its id."""
    places = case.pricing.places
    rated, amounts = rate_runs(case.pricing, case.ticks, closes=case.closes, days=case.days)
    runs = [plain(amount, places) for amount in amounts]
    return {"amount": plain(rated.amount, places), "exact": plain(rated.exact), "steps": [dict(step) for step in rated.steps], "runs": runs}


def rate_runs(
    pricing: Pricing, ticks: Sequence[Consumption], *, closes: bool = True, days: int | None = None
) -> tuple[Rated, tuple[Decimal, ...]]:
    """The last target, and what each tick bills: its rounded target less what was billed before. The amounts add up to the last target.

    The last tick closes the period where `closes`. Raises Invalid `out_of_range` without a tick.
    """
    if not ticks:
        raise Invalid("out_of_range", "expected at least one run", at="runs")
    billed, amounts = Decimal(0), []
    with localcontext(EXACT):
        for position, consumption in enumerate(ticks):
            rated = rate(pricing, consumption, closed=closes and position == len(ticks) - 1, days=days)
            amounts.append(rated.amount - billed)
            billed = rated.amount
    return rated, tuple(amounts)


# -- reading a case ----------------------------------------------------------------------------------------------------------------


def read_case(value: object) -> Case:
    """Read one case. Raises Invalid with `at` relative to the case."""
    fields = Fields(value)
    fields.text("id")
    currency = fields.text("currency")
    places_of(currency, at="currency")
    pricing = parse_pricing({name: value for name, value in fields.values.items() if name in PRICING_FIELDS}, currency=currency)
    by = pricing.choose.by if pricing.choose is not None else "quantity"
    for name in PRICING_FIELDS | CASE_FIELDS | {by}:
        fields.raw(name, None)
    fields.done()
    _check_expect(fields)
    ticks = _ticks(fields, pricing, _deciding(fields, by))
    days = fields.integer("days", None, least=1, most=100_000)
    return Case(pricing, ticks, fields.flag("closes", True), days)


def _deciding(fields: Fields, by: str) -> dict[str, Decimal]:
    """The other quantities, by name: in `quantities`, or in the field that `choose.by` names."""
    found = {name: parse_decimal(value, at=at) for name, value, at in fields.mapping("quantities", [])}
    if by not in PRICING_FIELDS | CASE_FIELDS and fields.has(by):
        found[by] = fields.decimal(by)
    return found


def _ticks(fields: Fields, pricing: Pricing, choose: Mapping[str, Decimal]) -> tuple[Consumption, ...]:
    """The consumption at each tick, from `quantity`, `windows`, `events` (with `each` or `runs`), or `runs` alone."""
    given = [name for name in ("quantity", "events", "windows") if fields.has(name)]
    if len(given) > 1 or (given and given != ["events"] and fields.has("runs")):
        raise Invalid("conflict", "give one of quantity, events, windows, or runs", at=given[-1])
    each = fields.flag("each", False)
    if each and (given != ["events"] or fields.has("runs")):
        raise Invalid("conflict", "`each` goes with `events` alone", at="each")
    if given == ["quantity"]:
        return (Consumption(fields.decimal("quantity", negative=True), choose=choose),)
    if given == ["windows"]:
        return (_windows(fields, pricing, choose),)
    if given == ["events"]:
        return _event_ticks(fields, pricing, choose, each)
    if fields.has("runs"):
        return tuple(Consumption(_total(parse_decimal(one, at=at), at, pricing), choose=choose) for one, at in fields.items("runs"))
    raise Invalid("missing_field", "what was consumed is missing: quantity, events or runs", at="quantity")


def _windows(fields: Fields, pricing: Pricing, choose: Mapping[str, Decimal]) -> Consumption:
    if pricing.window is None:
        raise Invalid("conflict", "`windows` needs a price with `window`", at="windows")
    parts = tuple(Consumption(parse_decimal(one, at=at), choose=choose) for one, at in fields.items("windows"))
    return Consumption(sum((Fraction(part.quantity) for part in parts), Fraction(0)), windows=parts, choose=choose)


def _event_ticks(fields: Fields, pricing: Pricing, choose: Mapping[str, Decimal], each: bool) -> tuple[Consumption, ...]:
    events = tuple(_event(value, at, pricing) for value, at in fields.items("events"))
    if each and not events:
        raise Invalid("out_of_range", "`each` needs at least one event", at="events")
    if each:
        known = list(range(1, len(events) + 1))
    elif fields.has("runs"):
        known = [_known(value, at, len(events)) for value, at in fields.items("runs")]
    else:
        known = [len(events)]
    with localcontext(EXACT):
        totals = [Decimal(0)]
        for event in events:
            totals.append(totals[-1] + ((event.amount if pricing.amounts else event.quantity) or 0))
    return tuple(Consumption(_total(totals[count], "events", pricing), events[:count], choose=choose) for count in known)


def _total(total: Decimal, at: str, pricing: Pricing) -> Decimal:
    """The total of a tick; `negative` unless the price allows it."""
    if total < 0 and not pricing.negative:
        raise Invalid("negative", f"the total {plain(total)} is negative; expected 0 or more, or `negative: allowed`", at=at)
    return total


def _known(value: object, at: str, most: int) -> int:
    """How many of the events are known at a tick."""
    number = parse_decimal(value, at=at)
    if number != number.to_integral_value():
        raise Invalid("wrong_type", f"expected how many events are known, a whole number; found {number}", at=at)
    if not 0 <= number <= most:
        raise Invalid("out_of_range", f"expected 0 to {most} events, found {number}", at=at)
    return int(number)


def _event(value: object, at: str, pricing: Pricing) -> UsageEvent:
    """A bare number is an amount for the amount models and a quantity for the others. The one that the price needs must be there."""
    if not isinstance(value, Mapping):
        if isinstance(value, list | tuple | bool) or value is None:
            raise Invalid("wrong_type", f"expected a number or a mapping, found {describe(value)}", at=at)
        number = parse_decimal(value, at=at)
        return UsageEvent(amount=number) if pricing.amounts else UsageEvent(quantity=number)
    fields = Fields(value, at)
    dimensions = {name: dimension_value(one, path) for name, one, path in fields.mapping("dimensions", [])}
    event = UsageEvent(
        quantity=fields.decimal("quantity", None, negative=True),
        amount=fields.decimal("amount", None, negative=True),
        dimensions=dimensions,
        at=fields.read("at", _moment, None),
    )
    fields.done()
    if (event.amount if pricing.amounts else event.quantity) is None and not isinstance(pricing.price, Flat):
        name = "amount" if pricing.amounts else "quantity"
        raise Invalid("missing_field", f"the event needs its {name} for this price", at=join(at, name))
    return event


def _moment(value: object, at: str) -> datetime:
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise Invalid("wrong_type", f"expected a time such as 2026-03-01T15:00:00+01:00, found {describe(value)}", at=at) from None


# -- expectations ------------------------------------------------------------------------------------------------------------------


def _check_expect(fields: Fields) -> None:
    if not fields.has("expect"):
        return
    expected = Fields(fields.raw("expect"), "expect")
    for name in EXPECTED:
        expected.raw(name, None)
    if expected.has("runs"):
        expected.items("runs")
    expected.done()


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What was expected and came out otherwise, by name: `{"amount": {"expected": …, "found": …}}`.

    Numbers are compared by value. Of a refused case only the error is compared: there is nothing else."""
    differs = {}
    for name in ("error",) if "error" in found else EXPECTED:
        if expected.get(name) is None:
            continue
        value: Any = found.get(name)
        if name == "error" and isinstance(value, Mapping) and not isinstance(expected[name], Mapping):
            value = value["code"]
        if not _same(expected[name], value):
            differs[name] = {"expected": expected[name], "found": value}
    return differs


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(_same(value, found.get(name)) for name, value in expected.items())
    if isinstance(expected, list | tuple):
        return isinstance(found, list | tuple) and len(expected) == len(found) and all(map(_same, expected, found))
    if expected == found:
        return True
    left, right = _number(expected), _number(found)
    return left is not None and left == right


def _number(value: object) -> Fraction | None:
    """The value of a decimal or of `a/b`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 2000:
        return None
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        return None
