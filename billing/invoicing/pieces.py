"""What is open per key, and the taxes that fall on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from billing.events import AccountParked
from billing.invoicing.values import ChargeKey, Composing, LineRef
from billing.state import OpenCharge
from billing.terms import item_of, plan_of
from plans.catalogue import Catalogue, InvoicePolicy, Item
from plans.frozen import frozen
from plans.periods import day_start, local_date
from plans.tax import AppliedTax, apply_taxes, charged


@frozen()
class Piece:
    """The open charges of one key as one amount, in what was charged (before document discounts, with tax where prices include it).

    `refs` are the issued lines that the key stands on, `owes` who pays it.
    """

    key: ChargeKey
    charges: tuple[str, ...]
    last: OpenCharge
    amount: Decimal
    quantity: Decimal
    policy: InvoicePolicy
    plan: str
    owes: str
    refs: tuple[LineRef, ...] = ()


def pieces_of(charges: Sequence[OpenCharge], composing: Composing) -> list[Piece]:
    """One piece per key, in the order of the first charge of each. The quantity of measured use is cumulative: the last one counts, less
    what stands on documents; a fee's is that of its terms; that of sales adds up."""
    by_key: dict[ChargeKey, list[OpenCharge]] = {}
    for charge in charges:
        by_key.setdefault(charge.key, []).append(charge)
    return [_piece(key, found, composing) for key, found in by_key.items()]


def _piece(key: ChargeKey, found: Sequence[OpenCharge], composing: Composing) -> Piece:
    last = found[-1]
    if last.kind == "accrual" and last.component in ("fee", "minimum", "interest"):
        quantity = last.quantity
    elif last.kind == "accrual":
        quantity = last.quantity - composing.past.quantities.get(key, Decimal(0)) or last.quantity
    else:
        quantity = sum((abs(c.quantity) * (-1 if c.amount < 0 else 1) for c in found), Decimal(0)) or last.quantity
    item = item_of_charge(last, composing)
    contract = composing.state.contracts.get(last.contract)
    terms = contract.terms_at(last.effective_at).terms if contract else None
    return Piece(
        key=key,
        charges=tuple([charge.address for charge in found]),
        last=last,
        amount=last.amount if len(found) == 1 else sum((charge.amount for charge in found), Decimal(0)),
        quantity=quantity,
        policy=plan_of(composing.policy, terms).invoice if terms else InvoicePolicy(),
        plan=terms.plan if terms else "",
        owes=item.owes if item else "customer",
        refs=composing.past.lines.get(key, ()),
    )


def item_of_charge(charge: OpenCharge, composing: Composing) -> Item | None:
    """The item as the terms of the charge define it; None for what no catalogue knows (an adjustment, a plan's minimum)."""
    contract = composing.state.contracts.get(charge.contract)
    if contract is not None:
        terms = contract.terms_at(charge.start).terms
        found = item_of(composing.policy, terms, charge.item) or plan_of(composing.policy, terms).items.get(charge.item)
        if found is not None:
            return found
    catalogue = composing.policy.catalogue(charge.catalogue, charge.version) if charge.catalogue else None
    return catalogue.items.get(charge.item) if catalogue else None


def catalogue_of(charges: Sequence[OpenCharge], composing: Composing) -> Catalogue | None:
    """The catalogue whose taxes, terms and series hold for a document of these charges."""
    if composing.catalogue is not None:
        return composing.catalogue
    named = [charge for charge in charges if charge.catalogue]
    newest = max(named, key=lambda charge: charge.version, default=None)
    return composing.policy.catalogue(newest.catalogue, newest.version) if newest else None


def taxes_on(piece: Piece, catalogue: Catalogue | None, composing: Composing) -> tuple[AppliedTax, ...]:
    """The taxes in force on the piece's supply date at the place of that day. A discount or minimum bears no fixed amounts: the line that
    it belongs to does."""
    if catalogue is None:
        return ()
    charge, places = piece.last, composing.state.places
    place = places[0][1] if len(places) == 1 else composing.state.place_on(_end_of_day(charge, composing))
    if not catalogue.taxes_ask:
        return charged(catalogue.taxes_at(charge.tax_category, place, charge.supply_date), category=charge.tax_category, place=place)
    found = apply_taxes(
        catalogue.taxes,
        category=charge.tax_category,
        place=place,
        on=charge.supply_date,
        quantity=piece.quantity,
        attributes=_stay(charge, composing) | dict(charge.attributes),
        sign=-1 if piece.amount < 0 else 1,
    )
    if charge.component.partition(":")[0] in ("discount", "minimum"):
        return tuple(tax for tax in found if tax.fixed is None)
    return found


def _end_of_day(charge: OpenCharge, composing: Composing) -> datetime:
    following = day_start(charge.supply_date + timedelta(days=1), composing.state.zone)
    return following.astimezone(UTC) - timedelta(microseconds=1)


def _stay(charge: OpenCharge, composing: Composing) -> dict[str, Decimal]:
    """Nights of the charge, of its contract before it, and of the whole contract where its end is known, in local dates."""
    zone = composing.state.zone
    start, end = local_date(charge.start, zone), local_date(charge.end, zone)
    facts = {"nights": Decimal((end - start).days)} if end > start else {}
    contract = composing.state.contracts.get(charge.contract)
    if contract is not None and facts:
        first = local_date(contract.start, zone)
        facts["nights_before"] = Decimal(max(0, (start - first).days))
        if contract.end is not None:
            facts["stay_nights"] = Decimal((local_date(contract.end, zone) - first).days)
    return facts


def insane(charges: Sequence[OpenCharge], composing: Composing) -> AccountParked | None:
    """Why no document is composed: a charge that is there twice, or two charges of one item and terms whose periods overlap."""
    account = composing.state.account
    seen: dict[object, OpenCharge] = {}
    for charge in charges:
        if charge.kind != "accrual" or not charge.amount:
            continue
        key = charge.key, charge.effective_at, charge.amount
        if key in seen:
            reason = f"{charge.name} of {charge.amount} {charge.currency} was charged twice: {seen[key].address} and {charge.address}"
            return AccountParked(account=account, code="duplicate_charge", reason=reason)
        seen[key] = charge
    return _overlap(charges, account)


def _overlap(charges: Sequence[OpenCharge], account: str) -> AccountParked | None:
    """Periods of one item under the same terms never overlap; several charges of one period are its successive differences."""
    spans: dict[ChargeKey, OpenCharge] = {}
    for charge in charges:
        if charge.kind == "accrual" and charge.amount > 0:
            spans.setdefault(charge.key, charge)
    lines: dict[tuple[str, ...], list[OpenCharge]] = {}
    for charge in spans.values():
        lines.setdefault((charge.contract, charge.item, charge.terms, charge.component), []).append(charge)
    several = [sorted(found, key=lambda charge: charge.start) for _, found in sorted(lines.items()) if len(found) > 1]
    for one, other in (pair for found in several for pair in pairwise(found)):
        if other.start < one.end:
            reason = (
                f"two charges of {one.name} overlap: {one.address} until {one.end:%Y-%m-%d} and {other.address} from {other.start:%Y-%m-%d}"
            )
            return AccountParked(account=account, code="overlapping_charges", reason=reason)
    return None
