"""Reserve, commit, release: use that is sure of its money before it happens. The account's lock makes it so.

`commit` writes the usage record, and the tick of its item, in the same transaction, charges it and draws on the wallet: the only drawdown
of money. Units have no price: their commit takes them from the lots itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from billing import ledgers, loading
from billing.accounting import periods
from billing.closed import account_closed
from billing.command import Command
from billing.commands.common import account_stream, entry
from billing.engine import Context, Decision
from billing.events import ChargeAccrued, ReservationEnded, UnitsConsumed, WalletReserved
from billing.journal import Draft, Recorded
from billing.loading import policy
from billing.standing import foresee_standing
from billing.state import AccountState
from billing.stored import Known, forget
from billing.usage import ingest
from billing.usage.straight import leave_to_tick, read_plain, take_counted
from billing.wallets.commands import amount_of, wallet_of
from billing.wallets.entries import paid_postings
from billing.wallets.gate import Use, charges_of, cost_of, find_use, state_of, total, used_alone
from billing.wallets.loading import foresee as foresee_wallets
from billing.wallets.loading import load_wallets
from billing.wallets.lots import Reservation, Wallet, burn
from billing.wallets.works import WALLET, drawn_at_once
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import plain

ZERO = Decimal(0)
SOURCE = "commit"  # the source of the usage records that commits write


def _open(account: str) -> AccountState:
    """As `open_state`, with what is live only: a commit costs the same however long the past is."""
    state = state_of(account)
    if state.status == "closed":
        raise account_closed(account)
    return state


def _check_allowed(wallet: Wallet, wanted: Decimal, *, at: datetime, item: str) -> None:
    """Never below zero, or below the overdraft that was agreed. Raises Conflict `not_enough_prepaid`."""
    allowed = wallet.allowed(at=at, item=item)
    if wanted > allowed:
        message = f"{plain(wanted)} {wallet.unit} wanted, {plain(allowed)} can be spent"
        raise Conflict("not_enough_prepaid", message, at="amount", wanted=plain(wanted), spendable=plain(allowed))


@dataclass(frozen=True)
class Reserve:
    account: str
    amount: Decimal | None = None
    unit: str = ""
    item: str = ""
    quantity: Decimal | None = None  # of the item, in place of the amount: what it would cost
    contract: str = ""
    until: datetime | None = None
    reference: str = ""
    dimensions: Mapping[str, Any] = field(default_factory=dict)


def reserve(context: Context, args: Reserve) -> Decision:
    """Keep an amount, or the price of a quantity, free for a use that is to come."""
    state = _open(args.account)
    unit = args.unit or state.currency
    if (args.amount is None) == (args.quantity is None):
        raise Invalid("missing_field", "say either the amount, or the item and its quantity", at="amount")
    if args.quantity is not None:
        use = find_use(state, args.item, args.quantity, context.at, contract=args.contract, dimensions=args.dimensions)
        unit, amount = use.unit, max(ZERO, cost_of(state, use))
    else:
        assert args.amount is not None
        amount = amount_of(args.amount, unit, state.currency)
    if args.until is not None and args.until <= context.at:
        raise Invalid("out_of_range", f"it would have expired on {args.until:%Y-%m-%d %H:%M}", at="until")
    wallet = wallet_of(args.account, unit, state.currency)
    _check_allowed(wallet, amount, at=context.at, item=args.item)
    reservation = context.next_address(args.account)
    event = WalletReserved(
        account=args.account,
        reservation=reservation,
        unit=unit,
        amount=amount,
        item=args.item,
        expires=args.until,
        reference=args.reference,
    )
    return Decision([Draft(args.account, event, context.at)], {"reservation": reservation, "amount": plain(amount)})


def find_reservation(account: str, name: str) -> Reservation:
    """An open reservation by its id. Raises NotFound `unknown_reservation`: it may have been used, released, or have expired."""
    found = {one.id: one for wallet in load_wallets([account])[account].values() for one in wallet.reservations}
    if name not in found:
        raise NotFound(
            "unknown_reservation", f"the account has no open reservation {name!r}{suggestion(name, list(found))}", at="reservation"
        )
    return found[name]


def _ended(account: str, one: Reservation, outcome: str) -> ReservationEnded:
    return ReservationEnded(account=account, reservation=one.id, unit=one.unit, amount=one.amount, outcome=outcome)


@dataclass(frozen=True)
class Release:
    account: str
    reservation: str


def release(context: Context, args: Release) -> Decision:
    """Let go of what was reserved."""
    _open(args.account)
    one = find_reservation(args.account, args.reservation)
    return Decision([Draft(args.account, _ended(args.account, one, "released"), context.at)])


@dataclass(frozen=True)
class Commit:
    account: str
    quantity: Decimal
    item: str = ""
    unit: str = ""  # units to take, where no item is priced
    reservation: str = ""
    contract: str = ""
    id: str = ""  # of the usage record; "": the address of this commit
    dimensions: Mapping[str, Any] = field(default_factory=dict)


def commit(context: Context, args: Commit) -> Decision:
    """Use a quantity of an item and pay it at once, from what was reserved for it and what is free. Refused where that is not enough."""
    state = _open(args.account)
    one = find_reservation(args.account, args.reservation) if args.reservation else None
    drafts = [Draft(args.account, _ended(args.account, one, "committed"), context.at)] if one else []
    unit = args.unit or (one.unit if one and not args.item else "") or state.currency
    if unit != state.currency and not args.item:
        event = _units(context, state, args, unit, one)
        return Decision([*drafts, Draft(args.account, event, context.at)])
    item = args.item or (one.item if one else "")
    use = find_use(state, item, args.quantity, context.at, contract=args.contract, dimensions=args.dimensions)
    content = _content(context, args, use, args.id or context.next_address(args.account))
    taking = _Taking(context, state, content) if used_alone(state, use) else None
    charges = charges_of(state, use, then=taking)
    cost, wallet = total(charges), use.wallet()
    wallet = wallet.without(one.id) if one else wallet
    _check_allowed(wallet, cost, at=context.at, item=item)
    if taking is None or not taking.taken():
        _measure(context, content)
    elif _counts_at_once(charges):
        drafts += _charged(context, state, charges, wallet, after=len(drafts))
    else:
        taking.leave_to_tick()
    return Decision(drafts, {"record": content["id"], "cost": plain(cost)})


class _Taking:
    """The record of a use that moves nothing but its own item is taken in with the question what was used before it, in one trip; and with
    it what will be asked of the books, for it will be paid."""

    def __init__(self, context: Context, state: AccountState, content: Mapping[str, Any]) -> None:
        self._context, self._state = context, state
        self._record = read_plain(content, SOURCE, state.zone)
        self._answer: Callable[[], bool] | None = None

    def __call__(self) -> None:
        if self._record is not None:
            self._answer = take_counted(self._record, self._context.recorded_at)
            foresee_standing(self._state)
            periods.foresee(self._state.seller)

    def taken(self) -> bool:
        """False, and nothing was taken, where it is no plain use, or its key is known: `ingest` says what is wrong with it."""
        if self._answer is None:
            self()
        return self._answer is not None and self._answer()

    def leave_to_tick(self) -> None:
        assert self._record is not None
        leave_to_tick(self._record, self._context.at)
        forget(self._state.account)


def _counts_at_once(charges: Sequence[ChargeAccrued]) -> bool:
    """Whether the command can record what a tick would: more of one item, that a wallet pays. The rest is left to the tick."""
    return all(event.amount > 0 and event.invoice_when == WALLET for event in charges)


def _charged(context: Context, state: AccountState, charges: Sequence[ChargeAccrued], wallet: Wallet, *, after: int) -> list[Draft]:
    """The charges of the use, and what they draw on the wallet."""
    recorded = [
        Recorded(state.account, context.heads[state.account].sequence + 1 + after + i, event, context.at, context.recorded_at, "", "")
        for i, event in enumerate(charges)
    ]
    drawn = drawn_at_once(state, recorded, {wallet.unit: wallet}, policy())
    return [*(Draft(state.account, event, context.at) for event in charges), *drawn]


def _content(context: Context, args: Commit, use: Use, record: str) -> dict[str, Any]:
    """The usage record as its source would send it."""
    dimensions = {name: str(value) for name, value in args.dimensions.items()}
    subject = {"subject": use.dimensions["subject"]} if "subject" in use.dimensions else {}
    content = {"id": record, "account": args.account, "meter": use.source, "value": str(args.quantity), "at": use.at, **subject}
    return content | {"dimensions": dimensions}


def _measure(context: Context, content: Mapping[str, Any]) -> None:
    """Write the usage record: the clockwork counts it before this transaction ends. Raises what the door of usage refuses."""
    report = ingest([content], source=SOURCE, arrived_at=context.at, known_at=context.recorded_at)
    forget(content["account"])
    if report.rejected:
        raise Invalid("bad_usage", report.rejected[0].reason, at="quantity")
    if report.duplicates:
        raise Conflict("usage_known", f"the use {content['id']!r} was committed before", at="id")


def _units(context: Context, state: AccountState, args: Commit, unit: str, one: Reservation | None) -> UnitsConsumed:
    """Units leave their lots; the money that was paid for them is earned."""
    wallet = wallet_of(args.account, unit, state.currency)
    free = wallet.without(one.id) if one else wallet
    wanted = amount_of(args.quantity, unit, state.currency, at="quantity")
    item = one.item if one else ""
    _check_allowed(free, wanted, at=context.at, item=item)
    uses = burn(wallet.lots, wanted, at=context.at, item=item)
    if sum((use.amount for use in uses), ZERO) < wanted:
        raise Conflict("not_enough_prepaid", f"the lots do not hold {plain(wanted)} {unit}; units are not overdrawn", at="quantity")
    postings = paid_postings(uses, wallet.currency, against=ledgers.REVENUE_BY_CHARGE["usage"])
    return UnitsConsumed(
        account=args.account,
        unit=unit,
        currency=wallet.currency,
        uses=tuple(uses),
        entry=entry(context, state, postings),
        amount=wanted,
        item=item,
        reservation=args.reservation,
        reference=args.id,
    )


def _foresee(args: Any, guess: Known, *, contracts: bool = False) -> None:
    held = guess.get(args.account)
    loading.foresee(args.account, held, contracts=contracts)
    foresee_wallets(args.account, held)


_foresee_use = partial(_foresee, contracts=True)


COMMANDS = (
    Command("reserve", "Keep prepaid money or units free for a use that is to come", Reserve, reserve, account_stream, foresee=_foresee),
    Command("commit", "Use something and pay it from the wallet at once", Commit, commit, account_stream, foresee=_foresee_use),
    Command("release", "Let go of what was reserved", Release, release, account_stream, foresee=_foresee),
)
