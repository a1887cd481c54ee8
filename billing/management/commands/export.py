"""`manage.py export WHAT --from DAY --to DAY`: the books for accountants and for other programs."""

from __future__ import annotations

import calendar
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandParser

from billing.accounting.ageing import Aged, ageing
from billing.accounting.buckets import DISPUTED, buckets
from billing.accounting.chart import Chart
from billing.accounting.entries import Span, first_day, snapshot
from billing.accounting.months import check_seller, day_in_books
from billing.accounting.reports import TABLES, Table, shown, translated_balance
from billing.accounting.texts import BEANCOUNT, HLEDGER, written
from billing.accounting.translating import Translator
from billing.house.published import house_policy
from billing.management.base import BillingCommand, optional_moment
from plans.errors import Invalid
from plans.money import decimals
from plans.periods import parse_date

TEXTS = {"hledger": HLEDGER, "ledger": HLEDGER, "beancount": BEANCOUNT}
AGEING = "ageing"


class Command(BillingCommand):
    help = (
        "Write the books of the days from --from to --to, both included (a month stands for its first or last day): gl (general ledger by "
        "month), csv (every posting), trial-balance, deferred (roll-forward), tax (by rate and place), tax-book (by document), receipts "
        "(cash), ageing (receivables at the end of --to), or the text formats of hledger, ledger and beancount."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=[*TABLES, AGEING, *TEXTS])
        parser.add_argument("--from", dest="first", metavar="DAY", default=None, help="2026-03-01 or 2026-03 (default: the first posting)")
        parser.add_argument("--to", dest="last", metavar="DAY", required=True, help="2026-03-31 or 2026-03, included")
        parser.add_argument("--seller", default="main")
        parser.add_argument("--output", metavar="FILE", help="write there instead of standard output")
        parser.add_argument("--in", dest="currency", metavar="CURRENCY", help="trial-balance, ageing: translated, such as EUR, or 'policy'")
        parser.add_argument("--rates-of", metavar="DAY", help="with --in: the day of the rates (default: the last day)")
        self.add_moment(parser, "--known-at", "ageing: as was known then")

    def handle(self, *args: Any, **options: Any) -> None:
        span = _span(options)
        if span.first > span.last:
            raise Invalid("out_of_range", f"--from {span.first} lies after --to {span.last}", at="from")
        known_at = optional_moment(options["known_at"], at="known-at")
        if known_at and options["what"] != AGEING:
            raise Invalid("unknown_field", "only ageing asks what was known at a moment", at="known-at")
        with snapshot(), _opened(options["output"], self.stdout) as out:
            check_seller(span.seller)
            translator = _translator(span, options)
            if options["what"] in TEXTS:
                for line in written(span, _chart(span), TEXTS[options["what"]]):
                    out.write(line + "\n")
            elif options["what"] == AGEING:
                _write_table(out, _aged(span, known_at, translator))
            elif translator:
                _write_table(out, translated_balance(span, _chart(span), translator))
            else:
                _write_table(out, TABLES[options["what"]](span, _chart(span)))


def _span(options: dict[str, Any]) -> Span:
    last = day_of(options["last"], "to")
    first = day_of(options["first"], "from") if options["first"] else first_day(options["seller"])
    return Span(options["seller"], first or last, last)


def day_of(text: str, at: str) -> date:
    """A day; of a month its first (`from`) or last (`to`) one. Raises Invalid."""
    if len(text) == len("2026-03"):
        first = parse_date(f"{text}-01", at)
        return first if at == "from" else first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return parse_date(text, at)


def _chart(span: Span) -> Chart:
    """The chart that the seller's policy names by the end of the span."""
    return house_policy(span.seller, at=day_in_books(span.last + timedelta(days=1), span.seller)).chart


def _translator(span: Span, options: dict[str, Any]) -> Translator | None:
    """At the rates that were published by the end of the span. Raises Invalid where they make no sense here."""
    if not options["currency"]:
        if options["rates_of"]:
            raise Invalid("missing_field", "--rates-of goes with --in", at="rates-of")
        return None
    if options["what"] not in ("trial-balance", AGEING):
        raise Invalid("unknown_field", "only trial-balance and ageing are translated", at="in")
    day = day_of(options["rates_of"], "to") if options["rates_of"] else span.last
    at = day_in_books(max(day, span.last) + timedelta(days=1), span.seller)
    currency = options["currency"]
    if currency == "policy":
        currency = house_policy(span.seller, at=at).currency
    decimals(currency, at="in")
    return Translator(span.seller, currency, day, at)


def _aged(span: Span, known_at: Any, translator: Translator | None) -> Table:
    """By account and currency; where it is translated, with the currency and the rate that each row comes from."""
    end = day_in_books(span.last + timedelta(days=1), span.seller) - timedelta(microseconds=1)
    heading = ("customer", "currency", *buckets(), DISPUTED, "total", "credit")
    found = ageing(span.seller, day=span.last, end=end, known_at=known_at)
    if translator is None:
        return heading, ((one.account, one.currency, *one.amounts.values(), one.total, one.credit) for one in found)
    return (*heading, "from", "rate"), (_translated(one, translator) for one in found)


def _translated(one: Aged, translator: Translator) -> tuple[Any, ...]:
    amounts = [translator.of(amount, one.currency) for amount in one.amounts.values()]
    credit = translator.of(one.credit, one.currency)
    total = sum(amounts, Decimal(0))
    return (one.account, translator.currency, *amounts, total, credit, one.currency, translator.rate(one.currency))


def _write_table(out: Any, table: Table) -> None:
    heading, rows = table
    writer = csv.writer(_Lines(out), lineterminator="\n")
    writer.writerow(heading)
    for row in rows:
        writer.writerow([shown(value) for value in row])


class _Lines:
    """What csv needs of a file."""

    def __init__(self, out: Any) -> None:
        self.out = out

    def write(self, text: str) -> None:
        self.out.write(text, ending="") if hasattr(self.out, "ending") else self.out.write(text)


@contextmanager
def _opened(path: str | None, standard: Any) -> Iterator[Any]:
    if path is None:
        yield standard
        return
    try:
        target: TextIO = Path(path).open("w", encoding="utf-8", newline="")  # noqa: SIM115 - closed below
    except OSError as error:
        raise Invalid("cannot_write", f"{path}: {error.strerror}", at="output") from None
    with target:
        yield target
