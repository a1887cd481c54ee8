"""Files of banks → lines: the same in every form, told apart, bad ones by their number."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.statements.camt_file import read_camt
from payments.statements.csv_file import parse_amount, parse_day, read_csv
from payments.statements.lines import BankLine
from payments.statements.mt940_file import read_mt940
from plans.errors import Invalid, Refusal
from tests.statements.files import CAMT, CSV, MT940, OWN, camt, detail, entry


def test_three_forms_say_the_same() -> None:
    forms = [read_csv(CSV.encode(), own=OWN, currency="EUR"), read_mt940(MT940.encode(), own=""), read_camt(CAMT, own="")]
    for read in forms:
        assert read.bad == ()
        assert [(one.booked, one.amount, one.currency, one.reference, one.own, one.meaning) for one in read.lines] == [
            (date(2026, 1, 5), Decimal("24.14"), "EUR", "B1", OWN, "credit"),
            (date(2026, 1, 6), Decimal("1000.00"), "EUR", "B2", OWN, "credit"),
            (date(2026, 1, 7), Decimal("-1.50"), "EUR", "B3", OWN, "fee"),
        ]
        first = read.lines[0]
        assert (first.text, first.name, first.iban) == ("Factura INV-000001", "RUIZ PENA ANA", "DE89370400440532013000")
    assert len({tuple(line.id for line in read.lines) for read in forms}) == 1  # a line is known again in any form


def test_equal_lines_are_counted_and_bad_ones_named() -> None:
    source = (
        "date,amount,currency,text,name\n2026-01-05,10.00,EUR,coffee,Ana\n2026-01-05,10.00,EUR,coffee,Ana\nyesterday,1,EUR,,\n"
        "2026-01-06,1.234,EUR,,\n\n2026-01-06,0,EUR,,\n2026-01-06,5,EURO,,\n2026-01-07,x,EUR,,\n"
    )
    read = read_csv(source.encode(), own="", currency="EUR")
    assert [line.occurrence for line in read.lines] == [0, 1]
    assert len({line.id for line in read.lines}) == 2
    assert [(one.number, one.code) for one in read.bad] == [
        (3, "wrong_type"),
        (4, "out_of_range"),
        (6, "out_of_range"),
        (7, "unknown_currency"),
        (8, "not_a_number"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1234.56", "1234.56"),
        ("-5,00 €", "-5.00"),
        ("−5,00", "-5.00"),
        ("5,00-", "-5.00"),
        ("1.234.567,8", "1234567.8"),
        ("1,234", "1234"),
        ("1.234", "1.234"),
        ("+12", "12"),
    ],
)
def test_amounts_as_banks_write_them(text: str, wanted: str) -> None:
    assert parse_amount(text) == Decimal(wanted)


def test_days_have_the_day_first_or_are_iso() -> None:
    assert parse_day("2026-01-05") == parse_day("05/01/2026") == parse_day("5.1.2026") == date(2026, 1, 5)
    for text in ("", "31/02/2026", "2026-13-01", "01/05"):
        with pytest.raises(Invalid):
            parse_day(text)


def test_an_entry_of_several_payments_is_a_line_for_each() -> None:
    both = detail("INV-000001", amount="10.00") + detail("INV-000002", amount="14.14")
    read = read_camt(camt(entry("2026-01-05", "24.14", reference="B9", details=both)), own="")
    assert [(line.amount, line.text, line.reference) for line in read.lines] == [
        (Decimal("10.00"), "INV-000001", ""),
        (Decimal("14.14"), "INV-000002", ""),
    ]
    wrong = detail("a", amount="10.00") + detail("b", amount="14.15")
    read = read_camt(camt(entry("2026-01-05", "24.14", details=wrong), entry("2026-01-06", "1.00", status="PDNG")), own="")
    assert ([(one.number, one.code) for one in read.bad], read.pending, read.lines) == ([(1, "not_balanced")], 1, ())


def test_returns_are_seen_by_their_codes() -> None:
    read = read_camt(
        camt(
            entry("2026-01-05", "5.00", sign="DBIT", code="UPDD", details=detail("x", side="Cdtr")),
            entry("2026-01-05", "6.00", details=detail("y", extra="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")),
            entry("2026-01-05", "7.00", sign="DBIT", details=detail("Adeudo devuelto", side="Cdtr")),
            entry("2026-01-05", "8.00", sign="DBIT", details=detail("rent", side="Cdtr")),
        ),
        own="",
    )
    assert [line.meaning for line in read.lines] == ["return", "return", "return", "debit"]


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><Document>&c;</Document>'


@pytest.mark.parametrize(
    "content", [b"", b"<a/>", b"<Document><BkToCstmrStmt/></Document>", BOMB, b"<a", b"\xff\xfe", b"date,text\n1,2\n", b"\x00", b":61:"]
)
def test_what_is_no_statement_is_refused(content: bytes) -> None:
    for read in (
        lambda: read_camt(content, own=""),
        lambda: read_mt940(content, own=""),
        lambda: read_csv(content, own="", currency="EUR"),
    ):
        with pytest.raises(Invalid) as caught:
            read()
        assert caught.value.code == "bad_file"


@given(st.binary(max_size=300))
def test_no_bytes_give_a_traceback(content: bytes) -> None:
    for read in (
        lambda: read_camt(content, own=""),
        lambda: read_mt940(content, own=""),
        lambda: read_csv(content, own="", currency="EUR"),
    ):
        with suppress(Refusal):
            read()


def test_a_line_is_another_when_anything_of_it_is_another() -> None:
    base = BankLine(1, OWN, date(2026, 1, 5), Decimal("24.14"), "EUR", "text", "name", "iban", "", "e2e")
    changes = {"own": "X", "booked": date(2026, 1, 6), "amount": Decimal("24.15"), "currency": "USD", "text": "t", "name": "n", "iban": "i"}
    others = {base.__class__(**{**vars(base), name: value}).id for name, value in changes.items()}
    assert len(others | {base.id}) == len(changes) + 1
    assert base.__class__(**{**vars(base), "number": 9, "kind": "fee"}).id == base.id
