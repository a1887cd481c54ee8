"""What falls due by agreement: a contract that nobody cancelled in time goes on, its new terms are set, its end is reminded of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.agreements.indexing import with_bases
from billing.events import ContractExtended, ContractReminded, Event, TermsRenewed
from billing.journal import Draft, Head
from billing.loading import policy
from billing.state import AccountState, Contract
from billing.terms import Policy, plan_of
from billing.works import CHANGES, RENEWING, Work
from plans import store
from plans.agreements import last_notice, next_end
from plans.catalogue import Catalogue, Plan
from plans.periods import local_date


@dataclass(frozen=True)
class Coming:
    """The next thing of one contract: `event` is what is recorded at the moment."""

    moment: datetime
    event: Event


def deadline(plan: Plan, contract: Contract, zone: str) -> datetime | None:
    """Until when the customer can still say what he wants: the last day of notice, or the end itself."""
    if contract.end is None:
        return None
    return max(contract.start, last_notice(contract.end, plan.notice, zone))


def comings(state: AccountState, rules: Policy) -> Iterator[Coming]:
    """The next reminder and the renewal of each contract that is not cancelled."""
    for contract in state.contracts.values():
        if contract.end is None or contract.cancelled or contract.status == "ended":
            continue
        plan = plan_of(rules, contract.timeline[-1].terms)
        until = deadline(plan, contract, state.zone)
        if until is None or not (plan.renew or plan.remind):
            continue
        yield from _reminder(contract, plan, until, state.zone)
        length = plan.renew and (plan.renew.length or plan.term)
        if plan.renew and length:
            end = next_end(start=contract.start, end=contract.end, term=plan.term, length=length, zone=state.zone)
            yield Coming(
                until,
                ContractExtended(
                    account=state.account,
                    contract=contract.id,
                    end=end,
                    reason="",
                    start=contract.end,
                    terms=plan.renew.terms,
                    automatic=True,
                ),
            )


def _reminder(contract: Contract, plan: Plan, until: datetime, zone: str) -> Iterator[Coming]:
    """The earliest reminder that was not sent yet; one that would lie before the contract is left out."""
    after = max(contract.start, contract.reminded or contract.start)
    moments = [moment for one in plan.remind if after < (moment := one.after(until, zone, times=-1)) < until]
    if moments and contract.end is not None:
        name = contract.name or plan.name
        yield Coming(
            min(moments),
            ContractReminded(
                account=contract.account,
                contract=contract.id,
                name=name,
                end=contract.end,
                deadline=until,
                renews=plan.renew is not None,
            ),
        )


class Renewals(Work):
    """Before all else of its moment: a contract that goes on has no last period that closes."""

    rank = RENEWING
    looks_at = frozenset[str]()
    what = "a contract is renewed, or its end reminded of"

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return any(one.end is not None for one in state.contracts.values())

    def load(self, states: Mapping[str, AccountState]) -> None:
        """The state holds all that is asked."""

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        return min((one.moment for one in comings(state, policy)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del heads
        return {
            account: [Draft(account, one.event, moment) for one in comings(states[account], policy) if one.moment <= moment]
            for account, moment in moments.items()
        }


class NewTerms(Work):
    """When the new term begins: the terms of the newest version, where it still has all that the contract holds."""

    rank = CHANGES
    looks_at = frozenset[str]()
    what = "the newest terms hold"

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return bool(_renewed(state))

    def load(self, states: Mapping[str, AccountState]) -> None:
        """The state holds all that is asked."""

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((one.renewed_from for one in _renewed(state) if one.renewed_from), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy, heads
        return {
            account: [
                Draft(account, newest_terms(states[account], one, moment), moment)
                for one in _renewed(states[account])
                if one.renewed_from is not None and one.renewed_from <= moment
            ]
            for account, moment in moments.items()
        }


def _renewed(state: AccountState) -> list[Contract]:
    return [one for one in state.contracts.values() if one.renewed_from is not None and one.status != "ended"]


def newest_terms(state: AccountState, contract: Contract, moment: datetime) -> TermsRenewed:
    """The contract's terms in the newest version of its catalogue on that day. Own prices and quantities stay; a lock begins anew."""
    terms = contract.timeline[-1].terms
    catalogue = store.newest(terms.catalogue, local_date(moment, state.zone))
    kept = _missing(catalogue, terms.plan, [*terms.items])
    if not kept and catalogue.version != terms.version:
        plan = catalogue.plans[terms.plan]
        items = with_bases(catalogue, plan, terms.items, moment, state.zone)
        terms = replace(terms, version=catalogue.version, items=items, agreed_from=moment)
    new = replace(terms, bill="", keep_unused=False)
    return TermsRenewed(
        account=state.account,
        contract=contract.id,
        terms=new,
        previous_version=contract.timeline[-1].terms.version,
        kept=kept,
        following=_following(contract, moment, plan_of(policy(), contract.timeline[-1].terms), state.zone),
    )


def _following(contract: Contract, moment: datetime, plan: Plan, zone: str) -> datetime | None:
    """With a notice as long as a term the next renewal may have come before this one's term begins."""
    length = plan.renew and (plan.renew.length or plan.term)
    if not plan.renew or plan.renew.terms != "newest" or not length or contract.end is None:
        return None
    end = next_end(start=contract.start, end=moment, term=plan.term, length=length, zone=zone)
    return end if end < contract.end else None


def _missing(catalogue: Catalogue, plan: str, items: list[str]) -> str:
    """Why the version can't be taken over; "" where it can."""
    if plan not in catalogue.plans:
        return f"version {catalogue.version} has no plan {plan}"
    gone = [code for code in items if code not in catalogue.plans[plan].items and code not in catalogue.items]
    return f"version {catalogue.version} has no item {gone[0]}" if gone else ""


renewals = Renewals()
new_terms = NewTerms()
