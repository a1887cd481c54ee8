"""Money that goes back: out of the customer's credit, of a payment where one is named, and settled at once where a person hands it over."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing import ledgers
from billing.commands.common import entry
from billing.engine import Context
from billing.events import Posting
from billing.journal import Draft
from billing.state import AccountState
from payments.converting import money_legs, part_of
from payments.events import RefundRequested, RefundSettled
from payments.paying import CHANNELS
from plans.errors import Invalid

TIMES = ("", "now", "later")


@dataclass(frozen=True)
class Giving:
    """What goes back, and how. `settle`: `now`, `later` (by an event of its own), or "" by the channel: by hand is now."""

    amount: Decimal
    currency: str
    channel: str
    payment: str = ""
    reference: str = ""
    reason: str = ""
    settle: str = ""

    @property
    def at_once(self) -> bool:
        return self.settle == "now" or (not self.settle and self.channel in CHANNELS)


def check_settle(settle: str) -> str:
    """Raises Invalid `unknown_choice`."""
    if settle not in TIMES:
        raise Invalid("unknown_choice", f"expected now or later; found {settle!r}", at="settle")
    return settle


def refund_drafts(context: Context, state: AccountState, giving: Giving, *, earlier: int = 0) -> list[Draft]:
    """The request, and the settlement where it follows at once. `earlier` events of the same command come before."""
    refund = context.next_address(state.account, after=earlier)
    request = RefundRequested(
        account=state.account,
        refund=refund,
        payment=giving.payment,
        amount=giving.amount,
        currency=giving.currency,
        channel=giving.channel,
        reference=giving.reference,
        reason=giving.reason,
        entry=entry(context, state, legs(ledgers.CREDIT, ledgers.REFUNDS_PAYABLE, giving.amount, giving.currency)),
        conversion=part_of(giving.payment, giving.amount),
    )
    drafts = [Draft(state.account, request, context.at)]
    if giving.at_once:
        drafts.append(Draft(state.account, settled(context, state, request, giving.reference), context.at, refund))
    return drafts


def settled(context: Context, state: AccountState, request: RefundRequested, reference: str) -> RefundSettled:
    owed = Posting(ledger=ledgers.REFUNDS_PAYABLE, amount=request.amount, currency=request.currency)
    left = money_legs(request.channel, -request.amount, request.currency, request.conversion)
    return RefundSettled(
        account=state.account,
        refund=request.refund,
        payment=request.payment,
        amount=request.amount,
        currency=request.currency,
        channel=request.channel,
        reference=reference,
        entry=entry(context, state, [owed, *left]),
    )


def legs(debit: str, credit: str, amount: Decimal, currency: str) -> list[Posting]:
    """Two legs of one amount."""
    return [Posting(ledger=debit, amount=amount, currency=currency), Posting(ledger=credit, amount=-amount, currency=currency)]
