"""Reading faces back, and what must stand in each of them: every amount, number, day and name of the model, said in the reader's way."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path

from payments.documents.references import in_groups
from payments.documents.values import Document
from payments.documents.words import CHANNELS, Speech, speech


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.skipped = 0

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.skipped += tag in ("style", "title", "svg")

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in ("style", "title", "svg")

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.parts.append(data)


def html_text(page: str) -> str:
    reader = _Text()
    reader.feed(page)
    return " ".join(reader.parts)


def pdf_text(content: bytes, folder: Path) -> str:
    path = folder / "document.pdf"
    path.write_bytes(content)
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True).stdout.decode()


def missing(document: Document, text: str, *, locale: str = "") -> list[str]:
    """What of the model does not stand in the text; spaces do not count, because lines break where they like."""
    squeezed = "".join(text.split())
    return [
        value for value in expected(document, speech(locale or document.locale, document.zone)) if "".join(value.split()) not in squeezed
    ]


def expected(document: Document, voice: Speech) -> list[str]:
    def money(amount: object) -> str:
        return voice.money(amount, document.currency)  # type: ignore[arg-type]

    found = [document.number, document.account, voice.day(document.issued)]
    for party in (document.seller, document.buyer):
        found += [party.name, party.street, party.postcode, party.city, party.tax_id, voice.country(party.country) if party.country else ""]
    found += [document.seller.email, document.seller.telephone, document.seller.website]
    if document.due and document.kind in ("invoice", "debit_note", "statement"):
        found.append(voice.day(document.due))
    for line in document.lines:
        found += [line.name, voice.number(line.quantity), line.unit, money(line.amount), line.corrects]
        found += [voice.unit_price(line.unit_price, document.currency), *(voice.rate(tax.rate) for tax in line.taxes)]
        found += [money(line.discount)] if line.discount else []
        found += [voice.span(line.start, line.end)]
    for tax in document.taxes:
        found += [tax.name, voice.rate(tax.rate), money(tax.base), money(tax.tax)]
    for movement in document.movements:
        found += [voice.local_day(movement.at), movement.number, money(movement.amount), money(movement.balance)]
    for share in document.shares:
        found += [share.number, money(share.amount)]
    for one in document.instalments:
        found += [str(one.position), voice.day(one.due), money(one.amount), money(one.open)]
        found += [money(one.principal), money(one.interest)] if one.interest else []
    for claim in document.claims:
        found += [claim.number, voice.day(claim.issued), voice.day(claim.due), str(max(0, claim.days)), money(claim.open)]
    found += [money(one.amount) for one in document.sums]
    found += _facts(document, voice)
    if document.void is None and document.payable > 0:
        found += [in_groups(document.bank.iban), document.bank.bic, document.bank.text, document.link]
    return [value for value in found if value]


def _facts(document: Document, voice: Speech) -> list[str]:
    found = []
    for fact in document.facts:
        if isinstance(fact.value, tuple):
            found += [voice.day(day) for day in fact.value]
        elif isinstance(fact.value, str) and fact.value not in CHANNELS:
            found.append(fact.value)
    return found
