"""One run over the open charges of one account: which documents there are, in which order, and what each says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

from billing import ledgers
from billing.events import AccountParked, CreditNoteIssued, DiscountUse, Event, InvoiceIssued, Settlement
from billing.invoicing.credits import Corrections, Frame, credit_note, frame_of
from billing.invoicing.lines import LineDraft, discounted, document_line, document_taxes, draft_lines, taxed
from billing.invoicing.pieces import Piece, catalogue_of, insane, pieces_of
from billing.invoicing.postings import INCLUDED_TAX, document_legs, entry_of
from billing.invoicing.standing import Standing
from billing.invoicing.terms import LATE, due_date, frozen_policy, payment_terms, settlement_of
from billing.invoicing.values import Composed, Composing
from billing.state import OpenCharge
from billing.terms import plan_of
from plans.catalogue import Catalogue
from plans.frozen import changed, frozen
from plans.tax import TaxPolicy
from plans.taxing import TaxedLine

ZERO = Decimal(0)
CORRECTION = "The charges were corrected"


def compose(charges: Sequence[OpenCharge], composing: Composing) -> Composed:
    """The documents that digest `charges` at the moment: credit notes for negative differences, then invoices and statements.

    Each currency has documents of its own, each contract with `separate` too, and so has what we owe. No document has a negative total:
    what would make an invoice negative becomes a credit note, on the document it corrects where there is one. The customer's credit pays
    new invoices. Nothing is composed, and the account is parked, where charges are doubled, periods overlap or a total passes the limit.
    """
    parked = insane(charges, composing)
    if parked is not None:
        return Composed(parked=parked)
    run = _Run(composing, Standing(composing.past.issued))
    for pieces in _groups(pieces_of(charges, composing)):
        run.group(pieces)
    run.record()
    if run.parked is not None:
        return Composed(parked=run.parked)
    return Composed(events=tuple(run.events))


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    found: dict[tuple[str, str, str], list[Piece]] = {}
    for piece in pieces:
        contract = piece.last.contract if piece.policy.separate else ""
        found.setdefault((piece.last.currency, piece.owes, contract), []).append(piece)
    return list(found.values())


@frozen()
class _Draft:
    """A document with its sums. `turned`: a statement, whose amounts are shown positive where we owe."""

    lines: tuple[LineDraft, ...]
    uses: tuple[DiscountUse, ...]
    catalogue: Catalogue | None
    turned: bool = False
    against: str = ledgers.UNBILLED

    @cached_property
    def taxed(self) -> list[TaxedLine]:
        return [line.taxed for line in self.lines if line.taxed is not None]

    @cached_property
    def net(self) -> Decimal:
        return sum([line.net for line in self.taxed], ZERO)

    @cached_property
    def tax(self) -> Decimal:
        return sum([line.tax for line in self.taxed], ZERO)

    @cached_property
    def total(self) -> Decimal:
        return self.net + self.tax

    @property
    def policy(self) -> TaxPolicy:
        return self.catalogue.tax_policy if self.catalogue else TaxPolicy()


@dataclass
class _Run:
    composing: Composing
    standing: Standing
    corrections: Corrections = field(default_factory=Corrections)
    drafts: list[_Draft] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    used: dict[str, Decimal] = field(default_factory=dict)
    credit: dict[str, Decimal] = field(default_factory=dict)
    parked: AccountParked | None = None

    # --- what becomes of a group

    def group(self, pieces: Sequence[Piece]) -> None:
        draft = self._owed_by_us(pieces) if pieces[0].owes == "us" else self._owed_by_customer(pieces)
        if draft is not None:
            self._check_limit(draft, pieces)
            for use in draft.uses:
                self.used[use.attachment] = self.used.get(use.attachment, ZERO) + use.amount
            self.drafts.append(draft)

    def _owed_by_customer(self, pieces: Sequence[Piece]) -> _Draft | None:
        """Corrections of issued documents aside, the rest is one invoice; what makes it negative is taken out, corrections first."""
        kept = list(pieces)
        for piece in pieces:
            if piece.amount < 0 and piece.refs and piece.policy.negative == "credit_note":
                kept = self._taken_out(piece, kept)
        removable = sorted((piece for piece in kept if piece.amount < 0), key=_removal)
        while kept:
            draft = self._draft(kept)
            if draft.total >= 0 or not removable:
                return draft
            kept = self._taken_out(removable.pop(0), kept)
        return None

    def _taken_out(self, taken: Piece, kept: Sequence[Piece]) -> list[Piece]:
        """What is kept when a negative piece goes to a credit note: what its discounts give back goes with it, as far as it can."""
        lessening = [piece for piece in kept if _lessens(piece, taken)]
        self.corrections.take(taken, self.standing, lessened=sum((piece.amount for piece in lessening), ZERO))
        left = []
        for piece in kept:
            rest = self.corrections.give_back(piece, self.standing) if piece in lessening else piece.amount
            if piece is not taken and (rest or not piece.amount):
                left.append(piece if rest == piece.amount else replace(piece, amount=rest))
        return left

    def _owed_by_us(self, pieces: Sequence[Piece]) -> _Draft | None:
        """A statement of what we owe, amounts positive; where more is taken back than owed, an invoice of it."""
        if sum((piece.amount for piece in pieces), ZERO) > 0:
            kept = [replace(piece, refs=()) for piece in pieces]
            return self._draft(kept, against=ledgers.ACCRUED_PAYABLE)
        turned = [replace(piece, amount=-piece.amount) for piece in pieces]
        return self._draft(turned, turned=True, against=ledgers.ACCRUED_PAYABLE)

    def _draft(self, pieces: Sequence[Piece], *, turned: bool = False, against: str = ledgers.UNBILLED) -> _Draft:
        currency = pieces[0].last.currency
        catalogue = catalogue_of([piece.last for piece in pieces], self.composing)
        lines = draft_lines(pieces, catalogue, self.composing)
        uses: list[DiscountUse] = []
        if against == ledgers.UNBILLED:
            lines, uses = discounted(lines, currency, self.composing, self.standing, self.used)
        policy = catalogue.tax_policy if catalogue else TaxPolicy()
        lines = taxed(lines, policy, currency, self.standing)
        return _Draft(tuple(lines), tuple(uses), catalogue, turned, against)

    def _check_limit(self, draft: _Draft, pieces: Sequence[Piece]) -> None:
        limits = [piece.policy.limit for piece in pieces if piece.policy.limit is not None]
        if limits and draft.total > min(limits):
            currency = pieces[0].last.currency
            reason = f"the next document would be {draft.total} {currency}, beyond the limit of {min(limits)} {currency}"
            self.parked = AccountParked(account=self.composing.state.account, code="beyond_limit", reason=reason)

    # --- the events

    def record(self) -> None:
        """Credit notes first, so that what they leave pays the invoices of the same run."""
        self.credit = dict(self.composing.state.credit)
        for invoice, parts in self.corrections.parts.items():
            catalogue = catalogue_of(self.composing.state.open_charges, self.composing)
            note = credit_note(self.standing, invoice, list(parts.values()), frame=self._frame(catalogue, "credit_note"), reason=CORRECTION)
            self._credited(note)
        for pieces in _by_currency(self.corrections.loose):
            self._credited(self._loose_note(pieces))
        for draft in self.drafts:
            self.events.append(self._document(draft))

    def _credited(self, note: CreditNoteIssued) -> None:
        self.events.append(note)
        self.credit[note.currency] = self.credit.get(note.currency, ZERO) + note.credited

    def _frame(self, catalogue: Catalogue | None, document: str) -> Frame:
        return frame_of(self.composing, catalogue, document, earlier=len(self.events))

    def _loose_note(self, pieces: Sequence[Piece]) -> CreditNoteIssued:
        """A credit note on no document: what a person gave, or what no issued line can bear. All of it is the customer's credit."""
        draft = self._draft([replace(piece, refs=()) for piece in pieces])
        frame = self._frame(draft.catalogue, "credit_note")
        currency = pieces[0].last.currency
        legs = document_legs(draft.taxed, discount=ZERO, against=ledgers.UNBILLED)
        return CreditNoteIssued(
            account=frame.account,
            credit_note=frame.id,
            invoice="",
            invoice_number="",
            series=frame.series,
            number="",
            seller=frame.seller,
            buyer=frame.buyer,
            place=frame.place,
            currency=currency,
            issued=frame.issued,
            lines=tuple(document_line(line, self.standing, sign=-1) for line in draft.lines),
            taxes=document_taxes(draft.taxed, -1),
            net=-draft.net,
            tax=-draft.tax,
            total=-draft.total,
            applied=ZERO,
            credited=-draft.total,
            reason=", ".join(dict.fromkeys(piece.last.name for piece in pieces)),
            entry=entry_of(
                [*legs, (ledgers.CREDIT, draft.total, "")], currency=currency, seller=frame.seller["code"], day=frame.accounting_date
            ),
            mentions=frame.mentions,
        )

    def _document(self, draft: _Draft) -> InvoiceIssued:
        currency = draft.lines[0].first.last.currency
        applied = ZERO if draft.turned or not self.composing.apply_credit else min(draft.total, self.credit.get(currency, ZERO))
        self.credit[currency] = self.credit.get(currency, ZERO) - applied
        return _issued(self.face(draft), draft, self.standing, applied)

    def face(self, draft: _Draft) -> Face:
        document = "statement" if draft.turned else "invoice"
        frame = self._frame(draft.catalogue, document)
        terms = payment_terms(draft.catalogue, self._terms_codes(draft))
        due = _due(draft, frame.issued) or due_date(frame.issued, terms)
        costs = not draft.turned and any(line.first.last.component not in LATE for line in draft.lines)
        return Face(
            frame=frame,
            document=document,
            currency=draft.lines[0].first.last.currency,
            due=due,
            terms=terms.code if terms else "",
            policy=frozen_policy(draft.policy, [share.applied for line in draft.taxed for share in line.taxes]),
            settlement=settlement_of(terms, draft.catalogue, issued=frame.issued, due=due) if costs else None,
        )

    def _terms_codes(self, draft: _Draft) -> list[str | None]:
        """Whose payment terms hold: the account's, the plans', the catalogue's default."""
        state, found = self.composing.state, [self.composing.state.terms or None]
        for name in dict.fromkeys(line.first.last.contract for line in draft.lines):
            if name in state.contracts:
                found.append(plan_of(self.composing.policy, state.contracts[name].terms_at(self.composing.moment).terms).terms)
        return [*found, draft.catalogue.default_terms if draft.catalogue else None]


# --- a document, by its face and its amounts --------------------------------------------------------------------------------------


@frozen()
class Face:
    """What a document says whatever its amounts are."""

    frame: Frame
    document: str
    currency: str
    due: date
    terms: str
    policy: Mapping[str, str]
    settlement: Settlement | None


def _issued(face: Face, draft: _Draft, standing: Standing, applied: Decimal) -> InvoiceIssued:
    frame = face.frame
    legs = _legs(draft, frame.id, applied)
    return InvoiceIssued(
        account=frame.account,
        invoice=frame.id,
        document=face.document,
        series=frame.series,
        number="",
        seller=frame.seller,
        buyer=frame.buyer,
        place=frame.place,
        currency=face.currency,
        issued=frame.issued,
        due=face.due,
        terms=face.terms,
        lines=tuple([document_line(line, standing) for line in draft.lines]),
        taxes=document_taxes(draft.taxed, 1),
        net=draft.net,
        tax=draft.tax,
        total=draft.total,
        entry=entry_of(legs, currency=face.currency, seller=frame.seller["code"], day=frame.accounting_date),
        discounts=draft.uses,
        credit_applied=applied,
        inclusive=any(line.inclusive for line in draft.taxed),
        policy=face.policy,
        mentions=frame.mentions,
        settlement=face.settlement,
    )


def _legs(draft: _Draft, invoice: str, applied: Decimal) -> list[tuple[str, Decimal, str]]:
    discount = sum((line.discount for line in draft.lines), ZERO)
    legs = document_legs(draft.taxed, discount=discount, against=draft.against)
    if draft.against == ledgers.ACCRUED_PAYABLE:
        legs = [(f"{ledgers.EXPENSE}:tax-included" if ledger == INCLUDED_TAX else ledger, amount, name) for ledger, amount, name in legs]
    if draft.turned:
        return [*((ledger, -amount, name) for ledger, amount, name in legs), (ledgers.PAYABLE, -draft.total, invoice)]
    return [*legs, (ledgers.RECEIVABLE, draft.total - applied, invoice), (ledgers.CREDIT, applied, "")]


@frozen()
class Sketch:
    """The plain document: one invoice, a charge a line, nothing else on it. Drawn for other amounts it is the same but for these."""

    face: Face
    lines: tuple[LineDraft, ...]
    catalogue: Catalogue | None
    policy: TaxPolicy


def sketch(charges: Sequence[OpenCharge], composing: Composing) -> Sketch | None:
    """What `compose` would make of the charges, where that is a plain document for any amounts above zero; else None."""
    state, pieces = composing.state, pieces_of(charges, composing)
    catalogue = catalogue_of(charges, composing)
    limited = any(piece.policy.limit is not None for piece in pieces)
    if state.credit or state.discounts or limited or (catalogue is not None and catalogue.taxes_ask):
        return None
    alone = len({charge.item for charge in charges}) == len(charges)  # no line is joined to another
    groups = _groups(pieces)
    if not alone or len(groups) != 1 or groups[0][0].owes == "us":
        return None
    run = _Run(composing, Standing({}))
    run.group(groups[0])
    (draft,) = run.drafts
    return Sketch(run.face(draft), draft.lines, draft.catalogue, draft.policy)


def draw(plain: Sketch, charges: Sequence[OpenCharge], *, account: str, invoice: str, buyer: str) -> InvoiceIssued:
    """The document on these charges of the account, which are like those of the sketch but for their amounts, one for each line."""
    face = changed(plain.face, frame=changed(plain.face.frame, account=account, id=invoice, buyer=buyer))
    lines = []
    for line, charge in zip(plain.lines, charges, strict=True):
        piece = changed(line.first, charges=(charge.address,), last=charge, amount=charge.amount, quantity=charge.quantity)
        lines.append(LineDraft((piece,), charge.amount, charge.quantity, line.taxes))
    standing = Standing({})
    return _issued(face, _Draft(tuple(taxed(lines, plain.policy, face.currency, standing)), (), plain.catalogue), standing, ZERO)


def _lessens(piece: Piece, taken: Piece) -> bool:
    """Whether the piece is a discount on what is taken back, of which a part is no longer given."""
    component = piece.key[-1].split(":", 2)
    return (
        piece.amount > 0
        and bool(piece.refs)
        and piece.key[:-1] == taken.key[:-1]
        and component[0] == "discount"
        and component[2:] == [taken.key[-1]]
    )


def _due(draft: _Draft, issued: date) -> date | None:
    """The day that the charges themselves name (an instalment's interest is due with it); None where one leaves it to the payment terms."""
    named = [str(line.first.last.attributes.get("due", "")) for line in draft.lines]
    return max(issued, min(date.fromisoformat(day) for day in named)) if named and all(named) else None


def _removal(piece: Piece) -> tuple[bool, bool]:
    """Which negative piece leaves an invoice first: corrections of issued documents, then what people gave; discounts stay longest."""
    return not piece.refs, piece.last.kind == "accrual"


def _by_currency(pieces: Sequence[Piece]) -> list[list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.last.currency, []).append(piece)
    return list(found.values())
