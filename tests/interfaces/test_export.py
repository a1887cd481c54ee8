"""The books for accountants: tables that agree with the ledgers, and text that other bookkeeping programs accept and check."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction

from billing import ledgers
from billing.accounting.chart import STANDARD, Chart, beancount_name, paths
from plans.errors import Invalid
from tests.bookkeepers import exported, four_months, table
from tests.books import balance, do


@pytest.fixture(scope="module")
def _march(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Four months of one customer: fees in advance, a payment, a credit note, a write-off, a month that closed too early."""
    with django_db_blocker.unblock(), transaction.atomic():
        four_months()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def march(_march: None, db: None) -> None:
    """The books of the module; what a test adds is undone."""


# --- the chart --------------------------------------------------------------------------------------------------------------------


def test_every_ledger_that_we_post_to_has_an_account() -> None:
    named = [value for name, value in vars(ledgers).items() if name.isupper() and isinstance(value, str)]
    named += [*ledgers.REVENUE_BY_CHARGE.values(), *ledgers.EXPENSE_BY_CHARGE.values()]
    assert len(named) > 30
    for ledger in named:
        assert Chart().of(ledger).number
    with pytest.raises(Invalid, match="ledger_without_account"):
        Chart().of("petty:cash")


def test_numbers_of_the_chart_are_used_once() -> None:
    numbers = [account.number for account in STANDARD.values()]
    assert sorted(set(numbers)) == sorted(numbers)


def test_names_in_the_text_formats_are_good_and_never_shared() -> None:
    found = paths(["tax:vat_es", "tax:vat-es", "tax:IVA 21%", "cash:card", "revenue:usage", "revenue", "expense:bad-debt"], Chart())
    assert found == {
        "cash:card": "assets:cash:card",
        "expense:bad-debt": "expenses:bad-debt",
        "revenue": "income:revenue",
        "revenue:usage": "income:usage",
        "tax:IVA 21%": "liabilities:tax:iva-21",
        "tax:vat-es": "liabilities:tax:vat-es",
        "tax:vat_es": "liabilities:tax:vat-es-2",
    }
    assert beancount_name("expenses:bad-debt") == "Expenses:Bad-debt"


# --- tables -----------------------------------------------------------------------------------------------------------------------


def test_the_trial_balance_is_what_the_ledgers_hold(march: None) -> None:
    rows = table("trial-balance", "--to", "2026-04")
    held = {row["ledger"]: Decimal(row["closing"]) for row in rows if row["ledger"]}
    assert {ledger: balance(ledger) for ledger in held} == held
    assert held["receivable"] == balance("receivable") != 0
    [total] = [row for row in rows if row["name"] == "Total"]
    assert (total["opening"], total["closing"], total["debit"]) == ("0.00", "0.00", total["credit"])
    [receivable] = [row for row in rows if row["ledger"] == "receivable"]
    assert (receivable["account"], receivable["name"]) == ("1200", "Trade receivables")


def test_the_general_ledger_carries_each_month_into_the_next(march: None) -> None:
    rows = [row for row in table("gl", "--to", "2026-03") if row["ledger"] == "deferred"]
    assert [(row["month"], row["opening"], row["debit"], row["credit"], row["closing"]) for row in rows] == [
        ("2026-01", "0.00", "19.95", "19.95", "0.00"),
        ("2026-02", "0.00", "19.95", "19.95", "0.00"),
        ("2026-03", "0.00", "19.95", "19.95", "0.00"),
    ]
    part = [row for row in table("gl", "--from", "2026-02", "--to", "2026-02") if row["ledger"] == "receivable"]
    whole = [row for row in table("gl", "--to", "2026-02") if row["ledger"] == "receivable" and row["month"] == "2026-02"]
    assert part == whole != []


def test_what_is_late_says_which_month_it_corrects(march: None) -> None:
    rows = table("csv", "--to", "2026-04")
    assert {row["corrects"] for row in rows} == {""}
    do("close_period", "2026-04-03", period="2026-03", despite="As it is")
    do("pay", "2026-03-30", account="ana", amount="1.00", channel="cash")
    late = [row for row in table("csv", "--to", "2026-04") if row["corrects"]]
    assert {(row["date"], row["corrects"], row["kind"]) for row in late} == {("2026-04-01", "2026-03-30", "payment.received")}
    assert "; corrects:2026-03-30" in exported("hledger", "--to", "2026-04")
    assert "  corrects: 2026-03-30" in exported("beancount", "--to", "2026-04")


def test_the_tax_book_ends_with_what_the_tax_ledgers_hold(march: None) -> None:
    rows = table("tax", "--to", "2026-04")
    assert [row["difference"] for row in rows if row["code"] == "Total"] == ["0.00"]
    assert sum(Decimal(row["tax"]) for row in rows if row["code"] != "Total") == -balance("tax:vat")
    assert {(row["code"], row["rate"], row["place"]) for row in rows if row["rate"]} == {("vat", "21", "ES")}
    book = table("tax-book", "--to", "2026-04")
    assert [(row["kind"], row["number"], row["base"], row["tax"]) for row in book[:3]] == [
        ("invoice", "INV-000001", "19.95", "4.19"),
        ("invoice", "INV-000002", "19.95", "4.19"),
        ("credit_note", "CN-000001", "-5.00", "-1.05"),
    ]
    assert [(row["kind"], row["base"]) for row in book if row["rate"] == ""] == [("invoice.written_off", "")]


def test_receipts_name_the_payment_and_what_it_paid(march: None) -> None:
    do("pay", "2026-04-05", account="ana", amount="3.00", channel="cash")
    rows = table("receipts", "--to", "2026-04")
    assert [(row["date"], row["channel"], row["reference"], row["amount"], row["documents"]) for row in rows] == [
        ("2026-01-10", "card", "R-1", "20.00", "INV-000001"),
        ("2026-04-05", "cash", "", "3.00", "INV-000002"),
    ]


def test_receivables_age_from_their_due_date_as_of_any_day(march: None) -> None:
    [row] = table("ageing", "--to", "2026-02-20")
    # INV-000001 is due on 15 January with 4.14 open; INV-000002 on 15 February with 24.14 less the note of 6.05.
    assert (row["current"], row["1-30"], row["31-60"], row["total"]) == ("0.00", "18.09", "4.14", "22.23")
    [row] = table("ageing", "--to", "2026-02-20", "--known-at", "2026-02-02")
    assert (row["1-30"], row["31-60"]) == ("24.14", "4.14")
    [row] = table("ageing", "--to", "2026-04-30")
    assert Decimal(row["total"]) == balance("receivable")


def test_refusals_are_one_line_each(march: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, code in (
        (("gl", "--to", "2026-13"), "not_a_time"),
        (("gl", "--to", "9999-12"), "out_of_range"),
        (("gl", "--from", "2026-05", "--to", "2026-04"), "out_of_range"),
        (("gl", "--to", "2026-04", "--seller", "mian"), "unknown_seller"),
        (("gl", "--to", "2026-04", "--known-at", "2026-01-01"), "unknown_field"),
        (("gl", "--to", "2026-04", "--output", str(tmp_path / "no" / "file")), "cannot_write"),
    ):
        with pytest.raises(SystemExit, match="1"):
            call_command("export", *options)
        assert f"[{code}]" in capsys.readouterr().err, options


def test_a_file_holds_the_same_bytes_as_the_screen(march: None, tmp_path: Path) -> None:
    for what in ("hledger", "beancount", "gl"):
        exported(what, "--to", "2026-04", "--output", str(tmp_path / what))
        assert (tmp_path / what).read_text() == exported(what, "--to", "2026-04") != ""
