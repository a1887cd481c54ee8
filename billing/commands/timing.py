"""When a change takes effect, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from billing import bulk
from billing.command import Timed
from billing.commands.common import find_contract, open_state
from billing.engine import Context
from billing.events import Terms
from billing.loading import policy
from billing.schedule import ended_row
from billing.state import AccountState, Contract
from billing.terms import cycle_at, phase_spans, plan_of
from plans.errors import Conflict, Invalid
from plans.periods import parse_time


@dataclass(frozen=True, kw_only=True)
class ContractChange(Timed):
    """The arguments of a change of a running contract. It needs the contract to be there, with the same payer.

    `charge` says when the difference that the change makes in a running period is on a document: `now`, with the `next_invoice`, or, where
    nothing is said, as the plan's invoices are.
    """

    charge: str = ""

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "payer"})


@dataclass(frozen=True, kw_only=True)
class ItemChange(ContractChange):
    """A change of one item (`item`; "" is the plan's only fee): it needs the items that the plan has to stay."""

    def writes(self) -> frozenset[str]:
        return frozenset({f"item:{getattr(self, 'item')}"})  # noqa: B009 - what its subclasses have

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "payer", "items"})


def effective_moment(context: Context, state: AccountState, contract: Contract, when: str) -> datetime:
    """`now`, `period_end`, `trial_end`, `term_end`, or a date. The moment must not lie before the contract's newest terms."""
    if when in ("", "now"):
        moment = context.at
    elif when == "period_end":
        moment = period_end(state, contract, context.at)
    elif when == "trial_end":
        spans = phase_spans(plan_of(policy(), contract.timeline[-1].terms), contract.timeline[-1].terms, state.zone)
        ends = [span.end for span in spans if span.end and span.end > context.at]
        if not ends:
            raise Conflict("no_trial", f"the contract {contract.id} is in no trial or phase that ends", at="when")
        moment = ends[0]
    elif when == "term_end":
        if contract.end is None:
            raise Conflict("no_term", f"the contract {contract.id} has no agreed end", at="when")
        moment = contract.end
    else:
        moment = parse_time(when, state.zone, "when")
    return moment


def period_end(state: AccountState, contract: Contract, moment: datetime) -> datetime:
    """The end of the running period: the latest end of the contract's open periods, else of the cycle that holds the moment."""
    rows = [ended_row(policy(), contract, row, state.zone) for row in state.periods if row.contract == contract.id and not row.closed]
    if rows:
        return max(row.full_end for row in rows)
    for code in contract.timeline[-1].terms.items:
        cycle = cycle_at(policy(), contract, code, moment, state.zone)
        if cycle is not None:
            full = cycle.period_at(moment)
            return moment if full.start == moment else full.end
    return moment


def _check_order(contract: Contract, moment: datetime) -> None:
    last = contract.timeline[-1]
    if moment < max(last.effective_at, contract.start):
        raise Conflict(
            "later_change",
            f"the terms of {contract.id} were set from {last.effective_at:%Y-%m-%d %H:%M} UTC on by {contract.account}/{last.sequence}; "
            "a change before that would contradict it: withdraw it first or choose a later time",
            at="when",
            event=f"{contract.account}/{last.sequence}",
        )
    if has_ended(contract, moment):
        raise after_end(contract)


def renews(contract: Contract) -> bool:
    """Whether it goes on by itself after its agreed end."""
    return contract.end is not None and not contract.cancelled and plan_of(policy(), contract.timeline[-1].terms).renew is not None


def has_ended(contract: Contract, moment: datetime) -> bool:
    """Whether it has ended for good by then."""
    return contract.end is not None and contract.end <= moment and not renews(contract)


def after_end(contract: Contract) -> Conflict:
    """The refusal of what would come after the contract's end: it names the event that set the end, and who gave it."""
    statement = """
        SELECT stream || '/' || sequence, actor, recorded_at FROM journal
        WHERE stream = %s AND data->>'contract' = %s AND kind IN ('contract.signed', 'contract.cancelled', 'contract.extended')
        ORDER BY sequence DESC LIMIT 1"""
    event, by, at = bulk.fetch(statement, [contract.account, contract.id])[0]
    message = (
        f"the contract {contract.id} ends on {contract.end:%Y-%m-%d %H:%M} UTC already, as {by} said on {at:%Y-%m-%d} ({event}); "
        "choose an earlier moment, or extend the contract first"
    )
    return Conflict("after_end", message, at="when", event=event, by=by, recorded_at=at)


def running(state: AccountState, name: str, moment: datetime) -> str:
    """The contract that is named, if it has not ended by then. Raises NotFound and Conflict as `find_contract`, Conflict `after_end`."""
    found = find_contract(state, name)
    if has_ended(found, moment):
        raise after_end(found)
    return found.id


def find_payer(state: AccountState, contract: Contract, to: str) -> AccountState:
    """The account that is to pay a contract of this one, or a part of it.

    Raises Invalid `same_account`, NotFound `unknown_account`, NotAllowed `account_closed`, Conflict `other_seller`, and `currency` where
    the contract is not in the currency of the payer's account: its credit limit would not count it.
    """
    if to == state.account:
        raise Invalid("same_account", "the contract is this account's already", at="to")
    payer = open_state(to)
    if payer.seller != state.seller:
        raise Conflict("other_seller", f"{state.account} buys of {state.seller}, {to} of {payer.seller}", at="to")
    if payer.currency != contract.currency:
        message = (
            f"the contract {contract.id} is in {contract.currency}, the account {to} in {payer.currency}; open an account in "
            f"{contract.currency} for the payer, or end the contract and sign another there"
        )
        raise Conflict("currency", message, at="to", event=contract.id)
    return payer


CHARGES = ("", "now", "next_invoice")


def change(context: Context, args: Any) -> tuple[AccountState, Contract, datetime, Terms]:
    """The contract that a `ContractChange` is about, the moment, and the terms that hold then, with what the change says of money."""
    if args.charge not in CHARGES:
        raise Invalid("unknown_choice", f"expected now or next_invoice, found {args.charge!r}", at="charge")
    state = open_state(args.account)
    found = find_contract(state, args.contract)
    moment = effective_moment(context, state, found, args.when)
    _check_order(found, moment)
    kept = not getattr(args, "credit_unused", True)
    return state, found, moment, replace(found.timeline[-1].terms, bill=args.charge, keep_unused=kept)
