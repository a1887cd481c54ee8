"""Contracts: signing, changing plan, quantity and items, pausing, cancelling, renewing. Each sets terms from a moment on; the clockwork
then computes what that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.command import Command
from billing.commands.common import account_stream, find_contract, find_item, open_state
from billing.engine import Context, Decision
from billing.events import (
    ContractCancelled,
    ContractExtended,
    ContractPaused,
    ContractResumed,
    ContractSigned,
    ItemAdded,
    ItemRemoved,
    ItemTerms,
    PlanChanged,
    PriceChanged,
    QuantityChanged,
    Terms,
)
from billing.journal import Draft
from billing.loading import policy
from billing.schedule import ended_row
from billing.state import AccountState, Contract
from billing.terms import cycle_at, item_of, phase_spans, plan_of
from plans import store
from plans.catalogue import Catalogue, Plan
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.periods import parse_time
from plans.pricing import PRICING_FIELDS, parse_pricing


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
    """Sign a contract for a plan of the newest published catalogue (or the version named), from now or `start` on, until `until` if given."""
    state = open_state(args.account)
    catalogue = find_catalogue(args.catalogue, args.plan, args.version)
    plan = find_plan(catalogue, args.plan)
    start = args.start or context.at
    end = args.until or (plan.term.after(start, state.zone) if plan.term else None)
    if end is not None and end <= start:
        raise Invalid("out_of_range", "the contract would end before it starts", at="until")
    terms = Terms(
        plan=plan.code,
        catalogue=catalogue.name,
        version=catalogue.version,
        items=_item_terms(catalogue, plan, args),
        anchor=args.anchor or start,
        phases_from=start if plan.phases and not args.skip_phases else None,
        subject=args.subject,
    )
    _check_meters(state, terms, start)
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
    return Decision([Draft(args.account, event, start)], {"contract": contract})


def find_catalogue(name: str, plan: str, version: int | None) -> Catalogue:
    """The catalogue named, or the only one that holds the plan. Raises NotFound `unknown_catalogue` or `unknown_plan`, Conflict `which_catalogue`."""
    if name:
        return store.catalogue(name, version) if version else store.newest(name)
    holding = [found for known in store.names() if plan in (found := store.newest(known)).plans]
    if len(holding) > 1:
        raise Conflict(
            "which_catalogue", f"the plan {plan!r} stands in {', '.join(c.name for c in holding)}; name the catalogue", at="catalogue"
        )
    if not holding:
        known_plans = [code for known in store.names() for code in store.newest(known).plans]
        raise NotFound("unknown_plan", f"there is no plan {plan!r}{suggestion(plan, known_plans)}", at="plan")
    return store.catalogue(holding[0].name, version) if version else holding[0]


def find_plan(catalogue: Catalogue, code: str) -> Plan:
    if code not in catalogue.plans:
        raise NotFound(
            "unknown_plan", f"the catalogue {catalogue.name} has no plan {code!r}{suggestion(code, list(catalogue.plans))}", at="plan"
        )
    return catalogue.plans[code]


def _item_terms(catalogue: Catalogue, plan: Plan, args: Subscribe) -> dict[str, ItemTerms]:
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
        quantity = args.quantity if scaled else Decimal(str(args.quantities.get(code, item.quantity)))
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
                f"the contract {contract.id} already bills the meter {meter!r}; give the contracts different subjects, or end the other first",
                at="plan",
                contract=contract.id,
            )


# --- when -------------------------------------------------------------------------------------------------------------------------


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
    if contract.end is not None and moment >= contract.end:
        raise Conflict("after_end", f"the contract {contract.id} ends on {contract.end:%Y-%m-%d %H:%M} UTC, before the change", at="when")


def change(context: Context, account: str, contract: str, when: str) -> tuple[AccountState, Contract, datetime, Terms]:
    """The contract to change, the moment and the terms that hold then."""
    state = open_state(account)
    found = find_contract(state, contract)
    moment = effective_moment(context, state, found, when)
    if moment > context.at:
        raise Invalid("not_yet", "a change in the future can't be scheduled yet; give it when the time has come", at="when")
    _check_order(found, moment)
    return state, found, moment, found.timeline[-1].terms


# --- changes ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangePlan:
    account: str
    plan: str
    contract: str = ""
    when: str = "now"
    version: int | None = None
    billing_day: str = "keep"
    quantity: Decimal | None = None
    quantities: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    phases: bool = False


def change_plan(context: Context, args: ChangePlan) -> Decision:
    """Move a contract to another plan of its catalogue. Unused time is credited and the new plan charged as differences of the targets."""
    state, contract, moment, terms = change(context, args.account, args.contract, args.when)
    catalogue = store.catalogue(terms.catalogue, args.version) if args.version else store.newest(terms.catalogue)
    plan = find_plan(catalogue, args.plan)
    if plan.currency != contract.currency:
        raise Conflict(
            "currency", f"the contract is in {contract.currency}, the plan in {plan.currency}; end it and sign another", at="plan"
        )
    held = Subscribe(
        account=args.account,
        plan=args.plan,
        quantity=args.quantity,
        quantities=args.quantities,
        prices=args.prices,
        amount=_principal(terms),
    )
    items = _item_terms(catalogue, plan, held)
    for code, item in items.items():
        if code in terms.items and args.quantity is None and code not in args.quantities:
            items[code] = replace(item, quantity=terms.items[code].quantity)
    moved = args.billing_day == "move" or _other_cycle(terms, plan)
    new = replace(
        terms,
        plan=plan.code,
        version=catalogue.version,
        items=items,
        anchor=moment if moved else terms.anchor,
        phases_from=moment if args.phases and plan.phases else _running_phases(terms, plan),
    )
    event = PlanChanged(account=args.account, contract=contract.id, terms=new, previous_plan=terms.plan)
    return Decision([Draft(args.account, event, moment)])


def _principal(terms: Terms) -> Decimal | None:
    return next((item.principal for item in terms.items.values() if item.principal is not None), None)


def _running_phases(terms: Terms, plan: Plan) -> datetime | None:
    """A change of plan does not start the phases again; a trial that runs goes on where the new plan has phases too."""
    return terms.phases_from if plan.phases else None


def _other_cycle(terms: Terms, plan: Plan) -> bool:
    """A plan with periods of another length can't keep the billing day."""
    old = plan_of(policy(), terms)
    lengths = {item.period or old.period for code, item in old.items.items() if code in terms.items and item.charge != "sale"}
    new = {item.period or plan.period for item in plan.items.values() if item.charge != "sale" and not item.optional}
    return bool(lengths - {None}) and bool(new - {None}) and not ((lengths & new) - {None})


@dataclass(frozen=True)
class ChangeQuantity:
    account: str
    quantity: Decimal
    item: str = ""
    contract: str = ""
    when: str = "now"


def change_quantity(context: Context, args: ChangeQuantity) -> Decision:
    """Set how many of an item a contract has."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    code = args.item or _only_fee(terms)
    if code not in terms.items:
        raise NotFound("unknown_item", f"the contract has no item {code!r}{suggestion(code, list(terms.items))}", at="item")
    if args.quantity < 0:
        raise Invalid("negative", "a quantity can't be negative", at="quantity")
    held = terms.items[code]
    new = replace(terms, items={**terms.items, code: replace(held, quantity=args.quantity)})
    event = QuantityChanged(
        account=args.account, contract=contract.id, terms=new, item=code, quantity=args.quantity, previous_quantity=held.quantity
    )
    return Decision([Draft(args.account, event, moment)])


def _only_fee(terms: Terms) -> str:
    fees = [code for code in terms.items if (item := item_of(policy(), terms, code)) and item.charge == "fee"]
    if len(fees) != 1:
        raise Conflict("which_item", f"the contract has {len(fees)} fees; name the item", at="item")
    return fees[0]


@dataclass(frozen=True)
class AddItem:
    account: str
    item: str
    quantity: Decimal = Decimal(1)
    contract: str = ""
    when: str = "now"
    price: Mapping[str, Any] | None = None


def add_item(context: Context, args: AddItem) -> Decision:
    """Add an item (an add-on) to a contract."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    catalogue = policy().catalogue(terms.catalogue, terms.version)
    plan = catalogue.plans[terms.plan]
    find_item(catalogue, plan, args.item)
    if args.item in terms.items:
        raise Conflict("item_held", f"the contract has the item {args.item!r} already; change its quantity instead", at="item")
    held = ItemTerms(quantity=args.quantity, price=own_price(args.price, plan.currency, args.item))
    new = replace(terms, items={**terms.items, args.item: held})
    event = ItemAdded(account=args.account, contract=contract.id, terms=new, item=args.item, quantity=args.quantity)
    return Decision([Draft(args.account, event, moment)])


@dataclass(frozen=True)
class RemoveItem:
    account: str
    item: str
    contract: str = ""
    when: str = "now"


def remove_item(context: Context, args: RemoveItem) -> Decision:
    """Take an item off a contract."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    if args.item not in terms.items:
        raise NotFound("unknown_item", f"the contract has no item {args.item!r}{suggestion(args.item, list(terms.items))}", at="item")
    new = replace(terms, items={code: held for code, held in terms.items.items() if code != args.item})
    return Decision([Draft(args.account, ItemRemoved(account=args.account, contract=contract.id, terms=new, item=args.item), moment)])


@dataclass(frozen=True)
class ChangePrice:
    account: str
    item: str
    price: Mapping[str, Any] | None = None
    version: int | None = None
    contract: str = ""
    when: str = "now"
    reason: str = ""


def change_price(context: Context, args: ChangePrice) -> Decision:
    """Give a contract a price of its own for an item, or move it to another version of its catalogue."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    if args.item not in terms.items:
        raise NotFound("unknown_item", f"the contract has no item {args.item!r}{suggestion(args.item, list(terms.items))}", at="item")
    version = args.version or terms.version
    find_plan(store.catalogue(terms.catalogue, version), terms.plan)
    held = replace(terms.items[args.item], price=own_price(args.price, contract.currency, args.item))
    new = replace(terms, version=version, items={**terms.items, args.item: held})
    event = PriceChanged(account=args.account, contract=contract.id, terms=new, item=args.item, reason=args.reason)
    return Decision([Draft(args.account, event, moment)])


@dataclass(frozen=True)
class Pause:
    account: str
    contract: str = ""
    when: str = "now"
    reason: str = ""
    credit_unused: bool = True


def pause(context: Context, args: Pause) -> Decision:
    """Stop a contract for a while; what was charged for the time of the pause is credited unless `credit_unused: no`."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    if terms.paused:
        raise Conflict("paused", f"the contract {contract.id} is paused already", at="contract")
    new = replace(terms, paused=True, keep_billing=not args.credit_unused)
    return Decision(
        [Draft(args.account, ContractPaused(account=args.account, contract=contract.id, terms=new, reason=args.reason), moment)]
    )


@dataclass(frozen=True)
class Resume:
    account: str
    contract: str = ""
    when: str = "now"
    reason: str = ""


def resume(context: Context, args: Resume) -> Decision:
    """Go on with a paused contract; the billing day stays."""
    _, contract, moment, terms = change(context, args.account, args.contract, args.when)
    if not terms.paused:
        raise Conflict("not_paused", f"the contract {contract.id} is not paused", at="contract")
    new = replace(terms, paused=False, keep_billing=False)
    return Decision(
        [Draft(args.account, ContractResumed(account=args.account, contract=contract.id, terms=new, reason=args.reason), moment)]
    )


@dataclass(frozen=True)
class Cancel:
    account: str
    contract: str = ""
    when: str = "now"
    credit_unused: bool = True
    reason: str = ""


def cancel(context: Context, args: Cancel) -> Decision:
    """End a contract now, at the end of its period, trial or term, or on a date; an agreed end that lies later moves forward."""
    state = open_state(args.account)
    contract = find_contract(state, args.contract)
    moment = effective_moment(context, state, contract, args.when)
    if moment < contract.start:
        raise Invalid("out_of_range", "the contract would end before it starts", at="when")
    if contract.end is not None and moment > contract.end:
        raise Conflict("after_end", f"the contract {contract.id} ends on {contract.end:%Y-%m-%d %H:%M} UTC already", at="when")
    early = contract.end is not None and moment < contract.end
    event = ContractCancelled(
        account=args.account, contract=contract.id, end=moment, reason=args.reason, credit_unused=args.credit_unused, early=early
    )
    return Decision([Draft(args.account, event, min(moment, context.at))])


@dataclass(frozen=True)
class Renew:
    account: str
    until: datetime | None = None
    contract: str = ""
    reason: str = ""


def renew(context: Context, args: Renew) -> Decision:
    """Move the agreed end of a contract to a later date, or make it open-ended."""
    state = open_state(args.account)
    contract = find_contract(state, args.contract)
    if args.until is not None and args.until <= max(context.at, contract.end or context.at):
        raise Invalid("out_of_range", "the new end must lie after the present one", at="until")
    event = ContractExtended(account=args.account, contract=contract.id, end=args.until, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("subscribe", "Sign a contract for a plan", Subscribe, subscribe, account_stream),
    Command("change_plan", "Move a contract to another plan", ChangePlan, change_plan, account_stream),
    Command("change_quantity", "Change how many of an item a contract has", ChangeQuantity, change_quantity, account_stream),
    Command("add_item", "Add an item to a contract", AddItem, add_item, account_stream),
    Command("remove_item", "Take an item off a contract", RemoveItem, remove_item, account_stream),
    Command("change_price", "Give a contract a price of its own, or another catalogue version", ChangePrice, change_price, account_stream),
    Command("pause", "Pause a contract", Pause, pause, account_stream),
    Command("resume", "Resume a paused contract", Resume, resume, account_stream),
    Command("cancel", "End a contract", Cancel, cancel, account_stream),
    Command("renew", "Extend a contract", Renew, renew, account_stream),
)
