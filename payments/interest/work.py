"""The clockwork's part of late interest: at the start of each month, when a late document is paid, and when the past changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from billing import ledgers
from billing.charged import accrual_entry
from billing.events import ChargeAccrued, Event, InvoiceIssued, Key
from billing.journal import Draft, Head
from billing.loading import policy as stored_policy
from billing.state import AccountState
from billing.terms import Policy
from billing.works import DUNNING, Work, always
from payments.dunning.steps import bill_when, without_contract
from payments.interest.loading import Bearing, bearing
from payments.interest.processor import ITEM
from payments.interest.target import Charged, InterestLine, LateDocument, accrued, differences, next_accrual
from plans.catalogue import Item
from plans.money import plain
from plans.periods import day_start, local_date

FACT = "late interest"


class Interest(Work):
    """Late interest, document by document."""

    rank = DUNNING
    holders = "SELECT account FROM read_late_document WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset({"open_invoices"})
    moved_by: ClassVar = {InvoiceIssued: always, ChargeAccrued: without_contract}

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return bool(state.open_invoices)

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = bearing(states, stored_policy())
        for name, state in states.items():
            state.facts[FACT] = found.get(name)

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((moment for _, _, moment, _ in _due(state)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy, heads
        found = {}
        for account, moment in moments.items():
            state = states[account]
            events = [
                event
                for document, charged, when, until in _due(state)
                if when == moment
                for event in interest_events(state, (document, charged), until=until, moment=moment)
            ]
            found[account] = [Draft(account, event, moment) for event in events]
        return found


def _due(state: AccountState) -> list[tuple[LateDocument, Charged, datetime, date]]:
    known: Bearing | None = state.facts[FACT]
    if known is None or state.status != "open":
        return []
    terms = known.chosen.policy.interest
    assert terms is not None
    found = []
    for document, charged in known.documents:
        following = next_accrual(document, terms, known.rates, charged, state.zone)
        if following is not None:
            found.append((document, charged, *following))
    return found


def interest_events(
    state: AccountState, late: tuple[LateDocument, Charged], *, until: date, moment: datetime, bill: str = ""
) -> list[Event]:
    """The difference of each line of the document between what should be charged until the day and what was."""
    known: Bearing = state.facts[FACT]
    terms, (document, charged) = known.chosen.policy.interest, late
    assert terms is not None
    lines = accrued(document, terms, known.rates, until=until)
    closed = document.closed
    settled = closed is not None and closed[0] <= until
    when = bill or bill_when(terms.bill, state)
    return [
        _charge(state, document, line, amount, moment=moment, when=when, settled=settled) for line, amount in differences(lines, charged)
    ]


def _charge(
    state: AccountState, document: LateDocument, line: InterestLine, amount: Decimal, *, moment: datetime, when: str, settled: bool
) -> ChargeAccrued:
    known: Bearing = state.facts[FACT]
    terms, catalogue = known.chosen.policy.interest, known.chosen.catalogue
    assert terms is not None
    item = Item(code=ITEM, name=terms.name, charge="interest", tax=terms.tax, ledger=ledgers.LATE_INTEREST)
    start = day_start(line.start, state.zone)
    step = {"principal": plain(line.principal), "rate": plain(line.rate), "per": terms.per, "days": str(line.days)}
    return ChargeAccrued(
        account=state.account,
        key=Key(
            contract="",
            item=ITEM,
            terms=f"{document.invoice}@{line.start.isoformat()}",
            period_start=start,
            component="late_interest",
            currency=document.currency,
        ),
        name=f"{terms.name}, {document.number}",
        amount=amount,
        target=line.amount,
        quantity=Decimal(line.days),
        unit="days",
        unit_price="",
        start=start,
        end=day_start(line.end, state.zone),
        supply_date=local_date(moment, state.zone),
        tax_category=terms.tax or "",
        inclusive=catalogue.tax_policy.inclusive,
        catalogue=catalogue.name,
        version=catalogue.version,
        cause="dunning",
        invoice_when=when,
        entry=accrual_entry(item, amount, document.currency, moment, catalogue.zone, state.seller),
        steps=(step,) if line.days else (),
        attributes={"settled": "yes"} if settled else {},
    )


interest = Interest()
