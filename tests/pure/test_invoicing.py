"""Open charges become documents: lines, discounts, tax, postings, limits. Plain values in, events out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.events import Place
from billing.invoicing import charge_key, due_date
from billing.invoicing.terms import series_of
from billing.state import Discount
from plans.catalogue import InvoicePolicy, PaymentTerms
from tests.shop import MOMENT, START, VAT, D, Shop, coupon, paid, past_of, postings, shown

# --- invoices ---------------------------------------------------------------------------------------------------------------------


def test_three_nights_and_the_minibar() -> None:
    shop = Shop(taxes=VAT, terms="net30")
    charges = [shop.night(day) for day in (1, 2, 3)]
    charges += [
        shop.sale("cola", "10.00", quantity=D(2), unit_price="5.00"),
        shop.charge("laundry", "10.00", quantity=D("2.5"), unit_price="4"),
    ]
    event = shop.invoice_of(*charges)
    assert shown(event) == [("room", "3", "300.00"), ("cola", "2", "10.00"), ("laundry", "2.5", "10.00")]
    assert [str(value) for value in (event.net, event.tax, event.total)] == ["320.00", "32.00", "352.00"]
    assert (event.lines[0].start, event.lines[0].end) == (START, datetime(2026, 3, 4, tzinfo=UTC))
    assert event.lines[0].charges == ("ana/101", "ana/102", "ana/103")
    assert (event.invoice, event.series, event.number) == ("ana/500", "INV-2026-{number:04}", "")
    assert (event.issued, event.due, event.terms) == (date(2026, 3, 31), date(2026, 4, 30), "net30")
    assert postings(event.entry) == {"unbilled": "-320.00", "tax:VAT": "-32.00", "receivable": "352.00"}
    assert [(row.code, row.rate, str(row.base), str(row.tax)) for row in event.taxes] == [("VAT", "10", "320.00", "32.00")]


def test_lines_are_split_where_the_policy_says_so() -> None:
    shop = Shop(invoice=InvoicePolicy(lines="split"))
    assert len(shop.invoice_of(shop.night(1), shop.night(2)).lines) == 2


@pytest.mark.parametrize("other", [{"unit_price": "90.00"}, {"name": "Suite"}, {"tax_category": "food"}])
def test_only_the_same_thing_shares_a_line(other: dict[str, Any]) -> None:
    shop = Shop()
    assert len(shop.invoice_of(shop.night(1), shop.night(2, **other)).lines) == 2


def test_a_gap_in_time_parts_lines() -> None:
    shop = Shop()
    assert [line[1] for line in shown(shop.invoice_of(shop.night(1), shop.night(2), shop.night(4)))] == ["2", "1"]


def test_a_rate_that_changes_parts_lines() -> None:
    taxes = [{"code": "VAT", "rate": "10", "to": "2026-03-02"}, {"code": "VAT", "rate": "20", "from": "2026-03-02"}]
    shop = Shop(taxes=taxes)
    event = shop.invoice_of(*(shop.night(day) for day in (1, 2, 3)))
    assert [(line.amount, line.tax) for line in event.lines] == [(D("100.00"), D("10.00")), (D("200.00"), D("40.00"))]
    assert [(row.rate, row.base, row.tax) for row in event.taxes] == [("10", D("100.00"), D("10.00")), ("20", D("200.00"), D("40.00"))]


def test_differences_of_one_key_are_one_line_with_the_last_quantity() -> None:
    shop = Shop()
    ticks = [shop.charge("laundry", amount, quantity=D(quantity), unit_price="4") for amount, quantity in (("4.00", "1"), ("8.00", "3"))]
    assert shown(shop.invoice_of(*ticks)) == [("laundry", "3", "12.00")]


def test_usage_that_is_on_a_document_already_counts_once() -> None:
    shop = Shop(taxes=VAT)
    first = shop.charge("laundry", "4.00", quantity=D(1))
    issued = paid(shop.invoice_of(first))
    second = shop.charge("laundry", "8.00", quantity=D(3))
    past = replace(past_of(issued, [first]), quantities={charge_key(first): D(1)})
    event = shop.invoice_of(second, past=past)
    assert shown(event) == [("laundry", "2", "8.00")]
    assert event.lines[0].corrects == "INV-1#1"


def test_currencies_and_separate_contracts_have_documents_of_their_own() -> None:
    shop = Shop()
    events = shop.run(shop.night(1), shop.sale("cola", "5.00", currency="USD", contract="")).events
    assert [(event.currency, event.total) for event in events] == [("EUR", D("100.00")), ("USD", D("5.00"))]
    assert [event.invoice for event in events] == ["ana/500", "ana/501"]
    separate = Shop(invoice=InvoicePolicy(separate=True))
    assert len(separate.run(separate.night(1), separate.sale("cola", "5.00", contract="")).events) == 2


def test_prices_that_contain_tax() -> None:
    shop = Shop(taxes=[{"code": "IVA", "rate": "21", "ledger": "iva-ar"}], tax_policy={"inclusive": True})
    event = shop.invoice_of(shop.night(1))
    assert [str(value) for value in (event.net, event.tax, event.total)] == ["82.64", "17.36", "100.00"]
    assert postings(event.entry) == {"unbilled": "-100.00", "tax:iva-ar": "-17.36", "revenue:tax-included": "17.36", "receivable": "100.00"}
    assert event.inclusive


def test_the_guests_pay_the_city() -> None:
    """HOTEL-05 on a document: one line of twelve nights, 2 × 10 × 6.00."""
    city = {"code": "CITY", "amount": "6.00", "per": "person_night", "cap": 10, "exempt_under_age": 10, "categories": ["room"]}
    shop = Shop(taxes=[city])
    nights = [shop.night(day, tax_category="room", attributes={"ages": ["40", "38", "8"]}) for day in range(1, 13)]
    event = shop.invoice_of(*nights)
    assert shown(event) == [("room", "12", "1200.00")]
    assert (event.tax, event.taxes[0].rate) == (D("120.00"), "")


@pytest.mark.parametrize(("nights", "tax"), [(80, "1460.00"), (95, "1211.25"), (180, "0")])
def test_the_length_of_the_stay_decides_its_taxes(nights: int, tax: str) -> None:
    """HOTEL-03 and -04: the whole stay is taxed by its length when it is invoiced at its end."""
    rules = [
        {"code": "ROOM", "rate": "14.75", "under_nights": 90},
        {"code": "ROOM", "rate": "10.75", "from_nights": 90, "under_nights": 180},
        {"code": "FEE", "amount": "3.50", "per": "night", "under_nights": 90},
        {"code": "FEE", "amount": "2.00", "per": "night", "from_nights": 90, "under_nights": 180},
    ]
    shop = Shop(taxes=rules, end=START + timedelta(days=nights))
    days = [START + timedelta(days=i) for i in range(nights)]
    charges = [
        shop.charge("room", "100.00", start=day, end=day + timedelta(days=1), period_start=day, supply_date=day.date()) for day in days
    ]
    assert shop.invoice_of(*charges).tax == D(tax)


def test_reverse_charge_is_shown_with_its_reason() -> None:
    shop = Shop(taxes=VAT, place=Place(country="FR", exempt={"VAT": "reverse charge"}, tax_id="FR1"))
    event = shop.invoice_of(shop.night(1))
    assert [(row.code, row.rate, row.base, row.tax, row.reason) for row in event.taxes] == [
        ("VAT", "0", D("100.00"), D(0), "reverse charge")
    ]
    assert event.place == shop.place


def test_credit_pays_a_new_invoice() -> None:
    shop = Shop(credit={"EUR": D("30.00")})
    event = shop.invoice_of(shop.night(1))
    assert (event.total, event.credit_applied) == (D("100.00"), D("30.00"))
    assert postings(event.entry) == {"unbilled": "-100.00", "receivable": "70.00", "credit": "30.00"}
    assert shop.invoice_of(shop.night(1), apply_credit=False).credit_applied == 0


def test_a_document_of_nothing() -> None:
    shop = Shop()
    event = shop.invoice_of(shop.night(1, "0.00"))
    assert (event.total, event.entry.postings) == (0, ())


def test_closed_books_take_the_first_open_day() -> None:
    shop = Shop()
    event = shop.invoice_of(shop.night(1), books_from=date(2026, 4, 1))
    assert (event.issued, event.entry.accounting_date) == (date(2026, 3, 31), date(2026, 4, 1))


# --- discounts --------------------------------------------------------------------------------------------------------------------


def test_a_coupon_over_lines_of_several_rates() -> None:
    """Plan at 10 %, charges at 0 % and 20 %, coupon 10.00: 190.00 + 19.00."""
    taxes = [{"code": name, "rate": rate, "categories": [name]} for name, rate in (("ten", "10"), ("none-due", "0"), ("twenty", "20"))]
    shop = Shop(taxes=taxes, discounts=(coupon(),))
    event = shop.invoice_of(
        shop.charge("room", "100.00", tax_category="ten"),
        shop.charge("laundry", "50.00", tax_category="none-due"),
        shop.charge("laundry", "30.00", tax_category="twenty", component="tier-2"),
        shop.charge("laundry", "20.00", tax_category="twenty", component="minimum"),
    )
    assert [str(line.discount) for line in event.lines] == ["-5.00", "-2.50", "-1.50", "-1.00"]
    assert [str(line.tax) for line in event.lines] == ["9.50", "0.00", "5.70", "3.80"]
    assert (str(event.tax), str(event.total)) == ("19.00", "209.00")
    assert [(use.attachment, use.amount) for use in event.discounts] == [("ana/9", D("10.00"))]
    assert postings(event.entry)["discounts"] == "10.00"


def test_a_coupon_larger_than_the_document() -> None:
    shop = Shop(taxes=VAT, discounts=(coupon(amount="110.00"),))
    event = shop.invoice_of(shop.night(1))
    assert (event.total, event.discounts[0].amount) == (0, D("100.00"))
    assert postings(event.entry) == {"unbilled": "-100.00", "discounts": "100.00"}


def test_a_remainder_is_given_once_in_a_run() -> None:
    shop = Shop(invoice=InvoicePolicy(separate=True), discounts=(coupon(amount="110.00"),))
    events = shop.run(shop.night(1), shop.sale("cola", "50.00", contract="")).events
    assert [event.total for event in events] == [D("0.00"), D("40.00")]


@pytest.mark.parametrize(
    "held",
    [
        replace(coupon(), end=START),
        replace(coupon(), start=MOMENT + timedelta(days=1)),
        replace(coupon(), remainder=D(0)),
        replace(coupon(), level="price"),
        replace(coupon(), currency="USD"),
        replace(coupon(percent="10", amount=None, level="document"), uses=1),
        replace(coupon(duration="periods", periods=3), uses=3),
        coupon(items=["cola"]),
        coupon(plans=["other"]),
        replace(coupon(), contract="ana/3"),
    ],
)
def test_discounts_that_give_nothing(held: Discount) -> None:
    shop = Shop(discounts=(held,))
    event = shop.invoice_of(shop.night(1))
    assert (event.total, event.discounts) == (D("100.00"), ())


# --- insane documents -------------------------------------------------------------------------------------------------------------


def test_a_document_beyond_the_limit_parks_the_account() -> None:
    shop = Shop(invoice=InvoicePolicy(limit=D("99.99")))
    found = shop.run(shop.night(1))
    assert found.events == ()
    assert found.parked is not None
    assert (found.parked.code, found.parked.reason) == (
        "beyond_limit",
        "the next document would be 100.00 EUR, beyond the limit of 99.99 EUR",
    )
    assert Shop(invoice=InvoicePolicy(limit=D("100.00"))).run(shop.night(1)).parked is None


def test_a_charge_that_is_there_twice_parks_the_account() -> None:
    shop = Shop()
    parked = shop.run(shop.night(1), shop.night(1)).parked
    assert parked is not None
    assert (parked.code, parked.reason) == ("duplicate_charge", "Room of 100.00 EUR was charged twice: ana/101 and ana/102")


def test_periods_that_overlap_park_the_account() -> None:
    shop = Shop()
    parked = shop.run(shop.charge("room", "100.00"), shop.night(5)).parked
    assert parked is not None
    assert parked.code == "overlapping_charges"
    assert parked.reason == "two charges of Room overlap: ana/101 until 2026-04-01 and ana/102 from 2026-03-05"


def test_other_terms_may_overlap_and_differences_of_a_period_too() -> None:
    shop = Shop()
    assert shop.run(shop.charge("room", "100.00"), shop.night(5, terms="7")).parked is None
    assert shop.run(shop.charge("laundry", "100.00"), shop.charge("laundry", "90.00")).parked is None


# --- credits by hand, terms, numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (None, "2026-01-31"),
        (PaymentTerms("now"), "2026-01-31"),
        (PaymentTerms("net", 30), "2026-03-02"),
        (PaymentTerms("eom", 0, end_of_month=True), "2026-01-31"),
        (PaymentTerms("eom", 15, end_of_month=True), "2026-02-28"),
    ],
)
def test_due_dates(terms: PaymentTerms | None, expected: str) -> None:
    assert due_date(date(2026, 1, 31), terms) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INV-{number:06}", "INV-{number:06}"),
        ("{year}/{month}-{number}", "2026/03-{number}"),
        ("{month:1}.{number}", "3.{number}"),
        ("a{{b}}{number}", "a{{b}}{number}"),
        ("{account}-{number}", "ana-{number}"),
    ],
)
def test_a_series_is_a_format_with_its_date(text: str, expected: str) -> None:
    catalogue = replace(Shop().catalogue(), series={"invoice": text})
    assert series_of(catalogue, "invoice", date(2026, 3, 31), "ana") == expected
