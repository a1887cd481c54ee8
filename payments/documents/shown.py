"""A document in words: every text that a page, a PDF or a mail shows, formatted once. The faces place these texts and make none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import translation

from billing.events import DocumentLine, DocumentTax
from payments.documents import words
from payments.documents.references import in_groups, structured
from payments.documents.values import PAYABLE, Document, Fact, Movement, Party
from payments.documents.words import Speech, speech


@dataclass(frozen=True)
class Row:
    """Cells in the order of the table's columns; `detail` stands small below the first one."""

    cells: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class Column:
    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = ""
    quiet: bool = False  # its title is for those who listen; those who look see it from the columns

    @property
    def aligned(self) -> list[tuple[Row, list[tuple[str, Column]]]]:
        """Each row, and its cells after the first, each with its column."""
        return [(row, list(zip(row.cells[1:], self.columns[1:], strict=True))) for row in self.rows]


@dataclass(frozen=True)
class ShownParty:
    role: str
    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ShownSum:
    label: str
    amount: str
    strong: bool = False


@dataclass(frozen=True)
class Code:
    """A code to scan: what it holds, and what a person is told about it."""

    label: str
    payload: str


@dataclass(frozen=True)
class Pay:
    title: str
    facts: tuple[tuple[str, str], ...]
    link_label: str = ""
    link: str = ""
    codes: tuple[Code, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Shown:
    language: str
    locale: str
    title: str
    number: str
    subject: str  # of a mail; one line
    greeting: str
    seller: ShownParty
    buyer: ShownParty
    facts: tuple[tuple[str, str], ...]
    headline: ShownSum | None
    tables: tuple[Table, ...]
    sums: tuple[ShownSum, ...]
    taxes: Table | None
    notes: tuple[str, ...]
    pay: Pay | None
    stamp: str
    page_words: tuple[str, str]  # "Page", "of"
    contact: str = field(default="")


def shown(document: Document, *, locale: str = "") -> Shown:
    """The document in a locale: its own, unless another is asked for."""
    voice = speech(locale or document.locale, document.zone)
    with translation.override(voice.language):
        return _Showing(document, voice).all()


@dataclass(frozen=True)
class _Showing:
    document: Document
    voice: Speech

    def all(self) -> Shown:
        document = self.document
        title = str(words.TITLES[document.kind])
        return Shown(
            language=self.voice.language,
            locale=str(self.voice.locale).replace("_", "-"),
            title=title,
            number=document.number,
            subject=_one_line(f"{title} {document.number} – {document.seller.name}"),
            greeting=str(words.GREETINGS[document.kind]),
            seller=self._party(document.seller, "supplier" if document.kind != "statement" else "customer"),
            buyer=self._party(document.buyer, "customer" if document.kind != "statement" else "supplier"),
            facts=self._facts(),
            headline=self._headline(),
            tables=tuple(table for table in (make(self) for make in TABLES) if table),
            sums=self._sums(),
            taxes=self._taxes(),
            notes=self._notes(),
            pay=self._pay(),
            stamp=self._stamp(),
            page_words=(str(words.WORDS["page"]), str(words.WORDS["of"])),
            contact=" · ".join(part for part in (document.seller.email, document.seller.telephone, document.seller.website) if part),
        )

    # --- who and when

    def _party(self, party: Party, role: str) -> ShownParty:
        place = " ".join(part for part in (party.postcode, party.city) if part)
        region = party.region if party.region != party.city else ""
        country = self.voice.country(party.country) if party.country else ""
        lines = [*party.street.splitlines(), ", ".join(part for part in (place, region) if part), country]
        if party.tax_id:
            lines.append(f"{words.WORDS['tax_id']}: {party.tax_id}")
        lines += party.text.splitlines()
        if party.erased:
            lines.append(str(words.WORDS["erased"]))
        name = party.name or (self.document.account if party is self.document.buyer else "")
        return ShownParty(str(words.WORDS[role]), name, tuple(line for line in lines if line))

    def _facts(self) -> tuple[tuple[str, str], ...]:
        document = self.document
        found = [Fact("number", document.number), Fact("issued", document.issued)]
        found += [Fact("due", document.due)] if document.due and document.kind in ("invoice", "debit_note", "statement") else []
        found += [Fact("account", document.account), *document.facts]
        return tuple((str(words.FACTS[fact.label]), text) for fact in found if (text := self._value(fact)))

    def _value(self, fact: Fact) -> str:
        value: Any = fact.value
        if isinstance(value, tuple):
            first, last = value
            return self.voice.day(first) if first == last else f"{self.voice.day(first)} – {self.voice.day(last)}"
        if isinstance(value, date):
            return self.voice.day(value)
        if isinstance(value, Decimal):
            return self.money(value)
        return str(words.CHANNELS.get(value, value)) if fact.label == "channel" else str(value)

    def _stamp(self) -> str:
        if self.document.void is not None:
            reason = self.document.void
            return f"{words.WORDS['void']}: {reason}" if reason else str(words.WORDS["void"])
        return "" if self.document.number else str(words.WORDS["preview"])

    # --- what it is about

    def money(self, amount: Decimal) -> str:
        return self.voice.money(amount, self.document.currency)

    def table(self, title: str, names: str, rows: Sequence[Row], numeric: str) -> Table | None:
        """`names` and `numeric` are keys of `words.COLUMNS`."""
        if not rows:
            return None
        columns = tuple(Column(str(words.COLUMNS[name]), name in numeric.split()) for name in names.split())
        return Table(str(words.WORDS[title]), columns, tuple(rows), quiet=title == "lines")

    def lines(self) -> Table | None:
        rows = [self._line(line) for line in self.document.lines]
        return self.table("lines", "description quantity unit_price tax amount", rows, "quantity unit_price tax amount")

    def _line(self, line: DocumentLine) -> Row:
        voice = self.voice
        quantity = voice.number(line.quantity) + (f" {line.unit}" if line.unit else "") if line.quantity else ""
        rates = ", ".join(dict.fromkeys(voice.rate(tax.rate) or tax.name for tax in line.taxes))
        detail = [voice.span(line.start, line.end)]
        if line.discount:
            detail.append(f"{words.WORDS['discount']} {self.money(line.discount)}")
        if line.corrects:
            detail.append(f"{words.WORDS['on']} {line.corrects}")
        price = voice.unit_price(line.unit_price, self.document.currency)
        return Row((line.name, quantity, price, rates, self.money(line.amount)), " · ".join(detail))

    def shares(self) -> Table | None:
        rows = [Row((share.number, self.money(share.amount))) for share in self.document.shares]
        return self.table("shares", "document amount", rows, "amount")

    def movements(self) -> Table | None:
        if self.document.kind != "account_statement":
            return None
        rows = [self._movement(movement) for movement in self.document.movements]
        found = self.table("movements", "date description amount balance", rows, "amount balance")
        return found or Table(str(words.WORDS["movements"]), (), (), str(words.WORDS["nothing"]))

    def _movement(self, movement: Movement) -> Row:
        title = str(words.MOVEMENTS.get(movement.kind, words.WORDS["other_balance"]))
        name = f"{title} {movement.number}".rstrip()
        return Row((self.voice.local_day(movement.at), name, self.money(movement.amount), self.money(movement.balance)))

    def instalments(self) -> Table | None:
        interest = any(one.interest for one in self.document.instalments)
        rows = []
        for one in self.document.instalments:
            parts = (self.money(one.principal), self.money(one.interest)) if interest else ()
            rows.append(Row((str(one.position), self.voice.day(one.due), *parts, self.money(one.amount), self.money(one.open))))
        names = "position due principal interest amount open" if interest else "position due amount open"
        return self.table("instalments", names, rows, "principal interest amount open")

    def claims(self) -> Table | None:
        rows = [
            Row((one.number, self.voice.day(one.issued), self.voice.day(one.due), str(max(0, one.days)), self.money(one.open)))
            for one in self.document.claims
        ]
        return self.table("claims", "document issued due overdue open", rows, "overdue open")

    def by_day(self) -> Table | None:
        rows = [
            Row((self.voice.day(until), self.money(amount)), str(words.WORDS[more]) if more else "")
            for until, amount, more in self.document.by_day
        ]
        return self.table("by_day", "until amount", rows, "amount")

    def _sums(self) -> tuple[ShownSum, ...]:
        return tuple(
            ShownSum(f"{words.SUMS[one.label]}{f' ({one.detail})' if one.detail else ''}", self.money(one.amount), one.strong)
            for one in self.document.sums
        )

    def _headline(self) -> ShownSum | None:
        """What the reader looks for first: what is to be paid and by when, else the sum that matters."""
        document = self.document
        if document.kind in ("invoice", "debit_note") and document.payable > 0 and document.due and document.void is None:
            return ShownSum(str(words.WORDS["due_by"]) % {"day": self.voice.day(document.due)}, self.money(document.payable), strong=True)
        strong = [one for one in self._sums() if one.strong]
        return strong[-1] if strong else None

    def _taxes(self) -> Table | None:
        rows = [self._tax(tax) for tax in self.document.taxes]
        return self.table("taxes", "tax rate base amount", rows, "rate base amount")

    def _tax(self, tax: DocumentTax) -> Row:
        reason = str(words.WORDS["reverse_charge"]) if tax.reason.startswith("reverse charge") else tax.reason
        return Row((tax.name or tax.code, self.voice.rate(tax.rate), self.money(tax.base), self.money(tax.tax)), reason)

    # --- beside

    def _notes(self) -> tuple[str, ...]:
        found = [str(words.WORDS["inclusive"])] if self.document.inclusive else []
        found += [str(words.WORDS["self_billing"])] if self.document.kind == "statement" else []
        found += [text for mention in self.document.mentions if (text := self._spoken(mention))]
        return tuple(found)

    def _spoken(self, mention: Mapping[str, str]) -> str:
        """In the reader's language, else in any that it was published in."""
        return mention.get(self.voice.language) or mention.get("") or next(iter(mention.values()), "")

    def _pay(self) -> Pay | None:
        document = self.document
        if document.kind not in PAYABLE or document.payable <= 0 or document.void is not None:
            return None
        facts: list[tuple[str, str]] = []
        codes: list[Code] = []
        if document.bank.iban:
            facts, codes = self._transfer()
        if document.link:
            codes.append(Code(str(words.WORDS["scan"]), document.link))
        if not facts and not document.link and not document.bank.text:
            return None
        label = str(words.WORDS["pay_online"]) if document.link else ""
        return Pay(str(words.WORDS["pay"]), tuple(facts), label, document.link, tuple(codes), document.bank.text)

    def _transfer(self) -> tuple[list[tuple[str, str]], list[Code]]:
        document = self.document
        reference = structured(document.number)
        named = {
            "recipient": document.seller.name,
            "iban": in_groups(document.bank.iban),
            "bic": document.bank.bic,
            "payment_reference": in_groups(reference) or document.number,
        }
        facts = [(str(words.WORDS[name]), text) for name, text in named.items() if text]
        payload = epc(document, reference)
        return facts, [Code(str(words.WORDS["scan_transfer"]), payload)] if payload else []


TABLES: tuple[Callable[[_Showing], Table | None], ...] = (
    _Showing.lines,
    _Showing.shares,
    _Showing.claims,
    _Showing.by_day,
    _Showing.instalments,
    _Showing.movements,
)


def epc(document: Document, reference: str) -> str:
    """What the code of a SEPA transfer holds (EPC069-12, version 002); "" for what such a transfer can't be: another currency, too much."""
    if document.currency != "EUR" or not Decimal("0.01") <= document.payable <= Decimal("999999999.99"):
        return ""
    remittance = ("", reference) if not reference else (reference, "")
    text = document.number if not reference else ""
    name = document.seller.name[:70]
    amount = f"EUR{document.payable:.2f}"
    return "\n".join(["BCD", "002", "1", "SCT", document.bank.bic, name, document.bank.iban, amount, "", remittance[0], text])


def _one_line(text: str) -> str:
    """Without line breaks and other signs that steer: it becomes the header of a mail."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
