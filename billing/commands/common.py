"""What commands share: the account that they are about, the dates of an entry, the contract and item that they name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.closed import account_closed
from billing.engine import Context
from billing.events import Entry, Posting
from billing.loading import load_one, policy
from billing.state import AccountState, Contract
from plans.catalogue import Item
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import decimals, round_money
from plans.periods import local_date


def account_stream(args: Any) -> list[str]:
    return [args.account]


def account_itself(args: Any) -> str:
    """The account that a command is about, as the one that buys."""
    account: str = args.account
    return account


def open_state(account: str, *, parked: bool = False) -> AccountState:
    """The state of an account that may be written to. Raises NotFound `unknown_account`, NotAllowed `account_closed` or
    `account_parked`."""
    state = load_one(account)
    if state.status == "closed":
        raise account_closed(account)
    return state


def seller_zone(state: AccountState) -> str:
    """The seller's zone: that of the newest contract's catalogue, else the account's."""
    for contract in reversed(state.contracts.values()):
        terms = contract.timeline[-1].terms
        return policy().catalogue(terms.catalogue, terms.version).zone
    return state.zone


def entry(context: Context, state: AccountState, postings: Sequence[Posting], *, at: datetime | None = None) -> Entry:
    """The postings on the day of `at` (the command's time) in the seller's zone; legs of nothing are left out."""
    day = local_date(at or context.at, seller_zone(state))
    return Entry(accounting_date=day, postings=tuple(posting for posting in postings if posting.amount), seller=state.seller)


def find_contract(state: AccountState, name: str, *, live: bool = True) -> Contract:
    """The contract named by its id, or the only running one where the name is empty. Raises NotFound or Conflict."""
    running = [contract for contract in state.contracts.values() if contract.status != "ended"]
    if name:
        contract = state.contracts.get(name)
        if contract is None:
            raise NotFound(
                "unknown_contract", f"the account has no contract {name!r}{suggestion(name, list(state.contracts))}", at="contract"
            )
    elif len(running) == 1:
        contract = running[0]
    elif running:
        raise Conflict(
            "which_contract",
            f"the account has {len(running)} running contracts; name one of {', '.join(c.id for c in running)}",
            at="contract",
        )
    else:
        raise NotFound("unknown_contract", "the account has no running contract", at="contract")
    if live and contract.status == "ended":
        message = f"the contract {contract.id} ended on {contract.end:%Y-%m-%d}"
        raise Conflict("contract_ended", message, at="contract", contract=contract.id, end=contract.end)
    return contract


def find_item(catalogue: Any, plan: Any, code: str) -> Item:
    """An item of the plan or the catalogue. Raises NotFound `unknown_item`."""
    item: Item | None = (plan.items.get(code) if plan else None) or catalogue.items.get(code)
    if item is None:
        known = [*(plan.items if plan else ()), *catalogue.items]
        raise NotFound("unknown_item", f"there is no item {code!r}{suggestion(code, known)}", at="item", item=code[:40])
    return item


def money(value: Decimal, currency: str, *, at: str = "amount", least: Decimal | None = Decimal(0)) -> Decimal:
    """An amount that a person gave: with the currency's decimals, above `least`. Raises Invalid `out_of_range`."""
    if value != round_money(value, currency):
        most = decimals(currency)
        raise Invalid("out_of_range", f"{value} has more than the {most} decimals of {currency}", at=at, decimals=most)
    if least is not None and value <= least:
        raise Invalid("out_of_range", f"expected more than {least}, found {value}", at=at, above=least)
    return round_money(value, currency)
