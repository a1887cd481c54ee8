"""Credit notes: what an issued document takes back, at its own rates and with the share of its discounts (RULES 15 to 17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from billing import ledgers
from billing.events import CreditNoteIssued, DocumentLine, Place
from billing.invoicing.lines import document_taxes, line_taxes
from billing.invoicing.pieces import Piece
from billing.invoicing.postings import document_legs, entry_of
from billing.invoicing.standing import Standing
from billing.invoicing.terms import mentions_of, seller_of, series_of
from billing.invoicing.values import Composing, LineRef
from plans.catalogue import Catalogue
from plans.errors import Conflict, Invalid
from plans.frozen import frozen
from plans.money import allocate, decimals
from plans.periods import local_date
from plans.taxing import TaxedLine

ZERO = Decimal(0)


@frozen()
class Frame:
    """What a document says beside its lines. `id` is the address of the event that it becomes."""

    account: str
    id: str
    series: str
    seller: Mapping[str, str]
    buyer: str
    place: Place
    issued: date
    accounting_date: date
    mentions: tuple[Mapping[str, str], ...] = ()


def frame_of(composing: Composing, catalogue: Catalogue | None, document: str, *, earlier: int = 0) -> Frame:
    """The frame of a document at the moment, in the seller's zone; `earlier` events of the same run come before it."""
    day = local_date(composing.moment, catalogue.zone if catalogue else composing.state.zone)
    place = composing.state.place_on(composing.moment)
    return Frame(
        account=composing.state.account,
        id=f"{composing.state.account}/{composing.next_sequence + earlier}",
        series=series_of(catalogue, document, day, composing.state.account),
        seller=seller_of(catalogue, composing.state.seller),
        buyer=composing.buyer,
        place=place,
        issued=day,
        accounting_date=day if composing.books_from is None else max(day, composing.books_from),
        mentions=mentions_of(catalogue, document, place.country),
    )


@frozen()
class CreditPart:
    """What to take back of one line (counted from 1): `charged`, before document discounts, with tax where prices include it; positive, but
    for a line that is a discount itself.

    `charges` are the addresses of the open charges that it digests; none where a person takes it back by hand.
    """

    position: int
    charged: Decimal
    charges: tuple[str, ...] = ()
    quantity: Decimal = ZERO
    name: str = ""


@dataclass
class Corrections:
    """The negative pieces of a run by the documents that they correct; `loose` is what no issued line can bear."""

    parts: dict[str, dict[int, CreditPart]] = field(default_factory=dict)
    loose: list[Piece] = field(default_factory=list)

    def take(self, piece: Piece, standing: Standing, *, lessened: Decimal = ZERO) -> None:
        """Spread a negative piece over the issued lines of its key, the newest first, never beyond what is left of a line or of its
        document; `lessened` is how much less discount comes with it."""
        missing, charges = -piece.amount, piece.charges
        for ref in reversed(piece.refs):
            found = self.parts.setdefault(ref.invoice, {})
            before = found.get(ref.position, CreditPart(ref.position, ZERO))
            noted = sum((part.charged for part in found.values()), ZERO)
            amount = min(missing, standing.left(ref).charged - before.charged, standing.whole(ref.invoice) - noted + lessened)
            if amount <= 0:
                continue
            quantity = before.quantity + (abs(piece.quantity) if charges else ZERO)
            found[ref.position] = replace(before, charged=before.charged + amount, charges=before.charges + charges, quantity=quantity)
            missing, charges = missing - amount, ()
        self.parts = {invoice: parts for invoice, parts in self.parts.items() if parts}
        if missing:
            self.loose.append(replace(piece, amount=-missing, charges=charges, refs=()))

    def give_back(self, piece: Piece, standing: Standing) -> Decimal:
        """Lessen a discount on the notes that take back what it was given on: never more than a note takes, nor than is left of the
        discount. Answers what found no place."""
        missing, charges = piece.amount, piece.charges
        for ref in reversed(piece.refs):
            found = self.parts.get(ref.invoice, {})
            before = found.get(ref.position, CreditPart(ref.position, ZERO))
            noted = sum((part.charged for part in found.values()), ZERO)
            amount = min(missing, before.charged - standing.left(ref).charged, noted)
            if amount > 0:
                found[ref.position] = replace(before, charged=before.charged - amount, charges=before.charges + charges)
                missing, charges = missing - amount, ()
        return missing


def credit_note(
    standing: Standing, invoice: str, parts: Sequence[CreditPart], *, frame: Frame, reason: str, against: str = ledgers.UNBILLED
) -> CreditNoteIssued:
    """One credit note on one invoice: first against what is open there, the rest is the customer's credit. The run's `standing` counts it.

    `against` is where what was charged goes back: `unbilled` for accrued differences, `credit_notes` for what a person takes back.
    Raises Conflict `more_than_left` for a part beyond what is left of its line, `invoice_written_off` where the rest would be credit for
    money that never came, Invalid `out_of_range` for a line that is not there.
    """
    issued = standing.document(invoice).invoice
    refs = [LineRef(invoice, part.position) for part in parts]
    for ref, part in zip(refs, parts, strict=True):
        _check(standing, ref, part)
    if (wanted := sum((part.charged for part in parts), ZERO)) > (whole := standing.whole(invoice)):
        raise Conflict("more_than_left", f"{issued.number} has {whole} left to take back, not {wanted}", at="lines")
    amounts = [standing.share(ref, -part.charged, issued.currency) for ref, part in zip(refs, parts, strict=True)]
    lines_to_tax = [standing.taxable(ref, -part.charged, amount) for ref, part, amount in zip(refs, parts, amounts, strict=True)]
    taxed = standing.tax(invoice, lines_to_tax)
    lines = tuple(_line(standing, ref, part, result) for ref, part, result in zip(refs, parts, taxed, strict=True))
    net, tax = -sum((line.net for line in taxed), ZERO), -sum((line.tax for line in taxed), ZERO)
    applied = min(net + tax, max(ZERO, standing.open(invoice)))
    if applied < net + tax and standing.document(invoice).written_off:
        message = f"{issued.number} was written off; reinstate it, then credit it, or its customer would get credit for what was never paid"
        raise Conflict("invoice_written_off", message, at="invoice", invoice=invoice)
    discount = sum((part.charged for part in parts), ZERO) + sum(amounts, ZERO)
    legs = document_legs(taxed, discount=discount, against=against)
    legs += [(ledgers.RECEIVABLE, -applied, invoice), (ledgers.CREDIT, -(net + tax - applied), "")]
    for ref, line in zip(refs, lines, strict=True):
        standing.add(invoice, ref.position, line, -1)
    standing.applied[invoice] = standing.applied.get(invoice, ZERO) + applied
    return CreditNoteIssued(
        account=frame.account,
        credit_note=frame.id,
        invoice=invoice,
        invoice_number=issued.number,
        series=frame.series,
        number="",
        seller=frame.seller,
        buyer=frame.buyer,
        place=issued.place,
        currency=issued.currency,
        issued=frame.issued,
        lines=lines,
        taxes=document_taxes(taxed, -1),
        net=net,
        tax=tax,
        total=net + tax,
        applied=applied,
        credited=net + tax - applied,
        reason=reason,
        entry=entry_of(legs, currency=issued.currency, seller=frame.seller["code"], day=frame.accounting_date),
        mentions=frame.mentions,
    )


def credit_parts(standing: Standing, invoice: str, charged: Decimal | None = None) -> list[CreditPart]:
    """What a person takes back of a document: all that is left, or `charged` (before document discounts and tax on top) shared by largest
    remainder over what is left of its lines after the percentages off them. Raises Conflict `more_than_left`."""
    issued, whole = standing.document(invoice).invoice, standing.whole(invoice)
    refs = [LineRef(invoice, i) for i in range(1, len(issued.lines) + 1)]
    if whole <= 0 or charged == whole or charged is None:
        return [CreditPart(ref.position, left) for ref in refs if (left := standing.left(ref).charged)] if whole > 0 else []
    if charged > whole:
        raise Conflict("more_than_left", f"{issued.number} has {whole} left to take back, not {charged}", at="amount")
    bearing = {ref.position: worth for ref in refs if standing.left(ref).charged > 0 and (worth := standing.worth(ref)) > 0}
    shares = allocate(charged, list(bearing.values()), decimals(issued.currency))
    return [CreditPart(i, share) for i, share in zip(bearing, shares, strict=True) if share]


def _check(standing: Standing, ref: LineRef, part: CreditPart) -> None:
    issued = standing.document(ref.invoice).invoice
    if not 1 <= part.position <= len(issued.lines):
        raise Invalid("out_of_range", f"{issued.number} has {len(issued.lines)} lines, not {part.position}", at="line")
    left = standing.left(ref).charged
    if not min(left, ZERO) <= part.charged <= max(left, ZERO):
        raise Conflict(
            "more_than_left", f"line {part.position} of {issued.number} has {left} left to take back, not {part.charged}", at="amount"
        )


def _line(standing: Standing, ref: LineRef, part: CreditPart, result: TaxedLine) -> DocumentLine:
    """What is taken back, positive; `amount − discount` is what was charged."""
    line, number = standing.line(ref), standing.document(ref.invoice).invoice.number
    whole = line.amount - line.discount
    return replace(
        line,
        name=part.name or line.name,
        quantity=part.quantity or (line.quantity if part.charged == whole else Decimal(1)),
        unit_price=line.unit_price if part.charged == whole else "",
        amount=-result.amount,
        net=-result.net,
        tax=-result.tax,
        taxes=line_taxes(result, -1),
        charges=part.charges,
        discount=-result.amount - part.charged,
        corrects=ref.text(number),
    )
