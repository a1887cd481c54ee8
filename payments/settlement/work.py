"""The clockwork's part of surcharges: on the morning after each last day on which a document cost less, and when the past changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing import ledgers
from billing.charged import accrual_entry
from billing.events import ChargeAccrued, InvoiceIssued, Key
from billing.journal import Draft, Head
from billing.state import AccountState
from billing.terms import Policy
from billing.works import DUNNING, Work, always
from payments.dunning.steps import bill_when, without_contract
from payments.interest.target import InterestLine, differences
from payments.settlement.loading import ITEM, Costly, costly
from payments.settlement.target import next_surcharge, surcharges
from plans.catalogue import Item
from plans.money import plain
from plans.periods import day_start, local_date

FACT = "surcharges"


class Surcharges(Work):
    """Surcharges, document by document."""

    rank = DUNNING
    holders = "SELECT account FROM read_pay_by WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset({"open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always, ChargeAccrued: without_contract}

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = costly(states)
        for name, state in states.items():
            state.facts[FACT] = found.get(name, [])

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        if state.status != "open":
            return None
        known: list[Costly] = state.facts[FACT]
        due = [next_surcharge(one.document, one.steps, one.charged, state.zone) for one in known]
        return min((found[0] for found in due if found is not None), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del heads
        found: dict[str, list[Draft]] = {}
        for account, moment in moments.items():
            state = states[account]
            found[account] = []
            for one in state.facts[FACT]:
                due = next_surcharge(one.document, one.steps, one.charged, state.zone)
                if due is not None and due[0] == moment:
                    lines = differences(surcharges(one.document, one.steps, until=due[1]), one.charged)
                    events = [_charge(state, policy, one, line, amount, moment) for line, amount in lines]
                    found[account] += [Draft(account, event, moment) for event in events]
        return found


def _charge(state: AccountState, policy: Policy, one: Costly, line: InterestLine, amount: Decimal, moment: datetime) -> ChargeAccrued:
    document, zone = one.document, policy.catalogue(one.catalogue, one.version).zone
    item = Item(code=ITEM, name=one.name, charge="sale", tax=one.tax_category or None, ledger=ledgers.LATE_FEES)
    step = {"overdue": plain(line.principal), "percent": plain(line.rate), "until": line.end.isoformat()}
    return ChargeAccrued(
        account=state.account,
        key=Key(
            contract="",
            item=ITEM,
            terms=f"{document.invoice}@{line.start.isoformat()}",
            period_start=day_start(line.start, state.zone),
            component="surcharge",
            currency=document.currency,
        ),
        name=f"{one.name}, {document.number}",
        amount=amount,
        target=line.amount,
        quantity=Decimal(1),
        unit_price="",
        start=day_start(line.start, state.zone),
        end=day_start(line.end, state.zone),
        supply_date=local_date(moment, state.zone),
        tax_category=one.tax_category,
        inclusive=one.inclusive,
        catalogue=one.catalogue,
        version=one.version,
        cause="terms",
        invoice_when=bill_when(one.bill, state),
        entry=accrual_entry(item, amount, document.currency, moment, zone, state.seller),
        steps=(step,) if line.amount else (),
    )


surcharging = Surcharges()
