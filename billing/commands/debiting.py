"""The debit note: a document of its own that adds to what an earlier one said, at that document's taxes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import ledgers
from billing.commands.common import entry
from billing.commands.crediting import catalogue_behind, composing_by_hand
from billing.engine import Context
from billing.events import AdjustmentMade, DocumentLine, Event, InvoiceIssued, Posting
from billing.invoicing import Frame, Issued, due_date, frame_of
from billing.invoicing.lines import document_taxes, line_taxes
from billing.invoicing.postings import document_legs, entry_of
from billing.invoicing.standing import is_inclusive
from billing.invoicing.terms import payment_terms, thawed_policy, thawed_tax
from billing.state import AccountState
from plans.catalogue import Catalogue
from plans.errors import Conflict, Invalid
from plans.money import plain
from plans.periods import local_date
from plans.taxing import TaxableLine, TaxedLine, tax_lines

ZERO = Decimal(0)


@dataclass(frozen=True)
class Debiting:
    """What is added to a document by hand: an amount as charged (before tax that comes on top), taxed like one of its lines, or not."""

    context: Context
    state: AccountState
    issued: Issued
    amount: Decimal
    name: str
    reason: str
    line: int | None = None
    taxed: bool = True

    @property
    def original(self) -> InvoiceIssued:
        return self.issued.invoice

    def events(self) -> list[Event]:
        """The charge and the document that digests it. Raises Invalid `out_of_range`, Conflict `which_line` or `not_a_claim`."""
        if self.original.document == "statement":
            raise Conflict("not_a_claim", f"{self.original.number} says what we owe; nothing is added to it", at="invoice")
        like = self._like()
        catalogue = catalogue_behind(self.state, self.original.invoice)
        frame = frame_of(composing_by_hand(self.context, self.state), catalogue, "debit_note", earlier=1)
        taxes = [tax for tax in like.taxes if tax.rate] if self.taxed else []
        inclusive = bool(taxes) and is_inclusive(like, inclusive=self.original.inclusive)
        applied = tuple(thawed_tax(tax, self.original.policy) for tax in taxes)
        policy = thawed_policy(self.original.policy)
        [taxed] = tax_lines([TaxableLine("1", self.amount, applied, inclusive)], policy=policy, currency=self.original.currency)
        charge = self._charge(like, inclusive, catalogue)
        return [charge, self._document(frame, catalogue, like, taxed)]

    def _like(self) -> DocumentLine:
        """The line whose taxes hold: the one named, or any where all are taxed alike."""
        lines = self.original.lines
        if self.line is not None:
            if not 1 <= self.line <= len(lines):
                raise Invalid("out_of_range", f"{self.original.number} has {len(lines)} lines, not {self.line}", at="line")
            return lines[self.line - 1]
        kinds = {tuple((tax.code, tax.rate) for tax in line.taxes if tax.rate) for line in lines}
        if len(kinds) > 1 and self.taxed:
            raise Conflict("which_line", f"the lines of {self.original.number} bear different taxes; name one", at="line")
        return lines[0]

    def _charge(self, like: DocumentLine, inclusive: bool, catalogue: Catalogue | None) -> AdjustmentMade:
        currency = self.original.currency
        postings = (
            Posting(ledger=ledgers.UNBILLED, amount=self.amount, currency=currency),
            Posting(ledger=f"{ledgers.REVENUE}:adjustments", amount=-self.amount, currency=currency),
        )
        return AdjustmentMade(
            account=self.state.account,
            contract="",
            item="",
            name=self.name,
            amount=self.amount,
            currency=currency,
            supply_date=local_date(self.context.at, self.state.zone),
            tax_category=like.tax_category if self.taxed else "",
            inclusive=inclusive,
            reason=self.reason,
            invoice_when="now",
            entry=entry(self.context, self.state, postings),
            catalogue=catalogue.name if catalogue else "",
            version=catalogue.version if catalogue else 0,
        )

    def _document(self, frame: Frame, catalogue: Catalogue | None, like: DocumentLine, taxed: TaxedLine) -> InvoiceIssued:
        original = self.original
        legs = [*document_legs([taxed], discount=ZERO, against=ledgers.UNBILLED), (ledgers.RECEIVABLE, taxed.net + taxed.tax, frame.id)]
        terms = payment_terms(catalogue, [original.terms, catalogue.default_terms if catalogue else None])
        return InvoiceIssued(
            account=frame.account,
            invoice=frame.id,
            document="debit_note",
            series=frame.series,
            number="",
            seller=frame.seller,
            buyer=frame.buyer,
            place=original.place,
            currency=original.currency,
            issued=frame.issued,
            due=due_date(frame.issued, terms),
            terms=terms.code if terms else "",
            lines=(self._line(like, taxed),),
            taxes=document_taxes([taxed], 1),
            net=taxed.net,
            tax=taxed.tax,
            total=taxed.net + taxed.tax,
            entry=entry_of(legs, currency=original.currency, seller=frame.seller["code"], day=frame.accounting_date),
            inclusive=taxed.inclusive,
            policy=original.policy,
            corrects=original.invoice,
            corrects_number=original.number,
            reason=self.reason,
            mentions=frame.mentions,
        )

    def _line(self, like: DocumentLine, taxed: TaxedLine) -> DocumentLine:
        return DocumentLine(
            item="",
            name=self.name,
            quantity=Decimal(1),
            unit_price=plain(self.amount),
            amount=taxed.amount,
            net=taxed.net,
            tax=taxed.tax,
            contract="",
            component="adjustment",
            start=self.context.at,
            end=self.context.at,
            tax_category=like.tax_category if self.taxed else "",
            taxes=line_taxes(taxed, 1),
            charges=(self.context.next_address(self.state.account),),
        )
