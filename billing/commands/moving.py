"""Moving a contract: its billing day to another date, the contract to another payer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from billing.codec import time_text
from billing.command import Command
from billing.commands import splitting
from billing.commands.accounts import scheduled
from billing.commands.common import account_stream, open_state
from billing.commands.timing import ContractChange, change, find_payer, has_ended, period_end
from billing.engine import Context, Decision
from billing.events import BillingDayMoved, ContractEnded, ContractHandedOver, ContractSigned, Terms
from billing.journal import Draft, Head
from billing.loading import policy
from billing.state import AccountState, Contract
from billing.terms import agreed_from, anchor_at, cycle_at, phase_spans, plan_of
from plans.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True)
class MoveBillingDay(ContractChange):
    """By default from the end of the running period on (RULES 8)."""

    account: str
    to: datetime
    contract: str = ""
    credit_unused: bool = True
    when: str = field(default="period_end", kw_only=True)

    def writes(self) -> frozenset[str]:
        return frozenset({"billing_day"})


def move_billing_day(context: Context, args: MoveBillingDay) -> Decision:
    """Count periods from another date. The time until the next new billing day is a share of the full period that ends then."""
    state, contract, moment, terms = change(context, args)
    cycles = [cycle for code in terms.items if (cycle := cycle_at(policy(), contract, code, moment, state.zone))]
    if not any(cycle.align == "anchor" for cycle in cycles):
        raise Conflict("no_billing_day", f"nothing in the contract {contract.id} is counted from a billing day of its own", at="contract")
    event = BillingDayMoved(
        account=args.account,
        contract=contract.id,
        terms=replace(terms, anchor=_anchor(state, contract, terms, args.to)),
        previous=anchor_at(policy(), terms, moment, state.zone),
    )
    return Decision([Draft(args.account, event, moment)])


def _anchor(state: AccountState, contract: Contract, terms: Terms, to: datetime) -> datetime:
    """The date given; or, where a trial would start the periods anew after it, the first billing day from the trial's end on."""
    restarts = [span.end for span in phase_spans(plan_of(policy(), terms), terms, state.zone) if span.end and span.phase.then == "restart"]
    last = max(restarts, default=to)
    if last <= to:
        return to
    moved = replace(contract, timeline=(replace(contract.timeline[-1], terms=replace(terms, anchor=to, phases_from=None)),))
    ends = [cycle.period_at(last) for code in terms.items if (cycle := cycle_at(policy(), moved, code, last, state.zone))]
    return min(span.end if span.start < last else span.start for span in ends)


@dataclass(frozen=True)
class TransferContract(ContractChange):
    account: str
    to: str
    contract: str = ""
    billing_day: str = "keep"
    anchor: datetime | None = None  # the new payer's own billing day
    credit_unused: bool = True

    def writes(self) -> frozenset[str]:
        return frozenset({"payer"})


def _both(args: Any) -> list[str]:
    return [args.account, args.to]


def transfer_contract(context: Context, args: TransferContract) -> Decision:
    """Let another account pay a contract from a moment on: it ends here and goes on there, with the same terms. The unused time is credited
    here and charged there; with `credit_unused: no` what was paid stays paid, and the new payer pays from the next period on."""
    if args.billing_day not in ("keep", "move"):
        raise Invalid("unknown_choice", f"expected keep or move, found {args.billing_day!r}", at="billing_day")
    state, contract, moment, terms = change(context, args)
    find_payer(state, contract, args.to)
    successor = context.next_address(args.to)
    over = ContractHandedOver(
        account=args.account,
        contract=contract.id,
        end=moment,
        reason=args.reason,
        to=args.to,
        successor=successor,
        credit_unused=args.credit_unused,
    )
    catalogue = policy().catalogue(terms.catalogue, terms.version)
    kept = moment if args.billing_day == "move" else anchor_at(policy(), terms, moment, state.zone)
    signed = ContractSigned(
        account=args.to,
        contract=successor,
        terms=replace(terms, anchor=args.anchor or kept, bill="", keep_unused=False, agreed_from=agreed_from(contract, terms)),
        currency=contract.currency,
        start=moment,
        end=contract.end,
        digest=catalogue.digest,
        paid_through=None if args.credit_unused else period_end(state, contract, moment),
        name=contract.name,
        taken_over=contract.id,
    )
    return Decision([Draft(args.account, over, moment), Draft(args.to, signed, moment)], {"contract": successor})


@dataclass(frozen=True)
class TransferContracts:
    account: str
    to: str
    credit_unused: bool = True
    reason: str = ""


def transfer_contracts(context: Context, args: TransferContracts) -> Decision:
    """Let another account pay every running contract of this one from now on, each as `transfer_contract` does; one that starts later goes
    over too: it has ended here, and starts there. Refused where a change is scheduled: it would stay behind."""
    for found in scheduled(args.account):
        raise found
    held = [one for one in open_state(args.account).contracts.values() if one.status != "ended"]
    running = {one.id: moment for one in held if not has_ended(one, moment := max(one.start, context.at))}
    if not running:
        raise NotFound("unknown_contract", "the account has no running contract", at="account")
    drafts: list[Draft] = []
    heads = dict(context.heads)
    for name, moment in running.items():
        when = time_text(moment)
        asked = TransferContract(args.account, args.to, name, credit_unused=args.credit_unused, reason=args.reason, when=when)
        moved = transfer_contract(replace(context, heads=heads), asked).drafts
        if moment > context.at:
            moved = [*moved, Draft(args.account, ContractEnded(account=args.account, contract=name), moment)]
        for draft in moved:
            heads[draft.stream] = Head(heads[draft.stream].sequence + 1, heads[draft.stream].hash)
        drafts += moved
    return Decision(drafts, {"contracts": list(running)})


COMMANDS = (
    Command("move_billing_day", "Move the billing day of a contract to a date", MoveBillingDay, move_billing_day, account_stream),
    Command(
        "transfer_contract", "Let another account pay a contract", TransferContract, transfer_contract, _both, buyer=lambda args: args.to
    ),
    Command(
        "transfer_contracts",
        "Let another account pay every contract",
        TransferContracts,
        transfer_contracts,
        _both,
        buyer=lambda args: args.to,
    ),
    *splitting.COMMANDS,
)
