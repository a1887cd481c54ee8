"""Fees by notice: what a cancellation or change costs, by how long before the start it is told. Pure.

A table is a list of steps `{before: 8d, fee: …}`, longest notice first. A step holds for a notice of at least `before` and less than that
of the step above it (half-open); the last step names no `before` and holds for all that is left, also after the start. `under` may say
the upper bound too; holes and overlaps are then refused when the catalogue is published.

A fee is an amount (`"25.00"`), a share of the price (`10 %`), the first units of it (`2 nights`, `1 hour`, `2 units`), `all`, or `refused`;
as a mapping it is `{percent|amount|units: …, minimum: …, maximum: …}`. It is never more than the price, but where an amount or a minimum
says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from plans.errors import Invalid, NotAllowed
from plans.fields import Fields, describe
from plans.money import parse_decimal, plain, round_money
from plans.periods import parse_duration

_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")
_UNITS = re.compile(r"(\d+) (?:night|day|hour|show|unit)s?")


@dataclass(frozen=True)
class Fee:
    """One of `percent`, `amount` and `units`, or `refused`; held between `minimum` and `maximum` amounts."""

    percent: Decimal | None = None
    amount: Decimal | None = None
    units: int | None = None
    refused: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def of(self, units: Sequence[Decimal], currency: str) -> Decimal:
        """The fee of something whose units (nights, hours) cost these amounts; rounded once, half away from zero.

        Raises NotAllowed `too_late` where it may not be done any more.
        """
        if self.refused:
            raise NotAllowed("too_late", "it is too late for that: the terms of the booking refuse it")
        price = sum(units, Decimal(0))
        if self.amount is not None:
            fee = self.amount
        elif self.units is not None:
            fee = sum(units[: self.units], Decimal(0))
        else:
            fee = price * (self.percent or Decimal(0)) / 100
        fee = max(fee, self.minimum or Decimal(0))
        return round_money(fee if self.maximum is None else min(fee, self.maximum), currency)


@dataclass(frozen=True)
class Step:
    """The fee for a notice of at least `before`; None: the last step, for whatever is left."""

    before: timedelta | None
    fee: Fee


def fee_for(steps: Sequence[Step], notice: timedelta) -> Fee:
    """The first step whose notice is kept. No steps: no fee."""
    return next((step.fee for step in steps if step.before is None or notice >= step.before), Fee())


# --- reading ----------------------------------------------------------------------------------------------------------------------


def parse_fee(value: object, at: str) -> Fee:
    """A fee as people write it. Raises Invalid `bad_fee` and what the readers of numbers raise."""
    if isinstance(value, Mapping):
        return _from_mapping(Fields(value, at))
    if isinstance(value, str):
        text = value.strip()
        if text in ("all", "refused"):
            return Fee(percent=Decimal(100)) if text == "all" else Fee(refused=True)
        if share := _SHARE.fullmatch(text):
            return Fee(percent=_percent(share[1], at))
        if units := _UNITS.fullmatch(text):
            return Fee(units=int(units[1]))
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return Fee(amount=parse_decimal(text, at=at))
    elif isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0:
        return Fee(amount=parse_decimal(str(value), at=at))
    raise Invalid("bad_fee", f'expected a fee such as "25.00", 10 %, 2 nights, all or refused; found {describe(value)}', at=at)


def _percent(value: object, at: str) -> Decimal:
    percent = parse_decimal(value, at=at)
    if not 0 <= percent <= 100:
        raise Invalid("out_of_range", f"expected 0 to 100 percent, found {percent}", at=at)
    return percent


def _from_mapping(fields: Fields) -> Fee:
    given = [name for name in ("percent", "amount", "units") if fields.has(name)]
    if len(given) != 1:
        raise Invalid("conflict", "a fee is one of percent, amount and units", at=fields.at)
    fee = Fee(
        percent=fields.read("percent", _percent, None),
        amount=fields.decimal("amount", None),
        units=fields.integer("units", None, least=1),
        minimum=fields.decimal("minimum", None),
        maximum=fields.decimal("maximum", None),
    )
    fields.done()
    if fee.minimum is not None and fee.maximum is not None and fee.minimum > fee.maximum:
        raise Invalid("conflict", f"the minimum {plain(fee.minimum)} is above the maximum {plain(fee.maximum)}", at=fields.at)
    return fee


def parse_steps(value: object, at: str) -> tuple[Step, ...]:
    """A table of fees. Raises Invalid `notice_hole` or `notice_overlap` with the notice that no step, or more than one, holds for."""
    found: list[Step] = []
    above: timedelta | None = None  # the notice of the step above: this one's bound
    for number, (element, path) in enumerate(Fields({"steps": value}, at).items("steps")):
        fields = Fields(element, path.replace(".steps[", "[") if at else path)
        before = fields.read("before", parse_duration, None)
        under = fields.read("under", parse_duration, None)
        fee = fields.read("fee", parse_fee)
        fields.done()
        if number and above is None:
            raise Invalid("notice_overlap", "the step above holds for all that is left; this one is never reached", at=fields.at)
        if under is not None:
            _same_bound(under, above, fields.path("under"))
        if before is not None and above is not None and before >= above:
            raise Invalid("notice_overlap", f"the step above holds from {_text(above)} on, and this one from {_text(before)}", at=fields.at)
        found.append(Step(before, fee))
        above = before
    if above is not None:
        raise Invalid("notice_hole", f"no step holds for a notice under {_text(above)}; add one without `before`", at=at)
    return tuple(found)


def _same_bound(under: timedelta, above: timedelta | None, at: str) -> None:
    """Where a step says where it ends, that must be where the step above begins."""
    if above is None:
        raise Invalid("notice_hole", f"no step holds for a notice of {_text(under)} and more", at=at)
    if under < above:
        raise Invalid("notice_hole", f"no step holds for a notice from {_text(under)} to {_text(above)}", at=at)
    if under > above:
        raise Invalid("notice_overlap", f"two steps hold for a notice from {_text(above)} to {_text(under)}", at=at)


def _text(notice: timedelta) -> str:
    days, hours = divmod(notice, timedelta(days=1))
    return f"{days}d" if days and not hours else f"{plain(Decimal(int(notice.total_seconds())) / 3600)}h"
