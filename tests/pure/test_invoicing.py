"""Open charges become documents: lines, discounts, tax, credit notes, statements, postings. Plain values in, events out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.events import CreditNoteIssued, Entry, InvoiceIssued, ItemTerms, Place, Terms
from billing.invoicing import Composed, Composing, Correction, CreditPart, Issued, LineRef, Past, charge_key, compose, due_date
from billing.invoicing.terms import series_of
from billing.state import AccountState, Contract, Discount, OpenCharge, TermsRow
from plans.catalogue import Catalogue, InvoicePolicy, Item, PaymentTerms, Plan
from plans.discounts import discount_terms, parse_discount
from plans.tax import parse_tax_policy, parse_taxes

D = Decimal
START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = datetime(2026, 3, 31, 12, tzinfo=UTC)

VAT = [{"code": "VAT", "rate": "10"}]


@dataclass
class Shop:
    """One account and the catalogue behind it, as small as a test needs them."""

    invoice: InvoicePolicy = field(default_factory=InvoicePolicy)
    taxes: Any = ()
    tax_policy: Any = ()
    discounts: tuple[Discount, ...] = ()
    place: Place = field(default_factory=Place)
    credit: Mapping[str, Decimal] = field(default_factory=dict)
    end: datetime | None = None
    terms: str | None = None
    sequence: int = 0

    def catalogue(self, name: str = "house", version: int = 1) -> Catalogue:
        items = {
            code: Item(code=code, name=code.title(), charge=charge, owes=owes)
            for code, charge, owes in (
                ("room", "fee", "customer"),
                ("laundry", "usage", "customer"),
                ("share", "usage", "us"),
                ("cola", "sale", "customer"),
            )
        }
        plan = Plan(code="stay", name="Stay", currency="EUR", items=items, invoice=self.invoice, terms=self.terms)
        terms = {"net30": PaymentTerms("net30", 30), "eom": PaymentTerms("eom", 15, end_of_month=True)}
        return Catalogue(
            name=name,
            currency="EUR",
            zone="UTC",
            rounding="half_up",
            seller={"name": "House"},
            meters={},
            calendars={},
            lists={},
            items=items,
            plans={"stay": plan},
            taxes=parse_taxes(list(self.taxes)),
            tax_policy=parse_tax_policy(dict(self.tax_policy)),
            discounts={},
            coupons={},
            terms=terms,
            series={"invoice": "INV-{year}-{number:04}", "credit_note": "CN-{number}"},
            version=version,
        )

    def entries(self, catalogue: str, price_list: str) -> tuple[Any, ...]:
        raise AssertionError("no list is followed here")

    def state(self) -> AccountState:
        held = {code: ItemTerms(quantity=D(1)) for code in ("room", "laundry", "share")}
        terms = Terms(plan="stay", catalogue="house", version=1, items=held, anchor=START)
        contract = Contract("ana/2", "ana", "EUR", START, self.end, (TermsRow(2, START, terms),))
        return AccountState(
            account="ana",
            seller="main",
            currency="EUR",
            zone="UTC",
            locale="en",
            terms="",
            status="open",
            places=[(START, self.place)],
            contracts={contract.id: contract},
            credit=dict(self.credit),
            discounts=list(self.discounts),
        )

    def charge(self, item: str, amount: str, **given: Any) -> OpenCharge:
        """A charge of the contract's item for March unless it says otherwise."""
        self.sequence += 1
        fields: dict[str, Any] = {
            "address": f"ana/{100 + self.sequence}",
            "kind": "accrual",
            "contract": "ana/2",
            "item": item,
            "component": "usage" if item in ("laundry", "share") else "fee",
            "name": item.title(),
            "currency": "EUR",
            "amount": D(amount),
            "quantity": D(1),
            "unit_price": amount,
            "unit": "",
            "start": START,
            "end": datetime(2026, 4, 1, tzinfo=UTC),
            "effective_at": MOMENT,
            "supply_date": date(2026, 3, 31),
            "tax_category": "",
            "inclusive": bool(dict(self.tax_policy).get("inclusive")),
            "catalogue": "house",
            "version": 1,
            "invoice_when": "charges",
            "attributes": {},
            "period_start": START,
            "terms": "2",
        }
        return OpenCharge(**fields | given)

    def night(self, day: int, amount: str = "100.00", **given: Any) -> OpenCharge:
        start = datetime(2026, 3, day, tzinfo=UTC)
        return self.charge(
            "room", amount, start=start, end=start + timedelta(days=1), period_start=start, supply_date=start.date(), **given
        )

    def sale(self, item: str, amount: str, **given: Any) -> OpenCharge:
        unit = {"kind": "sale", "component": "sale", "start": MOMENT, "end": MOMENT, "period_start": None, "terms": ""}
        return self.charge(item, amount, **unit | given)

    def adjustment(self, amount: str, **given: Any) -> OpenCharge:
        fields = {"kind": "adjustment", "component": "adjustment", "start": MOMENT, "end": MOMENT, "period_start": None, "terms": ""}
        return self.charge("", amount, **fields | {"name": "Goodwill"} | given)

    def run(self, *charges: OpenCharge, past: Past | None = None, **given: Any) -> Composed:
        state = self.state()
        state.open_charges = list(charges)
        composing = Composing(state=state, policy=self, moment=MOMENT, next_sequence=500, past=past or Past(), buyer="b", **given)
        return compose(list(charges), composing)

    def invoice_of(self, *charges: OpenCharge, **given: Any) -> InvoiceIssued:
        [event] = self.run(*charges, **given).events
        assert isinstance(event, InvoiceIssued)
        assert_sound(event)
        return event


def assert_sound(event: InvoiceIssued | CreditNoteIssued) -> None:
    """What every document must be: postings that balance, sums that agree, nothing negative in all."""
    assert sum((posting.amount for posting in event.entry.postings), D(0)) == 0
    assert all(posting.amount for posting in event.entry.postings)
    assert event.total == event.net + event.tax >= 0
    assert event.net == sum((line.net for line in event.lines), D(0))
    assert event.tax == sum((line.tax for line in event.lines), D(0)) == sum((row.tax for row in event.taxes), D(0))
    for line in event.lines:
        assert line.tax == sum((tax.tax for tax in line.taxes), D(0))


def postings(entry: Entry) -> dict[str, str]:
    return {posting.ledger: str(posting.amount) for posting in entry.postings}


def shown(event: InvoiceIssued | CreditNoteIssued) -> list[tuple[str, str, str]]:
    return [(line.item, str(line.quantity), str(line.amount)) for line in event.lines]


def paid(issued: InvoiceIssued, *, open_amount: str = "0", number: str = "INV-1") -> Issued:
    return Issued(replace(issued, number=number), D(open_amount))


def past_of(issued: Issued, charges: list[OpenCharge]) -> Past:
    """Where the charges stand on the document."""
    lines = {}
    for charge in charges:
        for position, line in enumerate(issued.invoice.lines, start=1):
            if charge.address in line.charges:
                lines[charge_key(charge)] = (LineRef(issued.invoice.invoice, position),)
    return Past({issued.invoice.invoice: issued}, lines)


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


def coupon(**given: Any) -> Discount:
    terms = discount_terms(parse_discount({"code": "TEN", "amount": "10.00", "duration": "once"} | given))
    remainder = D(terms["amount"]) if terms["duration"] == "once" and "amount" in terms else None
    return Discount("ana/9", "", "Ten off", "document", terms, "EUR", START, None, remainder, 0, "TEN")


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


# --- negative differences ---------------------------------------------------------------------------------------------------------


def test_a_negative_difference_is_a_credit_note_on_its_invoice() -> None:
    """29.99 at 23.33 %, 25.71 taken back: first what is open there, the rest is credit, and pays the new invoice of the same run."""
    shop = Shop(taxes=[{"code": "VAT", "rate": "23.33"}])
    old = shop.charge("room", "29.99")
    issued = paid(shop.invoice_of(old), open_amount="10.00")
    back = shop.charge("room", "-25.71", quantity=D(0))
    new = shop.charge("room", "40.00", terms="7")
    note, invoice = shop.run(back, new, past=past_of(issued, [old])).events
    assert isinstance(note, CreditNoteIssued)
    assert isinstance(invoice, InvoiceIssued)
    assert_sound(note)
    assert_sound(invoice)
    assert [str(value) for value in (note.net, note.tax, note.total, note.applied, note.credited)] == [
        "25.71",
        "6.00",
        "31.71",
        "10.00",
        "21.71",
    ]
    assert (note.credit_note, note.invoice, note.invoice_number, note.series) == ("ana/500", "ana/500", "INV-1", "CN-{number}")
    assert (note.lines[0].corrects, note.lines[0].charges) == ("INV-1#1", (back.address,))
    assert postings(note.entry) == {"unbilled": "25.71", "tax:VAT": "6.00", "receivable": "-10.00", "credit": "-21.71"}
    assert [posting.invoice for posting in note.entry.postings if posting.ledger == "receivable"] == ["ana/500"]
    assert (invoice.invoice, invoice.total, invoice.credit_applied) == ("ana/501", D("49.33"), D("21.71"))


def test_a_credit_keeps_the_rate_of_its_document() -> None:
    shop = Shop(taxes=VAT)
    old = shop.charge("room", "100.00")
    issued = paid(shop.invoice_of(old))
    later = Shop(taxes=[{"code": "VAT", "rate": "25"}], sequence=50)
    [note] = later.run(later.charge("room", "-40.00"), past=past_of(issued, [old])).events
    assert (note.tax, note.taxes[0].rate) == (D("4.00"), "10")
    more = later.invoice_of(later.charge("room", "40.00"), past=past_of(issued, [old]))
    assert (more.tax, more.taxes[0].rate, more.lines[0].corrects) == (D("4.00"), "10", "INV-1#1")


def test_credits_in_any_parts_leave_nothing() -> None:
    shop = Shop(taxes=[{"code": "VAT", "rate": "23.33"}, {"code": "CITY", "amount": "0.77"}], discounts=(coupon(amount="3.33"),))
    charges = [shop.charge("room", "10.01"), shop.charge("laundry", "20.02")]
    issued = paid(shop.invoice_of(*charges))
    corrections: list[Correction] = []
    back = [("room", "-3.00"), ("laundry", "-0.01"), ("room", "-7.01"), ("laundry", "-19.00"), ("laundry", "-1.01")]
    notes = []
    for item, amount in back:
        now = replace(issued, corrections=tuple(corrections))
        [note] = shop.run(shop.charge(item, amount), past=past_of(now, charges)).events
        assert isinstance(note, CreditNoteIssued)
        assert_sound(note)
        notes.append(note)
        corrections += [Correction(int(line.corrects.partition("#")[2]), line, -1) for line in note.lines]
    for name in ("net", "tax", "total"):
        assert sum((getattr(note, name) for note in notes), D(0)) == getattr(issued.invoice, name)
    by_rate = {row.code: sum((r.tax for note in notes for r in note.taxes if r.code == row.code), D(0)) for row in issued.invoice.taxes}
    assert by_rate == {row.code: row.tax for row in issued.invoice.taxes}
    assert sum((line.discount for note in notes for line in note.lines), D(0)) == D("-3.33")


def test_one_credit_note_for_each_invoice_and_run() -> None:
    shop = Shop(taxes=VAT)
    nights = [shop.night(day) for day in (1, 2)]
    issued = paid(shop.invoice_of(*nights))
    [note] = shop.run(shop.night(1, "-100.00"), shop.night(2, "-30.00"), past=past_of(issued, nights)).events
    assert isinstance(note, CreditNoteIssued)
    assert_sound(note)
    assert (len(note.lines), note.total) == (1, D("143.00"))
    assert note.lines[0].charges == ("ana/103", "ana/104")


def test_what_a_line_can_not_bear_goes_to_the_one_before_and_then_to_credit() -> None:
    shop = Shop(taxes=VAT)
    first, second = shop.charge("laundry", "10.00"), shop.charge("laundry", "5.00")
    one = paid(replace(shop.invoice_of(first), invoice="ana/1"), number="INV-1")
    two = paid(replace(shop.invoice_of(second), invoice="ana/2"), number="INV-2")
    past = Past({"ana/1": one, "ana/2": two}, {charge_key(first): (LineRef("ana/1", 1), LineRef("ana/2", 1))})
    notes = shop.run(shop.charge("laundry", "-18.00"), past=past).events
    assert [(note.invoice_number, note.net, note.tax) for note in notes if isinstance(note, CreditNoteIssued)] == [
        ("INV-2", D("5.00"), D("0.50")),
        ("INV-1", D("10.00"), D("1.00")),
        ("", D("3.00"), D("0.30")),
    ]
    assert [len(line.charges) for note in notes for line in note.lines] == [1, 0, 0]


def test_the_next_invoice_may_show_it_instead() -> None:
    shop = Shop(invoice=InvoicePolicy(negative="next_invoice"), taxes=VAT)
    old = shop.charge("room", "100.00")
    past = past_of(paid(shop.invoice_of(old)), [old])
    event = shop.invoice_of(shop.charge("room", "-40.00"), shop.charge("room", "60.00", terms="7"), past=past)
    assert [(str(line.amount), str(line.tax), line.corrects) for line in event.lines] == [
        ("-40.00", "-4.00", "INV-1#1"),
        ("60.00", "6.00", ""),
    ]
    assert event.total == D("22.00")
    note, invoice = shop.run(shop.charge("room", "-40.00"), shop.charge("room", "30.00", terms="7"), past=past).events
    assert (note.kind, note.total, invoice.kind, invoice.total) == ("credit_note.issued", D("44.00"), "invoice.issued", D("33.00"))


def test_goodwill_lowers_the_invoice_or_becomes_credit() -> None:
    shop = Shop()
    assert shop.invoice_of(shop.night(1), shop.adjustment("-30.00")).total == D("70.00")
    note, invoice = shop.run(shop.night(1), shop.adjustment("-130.00")).events
    assert isinstance(note, CreditNoteIssued)
    assert_sound(note)
    assert (note.invoice, note.total, note.credited, note.reason) == ("", D("130.00"), D("130.00"), "Goodwill")
    assert postings(note.entry) == {"unbilled": "130.00", "credit": "-130.00"}
    assert (invoice.total, invoice.credit_applied) == (D("100.00"), D("100.00"))


def test_a_sale_that_comes_back_is_credited_on_its_invoice() -> None:
    shop = Shop(taxes=VAT)
    sold = shop.sale("cola", "10.00", quantity=D(2), unit_price="5.00")
    past = past_of(paid(shop.invoice_of(sold), open_amount="11.00"), [sold])
    back = shop.sale("cola", "-5.00", quantity=D(-1), unit_price="5.00", terms=sold.address)
    [note] = shop.run(back, past=past).events
    assert isinstance(note, CreditNoteIssued)
    assert (note.total, note.applied, note.credited, note.lines[0].quantity) == (D("5.50"), D("5.50"), D("0.00"), D(1))


def test_bought_and_brought_back_before_the_invoice() -> None:
    shop = Shop()
    sold = shop.sale("cola", "10.00", quantity=D(2), unit_price="5.00")
    back = shop.sale("cola", "-5.00", quantity=D(-1), unit_price="5.00", terms=sold.address)
    assert shown(shop.invoice_of(sold, back)) == [("cola", "1", "5.00")]


# --- what we owe ------------------------------------------------------------------------------------------------------------------


def test_what_we_owe_is_a_statement() -> None:
    shop = Shop(taxes=VAT)
    event, invoice = shop.run(shop.charge("share", "-70.00"), shop.night(1)).events
    assert isinstance(event, InvoiceIssued)
    assert_sound(event)
    assert (event.document, event.total, event.series) == ("statement", D("77.00"), "ST-{number:06}")
    assert postings(event.entry) == {"accrued_payable": "70.00", "tax:VAT": "7.00", "payable": "-77.00"}
    assert invoice.document == "invoice"


def test_a_clawback_beyond_what_we_owe_is_an_invoice() -> None:
    shop = Shop()
    event = shop.invoice_of(shop.charge("share", "-20.00", terms="7"), shop.charge("share", "70.00"))
    assert (event.document, event.total) == ("invoice", D("50.00"))
    assert postings(event.entry) == {"accrued_payable": "-50.00", "receivable": "50.00"}


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
    ],
)
def test_a_series_is_a_format_with_its_date(text: str, expected: str) -> None:
    catalogue = replace(Shop().catalogue(), series={"invoice": text})
    assert series_of(catalogue, "invoice", date(2026, 3, 31)) == expected


def test_a_part_names_its_line() -> None:
    assert CreditPart(1, D("5.00")).charges == ()
