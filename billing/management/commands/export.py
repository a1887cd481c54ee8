"""`manage.py export WHAT --from DAY --to DAY`: the books for accountants and for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import CommandParser

from billing.accounting.entries import snapshot
from billing.accounting.exports import KINDS, asked_span, exported
from billing.management.base import BillingCommand, optional_moment
from plans.errors import Invalid


class Command(BillingCommand):
    help = (
        "Write the books of the days from --from to --to, both included (a month stands for its first or last day): gl (general ledger by "
        "month), csv (every posting), trial-balance, deferred (roll-forward), tax (by rate and place), tax-book (by document), receipts "
        "(cash), ageing (receivables at the end of --to); the figures sold, recurring, used, money-in, and stock, stock-moves; or the text "
        "formats of hledger, ledger and beancount."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=KINDS)
        parser.add_argument("--from", dest="first", metavar="DAY", default=None, help="2026-03-01 or 2026-03 (default: the first posting)")
        parser.add_argument("--to", dest="last", metavar="DAY", required=True, help="2026-03-31 or 2026-03, included")
        parser.add_argument("--seller", default="main")
        parser.add_argument("--output", metavar="FILE", help="write there instead of standard output")
        parser.add_argument("--in", dest="currency", metavar="CURRENCY", help="trial-balance, ageing: translated, such as EUR, or 'policy'")
        parser.add_argument("--rates-of", metavar="DAY", help="with --in: the day of the rates (default: the last day)")
        self.add_moment(parser, "--known-at", "ageing: as was known then")

    def handle(self, *args: Any, **options: Any) -> None:
        known_at = optional_moment(options["known_at"], at="known-at")
        with snapshot():
            span = asked_span(options["first"], options["last"], options["seller"])
            asked = {"known_at": known_at, "currency": options["currency"], "rates_of": options["rates_of"]}
            text = exported(options["what"], span, **asked)
            with self._opened(options["output"]) as write:
                for line in text:
                    write(line)

    @contextmanager
    def _opened(self, path: str | None) -> Iterator[Callable[[str], Any]]:
        if path is None:
            yield partial(self.stdout.write, ending="")
            return
        try:
            target: TextIO = Path(path).open("w", encoding="utf-8", newline="")  # noqa: SIM115 - closed below
        except OSError as error:
            raise Invalid("cannot_write", f"{path}: {error.strerror}", at="output") from None
        with target:
            yield target.write
