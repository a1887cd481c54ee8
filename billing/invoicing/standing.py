"""What stands on issued documents: what is left of each line, and what was taxed so far. A run changes its own copy as it corrects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from billing.events import DocumentLine, LineTax
from billing.invoicing.terms import thawed_policy, thawed_tax
from billing.invoicing.values import Correction, Issued, LineRef
from plans.money import decimals, round_to
from plans.taxing import TaxableLine, TaxedLine, TaxShare, tax_lines

ZERO = Decimal(0)


@dataclass
class Standing:
    """The issued documents as they stand during one run."""

    issued: Mapping[str, Issued]
    added: dict[str, list[Correction]] = field(default_factory=dict)
    applied: dict[str, Decimal] = field(default_factory=dict)  # taken off open amounts in this run

    def document(self, invoice: str) -> Issued:
        return self.issued[invoice]

    def corrections(self, invoice: str) -> list[Correction]:
        return [*self.issued[invoice].corrections, *self.added.get(invoice, ())]

    def line(self, ref: LineRef) -> DocumentLine:
        return self.issued[ref.invoice].invoice.lines[ref.position - 1]

    def open(self, invoice: str) -> Decimal:
        """What is still to be paid on the document, in its currency, after what this run took off it."""
        return self.issued[invoice].open - self.applied.get(invoice, ZERO)

    def left(self, ref: LineRef) -> Left:
        """What corrections left of a line: as charged (before document discounts), and after them."""
        line = self.line(ref)
        left = Left(line.amount - line.discount, line.amount)
        for correction in self.corrections(ref.invoice):
            if correction.position == ref.position:
                amount = correction.sign * correction.line.amount
                left = Left(left.charged + amount - correction.sign * correction.line.discount, left.amount + amount)
        return left

    def whole(self, invoice: str) -> Decimal:
        """What corrections left of all lines together, as charged: no more can be taken back."""
        return sum((self.left(LineRef(invoice, i + 1)).charged for i in range(len(self.issued[invoice].invoice.lines))), ZERO)

    def discounts_on(self, ref: LineRef) -> list[LineRef]:
        """The lines of the document that are percentages off this line."""
        line, found = self.line(ref), []
        for position, other in enumerate(self.issued[ref.invoice].invoice.lines, start=1):
            kind, _, of = other.component.partition(":")
            same = (other.contract, other.item, other.start) == (line.contract, line.item, line.start)
            if same and kind == "discount" and of.rpartition(":")[2] == line.component:
                found.append(LineRef(ref.invoice, position))
        return found

    def worth(self, ref: LineRef) -> Decimal:
        """What is left of a line as charged, less what is left of the percentages off it."""
        return sum((self.left(other).charged for other in self.discounts_on(ref)), self.left(ref).charged)

    def share(self, ref: LineRef, charged: Decimal, currency: str) -> Decimal:
        """How much a difference of `charged` moves the line after its document discounts: the line keeps the share it was given, and a line
        that is taken back whole leaves nothing."""
        line, left = self.line(ref), self.left(ref)
        before = line.amount - line.discount
        if not line.discount or not before:
            return charged
        target = Fraction(left.charged + charged) * Fraction(line.amount) / Fraction(before)
        return round_to(target, decimals(currency)) - left.amount

    def taxable(self, ref: LineRef, charged: Decimal, amount: Decimal) -> TaxableLine:
        """A difference of `charged` on the line (`amount` after discounts), with that document's taxes at that document's rates. Of a fixed
        tax it moves the part that it is of what is left of the line."""
        line, issued = self.line(ref), self.document(ref.invoice).invoice
        left = self.left(ref).charged
        part = Fraction(charged) / Fraction(left) if left else Fraction(0)
        taxes = tuple(thawed_tax(tax, issued.policy, fixed=self._fixed_left(ref, tax) * part) for tax in line.taxes)
        return TaxableLine(str(ref.position), amount, taxes, is_inclusive(line, inclusive=issued.inclusive))

    def _fixed_left(self, ref: LineRef, tax: LineTax) -> Fraction:
        total = tax.tax
        for correction in self.corrections(ref.invoice):
            if correction.position == ref.position:
                total += sum(
                    (correction.sign * other.tax for other in correction.line.taxes if other.code == tax.code and not other.rate), ZERO
                )
        return Fraction(total)

    def tax(self, invoice: str, lines: list[TaxableLine]) -> list[TaxedLine]:
        """Tax differences of one document to its own target: what was taxed on it so far counts."""
        issued = self.document(invoice).invoice
        prior = [self._taxed(issued.lines[i], i + 1, 1, invoice) for i in range(len(issued.lines))]
        prior += [self._taxed(correction.line, correction.position, correction.sign, invoice) for correction in self.corrections(invoice)]
        return tax_lines(lines, policy=thawed_policy(issued.policy), currency=issued.currency, prior=prior)

    def _taxed(self, line: DocumentLine, position: int, sign: int, invoice: str) -> TaxedLine:
        issued = self.document(invoice).invoice
        shares = tuple(TaxShare(thawed_tax(tax, issued.policy), sign * tax.base, sign * tax.tax) for tax in line.taxes)
        original = issued.lines[position - 1]
        inclusive = is_inclusive(original, inclusive=issued.inclusive)
        return TaxedLine(str(position), sign * line.amount, sign * line.net, sign * line.tax, shares, inclusive)

    def add(self, invoice: str, position: int, line: DocumentLine, sign: int) -> None:
        """Count a correction that this run makes."""
        self.added.setdefault(invoice, []).append(Correction(position, line, sign))


@dataclass(frozen=True)
class Left:
    charged: Decimal
    amount: Decimal


def is_inclusive(line: DocumentLine, *, inclusive: bool) -> bool:
    """Whether the line's amount contains its tax; a line without tax is what its document is."""
    return line.net != line.amount or (inclusive and not line.tax)
