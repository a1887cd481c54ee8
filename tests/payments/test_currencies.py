"""Money in another currency than what it pays: published rates, frozen conversions, what goes back, what was realised, and the books."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from billing import bulk
from billing.rates.reading import read_rates
from billing.rebuilding import compare
from plans.errors import Invalid
from tests.bookkeepers import accepts, exported, tools
from tests.books import advance, assert_books_hold, do, documents, owed
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db
D = Decimal
RATES = "date,from,to,rate,source\n2026-01-02,EUR,USD,1.1,ECB\n2026-01-09,USD,EUR,0.92,ECB\n"


def ledgers() -> dict[str, str]:
    rows = bulk.fetch("SELECT ledger, currency, sum(amount) FROM read_balance GROUP BY 1, 2 HAVING sum(amount) <> 0")
    return {f"{ledger} {currency}": f"{amount:.2f}" for ledger, currency, amount in rows}


@pytest.fixture
def rates(ana: None) -> None:
    """ana owes 24.14 EUR; a euro is 1.10 dollars from 2 January, a dollar 0.92 euros from the 9th."""
    do("publish_rates", "2026-01-02", source=RATES)


def test_a_payment_counts_at_the_rate_of_its_day_which_stays_with_it(rates: None) -> None:
    outcome = do("pay", "2026-01-05", account="ana", amount="22.00", currency="USD", invoices=["1"])
    conversion = outcome.events[-1].event.conversion
    assert (conversion.amount, conversion.currency, conversion.rate, conversion.inverse) == (D("22.00"), "USD", D("1.1"), True)
    assert (str(conversion.day), conversion.source, conversion.version) == ("2026-01-02", "ECB", 1)
    assert owed() == D("4.14")
    assert ledgers() | {"deferred EUR": "", "tax:vat EUR": ""} == {
        "cash:transfer USD": "22.00",
        "conversion:EUR-USD USD": "-22.00",
        "conversion:EUR-USD EUR": "20.00",
        "receivable EUR": "4.14",
        "deferred EUR": "",
        "tax:vat EUR": "",
    }
    do("publish_rates", "2026-01-06", source=RATES.replace("1.1,", "1.25,"))
    do("pay", "2026-01-06", account="ana", amount="1.25", currency="USD", invoices=["1"])
    assert owed() == D("3.14")  # the corrected rate counts from now on, and moves nothing before
    do("pay", "2026-01-10", account="ana", amount="10.00", currency="USD", invoices=["1"])
    assert [row[3] for row in documents()] == ["0.00"]
    assert ledgers()["credit EUR"] == "-6.06"  # 9.20 less 3.14
    assert_books_hold()
    assert compare(["ana", "rates:main"]) == []


def test_what_goes_back_uses_the_rate_of_the_payment(rates: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="33.00", currency="USD", into="EUR")
    assert ledgers()["credit EUR"] == "-5.86"
    first = do("refund", "2026-01-20", account="ana", payment="1", amount="3.33")
    assert [(leg.ledger, leg.currency, f"{leg.amount:.2f}") for leg in first.events[-1].event.entry.postings] == [
        ("refunds_payable", "EUR", "3.33"),
        ("cash:transfer", "USD", "-3.66"),
        ("conversion:EUR-USD", "USD", "3.66"),
        ("conversion:EUR-USD", "EUR", "-3.33"),
    ]
    do("fail_refund", "2026-01-21", account="ana", reason="Returned")
    do("open_dispute", "2026-01-23", account="ana", payment="1", amount="10.00", fee="2.00")
    assert (ledgers()["cash:transfer USD"], ledgers()["cash:transfer EUR"]) == ("22.00", "-2.00")
    do("win_dispute", "2026-01-24", account="ana")
    do("refund", "2026-01-25", account="ana", payment="1", amount="30.00", credit_note="yes", reason="All of it")
    assert "cash:transfer USD" not in ledgers()  # to the cent what was paid
    assert "conversion:EUR-USD EUR" not in ledgers()
    assert_books_hold()
    assert compare(["ana"]) == []


def test_parts_that_go_back_add_up_to_what_was_paid(rates: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="10.00", currency="USD", into="EUR", invoices=[])
    do("unallocate", "2026-01-05", account="ana", payment="1")
    for amount in ("3.03", "3.03", "3.03"):
        do("refund", "2026-01-06", account="ana", payment="1", amount=amount)
    gone = bulk.fetch("SELECT (data->'conversion'->>'amount')::numeric FROM journal WHERE kind = 'refund.requested' ORDER BY sequence")
    assert [row[0] for row in gone] == [D("3.33"), D("3.34"), D("3.33")]
    assert "cash:transfer USD" not in ledgers()


def test_changing_the_money_realises_what_it_turned_out_to_be_worth(rates: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="22.00", currency="USD", invoices=["1"])
    sold = do("exchange", "2026-01-12", amount="11.00", currency="USD", into="10.30", into_currency="EUR")
    event = sold.events[-1].event
    assert (event.carried, event.realised) == (D("10.00"), D("0.30"))
    # 11.00 are left of the payment, the rest of 9.00 at the rate of the day: 10.00 + 8.28
    again = do("exchange", "2026-01-12", amount="20.00", currency="USD", into="18.00", into_currency="EUR").events[-1].event
    assert (again.carried, again.realised) == (D("18.28"), D("-0.28"))
    assert (ledgers()["revenue:fx-gain EUR"], ledgers()["expense:fx-loss EUR"]) == ("-0.30", "0.28")
    assert ledgers()["conversion:EUR-USD EUR"] == "-8.28"
    assert_books_hold()
    assert compare(["ana", "suspense-main"]) == []


def test_refusals(rates: None, ana: None) -> None:
    refused("no_rate", "pay", "2026-01-05", account="ana", amount="5.00", currency="GBP", invoices=["1"])
    refused("no_rate", "pay", "2026-01-30", account="ana", amount="5.00", currency="USD", invoices=["1"])
    refused("no_rate", "pay", "2026-01-05", account="ana", amount="5.00", currency="USD", invoices=["1"], received="2026-01-01")
    refused("out_of_range", "pay", "2026-01-10", account="ana", amount="0.00", currency="USD", invoices=["1"])
    refused("conflict", "exchange", "2026-01-10", amount="1.00", currency="USD", into="1.00", into_currency="USD")
    refused("unknown_seller", "publish_rates", "2026-01-10", source=RATES, seller="nobody")
    assert owed() == D("24.14")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "wrong_heading"),
        ("date,from,to,rate\n", "wrong_heading"),
        ("date,from,to,rate,source\n", "no_rates"),
        ("date,from,to,rate,source\n2026-01-02,USD,EUR,0,ECB\n", "out_of_range"),
        ("date,from,to,rate,source\n2026-01-02,USD,USD,1,ECB\n", "conflict"),
        ("date,from,to,rate,source\n2026-01-02,USD,EUR,1,ECB\n2026-01-02,EUR,USD,1,ECB\n", "conflict"),
        ("date,from,to,rate,source\n2026-01-02,USD,EUR,1\n", "wrong_type"),
        ("date,from,to,rate,source\n2026-01-02,USD,EUR,1,\n", "missing_field"),
        ("date,from,to,rate,source\n2026-01-02,USD,XX1,1,ECB\n", "unknown_currency"),
        ('date,from,to,rate,source\n"2026-01-02,USD,EUR,1,ECB\n', "not_csv"),
    ],
)
def test_a_wrong_file_is_refused_whole(text: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_rates(text)
    assert caught.value.code == code


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for given_text in (text, "date,from,to,rate,source\n" + text):
        try:
            read_rates(given_text)
        except Invalid:
            continue


def test_the_file_is_imported_and_shown(rates: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(RATES.replace("1.1,", "1.25,"))
    call_command("rates", "import", str(file), "--at", "2026-01-10")
    call_command("rates", "show", "--day", "2026-01-05")
    told = capsys.readouterr().out
    assert told == "2 rates published as version 2 of main\n2026-01-02  1 EUR = 1.25 USD  ECB, version 2\n"
    with pytest.raises(SystemExit):
        call_command("rates", "import", str(tmp_path / "none.csv"))
    assert "[cannot_read]" in capsys.readouterr().err


def test_reports_in_one_currency_name_their_rates(rates: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="11.00", currency="USD", invoices=["1"])
    advance("2026-01-12")
    rows = list(csv.DictReader(io.StringIO(exported("trial-balance", "--to", "2026-01-12", "--in", "EUR"))))
    found = {row["ledger"] or row["name"]: row["closing"] for row in rows}
    # 11.00 USD x 0.92; the conversion: 10.00 EUR less 10.12
    assert (found["cash:transfer"], found["conversion:EUR-USD"], found["Total"]) == ("10.12", "-0.12", "0.00")
    assert rows[-1]["rates"] == "USD/EUR 0.92 (ECB, 2026-01-09)"
    assert rows[-1]["debit"] == rows[-1]["credit"]
    [row] = csv.DictReader(io.StringIO(exported("ageing", "--to", "2026-01-12", "--in", "USD", "--rates-of", "2026-01-05")))
    assert (row["total"], row["from"], row["rate"]) == ("15.55", "EUR", "EUR/USD 1.1 (ECB, 2026-01-02)")  # 14.14 x 1.1


def test_such_reports_need_their_rates(rates: None, capsys: pytest.CaptureFixture[str]) -> None:
    for options, code in (
        (("trial-balance", "--to", "2026-02", "--in", "GBP"), "no_rate"),
        (("gl", "--to", "2026-02", "--in", "EUR"), "unknown_field"),
        (("gl", "--to", "2026-02", "--rates-of", "2026-01-02"), "missing_field"),
    ):
        with pytest.raises(SystemExit):
            call_command("export", *options)
        assert f"[{code}]" in capsys.readouterr().err, options


@tools
def test_three_programs_accept_the_conversions(rates: None, tmp_path: Path) -> None:
    do("pay", "2026-01-05", account="ana", amount="22.00", currency="USD", invoices=["1"])
    do("exchange", "2026-01-12", amount="22.00", currency="USD", into="19.50", into_currency="EUR")
    for program in ("hledger", "ledger", "beancount"):
        assert accepts(program, exported(program, "--to", "2026-02"), tmp_path)
    assert "equity:conversion:eur-usd  -22.00 USD" in exported("hledger", "--to", "2026-02")
