"""Changes of running contracts: plan, quantity, items, prices, pauses. Each sets the terms from a moment on; the clockwork then computes
what that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.agreements.indexing import with_bases
from billing.command import Command
from billing.commands.common import account_itself, account_stream, find_item
from billing.commands.contracts import Subscribe, item_terms, own_price
from billing.commands.offers import check_public, find_catalogue, find_plan
from billing.commands.timing import ContractChange, ItemChange, change
from billing.credit import check_may_buy
from billing.engine import Context, Decision
from billing.events import (
    ContractPaused,
    ContractResumed,
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
from billing.terms import anchor_at, item_of, plan_of
from plans import store
from plans.catalogue import Plan
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.periods import local_date


@dataclass(frozen=True)
class ChangePlan(ContractChange):
    account: str
    plan: str
    contract: str = ""
    version: int | None = None
    billing_day: str = "keep"
    credit_unused: bool = True
    quantity: Decimal | None = None
    quantities: Mapping[str, Any] = field(default_factory=dict)
    prices: Mapping[str, Any] = field(default_factory=dict)
    phases: bool = False

    def writes(self) -> frozenset[str]:
        return frozenset({"plan", "items", "billing_day"} if self.billing_day == "move" else {"plan", "items"})


def change_plan(context: Context, args: ChangePlan) -> Decision:
    """Move a contract to another plan of its catalogue: unused time is credited (unless `credit_unused: no`) and the new plan charged, as
    differences of the targets. `billing_day: move` starts a new period; `charge` says on which document the differences are."""
    if args.billing_day not in ("keep", "move"):
        raise Invalid("unknown_choice", f"expected keep or move, found {args.billing_day!r}", at="billing_day")
    state, contract, moment, terms = change(context, args)
    catalogue = find_catalogue(terms.catalogue, args.plan, args.version, local_date(moment, state.zone))
    plan = find_plan(catalogue, args.plan, actor=context.actor)
    check_public(context.actor, plan, catalogue)
    if plan.currency != contract.currency:
        message = (
            f"the contract {contract.id} is in {contract.currency}, the plan {plan.code} of {catalogue.name}@{catalogue.version} in "
            f"{plan.currency}; end the contract and sign another, or choose a plan in {contract.currency}"
        )
        raise Conflict("currency", message, at="plan", event=contract.id)
    held = Subscribe(
        account=args.account,
        plan=args.plan,
        quantity=args.quantity,
        quantities=args.quantities,
        prices=args.prices,
        amount=_principal(terms),
    )
    items = item_terms(catalogue, plan, held)
    for code, item in items.items():
        if code in terms.items and args.quantity is None and code not in args.quantities:
            items[code] = replace(item, quantity=terms.items[code].quantity)
    items = with_bases(catalogue, plan, items, moment, state.zone, held=terms.items)
    moved = args.billing_day == "move" or _other_cycle(terms, plan)
    new = replace(
        terms,
        plan=plan.code,
        version=catalogue.version,
        items=items,
        anchor=moment if moved else anchor_at(policy(), terms, moment, state.zone),
        phases_from=moment if args.phases and plan.phases else _running_phases(terms, plan),
    )
    event = PlanChanged(account=args.account, contract=contract.id, terms=new, previous_plan=terms.plan, credit_unused=args.credit_unused)
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
class ChangeQuantity(ItemChange):
    account: str
    quantity: Decimal
    item: str = ""
    contract: str = ""
    credit_unused: bool = True


def change_quantity(context: Context, args: ChangeQuantity) -> Decision:
    """Set how many of an item a contract has. With `credit_unused: no` fewer count from the next period on."""
    _, contract, moment, terms = change(context, args)
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
class AddItem(ItemChange):
    account: str
    item: str
    quantity: Decimal = Decimal(1)
    contract: str = ""
    price: Mapping[str, Any] | None = None


def add_item(context: Context, args: AddItem) -> Decision:
    """Add an item (an add-on) to a contract."""
    state, contract, moment, terms = change(context, args)
    check_may_buy(state, "an add-on")
    catalogue = policy().catalogue(terms.catalogue, terms.version)
    plan = catalogue.plans[terms.plan]
    find_item(catalogue, plan, args.item)
    if args.item in terms.items:
        raise Conflict("item_held", f"the contract has the item {args.item!r} already; change its quantity instead", at="item")
    held = ItemTerms(quantity=args.quantity, price=own_price(args.price, plan.currency, args.item))
    found = with_bases(catalogue, plan, {args.item: held}, moment, state.zone)
    new = replace(terms, items={**terms.items, **found})
    event = ItemAdded(account=args.account, contract=contract.id, terms=new, item=args.item, quantity=args.quantity)
    return Decision([Draft(args.account, event, moment)])


@dataclass(frozen=True)
class RemoveItem(ItemChange):
    account: str
    item: str
    contract: str = ""
    credit_unused: bool = True


def remove_item(context: Context, args: RemoveItem) -> Decision:
    """Take an item off a contract."""
    _, contract, moment, terms = change(context, args)
    if args.item not in terms.items:
        raise NotFound("unknown_item", f"the contract has no item {args.item!r}{suggestion(args.item, list(terms.items))}", at="item")
    new = replace(terms, items={code: held for code, held in terms.items.items() if code != args.item})
    return Decision([Draft(args.account, ItemRemoved(account=args.account, contract=contract.id, terms=new, item=args.item), moment)])


@dataclass(frozen=True)
class ChangePrice(ItemChange):
    account: str
    item: str
    price: Mapping[str, Any] | None = None
    version: int | None = None
    contract: str = ""


def change_price(context: Context, args: ChangePrice) -> Decision:
    """Give a contract a price of its own for an item, or move it to another version of its catalogue."""
    _, contract, moment, terms = change(context, args)
    if args.item not in terms.items:
        raise NotFound("unknown_item", f"the contract has no item {args.item!r}{suggestion(args.item, list(terms.items))}", at="item")
    version = args.version or terms.version
    find_plan(store.catalogue(terms.catalogue, version), terms.plan, actor=context.actor)
    held = replace(terms.items[args.item], price=own_price(args.price, contract.currency, args.item))
    new = replace(terms, version=version, items={**terms.items, args.item: held})
    event = PriceChanged(account=args.account, contract=contract.id, terms=new, item=args.item, reason=args.reason)
    return Decision([Draft(args.account, event, moment)])


@dataclass(frozen=True)
class Pause(ContractChange):
    account: str
    contract: str = ""
    credit_unused: bool = True

    def writes(self) -> frozenset[str]:
        return frozenset({"state"})


def pause(context: Context, args: Pause) -> Decision:
    """Stop a contract for a while; what was charged for the time of the pause is credited unless `credit_unused: no`."""
    _, contract, moment, terms = change(context, args)
    if terms.paused:
        raise Conflict("paused", f"the contract {contract.id} is paused already", at="contract")
    new = replace(terms, paused=True, keep_billing=not args.credit_unused, keep_unused=False)
    return Decision(
        [Draft(args.account, ContractPaused(account=args.account, contract=contract.id, terms=new, reason=args.reason), moment)]
    )


@dataclass(frozen=True)
class Resume(ContractChange):
    account: str
    contract: str = ""

    def writes(self) -> frozenset[str]:
        return frozenset({"state"})


def resume(context: Context, args: Resume) -> Decision:
    """Go on with a paused contract; the billing day stays. One that pauses because the account is suspended goes on when that is over."""
    state, contract, moment, terms = change(context, args)
    if not state.suspended.get(contract.id, True):
        raise Conflict("suspended", f"the contract {contract.id} pauses while the account is suspended", at="contract")
    if not terms.paused:
        raise Conflict("not_paused", f"the contract {contract.id} is not paused", at="contract")
    new = replace(terms, paused=False, keep_billing=False)
    return Decision(
        [Draft(args.account, ContractResumed(account=args.account, contract=contract.id, terms=new, reason=args.reason), moment)]
    )


COMMANDS = (
    Command("change_plan", "Move a contract to another plan", ChangePlan, change_plan, account_stream, buyer=account_itself),
    Command(
        "change_quantity",
        "Change how many of an item a contract has",
        ChangeQuantity,
        change_quantity,
        account_stream,
        buyer=account_itself,
    ),
    Command("add_item", "Add an item to a contract", AddItem, add_item, account_stream, buyer=account_itself),
    Command("remove_item", "Take an item off a contract", RemoveItem, remove_item, account_stream),
    Command("change_price", "Give a contract a price of its own, or another catalogue version", ChangePrice, change_price, account_stream),
    Command("pause", "Pause a contract", Pause, pause, account_stream),
    Command("resume", "Resume a paused contract", Resume, resume, account_stream),
)
