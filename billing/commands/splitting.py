"""Several who pay one contract: some items by another account, or a share of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.command import Command
from billing.commands.timing import ContractChange, change, find_payer
from billing.engine import Context, Decision
from billing.events import ContractSigned, ContractSplit, ItemTerms, Part, Terms
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState, Contract
from billing.terms import agreed_from, anchor_at, item_of, plan_of
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import plain

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class SplitContract(ContractChange):
    account: str
    to: str
    items: tuple[str, ...] = ()  # what the other pays; with `share`, "" is all fees
    share: Decimal | None = None  # percent that the other pays of them; none: all
    contract: str = ""
    name: str = ""

    def writes(self) -> frozenset[str]:
        return frozenset({"items"})

    def needs(self) -> frozenset[str]:
        return frozenset({"end", "payer", "plan"})


def _both(args: Any) -> list[str]:
    return [args.account, args.to]


def split_contract(context: Context, args: SplitContract) -> Decision:
    """Let another account pay some items of a contract, or a share of its fees, from a moment on: as a contract of its own with the same
    prices. What the payers pay of one period together is what one would, to the cent."""
    state, contract, moment, terms = change(context, args)
    find_payer(state, contract, args.to)
    codes = _codes(terms, args)
    _check_shareable(contract, terms, codes, args.share)
    here, there = _sides(terms, codes, args.share)
    successor = context.next_address(args.to)
    split = ContractSplit(
        account=args.account,
        contract=contract.id,
        terms=replace(terms, items=here),
        to=args.to,
        successor=successor,
        items=tuple(codes),
        share=args.share,
    )
    signed = _signed(state, contract, moment, replace(terms, items=there), args, successor)
    return Decision([Draft(args.account, split, moment), Draft(args.to, signed, moment)], {"contract": successor})


def _codes(terms: Terms, args: SplitContract) -> list[str]:
    """The items that the other pays, or pays a share of. Raises Invalid, NotFound `unknown_item`."""
    if not args.items and args.share is None:
        raise Invalid("missing_field", "name the items that the other pays, or the share", at="items")
    if args.share is not None and not 0 < args.share < HUNDRED:
        raise Invalid("out_of_range", f"expected a percent between 0 and 100, found {plain(args.share)}", at="share")
    for code in args.items:
        if code not in terms.items:
            raise NotFound("unknown_item", f"the contract has no item {code!r}{suggestion(code, list(terms.items))}", at="items")
    return list(dict.fromkeys(args.items)) or [code for code in terms.items if _charge(terms, code) == "fee"]


def _charge(terms: Terms, code: str) -> str:
    item = item_of(policy(), terms, code)
    return item.charge if item else ""


def _check_shareable(contract: Contract, terms: Terms, codes: Sequence[str], share: Decimal | None) -> None:
    """Raises Conflict `not_shareable`: what counts over several items can't be cut, and use is measured on one account."""
    plan = plan_of(policy(), terms)
    if plan.minimums:
        message = f"the plan {plan.code} has a minimum over several items ({plan.minimums[0].code}): one account pays all of it"
        raise Conflict("not_shareable", message, at="items")
    for code in codes:
        charge = _charge(terms, code)
        if charge == "interest" or (share is not None and charge != "fee"):
            message = f"{code} is a charge for {charge}, which is measured on one account; share fees, and give {code} to one payer"
            raise Conflict("not_shareable", message, at="items", item=code)
    if not codes or (share is None and len(codes) == len(terms.items)):
        raise Conflict("not_shareable", f"nothing of {contract.id} would be left here: transfer the contract instead", at="items")


def _sides(terms: Terms, codes: Sequence[str], share: Decimal | None) -> tuple[dict[str, ItemTerms], dict[str, ItemTerms]]:
    """The items of both payers. The parts of a share add up, whoever shares on."""
    if share is None:
        rest = {code: held for code, held in terms.items.items() if code not in codes}
        return rest, {code: terms.items[code] for code in codes}
    shares = (HUNDRED - share, share)
    sides = []
    for mine in (0, 1):
        part = Part(shares=shares, mine=mine)
        sides.append({code: replace(terms.items[code], parts=(*terms.items[code].parts, part)) for code in codes})
    return {**terms.items, **sides[0]}, sides[1]


def _signed(state: AccountState, contract: Contract, moment: datetime, terms: Terms, args: SplitContract, successor: str) -> ContractSigned:
    kept = anchor_at(policy(), terms, moment, state.zone)
    return ContractSigned(
        account=args.to,
        contract=successor,
        terms=replace(terms, anchor=kept, bill="", keep_unused=False, agreed_from=agreed_from(contract, terms)),
        currency=contract.currency,
        start=moment,
        end=contract.end,
        digest=policy().catalogue(terms.catalogue, terms.version).digest,
        name=args.name or contract.name,
        taken_over=contract.id,
    )


COMMANDS = (
    Command(
        "split_contract",
        "Let another account pay items of a contract, or a share of it",
        SplitContract,
        split_contract,
        _both,
        buyer=lambda args: args.to,
    ),
)
