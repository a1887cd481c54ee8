"""Keeping what a contract charges off documents for a while, and letting it be invoiced again."""

from __future__ import annotations

from dataclasses import dataclass

from billing.command import Command, Timed
from billing.commands.common import account_stream, find_contract, open_state
from billing.engine import Context, Decision
from billing.events import InvoicingHeld, InvoicingResumed
from billing.holds import held_items
from billing.journal import Draft
from billing.state import AccountState, Contract
from billing.terms import item_codes
from plans.errors import Conflict, NotFound
from plans.fields import suggestion


@dataclass(frozen=True)
class HoldInvoicing(Timed):
    account: str
    contract: str = ""
    items: tuple[str, ...] = ()  # none: all of the contract

    def writes(self) -> frozenset[str]:
        return frozenset({"invoicing"})

    def needs(self) -> frozenset[str]:
        return frozenset({"payer"})


def hold_invoicing(context: Context, args: HoldInvoicing) -> Decision:
    """Keep what a contract charges, or some of its items, off documents from now on. It accrues and is booked as before; `resume_invoicing`
    puts it on documents again."""
    state, contract, items = _asked(args)
    held = held_items(state, contract.id)
    for item in items:
        if item in held or "" in held:
            raise Conflict("held_already", f"{_named(item)} {contract.id} is held already", at="items")
    event = InvoicingHeld(account=args.account, contract=contract.id, items=args.items, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


class ResumeInvoicing(HoldInvoicing):
    """The same arguments."""


def resume_invoicing(context: Context, args: ResumeInvoicing) -> Decision:
    """Put what was held on documents again: charges of meanwhile are due at once, those of the same moment on the same document."""
    state, contract, items = _asked(args)
    held = held_items(state, contract.id)
    for item in items:
        if item not in held:
            raise Conflict("not_held", f"{_named(item)} {contract.id} is not held", at="items")
    event = InvoicingResumed(account=args.account, contract=contract.id, items=args.items, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


def _asked(args: HoldInvoicing) -> tuple[AccountState, Contract, tuple[str, ...]]:
    """A contract that ended may still have something to invoice, so it may be named. Raises NotFound `unknown_contract`, `unknown_item`."""
    state = open_state(args.account)
    contract = find_contract(state, args.contract, live=False)
    known = item_codes(contract)
    for item in args.items:
        if item not in known:
            raise NotFound("unknown_item", f"the contract has no item {item!r}{suggestion(item, known)}", at="items")
    return state, contract, args.items or ("",)


def _named(item: str) -> str:
    return f"{item} of" if item else "the contract"


COMMANDS = (
    Command("hold_invoicing", "Keep what a contract charges off documents", HoldInvoicing, hold_invoicing, account_stream),
    Command("resume_invoicing", "Invoice what was held of a contract", ResumeInvoicing, resume_invoicing, account_stream),
)
