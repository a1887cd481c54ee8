"""Rates as a file says them. Pure.

    date,from,to,rate,source
    2026-01-02,USD,EUR,0.9216,ECB

One `from` is `rate` of `to` on that day.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from billing.events import PublishedRate
from plans.errors import Invalid
from plans.money import decimals, parse_decimal
from plans.periods import parse_date

HEADING = ["date", "from", "to", "rate", "source"]
LONGEST = 2_000_000
LARGEST = 10**9


def read_rates(text: str) -> tuple[PublishedRate, ...]:
    """The rates of a file. Raises Invalid, with the line, for what is wrong, for a pair that is there twice on a day, and for no rate."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if reader.fieldnames != HEADING:
            found = ",".join(reader.fieldnames or ()) or "nothing"
            raise Invalid("wrong_heading", f"expected the heading {','.join(HEADING)}; found {found[:80]}", at="line 1")
        rates = [_rate(row, f"line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise Invalid("not_csv", str(error), at=f"line {reader.line_num}") from None
    if not rates:
        raise Invalid("no_rates", "there is no rate below the heading", at="line 2")
    seen: dict[tuple[object, ...], PublishedRate] = {}
    for rate in rates:
        key = rate.day, *sorted((rate.base, rate.quote))
        if key in seen:
            raise Invalid(
                "conflict", f"{rate.base} and {rate.quote} have two rates on {rate.day}; one is enough, the other way is its inverse"
            )
        seen[key] = rate
    return tuple(rates)


def _rate(row: Mapping[str | None, str], at: str) -> PublishedRate:
    if None in row or None in row.values():
        raise Invalid("wrong_type", f"expected {len(HEADING)} fields", at=at)
    given = {str(name): value.strip() for name, value in row.items()}
    base, quote = given["from"], given["to"]
    for currency in (base, quote):
        decimals(currency, at=at)
    if base == quote:
        raise Invalid("conflict", f"a rate from {base} to itself", at=at)
    rate = parse_decimal(given["rate"], at=at)
    if not 0 < rate <= LARGEST:
        raise Invalid("out_of_range", f"expected more than 0 and at most {LARGEST}, found {given['rate']}", at=at)
    if not given["source"]:
        raise Invalid("missing_field", "say where the rate comes from", at=at)
    return PublishedRate(day=parse_date(given["date"], at), base=base, quote=quote, rate=rate, source=given["source"][:80])
