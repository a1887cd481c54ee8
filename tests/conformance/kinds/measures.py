"""`measure`: raw records through a meter, and what the quantity costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plans.calendars import parse_calendar
from plans.metering import Measured, Record, measure, measure_windows, parse_meter
from plans.money import decimals, fraction, parse_decimal, plain
from plans.periods import Span, parse_period, parse_time, to_local
from plans.pricing import PRICING_FIELDS, Consumption, Pricing, UsageEvent, parse_pricing
from plans.pricing.cases import rate_runs


def measured(inputs: Mapping[str, Any]) -> Any:
    """What `meter` shows for `span` from `records` (and earlier ones, `before`), by each dimension of `by`; with `pricing`, its amount.

    `meters`: the parts of a meter made of meters. `window`: each window of that length. `each`: measured after each record arrives, and
    billed by the difference. A record may stand for `times` equal ones.
    """
    sight = _Sight(inputs)
    records = sight.records("records")
    found: dict[str, Any] = {}
    known = range(1, len(records) + 1) if inputs.get("each") else [len(records)]
    shown = [sight.measure(records[:count]) for count in known]
    found["quantity"] = plain(shown[-1].quantity)
    if "by" in inputs:
        found["by"] = {" ".join(part or "" for part in key): plain(value) for key, value in shown[-1].by(*inputs["by"]).items()}
    if "window" in inputs:
        found["windows"] = [plain(part.quantity) for _, part in sight.windows(records)]
    if "pricing" in inputs:
        pricing = parse_pricing(
            {name: inputs["pricing"][name] for name in inputs["pricing"] if name in PRICING_FIELDS}, currency=sight.currency
        )
        rated, runs = rate_runs(pricing, [sight.consumption(one, pricing) for one in shown], closes=inputs.get("closes", True))
        places = decimals(sight.currency)
        found |= {"amount": plain(rated.amount, places), "exact": plain(rated.exact), "runs": [plain(run, places) for run in runs]}
        found["lines"] = [plain(line.amount, places) for line in rated.lines]
    return found


class _Sight:
    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.inputs = inputs
        self.zone = inputs.get("zone", "UTC")
        self.currency = inputs.get("currency", "EUR")
        self.span = Span(*(parse_time(bound, self.zone) for bound in inputs["span"]))
        self.meter = parse_meter("meter", inputs["meter"])
        self.meters = {code: parse_meter(code, given) for code, given in inputs.get("meters", {}).items()}
        self.calendars = {code: parse_calendar(given) for code, given in inputs.get("calendars", {}).items()}

    def records(self, name: str) -> list[Record]:
        found: list[Record] = []
        for given in self.inputs.get(name, ()):
            for _ in range(int(given.get("times", "1"))):
                found.append(self._record(given, len(found), first=name))
        return found

    def _record(self, given: Mapping[str, Any], i: int, *, first: str) -> Record:
        fields: dict[str, Any] = {name: parse_decimal(given[name]) for name in ("value", "amount", "initial", "final") if name in given}
        fields |= {name: given[name] for name in ("kind", "estimated", "meter", "source") if name in given}
        if "until" in given:
            fields["until"] = parse_time(given["until"], self.zone)
        if "voids" in given:
            fields["voids"] = ("", given["voids"])
        at = parse_time(given["at"], self.zone)
        return Record(given.get("id", f"{first}-{i}"), at, dimensions=given.get("dimensions", {}), sequence=i, **fields)

    def measure(self, records: Sequence[Record]) -> Measured:
        return measure(
            self.meter, records, self.span, zone=self.zone, calendars=self.calendars, before=self.records("before"), meters=self.meters
        )

    def windows(self, records: Sequence[Record]) -> Any:
        window = parse_period(self.inputs["window"])
        return measure_windows(
            self.meter, records, self.span, window=window, zone=self.zone, calendars=self.calendars, before=self.records("before")
        )

    def consumption(self, shown: Measured, pricing: Pricing) -> Consumption:
        events = tuple(
            UsageEvent(quantity=one.quantity, amount=one.amount, dimensions=one.dimensions, at=to_local(one.at, self.zone))
            for one in shown.events
        )
        return Consumption(fraction(shown.quantity), events)
