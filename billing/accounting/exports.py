"""The exports by name, as text: tables of the books and of figures as CSV, and the formats of programs for double entry."""

from __future__ import annotations

import calendar
import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.accounting.ageing import Aged, ageing
from billing.accounting.buckets import DISPUTED, buckets
from billing.accounting.chart import Chart
from billing.accounting.entries import Span, first_day
from billing.accounting.figures import FIGURES
from billing.accounting.months import check_seller, day_in_books
from billing.accounting.reports import TABLES, Table, shown, translated_balance
from billing.accounting.texts import BEANCOUNT, HLEDGER, written
from billing.accounting.translating import Translator
from billing.house.published import house_policy
from plans.errors import Invalid
from plans.money import decimals
from plans.periods import everyday, parse_date

TEXTS = {"hledger": HLEDGER, "ledger": HLEDGER, "beancount": BEANCOUNT}
AGEING = "ageing"
KINDS = (*TABLES, AGEING, *FIGURES, *TEXTS)


def asked_span(first: str | None, last: str, seller: str) -> Span:
    """The days `first` to `last`, both included; without a first one from the seller's first posting on. Raises Invalid, and NotFound
    `unknown_seller`."""
    check_seller(seller)
    end = day_of(last, "to")
    start = day_of(first, "from") if first else first_day(seller)
    if start and start > end:
        raise Invalid("out_of_range", f"from {start} lies after to {end}", at="from")
    return Span(seller, start or end, end)


def day_of(text: str, at: str) -> date:
    """A day; of a month its first (`from`) or last (`to`) one. Raises Invalid."""
    if len(text) == len("2026-03"):
        first = everyday(parse_date(f"{text}-01", at), at)
        return first if at == "from" else first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return everyday(parse_date(text, at), at)


def exported(
    what: str, span: Span, *, known_at: datetime | None = None, currency: str | None = None, rates_of: str | None = None
) -> Iterator[str]:
    """The text of the export, line by line with its ends. Only inside a `snapshot`. `known_at` is for ageing alone; `currency` (or
    `policy`), at the rates of the day `rates_of` (default: the last one), for ageing and the trial balance (else Invalid)."""
    if known_at and what != AGEING:
        raise Invalid("unknown_field", "only ageing asks what was known at a moment", at="known-at")
    translator = _translator(what, span, currency, rates_of)
    if what in TEXTS:
        return (f"{line}\n" for line in written(span, _chart(span), TEXTS[what]))
    if what in FIGURES:
        return _csv(FIGURES[what](span))
    if what == AGEING:
        return _csv(_aged(span, known_at, translator))
    return _csv(translated_balance(span, _chart(span), translator) if translator else TABLES[what](span, _chart(span)))


def _translator(what: str, span: Span, currency: str | None, rates_of: str | None) -> Translator | None:
    """At the rates that were published by the end of the span. Raises Invalid where they make no sense here."""
    if not currency:
        if rates_of:
            raise Invalid("missing_field", "--rates-of goes with --in", at="rates-of")
        return None
    if what not in ("trial-balance", AGEING):
        raise Invalid("unknown_field", "only trial-balance and ageing are translated", at="in")
    day = day_of(rates_of, "to") if rates_of else span.last
    at = day_in_books(max(day, span.last) + timedelta(days=1), span.seller)
    chosen = house_policy(span.seller, at=at).currency if currency == "policy" else currency
    decimals(chosen, at="in")
    return Translator(span.seller, chosen, day, at)


def _chart(span: Span) -> Chart:
    """The chart that the seller's policy names by the end of the span."""
    return house_policy(span.seller, at=day_in_books(span.last + timedelta(days=1), span.seller)).chart


def _aged(span: Span, known_at: datetime | None, translator: Translator | None) -> Table:
    """By account and currency; where it is translated, with the currency and the rate that each row comes from."""
    end = day_in_books(span.last + timedelta(days=1), span.seller) - timedelta(microseconds=1)
    heading = ("customer", "currency", *buckets(), DISPUTED, "total", "credit")
    found = ageing(span.seller, day=span.last, end=end, known_at=known_at)
    if translator is None:
        return heading, ((one.account, one.currency, *one.amounts.values(), one.total, one.credit) for one in found)
    return (*heading, "from", "rate"), (_translated(one, translator) for one in found)


def _translated(one: Aged, translator: Translator) -> tuple[object, ...]:
    amounts = [translator.of(amount, one.currency) for amount in one.amounts.values()]
    credit = translator.of(one.credit, one.currency)
    total = sum(amounts, Decimal(0))
    return (one.account, translator.currency, *amounts, total, credit, one.currency, translator.rate(one.currency))


def _csv(table: Table) -> Iterator[str]:
    heading, rows = table
    line = _Line()
    writer = csv.writer(line, lineterminator="\n")
    for row in _all(heading, rows):
        writer.writerow([shown(value) for value in row])
        yield line.text


def _all(heading: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    yield heading
    yield from rows


class _Line:
    """What csv needs of a file; holds the last line written."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
