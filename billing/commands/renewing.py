"""Going on after an agreed end: by hand here, by itself in billing/agreements/works.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.access import is_customer
from billing.agreements.leaving import agreed_end, fee_drafts
from billing.command import Command
from billing.commands.common import account_stream, find_contract, open_state
from billing.commands.timing import ContractChange, after_end, effective_moment, renews
from billing.engine import Context, Decision
from billing.events import ContractExtended
from billing.journal import Draft
from billing.loading import policy
from billing.state import Contract
from billing.terms import plan_of
from plans.agreements import next_end
from plans.errors import Conflict, Invalid, NotAllowed


@dataclass(frozen=True)
class Renew(ContractChange):
    account: str
    until: datetime | None = None
    contract: str = ""
    term: bool = False  # for another term of the plan, in place of `until`
    terms: str = "same"

    def writes(self) -> frozenset[str]:
        return frozenset({"renewal"})

    def needs(self) -> frozenset[str]:
        return frozenset({"payer"})


def renew(context: Context, args: Renew) -> Decision:
    """Move the agreed end of a contract to a later date, by another term, or (where nothing is said) make it open-ended. A cancellation is
    taken back by it, with the fee for leaving early; customers may do only that, and not in a fixed term. `terms: newest`: from the new
    term on the newest version of the catalogue holds."""
    if args.terms not in ("same", "newest"):
        raise Invalid("unknown_choice", f"expected same or newest, found {args.terms!r}", at="terms")
    if args.term and args.until is not None:
        raise Invalid("conflict", "either for another term, or until a date", at="until")
    state = open_state(args.account)
    contract = find_contract(state, args.contract)
    if is_customer(context.actor) and plan_of(policy(), contract.timeline[-1].terms).term:
        message = f"the contract {contract.id} has a fixed term; ask us to extend it"
        raise NotAllowed("agreed_end", message, at="contract", contract=contract.id)
    moment = effective_moment(context, state, contract, args.when)
    agreed = agreed_end(contract)
    until = _another_term(contract, state.zone) if args.term else args.until
    if contract.end is not None and moment >= contract.end and not renews(contract):
        raise after_end(contract)
    if until is not None and until <= max(moment, contract.end or moment):
        raise Invalid("out_of_range", "the new end must lie after the present one", at="until")
    if until is not None and agreed is not None and until < agreed:
        end = f"{agreed:%Y-%m-%d %H:%M} UTC"
        message = f"the contract {contract.id} was agreed until {end}: renew it until then or later, or cancel it for the day"
        raise Conflict("within_term", message, at="until", end=end)
    if agreed is None and args.terms == "newest":
        raise Conflict("no_term", f"the contract {contract.id} has no agreed end after which other terms could begin", at="terms")
    event = ContractExtended(
        account=args.account,
        contract=contract.id,
        end=until,
        reason=args.reason,
        start=agreed if until is not None or args.terms == "newest" else None,
        terms=args.terms,
    )
    back = fee_drafts(context, state, contract, Decimal(0), reason=args.reason or "The contract goes on")
    return Decision([Draft(args.account, event, context.at), *back])


def _another_term(contract: Contract, zone: str) -> datetime:
    """The end of the term after the agreed one. Raises Conflict `no_term`."""
    plan, end = plan_of(policy(), contract.timeline[-1].terms), agreed_end(contract)
    length = (plan.renew and plan.renew.length) or plan.term
    if end is None or length is None:
        raise Conflict("no_term", f"the contract {contract.id} has no term that could follow", at="term")
    return next_end(start=contract.start, end=end, term=plan.term, length=length, zone=zone)


COMMANDS = (Command("renew", "Extend a contract, or take its cancellation back", Renew, renew, account_stream),)
