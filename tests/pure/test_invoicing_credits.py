"""Negative differences and what we owe: credit notes on the right documents at their own rates, statements, and credits by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import ledgers
from billing.events import CreditNoteIssued, InvoiceIssued
from billing.invoicing import (
    Composing,
    Correction,
    CreditPart,
    Issued,
    LineRef,
    Past,
    Standing,
    charge_key,
    credit_note,
    credit_parts,
    frame_of,
)
from billing.state import OpenCharge
from plans.catalogue import InvoicePolicy
from plans.errors import Conflict, Invalid
from tests.shop import MOMENT, VAT, D, Shop, assert_sound, coupon, paid, past_of, postings, shown

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


# --- credits by hand --------------------------------------------------------------------------------------------------------------


def by_hand(shop: Shop, issued: Issued, *parts: CreditPart, charged: str | None = None) -> CreditNoteIssued:
    standing = Standing({"ana/500": issued})
    composing = Composing(state=shop.state(), policy=shop, moment=MOMENT, next_sequence=900, buyer="b")
    given = list(parts) or credit_parts(standing, "ana/500", None if charged is None else D(charged))
    frame = frame_of(composing, shop.catalogue(), "credit_note")
    note = credit_note(standing, "ana/500", given, frame=frame, reason="damage", against=ledgers.CREDIT_NOTES)
    assert_sound(note)
    return note


def test_a_whole_document_is_taken_back_by_hand() -> None:
    shop = Shop(taxes=VAT, discounts=(coupon(),))
    issued = paid(shop.invoice_of(shop.night(1), shop.sale("cola", "5.00")), open_amount="104.50")
    note = by_hand(shop, issued)
    assert (note.credit_note, note.total, note.applied, note.credited, note.reason) == (
        "ana/900",
        issued.invoice.total,
        D("104.50"),
        0,
        "damage",
    )
    assert postings(note.entry) == {"credit_notes": "105.00", "discounts": "-10.00", "tax:VAT": "9.50", "receivable": "-104.50"}
    assert [line.charges for line in note.lines] == [(), ()]


def test_a_part_is_shared_over_the_lines_that_are_left() -> None:
    shop = Shop()
    issued = paid(shop.invoice_of(shop.night(1), shop.sale("cola", "50.00")), open_amount="150.00")
    assert [(str(line.amount), line.corrects) for line in by_hand(shop, issued, charged="10.00").lines] == [
        ("6.67", "INV-1#1"),
        ("3.33", "INV-1#2"),
    ]
    assert by_hand(shop, issued, CreditPart(2, D("50.00"))).lines[0].quantity == 1


@pytest.mark.parametrize(
    ("part", "error", "code"),
    [
        (CreditPart(1, D("100.01")), Conflict, "more_than_left"),
        (CreditPart(1, D("-1.00")), Conflict, "more_than_left"),
        (CreditPart(2, D("1.00")), Invalid, "out_of_range"),
        (CreditPart(0, D("1.00")), Invalid, "out_of_range"),
    ],
)
def test_more_than_there_is_can_not_be_taken_back(part: CreditPart, error: type[Exception], code: str) -> None:
    shop = Shop()
    issued = paid(shop.invoice_of(shop.night(1)))
    with pytest.raises(error) as caught:
        by_hand(shop, issued, part)
    assert getattr(caught.value, "code", "") == code
    with pytest.raises(Conflict):
        by_hand(shop, issued, charged="100.01")


# --- what always holds ------------------------------------------------------------------------------------------------------------

CENTS = st.integers(1, 50_000).map(lambda cents: D(cents).scaleb(-2))
RATES = st.lists(st.integers(0, 30_000).map(lambda part: str(D(part).scaleb(-3))), min_size=1, max_size=2)


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    """Any taxes, levels, tax inside or on top, a coupon or none, both ways to show what goes back."""
    taxes: list[dict[str, Any]] = [{"code": f"T{i}", "rate": rate, "order": i, "compound": i > 0} for i, rate in enumerate(draw(RATES))]
    if draw(st.booleans()):
        taxes.append({"code": "LEVY", "amount": "0.13"})
    return Shop(
        taxes=taxes,
        tax_policy={"level": draw(st.sampled_from(["line", "document"])), "inclusive": draw(st.booleans())},
        discounts=(coupon(amount=str(draw(CENTS))),) if draw(st.booleans()) else (),
        invoice=InvoicePolicy(
            negative=draw(st.sampled_from(["credit_note", "next_invoice"])), lines=draw(st.sampled_from(["grouped", "split"]))
        ),
    )


def charges_of(shop: Shop, amounts: list[Decimal]) -> list[OpenCharge]:
    return [shop.night(day, str(amount), unit_price="x") for day, amount in enumerate(amounts, start=1)]


@given(shops(), st.lists(CENTS, min_size=1, max_size=5), st.lists(st.integers(-50_000, 50_000).filter(bool), max_size=4))
def test_no_document_is_negative_and_all_of_them_balance(shop: Shop, amounts: list[Decimal], others: list[int]) -> None:
    adjustments = [shop.adjustment(str(D(cents).scaleb(-2))) for cents in others]
    charges = [*charges_of(shop, amounts), *adjustments]
    events = shop.run(*charges).events
    digested = [address for event in events for line in event.lines for address in line.charges]  # type: ignore[attr-defined]
    assert sorted(digested) == sorted(charge.address for charge in charges)
    for event in events:
        assert isinstance(event, InvoiceIssued | CreditNoteIssued)
        assert_sound(event)


@given(shops(), st.lists(CENTS, min_size=1, max_size=4), st.data())
def test_charges_taken_back_in_any_parts_leave_nothing(shop: Shop, amounts: list[Decimal], data: st.DataObject) -> None:
    shop.invoice = replace(shop.invoice, negative="credit_note")
    charges = charges_of(shop, amounts)
    issued = paid(shop.invoice_of(*charges))
    notes: list[CreditNoteIssued] = []
    left = list(amounts)
    for last in (False, False, True):
        cuts = left if last else [D(data.draw(st.integers(0, int(amount * 100)))).scaleb(-2) for amount in left]
        back = [shop.night(day, str(-cut)) for day, cut in enumerate(cuts, start=1) if cut]
        corrections = tuple(Correction(int(line.corrects.partition("#")[2]), line, -1) for note in notes for line in note.lines)
        for event in shop.run(*back, past=past_of(replace(issued, corrections=corrections), charges)).events if back else ():
            assert isinstance(event, CreditNoteIssued)
            assert_sound(event)
            notes.append(event)
        left = [amount - cut for amount, cut in zip(left, cuts, strict=True)]
    for name in ("net", "tax", "total"):
        assert sum((getattr(note, name) for note in notes), D(0)) == getattr(issued.invoice, name)
    ledger: dict[str, Decimal] = {}
    for event in (issued.invoice, *notes):
        for posting in event.entry.postings:
            ledger[posting.ledger] = ledger.get(posting.ledger, D(0)) + posting.amount
    ledger["credit"] = ledger.get("credit", D(0)) + ledger.pop("receivable", D(0))
    assert {name: amount for name, amount in ledger.items() if amount} == {}
