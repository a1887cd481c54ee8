"""Documents of accounts that are alike (`billing.alike`): sketched for one of them, drawn with the amounts of each.

What a document says follows from the charges, the plan, the place of taxation and the day. Whoever has anything else on it (money on
account, discounts, corrections, charges by hand) gets one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from billing.alike import MEMORY, UNKNOWN, Likeness, Met, Unknown
from billing.bill_times import chosen_charges, document_moment
from billing.codec import UNNUMBERED
from billing.events import InvoiceIssued
from billing.invoicing import Composing, Sketch, draw, sketch
from billing.naming import ACCOUNT, BUYER, CONTRACT, INVOICE, DocumentAmounts, DocumentPattern, NotAlike, charge_name
from billing.schedule import Step
from billing.state import AccountState, Contract, OpenCharge
from billing.terms import Policy, plan_of
from plans.frozen import changed

Amounts = tuple[tuple[Any, ...], ...]
_SAME = attrgetter(
    *"kind item component name currency unit start end effective_at supply_date tax_category inclusive catalogue version".split(),
    *"invoice_when period_start terms".split(),
)
_OWN = attrgetter("amount", "quantity", "unit_price")


@dataclass(eq=False)
class Bill:
    """When the next document of everybody of one likeness is due, found for the `model`; on which of the open charges it is, and what it
    says. Amounts that come again are told, others are drawn."""

    model: AccountState
    step: Step
    chosen: list[int]
    plain: Sketch
    amounts: DocumentAmounts
    patterns: dict[Amounts, DocumentPattern] = field(default_factory=dict)

    def charges(self, state: AccountState) -> list[OpenCharge]:
        """The charges of the account's document."""
        return [state.open_charges[position] for position in self.chosen]

    def told(self, charges: Sequence[OpenCharge], account: str, *, sequence: int, buyer: str) -> InvoiceIssued:
        """The account's document on its charges; `sequence` is that of its event."""
        invoice = f"{account}/{sequence}"
        amounts = tuple([_OWN(charge) for charge in charges])
        pattern = self.patterns.get(amounts)
        if pattern is None and _met.before((id(self), amounts)):
            pattern = self.pattern(charges)
            MEMORY.keep(self.patterns, amounts, pattern)
        if pattern is None:
            return self.drawn(charges, account, invoice=invoice, buyer=buyer)
        return pattern.named(account, charges[0].contract, invoice=invoice, buyer=buyer, charges=[charge.address for charge in charges])

    def drawn(self, charges: Sequence[OpenCharge], account: str, *, invoice: str, buyer: str) -> InvoiceIssued:
        """The document of amounts of its own, with its bytes where it is like the one that was sketched."""
        document = draw(self.plain, charges, account=account, invoice=invoice, buyer=buyer)
        around = self.amounts.around(document)
        if around is not None:
            vars(document)[UNNUMBERED] = around
        return document

    def pattern(self, charges: Sequence[OpenCharge]) -> DocumentPattern:
        """The document on these charges under the names of the model. Raises NotAlike."""
        named = [changed(charge, address=charge_name(i), contract=CONTRACT) for i, charge in enumerate(charges)]
        return DocumentPattern(draw(self.plain, named, account=ACCOUNT, invoice=INVOICE, buyer=BUYER), len(charges))


_BILLS: dict[tuple[Any, ...], Bill | None] = MEMORY.register()
_met = Met()


def bill_of(state: AccountState, policy: Policy, alike: Likeness) -> Bill | None:
    """The next document of an account whose periods are like those of others (`alike`); None where it must be looked at alone."""
    if state.credit or len(state.places) != 1 or state.places[0][1].tax_id:
        return None
    (contract,) = state.contracts.values()
    rule = plan_of(policy, contract.timeline[-1].terms).invoice
    if rule.threshold is not None or not all(_plain(charge, contract) for charge in state.open_charges):
        return None
    counted_from = contract.start if rule.when in ("calendar", "end") else None
    # The model holds its place, so no other takes its id while it is known.
    key = alike, counted_from, state.terms, id(state.places[0][1]), tuple([_SAME(charge) for charge in state.open_charges])
    found = _BILLS.get(key, UNKNOWN)
    if not isinstance(found, Unknown):
        return found
    if not _met.before(key):
        return None
    found = _bill(state, contract, policy)
    MEMORY.know(_BILLS, key, found)
    return found


def _plain(charge: OpenCharge, contract: Contract) -> bool:
    """Whether it is what a period came to, by terms that still hold."""
    own = charge.kind == "accrual" and charge.contract == contract.id and charge.amount > 0 and not charge.attributes
    late = charge.end < charge.effective_at
    return own and not late and (len(contract.timeline) == 1 or charge.start >= contract.timeline[-1].effective_at)


def _bill(state: AccountState, contract: Contract, policy: Policy) -> Bill | None:
    charges = [replace(charge, address=charge_name(i), contract=CONTRACT) for i, charge in enumerate(state.open_charges)]
    own = replace(contract, id=CONTRACT, account=ACCOUNT)
    model = replace(state, account=ACCOUNT, contracts={CONTRACT: own}, periods=[], open_charges=charges, marks=[], works=(), facts={})
    moment = document_moment(model, policy)
    if moment is None:
        return None
    chosen = chosen_charges(model, policy, moment)
    plain = sketch(chosen, Composing(model, policy, moment, next_sequence=0, buyer=BUYER))
    if plain is None:
        return None
    try:
        amounts = DocumentAmounts(draw(plain, chosen, account=ACCOUNT, invoice=INVOICE, buyer=BUYER))
    except NotAlike:
        return None
    return Bill(model, Step(moment, documents=True), [charges.index(charge) for charge in chosen], plain, amounts)
