"""What plans give by themselves: each of a plan's `grants` puts a lot into the wallet at the start of every period of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.events import WalletGranted
from billing.journal import Draft, Head
from billing.outlook import outlook
from billing.state import AccountState, Contract
from billing.terms import Policy, plan_of
from billing.works import OPENING, Work
from plans.catalogue import PlanGrant
from plans.periods import Cycle

FACT = "plan grants"
Given = Mapping[tuple[str, str], datetime]  # (contract, grant) → the start of the newest one


class Granting(Work):
    """The lots of plans, at the moments at which periods start: what ends at that moment has ended, and a debt is paid next."""

    rank = OPENING
    looks_at = frozenset[str]()

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        return any(_ever_grants(one, policy) for one in state.contracts.values())

    def load(self, states: Mapping[str, AccountState]) -> None:
        for state in states.values():
            state.facts[FACT] = {}
        statement = """
            SELECT account, contract, "grant", max(start) FROM read_wallet_lot
            WHERE account = ANY(%s) AND contract <> '' GROUP BY 1, 2, 3"""
        for account, contract, code, start in bulk.fetch(statement, [list(states)]):
            states[account].facts[FACT][contract, code] = start

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        return min((moment for _, _, moment in _ahead(state, policy)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        found = {}
        for account, moment in moments.items():
            state = states[account]
            due = [(contract, grant) for contract, grant, start in _ahead(state, policy) if start == moment]
            addresses = (f"{account}/{heads[account].sequence + number}" for number in range(1, len(due) + 1))
            found[account] = [
                Draft(account, _lot(state, contract, grant, moment, address), moment)
                for (contract, grant), address in zip(due, addresses, strict=True)
            ]
        return found


def _ever_grants(contract: Contract, policy: Policy) -> bool:
    return contract.status != "ended" and outlook(policy, contract).grants


def _ahead(state: AccountState, policy: Policy) -> Iterator[tuple[Contract, PlanGrant, datetime]]:
    """Each grant of the running contracts with the start of its next period."""
    given: Given | None = state.facts.get(FACT)
    if given is None or state.status != "open":
        return
    for contract in state.contracts.values():
        codes = {code: grant for row in contract.timeline for code, grant in plan_of(policy, row.terms).grants.items()}
        for code in codes if contract.status != "ended" else ():
            found = _next(state, policy, contract, code, given.get((contract.id, code)))
            if found is not None:
                yield contract, *found


def _next(state: AccountState, policy: Policy, contract: Contract, code: str, last: datetime | None) -> tuple[PlanGrant, datetime] | None:
    """The first start of a period, counted from the start of the contract, after the newest one that was given, at which the plan in force
    has the grant and serves. A plan that is taken in the middle of a period gives from the next one on."""
    for row in contract.timeline:
        grant = plan_of(policy, row.terms).grants.get(code)
        if grant is None or row.terms.paused:
            continue
        cycle = Cycle(period=grant.every, anchor=contract.start, zone=state.zone)
        begins = max(row.effective_at, contract.start)
        period = cycle.period_at(begins)
        start = period.start if period.start == begins else period.end
        if last is not None:
            start = max(start, cycle.period_at(last).end)
        in_force = contract.terms_at(start).sequence == row.sequence
        if in_force and (contract.end is None or start < contract.end):
            return grant, start
    return None


def _lot(state: AccountState, contract: Contract, grant: PlanGrant, moment: datetime, address: str) -> WalletGranted:
    lasts = grant.lasts or grant.every
    cycle = Cycle(period=grant.every, anchor=contract.start, zone=state.zone)
    expires = lasts.after(moment, state.zone) if grant.lasts else cycle.period_at(moment).end
    return WalletGranted(
        account=state.account,
        lot=address,
        unit=grant.unit or contract.currency,
        currency=contract.currency,
        amount=grant.amount,
        paid=Decimal(0),
        priority=grant.priority,
        start=moment,
        expires=expires,
        items=grant.items,
        rollover_most=grant.rollover_most,
        rollover_for=grant.rollover_for,
        reason="",
        contract=contract.id,
        grant=grant.code,
    )


granting = Granting()
