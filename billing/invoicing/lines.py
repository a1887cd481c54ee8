"""Pieces become lines: grouped where they are the same thing at the same price, discounted, and taxed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.codec import decode_value
from billing.events import DiscountUse, DocumentLine, DocumentTax, LineTax
from billing.invoicing.pieces import Piece, taxes_on
from billing.invoicing.standing import Standing
from billing.invoicing.values import Composing, LineRef
from plans.catalogue import Catalogue
from plans.discounts import Discount, DiscountableLine, Held, document_discounts
from plans.frozen import frozen
from plans.tax import AppliedTax, TaxPolicy
from plans.taxing import TaxableLine, TaxedLine, TaxShare, rate_totals, tax_lines

ZERO = Decimal(0)


@frozen()
class LineDraft:
    """One line on its way to a document. `charged` is before document discounts, `discount` their share (negative)."""

    pieces: tuple[Piece, ...]
    charged: Decimal
    quantity: Decimal
    taxes: tuple[AppliedTax, ...] = ()
    ref: LineRef | None = None
    discount: Decimal = ZERO
    taxed: TaxedLine | None = None

    @property
    def amount(self) -> Decimal:
        return self.charged + self.discount if self.discount else self.charged

    @property
    def first(self) -> Piece:
        return self.pieces[0]


def draft_lines(pieces: Sequence[Piece], catalogue: Catalogue | None, composing: Composing) -> list[LineDraft]:
    """The lines of a document, in the order of their first pieces. All differences on one issued line are a line of their own."""
    drafts: list[LineDraft] = []
    for piece in pieces:
        ref = piece.refs[-1] if piece.refs else None
        taxes = () if ref else taxes_on(piece, catalogue, composing)
        one = LineDraft((piece,), piece.amount, piece.quantity, taxes, ref)
        joined = next((i for i, draft in enumerate(drafts) if _joins(draft, one)), None)
        if joined is None:
            drafts.append(one)
        else:
            drafts[joined] = _join(drafts[joined], one)
    return drafts


def _joins(draft: LineDraft, one: LineDraft) -> bool:
    """Whether a piece belongs on the line: grouped by policy, the same thing at the same price and rates, and next in time."""
    old, new = draft.pieces[-1], one.first
    if one.ref is not None and draft.ref == one.ref:
        return True
    if old.last.item != new.last.item or draft.ref or one.ref or new.policy.lines != "grouped" or new.last.kind == "adjustment":
        return False
    if (draft.charged < 0) != (one.charged < 0):
        return False
    if _sameness(old) != _sameness(new) or [_rate(tax) for tax in draft.taxes] != [_rate(tax) for tax in one.taxes]:
        return False
    if new.last.kind == "sale":
        return True
    discount = new.last.component.startswith("discount:")
    return (bool(new.last.unit_price) or discount) and old.last.end == new.last.start


def _sameness(piece: Piece) -> tuple[object, ...]:
    charge = piece.last
    return (
        charge.kind,
        charge.contract,
        charge.item,
        charge.component,
        charge.name,
        charge.unit_price,
        charge.unit,
        charge.tax_category,
        charge.inclusive,
    )


def _rate(tax: AppliedTax) -> AppliedTax:
    return tax if tax.fixed is None else replace(tax, fixed=Fraction(0))


def _join(draft: LineDraft, one: LineDraft) -> LineDraft:
    taxes = tuple(
        tax if tax.fixed is None else replace(tax, fixed=tax.fixed + (other.fixed or 0))
        for tax, other in zip(draft.taxes, one.taxes, strict=True)
    )
    pieces = (*draft.pieces, *one.pieces)
    return replace(draft, pieces=pieces, charged=draft.charged + one.charged, quantity=draft.quantity + one.quantity, taxes=taxes)


# --- discounts --------------------------------------------------------------------------------------------------------------------


def discounted(
    drafts: Sequence[LineDraft], currency: str, composing: Composing, standing: Standing, used: dict[str, Decimal]
) -> tuple[list[LineDraft], list[DiscountUse]]:
    """Document discounts on the lines. A difference on an issued line carries the share that the line was given there and opens no discount
    again. `used` is what other documents of this run took of each discount already."""
    held = held_discounts(composing, currency, used)
    if not held and not any(draft.ref for draft in drafts):
        return list(drafts), []
    able = [
        DiscountableLine(str(i), draft.charged, draft.first.last.item, draft.first.plan, draft.first.last.contract)
        for i, draft in enumerate(drafts)
        if draft.ref is None
    ]
    uses = document_discounts(able, held, currency=currency) if able else []
    if not uses and len(able) == len(drafts):
        return list(drafts), []
    taken = {i: sum((use.shares.get(str(i), ZERO) for use in uses), ZERO) for i in range(len(drafts))}
    found = []
    for i, draft in enumerate(drafts):
        share = -taken[i] if draft.ref is None else standing.share(draft.ref, draft.charged, currency) - draft.charged
        found.append(replace(draft, discount=share) if share else draft)  # none had a discount before
    return found, [DiscountUse(attachment=use.held.id, amount=use.amount) for use in uses]


def held_discounts(composing: Composing, currency: str, used: dict[str, Decimal]) -> list[Held]:
    """The account's document discounts that still give something at the moment, the oldest first."""
    found = []
    for held in composing.state.discounts:
        if held.level != "document" or held.start > composing.moment or (held.end is not None and held.end <= composing.moment):
            continue
        discount: Discount = decode_value(Discount, held.terms)
        if (discount.amount is not None and held.currency not in ("", currency)) or discount.currency not in ("", currency):
            continue
        most, before = discount.most_uses, used.get(held.attachment)
        if most is not None and held.uses + (before is not None) >= most:
            continue
        remainder = None if held.remainder is None else held.remainder - (before or ZERO)
        if discount.duration != "once":
            remainder = None
        if remainder is None or remainder > 0:
            found.append(Held(held.attachment, discount, remainder, held.contract))
    return found


# --- tax --------------------------------------------------------------------------------------------------------------------------


def taxed(drafts: Sequence[LineDraft], policy: TaxPolicy, currency: str, standing: Standing) -> list[LineDraft]:
    """The lines with their tax: new ones by the policy in force, differences on an issued line by that document's own policy and rates."""
    if not any(draft.ref for draft in drafts):  # nearly always: nothing of them stands on a document yet
        lines = [TaxableLine(str(i), draft.amount, draft.taxes, draft.first.last.inclusive) for i, draft in enumerate(drafts)]
        return [_with_tax(draft, answer) for draft, answer in zip(drafts, tax_lines(lines, policy=policy, currency=currency), strict=True)]
    found = list(drafts)
    for invoice in dict.fromkeys(draft.ref.invoice if draft.ref else "" for draft in drafts):
        here = [i for i, draft in enumerate(drafts) if (draft.ref.invoice if draft.ref else "") == invoice]
        if invoice:
            lines = [standing.taxable(ref, drafts[i].charged, drafts[i].amount) for i in here if (ref := drafts[i].ref) is not None]
            answers = standing.tax(invoice, lines)
        else:
            lines = [TaxableLine(str(i), drafts[i].amount, drafts[i].taxes, drafts[i].first.last.inclusive) for i in here]
            answers = tax_lines(lines, policy=policy, currency=currency)
        for i, answer in zip(here, answers, strict=True):
            found[i] = _with_tax(found[i], answer)
    return found


def _with_tax(line: LineDraft, answer: TaxedLine) -> LineDraft:
    return LineDraft(line.pieces, line.charged, line.quantity, line.taxes, line.ref, line.discount, answer)


def document_line(draft: LineDraft, standing: Standing, *, sign: int = 1) -> DocumentLine:
    """The line as the document's event holds it; `sign` −1 turns it round (a credit note shows what is taken back as positive)."""
    assert draft.taxed is not None
    pieces, charge, result = draft.pieces, draft.first.last, draft.taxed
    alone = len(pieces) == 1
    return DocumentLine(
        item=charge.item,
        name=charge.name,
        quantity=draft.quantity if sign > 0 else abs(draft.quantity),
        unit_price=charge.unit_price if alone or len({piece.last.unit_price for piece in pieces}) == 1 else "",
        amount=sign * result.amount,
        net=sign * result.net,
        tax=sign * result.tax,
        contract=charge.contract,
        component=charge.component,
        start=charge.start if alone else min(piece.last.start for piece in pieces),
        end=charge.end if alone else max(piece.last.end for piece in pieces),
        tax_category=charge.tax_category,
        taxes=line_taxes(result, sign),
        charges=pieces[0].charges if alone else tuple(address for piece in pieces for address in piece.charges),
        discount=sign * draft.discount,
        unit=charge.unit,
        corrects=draft.ref.text(standing.document(draft.ref.invoice).invoice.number) if draft.ref else "",
    )


def line_taxes(line: TaxedLine, sign: int) -> tuple[LineTax, ...]:
    return tuple([LineTax(**_told(share, sign)) for share in line.taxes])


def document_taxes(lines: Sequence[TaxedLine], sign: int) -> tuple[DocumentTax, ...]:
    """The rows of the document's taxes: one for each rate."""
    return tuple([DocumentTax(**_told(share, sign)) for share in rate_totals(lines)])


def _told(share: TaxShare, sign: int) -> dict[str, Any]:
    applied = share.applied
    return {
        "code": applied.code,
        "name": applied.name,
        "rate": applied.rate_text,
        "base": sign * share.base,
        "tax": sign * share.tax,
        "reason": applied.reason,
    }
