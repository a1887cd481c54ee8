"""`tax`: the taxes of a catalogue on the lines of a document, and on what is credited of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from plans.money import decimals, parse_decimal, plain
from plans.periods import parse_date
from plans.tax import apply_taxes, parse_place, parse_tax_policy, parse_taxes
from plans.taxing import TaxableLine, TaxedLine, tax_differences, tax_lines

SOME_DAY = date(2026, 1, 1)


def tax(inputs: Mapping[str, Any]) -> Any:
    """`lines` (amount, or a mapping with category, quantity, attributes, on) under `taxes`, `policy` and `place`.

    `credits`: lists of lines taken back afterwards, one list for each credit note (`line` is the position of what they take back).
    `again`: the same lines with other facts; what to add per rate is the difference.
    """
    reader = _Reader(inputs)
    first = reader.taxed(inputs["lines"], prior=())
    found = _totals(first, reader.places) | {"lines": [_shown(line, reader.places) for line in first]}
    prior, notes = list(first), []
    for note in inputs.get("credits", ()):
        taken = reader.taxed(note, prior=prior)
        prior += taken
        notes.append(_totals(taken, reader.places))
    if notes:
        left = sum((line.gross for line in prior), Decimal(0))
        found |= {"credits": notes, "left": plain(left, reader.places)}
    if "again" in inputs:
        shares = tax_differences(reader.taxed(inputs["again"], prior=()), first)
        found["rewritten"] = plain(sum((share.tax for share in shares), Decimal(0)), reader.places)
    return found


class _Reader:
    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.currency = inputs["currency"]
        self.places = decimals(self.currency)
        self.taxes = parse_taxes(inputs["taxes"])
        self.policy = parse_tax_policy(inputs.get("policy", {}))
        self.place = parse_place(inputs.get("place", {}))

    def taxed(self, lines: Sequence[Any], *, prior: Sequence[TaxedLine]) -> list[TaxedLine]:
        read = [self._line(i, given) for i, given in enumerate(lines)]
        return tax_lines(read, policy=self.policy, currency=self.currency, prior=prior)

    def _line(self, i: int, given: Any) -> TaxableLine:
        fields = given if isinstance(given, Mapping) else {"amount": given}
        amount = parse_decimal(fields["amount"])
        applied = apply_taxes(
            self.taxes,
            category=fields.get("category", ""),
            place=self.place,
            on=parse_date(fields["on"]) if "on" in fields else SOME_DAY,
            quantity=parse_decimal(fields.get("quantity", "1")),
            attributes=fields.get("attributes"),
            sign=-1 if amount < 0 else 1,
        )
        return TaxableLine(str(fields.get("line", i)), amount, applied, self.policy.inclusive)


def _totals(lines: Sequence[TaxedLine], places: int) -> dict[str, Any]:
    net, tax_due = (sum((getattr(line, name) for line in lines), Decimal(0)) for name in ("net", "tax"))
    return {"net": plain(net, places), "tax": plain(tax_due, places), "total": plain(net + tax_due, places)}


def _shown(line: TaxedLine, places: int) -> dict[str, Any]:
    taxes = {share.applied.code: plain(share.tax, places) for share in line.taxes}
    return {"net": plain(line.net, places), "tax": plain(line.tax, places), "taxes": taxes}
