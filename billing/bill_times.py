"""Pure: when open charges go on a document, and which of them a document of a moment takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.holds import is_held, released
from billing.state import AccountState, Contract, OpenCharge
from billing.terms import Policy, cycle_at, plan_of, used_items
from plans.catalogue import InvoicePolicy
from plans.periods import Cycle


def invoice_policy(state: AccountState, policy: Policy, charge: OpenCharge) -> InvoicePolicy:
    contract = state.contracts.get(charge.contract)
    return plan_of(policy, contract.terms_at(charge.effective_at).terms).invoice if contract else InvoicePolicy()


def bill_at(state: AccountState, policy: Policy, charge: OpenCharge) -> datetime | None:
    """When the charge goes on a document; None: when another does, or never.

    Late usage of a period whose draft still waits (`grace`) goes with it; later, it waits for the contract's next document, which is due
    when a period of the contract ends even where nothing else is charged then, unless the contract has ended.
    """
    if charge.invoice_when == "now":
        return charge.effective_at
    contract = state.contracts.get(charge.contract)
    if charge.invoice_when in ("next_invoice", "never", "wallet") or contract is None:
        return None
    rule = invoice_policy(state, policy, charge)
    late = is_late(charge)
    if charge.invoice_when == "end" and contract.end is None:
        return None
    moment = _with_grace(_document_time(rule, contract, charge.end if late else charge.effective_at, state.zone), rule, state.zone)
    if moment >= charge.effective_at:
        return moment
    if charge.invoice_when == "calendar":
        return _with_grace(_document_time(rule, contract, charge.effective_at, state.zone), rule, state.zone)
    if charge.invoice_when == "charges" and _adds(state, charge) and (contract.end is None or contract.end > charge.effective_at):
        ends = [*_period_ends(policy, contract, charge.effective_at, state.zone), contract.end]
        first = min((end for end in ends if end is not None), default=None)
        return first if first is None else _with_grace(first, rule, state.zone)
    return charge.effective_at


def _period_ends(policy: Policy, contract: Contract, moment: datetime, zone: str) -> list[datetime]:
    """When the periods end that the contract's terms have running at the moment, whether or not they were opened."""
    cycles = [cycle_at(policy, contract, code, moment, zone) for code in contract.terms_at(moment).terms.items]
    return [cycle.period_at(moment).end for cycle in cycles if cycle is not None]


def is_late(charge: OpenCharge) -> bool:
    """Whether the charge was found after the time that it is for: late or corrected usage."""
    return charge.kind == "accrual" and charge.end < charge.effective_at


def _adds(state: AccountState, charge: OpenCharge) -> bool:
    """Whether what was found with the charge comes to more than before: less is credited at once."""
    found = [c for c in state.open_charges if is_late(c) and (c.contract, c.effective_at) == (charge.contract, charge.effective_at)]
    return sum(c.amount for c in found) >= 0


def _document_time(rule: InvoicePolicy, contract: Contract, moment: datetime, zone: str) -> datetime:
    """When a charge of this moment is on a document by the plan's policy, without grace."""
    if rule.when == "end":
        return moment if contract.end is None else max(contract.end, moment)
    if rule.when != "calendar" or rule.every is None:
        return moment
    cycle = Cycle(period=rule.every, anchor=contract.start, zone=zone, align="calendar" if rule.day else "anchor", day=rule.day)
    full = cycle.period_at(moment)
    bound = moment if full.start == moment else full.end
    return bound if contract.end is None or contract.end < moment else min(bound, contract.end)


def draft_until(state: AccountState, policy: Policy, contract: Contract, moment: datetime) -> datetime:
    """Until when what the contract charges at the moment is on a draft, by its plan's policy."""
    rule = plan_of(policy, contract.terms_at(moment).terms).invoice
    return _with_grace(_document_time(rule, contract, moment, state.zone), rule, state.zone)


def _with_grace(moment: datetime, rule: InvoicePolicy, zone: str) -> datetime:
    return rule.grace.after(moment, zone) if rule.grace else moment


def billable(state: AccountState, policy: Policy) -> list[OpenCharge]:
    """The open charges that a document is about. Those of one line that cancel each other out are about nothing, unless the policy wants
    documents over nothing; those that are held wait."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    free = [charge for charge in state.open_charges if not is_held(state, charge)] if state.held else state.open_charges
    for charge in free:
        sums[charge.key] = sums.get(charge.key, Decimal(0)) + charge.amount
    return [charge for charge in free if sums[charge.key] or invoice_policy(state, policy, charge).zero == "issue"]


def bill_times(state: AccountState, policy: Policy) -> list[tuple[OpenCharge, datetime | None]]:
    """Each billable charge, and when it goes on a document. Charges of one contract that were found at the same moment for the same end go
    together: asked once."""
    known: dict[tuple[Any, ...], datetime | None] = {}
    found = []
    for charge in billable(state, policy):
        alike = charge.contract, charge.invoice_when, charge.kind, charge.effective_at, charge.end
        if alike not in known:
            known[alike] = bill_at(state, policy, charge)
        found.append((charge, released(state, charge, known[alike]) if state.held else known[alike]))
    return found


def document_moment(state: AccountState, policy: Policy) -> datetime | None:
    """When the account's next document is due; at once where unbilled charges pass their plan's threshold."""
    if not state.open_charges:
        return None
    moments = [moment for _, moment in bill_times(state, policy) if moment is not None]
    reached = [max(charge.effective_at for charge in charges) for charges in over_threshold(state, policy).values()]
    return min([*moments, *reached], default=None)


def over_threshold(state: AccountState, policy: Policy) -> dict[str, list[OpenCharge]]:
    """Contracts whose open charges reach the threshold of their plan, with these charges."""
    by_contract: dict[str, list[OpenCharge]] = {}
    for charge in state.open_charges:
        free = not state.held or not is_held(state, charge)
        if free and charge.contract in state.contracts and charge.invoice_when not in ("never", "wallet"):
            by_contract.setdefault(charge.contract, []).append(charge)
    found = {}
    for contract, charges in by_contract.items():
        rule = invoice_policy(state, policy, charges[-1])
        whole = rule.threshold is not None and sum(charge.amount for charge in charges) >= rule.threshold
        if whole or (rule.thresholds and _crossed(state, policy, contract, charges, rule)):
            found[contract] = charges
    return found


def _crossed(state: AccountState, policy: Policy, contract: str, charges: Sequence[OpenCharge], rule: InvoicePolicy) -> bool:
    """Whether the contract's use over its whole life passes a threshold that what is on documents has not reached."""
    used = used_items(policy, state.contracts[contract])
    before = state.billed_use.get(contract, Decimal(0))
    by_now = before + sum((charge.amount for charge in charges if charge.kind == "accrual" and charge.item in used), Decimal(0))
    if any(before < threshold <= by_now for threshold in rule.thresholds):
        return True
    last, step = rule.thresholds[-1], rule.thresholds_every
    return step is not None and max(before - last, Decimal(0)) // step < max(by_now - last, Decimal(0)) // step


def chosen_charges(state: AccountState, policy: Policy, moment: datetime) -> list[OpenCharge]:
    """The open charges that a document of this moment takes: those that are due, and those that wait for the next document."""
    at_once = {charge.address for charges in over_threshold(state, policy).values() for charge in charges}
    due: set[str] = set()
    waiting: list[OpenCharge] = []
    open_charges = bill_times(state, policy)
    for charge, when in open_charges:
        if charge.address in at_once or (when is not None and when <= moment):
            due.add(charge.address)
        elif charge.invoice_when == "next_invoice" or (is_late(charge) and charge.invoice_when == "charges"):
            waiting.append(charge)
    currencies = {charge.currency for charge, _ in open_charges if charge.address in due}
    due |= {charge.address for charge in waiting if charge.currency in currencies and charge.effective_at <= moment}
    return [charge for charge, _ in open_charges if charge.address in due]
