"""Other people's bookkeeping programs, asked whether they accept our books: run as processes, never imported."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from billing import bulk
from billing.accounting.chart import Chart, paths
from tests.books import advance, do, open_account, publish

CHECKS = {
    "hledger": ("hledger", "check", "--strict", "ordereddates", "-f"),
    "ledger": ("ledger", "--args-only", "--pedantic", "balance", "-f"),
    "beancount": ("bean-check", "--no-cache"),
}
POSTING = re.compile(r" +[A-Za-z:-]+  -?[0-9.]+ [A-Z]{3}")
AMOUNT = re.compile(r"(-?\d+)\.(\d\d) ([A-Z]{3})")
tools = pytest.mark.needs("hledger", "ledger", "bean-check")


def exported(what: str, *options: str) -> str:
    out = io.StringIO()
    call_command("export", what, *options, stdout=out)
    return out.getvalue()


def table(what: str, *options: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(what, *options))))


def accepts(program: str, text: str, folder: Path) -> bool:
    """Whether the program finds nothing wrong with the books."""
    file = folder / f"books.{program}"
    file.write_text(text)
    ran = subprocess.run([*CHECKS[program], str(file)], capture_output=True, text=True, check=False, timeout=120)
    return ran.returncode == 0 and "error" not in ran.stderr.lower()


def hledger_balances(text: str, folder: Path) -> dict[tuple[str, str], Decimal]:
    """(account, currency) → what hledger's own report says."""
    file = folder / "books.journal"
    file.write_text(text)
    report = ["hledger", "-f", str(file), "balance", "--flat", "--layout", "bare", "--output-format", "csv"]
    rows = csv.DictReader(io.StringIO(subprocess.run(report, capture_output=True, text=True, check=True, timeout=120).stdout))
    return {
        (row["account"], row["commodity"]): Decimal(row["balance"]) for row in rows if row["account"].lower() not in ("total", "total:")
    }


def ours(seller: str) -> dict[tuple[str, str], Decimal]:
    statement = "SELECT ledger, currency, sum(amount) FROM read_posting WHERE seller = %s GROUP BY 1, 2 HAVING sum(amount) <> 0"
    rows = bulk.fetch(statement, [seller])
    names = paths({ledger for ledger, _, _ in bulk.fetch(statement.partition("HAVING")[0], [seller])}, Chart())
    return {(names[ledger], currency): amount for ledger, currency, amount in rows}


def they_are_here() -> bool:
    """Whether all of them are installed; in CI it is a failure if not."""
    missing = [program for program, *_ in CHECKS.values() if shutil.which(program) is None]
    assert not (missing and os.environ.get("CI")), f"{missing} are missing, and in CI nothing that needs them may be skipped"
    return not missing


def assert_they_accept(folder: Path) -> None:
    """The books of every seller: the three programs find nothing wrong, and hledger's balances are ours."""
    for (seller,) in bulk.fetch("SELECT DISTINCT seller FROM read_posting"):
        span = ("--to", "2099-12", "--seller", seller)
        books = exported("hledger", *span)
        assert accepts("hledger", books, folder)
        assert accepts("ledger", exported("ledger", *span), folder)
        assert accepts("beancount", exported("beancount", *span), folder)
        assert hledger_balances(books, folder) == ours(seller)


def four_months() -> None:
    """Four months of one customer: fees in advance, a payment, a credit note, a write-off, a month that closed too early."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")
    do("pay", "2026-01-10", account="ana", amount="20.00", channel="card", reference="R-1")
    advance("2026-02-01")
    do("credit_note", "2026-02-03", account="ana", invoice="2", amount="5.00", reason="Down")
    advance("2026-03-02")
    do("close_period", "2026-03-02", period="2026-01")
    do("adjust", "2026-03-03", account="ana", amount="-1.00", name="Late", reason="Found late")
    do("write_off", "2026-03-20", account="ana", invoice="1", reason="Gone", vat_relief="yes")
    advance("2026-04-02")
