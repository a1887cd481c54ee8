"""Leaving before the agreed end: what it costs, and what of it is given back when the customer stays after all."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing import ledgers
from billing.accrual import fee_target
from billing.commands.common import entry
from billing.engine import Context
from billing.events import AdjustmentMade, Posting
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState, Contract, PeriodRow
from billing.terms import Policy, cycle_at, item_of, plan_of, segments
from plans.agreements import months_begun
from plans.periods import Span, local_date

ZERO = Decimal(0)
MOST_PERIODS = 1_200


def agreed_end(contract: Contract) -> datetime | None:
    """What was agreed before anybody cancelled."""
    return contract.agreed_end or contract.end


def early_fee(contract: Contract, moment: datetime | None, zone: str) -> Decimal:
    """What ending at the moment costs; 0 at the agreed end or later, where nothing ends, or where the plan asks nothing."""
    rules, agreed = policy(), agreed_end(contract)
    terms = contract.timeline[-1].terms
    rule = plan_of(rules, terms).early_fee
    if rule is None or moment is None or agreed is None or moment >= agreed:
        return ZERO
    span = Span(max(moment, contract.start), agreed)
    left = fees_left(rules, contract, span, zone) if rule.percent is not None else Fraction(0)
    rounding = rules.catalogue(terms.catalogue, terms.version).rounding
    return rule.of(left=left, months=months_begun(span.start, agreed, zone), currency=contract.currency, rounding=rounding)


def fees_left(rules: Policy, contract: Contract, span: Span, zone: str) -> Fraction:
    """The fees that the contract would have cost over the span, by the targets of its periods: usage is not known ahead."""
    total = ZERO
    for code in contract.timeline[-1].terms.items:
        item, moment = item_of(rules, contract.timeline[-1].terms, code), span.start
        if item is None or item.charge != "fee":
            continue
        for _ in range(MOST_PERIODS):
            cycle = cycle_at(rules, contract, code, moment, zone)
            if cycle is None or moment >= span.end:
                break
            full = cycle.period_at(moment)
            row = PeriodRow(contract.id, code, moment, min(full.end, span.end), full.start, full.end, closed=False, last=True)
            found = segments(rules, contract, code, Span(row.start, row.end), zone, until_end=False)
            total += sum((line.amount for line in fee_target(contract, row, found, zone)), ZERO)
            moment = full.end
    return Fraction(total)


def fee_drafts(context: Context, state: AccountState, contract: Contract, fee: Decimal, *, reason: str) -> list[Draft]:
    """The charge that brings the fee for leaving early from what was charged to `fee`; none where it is that already."""
    difference = fee - contract.early_fee
    if not difference:
        return []
    terms = contract.timeline[-1].terms
    catalogue = policy().catalogue(terms.catalogue, terms.version)
    plan = catalogue.plans[terms.plan]
    rule = plan.early_fee
    postings = (
        Posting(ledger=ledgers.UNBILLED, amount=difference, currency=contract.currency),
        Posting(ledger=f"{ledgers.REVENUE}:early_termination", amount=-difference, currency=contract.currency),
    )
    event = AdjustmentMade(
        account=state.account,
        contract=contract.id,
        item="",
        name=rule.name if rule else "Early termination",
        amount=difference,
        currency=contract.currency,
        supply_date=local_date(context.at, state.zone),
        tax_category=(rule.tax if rule else None) or "",
        inclusive=catalogue.tax_policy.inclusive,
        reason=reason,
        invoice_when=plan.invoice.when,
        entry=entry(context, state, postings),
        catalogue=catalogue.name,
        version=catalogue.version,
    )
    return [Draft(state.account, event, context.at)]
