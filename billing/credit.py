"""The credit status of an account, what a change of it does to the contracts, and what may not be bought meanwhile.

    good        nothing is held against the account
    grace       something is overdue; reminders go out, nothing is taken away
    limited     nothing new on credit: no contract, no add-on, no sale that is paid later
    suspended   limited, and the service of its contracts stops, unless their plan says `suspension: serve`

What suspension does to a contract's charges is said by its plan: `charge` (the default: they go on), `pause` (they stop, as by `pause`),
`serve` (the service goes on too).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from billing.events import ContractPaused, ContractResumed, CreditStatusChanged, Event
from billing.journal import Draft
from billing.state import AccountState, Contract
from billing.terms import Policy, plan_of
from plans.errors import NotAllowed

GOOD, GRACE, LIMITED, SUSPENDED = STATUSES = ("good", "grace", "limited", "suspended")


def worse(status: str, than: str) -> bool:
    """Whether the one status is worse than the other."""
    return STATUSES.index(status) > STATUSES.index(than)


def check_may_buy(state: AccountState, what: str) -> None:
    """Raises NotAllowed `credit_limited` where the account gets nothing new on credit."""
    if state.credit_status in (LIMITED, SUSPENDED):
        message = f"the account {state.account} is {state.credit_status}: {what} must wait until its credit status is good or grace"
        raise NotAllowed("credit_limited", message, at="account", status=state.credit_status)


def changed(
    state: AccountState, policy: Policy, *, status: str, reason: str, set_by: str, at: datetime, address: str, cause: str = ""
) -> list[Draft]:
    """The events of a change of status: itself, at `address`, then the contracts that it moves. None where it is so already."""
    if status == state.credit_status:
        return []
    stopping = [one for one in _running(state) if status == SUSPENDED and one.id not in state.suspended and _effect(one, policy) != "serve"]
    going_on = [one for one in _running(state) if status != SUSPENDED and one.id in state.suspended]
    pausing = [one for one in stopping if _effect(one, policy) == "pause" and not _paused(one, at)]
    event = CreditStatusChanged(
        account=state.account,
        status=status,
        previous=state.credit_status,
        reason=reason,
        set_by=set_by,
        suspended=tuple(one.id for one in stopping),
        paused=tuple(one.id for one in pausing),
        resumed=tuple(one.id for one in going_on),
    )
    follow: list[Event] = [_pause(one, reason, at) for one in pausing]
    follow += [_resume(one, reason, at) for one in going_on if not state.suspended[one.id] and _paused(one, at)]
    return [Draft(state.account, event, at, cause), *(Draft(state.account, one, at, address) for one in follow)]


def _running(state: AccountState) -> list[Contract]:
    return [contract for contract in state.contracts.values() if contract.status != "ended"]


def _effect(contract: Contract, policy: Policy) -> str:
    return plan_of(policy, contract.timeline[-1].terms).suspension


def _paused(contract: Contract, at: datetime) -> bool:
    return contract.terms_at(at).terms.paused


def _pause(contract: Contract, reason: str, at: datetime) -> ContractPaused:
    terms = replace(contract.terms_at(at).terms, paused=True, keep_billing=False)
    return ContractPaused(account=contract.account, contract=contract.id, terms=terms, reason=reason)


def _resume(contract: Contract, reason: str, at: datetime) -> ContractResumed:
    terms = replace(contract.terms_at(at).terms, paused=False, keep_billing=False)
    return ContractResumed(account=contract.account, contract=contract.id, terms=terms, reason=reason)
