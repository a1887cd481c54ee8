"""The credit note that a person gives on an issued document: which parts of its lines, and how its total comes about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts import vault
from billing import bulk, ledgers
from billing.accounting.releasing import note_taken, released, with_released
from billing.command import parse_arguments
from billing.commands.common import money
from billing.engine import Context
from billing.events import CreditNoteIssued, Released
from billing.invoicing import Composing, CreditPart, Issued, LineRef, Standing, credit_note, credit_parts, frame_of
from billing.loading import policy
from billing.state import AccountState
from plans.catalogue import Catalogue
from plans.errors import Conflict, Invalid
from plans.money import decimals, plain

ZERO = Decimal(0)
#: How many cents around the proportional amount are tried before the best one found is taken.
NEIGHBOURS = 5


@dataclass(frozen=True)
class Crediting:
    """One document about to be corrected by hand."""

    context: Context
    state: AccountState
    issued: Issued
    reason: str
    earlier: int = 0  # events that the same command records before
    released: tuple[Released, ...] = ()  # and what they release of charges in advance

    @property
    def invoice(self) -> str:
        return self.issued.invoice.invoice

    def standing(self) -> Standing:
        return Standing({self.invoice: self.issued})

    def note(self, parts: Sequence[CreditPart]) -> CreditNoteIssued:
        """The credit note of these parts. Raises what `billing.invoicing.credit_note` raises."""
        if self.issued.invoice.document == "statement":
            raise Conflict("not_a_claim", f"{self.issued.invoice.number} says what we owe; nothing on it can be credited", at="invoice")
        composing = composing_by_hand(self.context, self.state)
        frame = frame_of(composing, catalogue_behind(self.state, self.invoice), "credit_note", earlier=self.earlier)
        return credit_note(self.standing(), self.invoice, parts, frame=frame, reason=self.reason, against=ledgers.CREDIT_NOTES)

    def issue(self, parts: Sequence[CreditPart]) -> CreditNoteIssued:
        """The same, to be recorded: what of the parts is not earned yet is released."""
        note = self.note(parts)
        taken = note_taken(self.issued.invoice.lines, note)
        return with_released(note, released(self.state, policy(), taken, at=self.context.at, before=self.released))

    def left(self) -> Decimal:
        """What can still be credited in all, with tax."""
        parts = credit_parts(self.standing(), self.invoice)
        return self.note(parts).total if parts else ZERO

    def parts_worth(self, total: Decimal) -> list[CreditPart]:
        """Parts of all lines whose credit note, with its tax, comes to `total`; where rounding lets no note come to it, to the least above.

        Raises Conflict `more_than_left`.
        """
        issued, standing = self.issued.invoice, self.standing()
        whole = self.left()
        if total > whole:
            message = f"{issued.number} has {plain(whole)} left to take back, not {plain(total)}"
            raise Conflict("more_than_left", message, at="total", left=plain(whole))
        charged = sum((part.charged for part in credit_parts(standing, self.invoice)), ZERO)
        cent = Decimal(1).scaleb(-decimals(issued.currency))
        middle = (charged * total / whole).quantize(cent)
        best: tuple[Decimal, Decimal] | None = None
        for step in sorted(range(-NEIGHBOURS, NEIGHBOURS + 1), key=abs):
            amount = middle + step * cent
            if not 0 < amount <= charged:
                continue
            reached = self.note(credit_parts(self.standing(), self.invoice, amount)).total
            if reached >= total and (best is None or (reached, amount) < best):
                best = reached, amount
            if reached == total:
                break
        return credit_parts(self.standing(), self.invoice, best[1] if best else charged)


def composing_by_hand(context: Context, state: AccountState) -> Composing:
    """What a document needs to know when a person issues it."""
    return Composing(
        state=state,
        policy=policy(),
        moment=context.at,
        next_sequence=context.heads[state.account].sequence + 1,
        buyer=vault.freeze([state.account])[state.account],
    )


def catalogue_behind(state: AccountState, invoice: str) -> Catalogue | None:
    """The catalogue that the document's charges came from, as it was then; None where no catalogue knows them."""
    statement = """
        SELECT charge.catalogue, charge.version
        FROM read_invoice_line line CROSS JOIN LATERAL jsonb_array_elements_text(line.detail->'charges') AS named(address)
            JOIN read_charge charge ON charge.account = line.account
                AND charge.sequence = substring(named.address FROM '[0-9]+$')::bigint
        WHERE line.account = %s AND line.invoice = %s AND charge.invoice = line.invoice AND charge.catalogue <> ''
        ORDER BY charge.version DESC, charge.sequence LIMIT 1"""
    rows = bulk.fetch(statement, [state.account, invoice])
    return policy().catalogue(*rows[0]) if rows else None


@dataclass(frozen=True)
class LineWanted:
    line: int
    amount: Decimal | None = None  # as charged: before document discounts, and before tax that comes on top
    quantity: Decimal | None = None


def parts_of_lines(crediting: Crediting, lines: Sequence[Any]) -> list[CreditPart]:
    """The parts that a person named: positions (from 1), each with an amount, a quantity, or all that is left of it.

    Raises Invalid `out_of_range` or `conflict`, Conflict `more_than_left`.
    """
    issued, standing = crediting.issued.invoice, crediting.standing()
    found: dict[int, CreditPart] = {}
    for i, value in enumerate(lines):
        at = f"lines[{i}]"
        wanted = _wanted(value, at)
        if not 1 <= wanted.line <= len(issued.lines):
            raise Invalid("out_of_range", f"{issued.number} has {len(issued.lines)} lines, not {wanted.line}", at=at)
        if wanted.line in found:
            raise Invalid("conflict", f"line {wanted.line} is named twice", at=at)
        for part in _of_line(wanted, standing, LineRef(issued.invoice, wanted.line), at):
            found.setdefault(part.position, part)
    return list(found.values())


def _wanted(value: Any, at: str) -> LineWanted:
    if isinstance(value, Mapping):
        wanted: LineWanted = parse_arguments(LineWanted, value, zone="UTC")
        if wanted.amount is not None and wanted.quantity is not None:
            raise Invalid("conflict", "give the amount or the quantity of a line, not both", at=at)
        return wanted
    if not str(value).isdigit():
        raise Invalid("wrong_type", f"expected the position of a line, found {value!r}", at=at)
    return LineWanted(int(value))


def _of_line(wanted: LineWanted, standing: Standing, ref: LineRef, at: str) -> list[CreditPart]:
    """What is taken back of a line: an amount of it, or all that is left or its share of the quantity, with the percentages off it."""
    issued, line, worth = standing.document(ref.invoice).invoice, standing.line(ref), standing.worth(ref)
    if standing.left(ref).charged <= 0 or worth <= 0:
        raise Conflict("more_than_left", f"nothing is left to take back of line {wanted.line} of {issued.number}", at=at)
    if wanted.amount is not None:
        amount = money(wanted.amount, issued.currency, at=f"{at}.amount")
        if amount > worth:
            message = f"line {wanted.line} of {issued.number} has {plain(worth)} left to take back, not {plain(amount)}"
            raise Conflict("more_than_left", message, at=f"{at}.amount")
        return [CreditPart(wanted.line, amount)]
    together = [ref, *standing.discounts_on(ref)]
    if wanted.quantity is None:
        return [CreditPart(one.position, standing.left(one).charged) for one in together if standing.left(one).charged]
    if not 0 < wanted.quantity <= line.quantity:
        message = f"the line has a quantity of {plain(line.quantity)}, not {plain(wanted.quantity)}"
        raise Invalid("out_of_range", message, at=f"{at}.quantity")
    cent = Decimal(1).scaleb(-decimals(issued.currency))
    parts = []
    for one in together:
        whole = standing.line(one).amount - standing.line(one).discount
        share = (whole * wanted.quantity / line.quantity).quantize(cent)
        if one is not ref:
            share = max(share, standing.left(one).charged)
        parts.append(CreditPart(one.position, share, quantity=wanted.quantity if one is ref else ZERO))
    return [part for part in parts if part.charged]
