"""Page, PDF, text and mail of every kind of document say the same: all that the model holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from pytest_django import Settings

from payments.documents import faces, reading
from payments.documents.mailing import message
from payments.documents.shown import shown
from payments.documents.values import Document, Instalment
from payments.models import Collection
from tests.books import advance, do, moment, publish
from tests.documents.reading import html_text, missing, pdf_text
from tests.documents.shop import LOOKED, pages, play, read

pytestmark = [pytest.mark.django_db, pytest.mark.needs("pdftotext")]
TOLD: tuple[Literal["declined", "confirmation"], ...] = ("declined", "confirmation")
PLAN = tuple(
    Instalment(i, date(2026, 3 + i, 1), Decimal("95.10"), Decimal("2.4") / i, Decimal("95.10") + Decimal("2.4") / i, Decimal("20.01"))
    for i in (1, 2)
)


def every_kind() -> list[Document]:
    """One of each kind that the shop can have, and what is made of plain values."""
    do("debit_note", "2026-03-06", account="ana", invoice="INV-000003", amount="7.25", name="Delivery", reason="Forgotten")
    found = [read(name) for name in ("INV-000002", "INV-000004", "CN-000001", "DN-000001", "R-77", "statement")]
    found.append(reading.payment_plan("ana", id="ana/plan", number="INV-000004", currency="EUR", instalments=PLAN, at=LOOKED))
    found.append(reading.reminder("ana", id="ana/reminder", currency="EUR", level=2, day=date(2026, 3, 10), at=LOOKED, fee=Decimal("4.50")))
    asked = Collection(account="ana", currency="EUR", requested_at=LOOKED, message="Lost card", url="https://bank.example/confirm/7")
    found += [reading.collection_mail(asked, kind=kind, id=f"ana/{kind}", documents=[]) for kind in TOLD]
    return found


@pytest.mark.parametrize("locale", ["en", "es-AR", "de"])
def test_every_face_says_all_of_the_model(locale: str, settings: Settings, tmp_path: Path) -> None:
    settings.PAYMENT_LINK = "https://pay.example/{account}/{number}"
    play(locale)
    kinds = set()
    for document in every_kind():
        words = shown(document)
        mail = message(document, to=["ana@customers.example"], id="1@shop.example")
        html, attached = mail.alternatives[0].content, mail.attachments[0].content
        assert missing(document, html_text(faces.page(words))) == []
        assert missing(document, faces.text(words)) == []
        assert missing(document, str(mail.body)) == []
        assert missing(document, html_text(str(html))) == []
        assert attached == faces.pdf(document, words)
        assert missing(document, pdf_text(attached, tmp_path)) == []
        kinds.add(document.kind)
    assert kinds == {"invoice", "debit_note", "credit_note", "receipt", "account_statement", "payment_plan", "reminder", *TOLD}


def test_the_check_of_agreement_notices_one_cent(tmp_path: Path) -> None:
    play()
    document = read("INV-000004")
    other = replace(document, sums=(*document.sums[:-1], replace(document.sums[-1], amount=document.sums[-1].amount + Decimal("0.01"))))
    assert missing(other, html_text(faces.page(shown(document)))) == ["€404.54"]
    assert missing(other, pdf_text(faces.pdf(document, shown(document)), tmp_path)) == ["€404.54"]
    assert missing(other, faces.text(shown(document))) == ["€404.54"]


def test_an_invoice_reads_as_people_write_there() -> None:
    play("es")
    _, _, page, _, text = pages("INV-000002")
    for said in (html_text(page), text):
        squeezed = " ".join(said.split())
        for wanted in ("Factura INV-000002", "1.234,50 €", "2.469,00 €", "518,49 €", "2.987,49 €", "10 ene 2026", "NIF: B12345674", "21 %"):
            assert wanted in squeezed
    _, _, _, _, english = pages("INV-000002", "en-GB")
    squeezed = " ".join(english.split())
    assert "Invoice INV-000002" in squeezed
    assert "€1,234.50" in squeezed
    assert "10 Jan 2026" in squeezed


def test_a_price_below_a_cent_is_shown_exactly() -> None:
    play("es")
    _, _, page, _, text = pages("INV-000004")
    assert "0,00125 €" in " ".join(text.split())
    assert "123.456 GB" in " ".join(html_text(page).split())


def test_texts_of_people_are_no_markup_anywhere(tmp_path: Path) -> None:
    play(name="<script>x</script> #panic() *b*", street="$x$ [y] {% now %}")
    _, _, page, pdf, _ = pages("INV-000002")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Mooring buoy <Ø 30 & rope>" in html_text(page)
    printed = " ".join(pdf_text(pdf, tmp_path).split())
    for typed in ("#panic() *b*", "$x$ [y] {% now %}"):
        assert typed in printed


def test_the_same_document_is_the_same_bytes_and_what_was_printed_stays() -> None:
    play()
    _, _, page, pdf, text = pages("INV-000002")
    do("change_details", "2026-03-06", account="ana", name="Ana Other", street="Elsewhere 1", city="Lugo")
    do("pay", "2026-03-07", account="ana", amount="10")
    assert pages("INV-000002")[2:] == (page, pdf, text)
    assert pdf.startswith(b"%PDF-1.7")
    assert b"pdfaid:part" in pdf
    assert b"pdfuaid:part" in pdf


def test_a_voided_invoice_says_so_and_asks_for_nothing() -> None:
    play()
    do("void", "2026-03-06", account="ana", invoice="INV-000003", reason="Not ours")
    _, words, page, _, text = pages("INV-000003")
    assert words.stamp == "Cancelled: Not ours"
    assert words.pay is None
    assert "Cancelled: Not ours" in text
    assert "Cancelled: Not ours" in html_text(page)


def test_an_erased_person_leaves_the_account() -> None:
    play()
    document = read("INV-000002")
    words = shown(replace(document, buyer=replace(document.buyer, name="", street="", postcode="")))
    assert words.buyer.name == "ana"


def test_mentions_by_country_document_and_language() -> None:
    play("es")
    assert shown(read("INV-000002")).notes == ("La demora devenga intereses según la Ley 3/2004.",)
    assert shown(read("INV-000002"), locale="en").notes == ("Late payments bear interest by Law 3/2004.",)
    assert shown(read("CN-000001")).notes == ("Gracias.",)


REVERSE = """
catalogue: reverse
currency: EUR
zone: UTC
seller: {name: North GmbH, country: DE, tax_id: DE136695976}
taxes:
  vat: {name: USt, rate: 19, country: ES, categories: [standard], reverse_charge: true}
items:
  hour: {name: Hour, price: {model: unit, amount: "90"}, tax: standard}
  share: {name: Your share, owes: us, charge: sale, price: {model: unit, amount: "12.34"}}
"""


def test_reverse_charge_and_self_billing_are_mentioned() -> None:
    publish(REVERSE)
    do("open_account", account="eva", country="ES", tax_id="ESB12345674", locale="es")
    do("sell", "2026-01-05", account="eva", item="hour", quantity="2")
    do("sell", "2026-01-05", account="eva", item="share", quantity="1")
    advance("2026-01-06")
    words = shown(read("INV-000001", account="eva", at=moment("2026-01-07")))
    assert words.taxes is not None
    assert [row.detail for row in words.taxes.rows] == ["Inversión del sujeto pasivo."]
    mine = shown(read("ST-000001", account="eva", at=moment("2026-01-07")), locale="en")
    assert (mine.title, mine.seller.role, mine.buyer.role) == ("Self-billed invoice", "Customer", "Supplier")
    assert mine.notes == ("Self-billing: the customer wrote this invoice on the supplier's behalf.",)
    assert mine.pay is None
