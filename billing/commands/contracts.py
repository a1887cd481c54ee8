"""Contracts: signing and cancelling. Each sets terms or an end from a moment on; the clockwork then computes what that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.access import is_customer
from billing.agreements.indexing import with_bases
from billing.agreements.leaving import agreed_end, early_fee, fee_drafts
from billing.command import Command
from billing.commands import renewing
from billing.commands.attaching import attach_discount
from billing.commands.common import account_itself, account_stream, find_contract, find_item, open_state
from billing.commands.ending import check_may_end
from billing.commands.offers import check_public, find_catalogue, find_plan
from billing.commands.timing import ContractChange, after_end, effective_moment, renews
from billing.credit import check_may_buy
from billing.engine import Context, Decision
from billing.events import (
    ContractCancelled,
    ContractSigned,
    ItemTerms,
    Terms,
)
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState
from billing.terms import item_of
from plans.catalogue import Catalogue, Plan
from plans.errors import Conflict, Invalid, NotAllowed
from plans.money import parse_measure
from plans.periods import Span, local_date
from plans.pricing import PRICING_FIELDS, parse_pricing

MOST_PAST_PERIODS = 5_000  # the days of thirteen years, the hours of seven months


@dataclass(frozen=True)
class Subscribe:
    account: str
    plan: str
    catalogue: str = ""
    version: int | None = None
    start: datetime | None = None
    until: datetime | None = None
    quantity: Decimal | None = None
    quantities: Mapping[str, Any] = field(default_factory=dict)
    items: tuple[str, ...] = ()  # add-ons from the start
    amount: Decimal | None = None  # principal of a deposit
    prices: Mapping[str, Any] = field(default_factory=dict)
    anchor: datetime | None = None
    paid_through: datetime | None = None
    name: str = ""
    subject: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    skip_phases: bool = False


def subscribe(context: Context, args: Subscribe) -> Decision:
    """Sign a contract for a plan of the newest published catalogue (or the version named), from now or `start` on, until `until` if
    given."""
    state = open_state(args.account)
    check_may_buy(state, "a new contract")
    catalogue = find_catalogue(args.catalogue, args.plan, args.version, local_date(args.start or context.at, state.zone))
    plan = find_plan(catalogue, args.plan, actor=context.actor)
    check_public(context.actor, plan, catalogue)
    start = args.start or context.at
    end = args.until or (plan.term.after(start, state.zone) if plan.term else None)
    if end is not None and end <= start:
        raise Invalid("out_of_range", "the contract would end before it starts", at="until")
    terms = Terms(
        plan=plan.code,
        catalogue=catalogue.name,
        version=catalogue.version,
        items=with_bases(catalogue, plan, item_terms(catalogue, plan, args), start, state.zone),
        anchor=args.anchor or _account_anchor(state, plan) or start,
        phases_from=start if plan.phases and not args.skip_phases else None,
        subject=args.subject,
    )
    _check_meters(state, terms, start)
    _check_past(plan, terms, args, Span(start, min(context.at, end or context.at)) if start < context.at else None)
    contract = context.next_address(args.account)
    event = ContractSigned(
        account=args.account,
        contract=contract,
        terms=terms,
        currency=plan.currency,
        start=start,
        end=end,
        digest=catalogue.digest,
        paid_through=args.paid_through,
        name=args.name,
    )
    given = [
        attach_discount(state, catalogue.discounts[code], contract=contract, start=start, currency=plan.currency) for code in plan.discounts
    ]
    return Decision([Draft(args.account, event, start), *given], {"contract": contract})


def _account_anchor(state: AccountState, plan: Plan) -> datetime | None:
    """For a plan that counts from the account: the anchor of its oldest running contract."""
    running = [contract.timeline[-1].terms.anchor for contract in state.contracts.values() if contract.status != "ended"]
    return min(running, default=None) if plan.anchor == "account" else None


def item_terms(catalogue: Catalogue, plan: Plan, args: Subscribe) -> dict[str, ItemTerms]:
    """Every item of the plan that is not optional, and the add-ons that were asked for."""
    for code in (*args.items, *args.quantities, *args.prices):
        find_item(catalogue, plan, code)
    codes = [
        code
        for code, item in plan.items.items()
        if item.charge != "sale" and (not item.optional or code in args.items or code in args.quantities)
    ]
    codes += [code for code in (*args.items, *args.quantities) if code not in codes]
    found = {}
    for code in dict.fromkeys(codes):
        item = find_item(catalogue, plan, code)
        scaled = args.quantity is not None and item.charge == "fee" and code not in args.quantities
        quantity = args.quantity if scaled else parse_measure(args.quantities.get(code, item.quantity), at=f"quantities.{code}")
        assert quantity is not None
        if quantity < 0:
            raise Invalid("negative", f"the quantity of {code} is negative", at="quantity")
        principal = args.amount if item.charge == "interest" else None
        if item.charge == "interest" and principal is None:
            raise Invalid("missing_field", f"the plan pays interest on {code}: the amount is missing", at="amount")
        found[code] = ItemTerms(
            quantity=quantity, price=own_price(args.prices.get(code), plan.currency, code), principal=principal, attributes=args.attributes
        )
    return found


def own_price(value: Any, currency: str, code: str) -> Mapping[str, Any] | None:
    """A customer's own price, checked. A bare price model is taken as `{price: …}`."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        value = {"price": {"model": "flat", "amount": value}}
    beside = value if "price" in value or "choose" in value else {"price": value}
    parse_pricing({name: beside[name] for name in beside if name in PRICING_FIELDS}, currency=currency, at=f"prices.{code}")
    return _texts(beside)


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _texts(element) for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(element) for element in value]
    return value if value is None or isinstance(value, bool | str) else str(value)


def _check_past(plan: Plan, terms: Terms, args: Subscribe, past: Span | None) -> None:
    """What lies in the past is billed at once: refused where that are so many periods that somebody must have meant something else."""
    if past is None:
        return
    items = [item for code in terms.items if (item := item_of(policy(), terms, code)) and not item.once and item.charge != "sale"]
    lengths = [*(item.period or plan.period for item in items), *(minimum.period for minimum in plan.minimums)]
    shortest = min((length for length in lengths if length is not None), key=lambda length: length.about, default=None)
    since = max(past.start, args.paid_through or past.start)
    count = max(0, int((past.end - since) / shortest.about)) if shortest else 0
    if count > MOST_PAST_PERIODS:
        message = (
            f"from {since:%Y-%m-%d} to now are about {count} periods of {shortest}, and at most {MOST_PAST_PERIODS} are billed at once; "
            "start later, or say with paid_through until when it is billed already"
        )
        raise Invalid("out_of_range", message, at="start")


def _check_meters(state: AccountState, terms: Terms, start: datetime) -> None:
    """Two running contracts must not both bill the same use: their subjects tell them apart."""
    wanted = {item.meter for code in terms.items if (item := item_of(policy(), terms, code)) and item.meter}
    for contract in state.contracts.values():
        if contract.status == "ended" or (contract.end is not None and contract.end <= start):
            continue
        held = contract.timeline[-1].terms
        taken = {item.meter for code in held.items if (item := item_of(policy(), held, code)) and item.meter}
        if taken & wanted and held.subject == terms.subject:
            meter = sorted(taken & wanted)[0]
            raise Conflict(
                "meter_claimed",
                f"the contract {contract.id} already bills the meter {meter!r}; "
                f"give the contracts different subjects, or end the other first",
                at="plan",
                contract=contract.id,
            )


@dataclass(frozen=True)
class Cancel(ContractChange):
    firm = True
    account: str
    contract: str = ""
    credit_unused: bool = True
    waive: bool = False  # ask no fee for leaving early, with a reason

    def writes(self) -> frozenset[str]:
        return frozenset({"end", "renewal"})


def cancel(context: Context, args: Cancel) -> Decision:
    """End a contract now, at the end of its period, trial or term, or on a date; an agreed end that lies later moves forward, for the fee
    that its plan asks. What renews itself may be cancelled for a day after its present term."""
    if args.waive and not args.reason:
        raise Invalid("missing_field", "say why no fee is asked", at="reason")
    if args.waive and is_customer(context.actor):
        raise NotAllowed("waiver", "what leaving early costs is the office's to waive", at="waive")
    state = open_state(args.account)
    contract = find_contract(state, args.contract)
    moment = effective_moment(context, state, contract, args.when)
    if moment < contract.start:
        raise Invalid("out_of_range", "the contract would end before it starts", at="when")
    agreed = agreed_end(contract)
    if agreed is not None and moment > agreed and not renews(contract):
        raise after_end(contract)
    check_may_end(contract, moment, asked_at=context.at, zone=state.zone)
    fee = contract.early_fee * 0 if args.waive else early_fee(contract, moment, state.zone)
    event = ContractCancelled(
        account=args.account,
        contract=contract.id,
        end=moment,
        reason=args.reason,
        credit_unused=args.credit_unused,
        early=agreed is not None and moment < agreed,
        agreed_end=agreed,
        early_fee=fee,
    )
    charged = fee_drafts(context, state, contract, fee, reason=args.reason or "Ended before its term")
    return Decision([Draft(args.account, event, min(moment, context.at)), *charged])


COMMANDS = (
    Command("subscribe", "Sign a contract for a plan", Subscribe, subscribe, account_stream, buyer=account_itself),
    Command("cancel", "End a contract", Cancel, cancel, account_stream),
    *renewing.COMMANDS,
)
