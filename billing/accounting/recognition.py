"""Revenue is earned as time passes: at each month end what was charged in advance moves from deferred to revenue.

It accrues to its own target, per charge key: what the key was charged, by the days of its service that are past. A day is the account's
local day, a month that of the seller's zone. Because only the difference to what was recognised is recorded, a charge that falls (an
upgrade, a cancellation) takes back what was recognised too much, and when the service is past exactly the charge is recognised,
however often the clock ticked.

    target(day) = charged                                    once the service is past
                = round(charged × days past / days of it)    before, half away from zero

What a person takes back of it (billing/accounting/releasing.py) is never earned: from then on what is left is earned by the days left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from billing import bulk, ledgers
from billing.accounting.periods import month_after
from billing.events import ChargeAccrued, Earned, Entry, Key, Posting, RevenueRecognised
from billing.journal import Draft, Head
from billing.loading import trimmed
from billing.state import AccountState
from billing.terms import Policy
from billing.works import BOOKS, Work, always
from plans.money import round_money
from plans.periods import day_start, local_date

FACT = "deferred"
ZERO = Decimal(0)


@dataclass(frozen=True)
class Deferred:
    """One key's charge in advance for `[start, end)`, and what of it was recognised. `after`: the month ends after it are still to come."""

    key: Key
    ledger: str
    catalogue: str
    version: int
    start: datetime
    end: datetime
    charged: Decimal
    recognised: Decimal
    after: datetime
    since: date | None = None  # a person took a part back: by this day `settled` was earned, the rest is earned from there
    settled: Decimal = ZERO


def earned(deferred: Deferred, *, until: date, zone: str) -> Decimal:
    """What is earned of the charge by the start of the local day `until`: by whole days of the service, in the currency's decimals."""
    start, end = local_date(deferred.start, zone), local_date(deferred.end, zone)
    first = max(start, deferred.since or start)
    if until >= end and until > start:
        return deferred.charged
    if until <= first:
        return deferred.settled
    part = Fraction((until - first).days, (end - first).days)
    return deferred.settled + round_money(Fraction(deferred.charged - deferred.settled) * part, deferred.key.currency)


def next_month_end(deferred: Deferred, *, zone: str, books_zone: str) -> datetime:
    """The start of the first month, in the zone of the books, by which more or less is earned than was recognised."""
    day = month_after(max(local_date(deferred.after, books_zone), local_date(deferred.start, zone)))
    while earned(deferred, until=day, zone=zone) == deferred.recognised:
        assert day < local_date(deferred.end, zone), f"{deferred} is earned and still there"
        day = month_after(day)
    return day_start(day, books_zone)


def _deferred(event: ChargeAccrued) -> bool:
    return any(posting.ledger == ledgers.DEFERRED for posting in event.entry.postings)


class Recognition(Work):
    """The work of the clockwork: the last of each month's first moment, after the documents of that moment."""

    rank = BOOKS
    holders = "SELECT account FROM read_deferred WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset[str]()
    moved_by: ClassVar = {RevenueRecognised: always, ChargeAccrued: _deferred}

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = deferred_rows(list(states))
        for account, state in states.items():
            state.facts[FACT] = found.get(account, [])

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        return min((_moment(row, state, policy) for row in state.facts[FACT]), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del heads
        return {account: [_recognised(states[account], policy, moment)] for account, moment in moments.items()}


def deferred_rows(accounts: Sequence[str]) -> dict[str, list[Deferred]]:
    """account → what it was charged in advance and has not earned yet."""
    statement = """
        SELECT account, contract, item, terms, period_start, component, currency, ledger, catalogue, version, start, "end",
            charged, recognised, after, since, settled
        FROM read_deferred WHERE account = ANY(%s) ORDER BY account, contract, item, period_start, terms, component, currency"""
    found: dict[str, list[Deferred]] = {}
    for account, contract, item, terms, start, component, currency, *rest in bulk.fetch(statement, [list(accounts)]):
        key = Key(contract=contract, item=item, terms=terms, period_start=start, component=component, currency=currency)
        *span, charged, recognised, after, since, settled = rest
        row = Deferred(key, *span, trimmed(charged), trimmed(recognised), after, since, trimmed(settled))
        found.setdefault(account, []).append(row)
    return found


def books_zone(row: Deferred, state: AccountState, policy: Policy) -> str:
    return policy.catalogue(row.catalogue, row.version).zone if row.catalogue else state.zone


def _moment(row: Deferred, state: AccountState, policy: Policy) -> datetime:
    return next_month_end(row, zone=state.zone, books_zone=books_zone(row, state, policy))


def _recognised(state: AccountState, policy: Policy, moment: datetime) -> Draft:
    due = [row for row in state.facts[FACT] if _moment(row, state, policy) <= moment]
    day = local_date(moment, books_zone(due[0], state, policy))
    lines = []
    for row in due:
        target = earned(row, until=day, zone=state.zone)
        lines.append(Earned(key=row.key, ledger=row.ledger, amount=target - row.recognised, target=target))
    through = day - timedelta(days=1)
    entry = Entry(accounting_date=through, postings=_postings(lines), seller=state.seller)
    return Draft(state.account, RevenueRecognised(account=state.account, through=through, lines=tuple(lines), entry=entry), moment)


def _postings(lines: Sequence[Earned]) -> tuple[Posting, ...]:
    """Deferred against the ledgers where it is earned, one leg for each; what cancels out is left out."""
    sums: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        for ledger, amount in ((ledgers.DEFERRED, line.amount), (line.ledger, -line.amount)):
            sums[ledger, line.key.currency] = sums.get((ledger, line.key.currency), ZERO) + amount
    return tuple(Posting(ledger=ledger, amount=amount, currency=currency) for (ledger, currency), amount in sums.items() if amount)


recognition = Recognition()
