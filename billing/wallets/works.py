"""What falls due in wallets: charges that draw on them; then what expires, debts that new lots pay, and wallets that run low."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from billing import ledgers
from billing.commands.common import seller_zone
from billing.events import (
    ChargeAccrued,
    Entry,
    LotUse,
    Posting,
    ReservationEnded,
    Rolled,
    WalletDrawn,
    WalletExpired,
    WalletLow,
    WalletSettled,
)
from billing.folding import accrued_charge
from billing.journal import Draft, Head, Recorded
from billing.state import AccountState, OpenCharge
from billing.terms import Policy, item_of
from billing.wallets.entries import paid_postings, use_postings
from billing.wallets.folding import WALLETS
from billing.wallets.loading import UseKey, Wallets, load_lots, load_settled, load_uses, load_wallets
from billing.wallets.lots import OWED, Lot, Wallet, burn, draw, draw_back, rolled_over, use_of
from billing.works import CLOSING, HOLDS, Work
from plans.catalogue import Item
from plans.money import DECIMALS
from plans.periods import local_date, parse_period

FACT = WALLETS
WALLET = "wallet"  # `invoice_when` of a charge that a wallet pays
ZERO = Decimal(0)
Drafts = dict[str, list[Draft]]


def entry_on(state: AccountState, moment: datetime, postings: tuple[Posting, ...]) -> Entry:
    return Entry(accounting_date=local_date(moment, seller_zone(state)), postings=postings, seller=state.seller)


class Drawing(Work):
    """Charges that a wallet pays are drawn at the very moment at which they accrue."""

    rank = CLOSING
    moved_by: ClassVar = {ChargeAccrued: lambda event: event.invoice_when == WALLET}
    looks_at = frozenset[str]()

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return bool(state.open_charges) and any(charge.invoice_when == WALLET for charge in state.open_charges)

    def load(self, states: Mapping[str, AccountState]) -> None:
        """The charges are in the state already; wallets are read when something is drawn."""

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((charge.effective_at for charge in state.open_charges if charge.invoice_when == WALLET), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> Drafts:
        del heads
        groups = {account: _groups(states[account], moment) for account, moment in moments.items()}
        past = _Past(groups)
        wallets = load_wallets(list(moments))
        return {
            account: list(_drawn(states[account], moments[account], groups[account], wallets[account], past, policy)) for account in moments
        }


def drawn_at_once(state: AccountState, charges: Sequence[Recorded], wallets: Wallets, policy: Policy) -> list[Draft]:
    """What the charges, more than before and recorded at one moment, draw: as the work finds it right after them."""
    groups: Groups = {}
    for recorded in charges:
        event: Any = recorded.event
        groups.setdefault((state.account, event.key.contract, event.key.item, event.key.period_start), []).append(
            accrued_charge(recorded, event)
        )
    return list(_drawn(state, charges[0].effective_at, groups, wallets, _Past({}), policy)) if charges else []


Groups = dict[UseKey, list[OpenCharge]]


def _groups(state: AccountState, moment: datetime) -> Groups:
    """The charges to draw now, by contract, item and period: one drawdown each."""
    found: Groups = {}
    for charge in state.open_charges:
        if charge.invoice_when == WALLET and charge.effective_at <= moment:
            start = charge.period_start or charge.effective_at
            found.setdefault((state.account, charge.contract, charge.item, start), []).append(charge)
    return found


def _sum(charges: Sequence[OpenCharge]) -> Decimal:
    return sum((charge.amount for charge in charges), ZERO)


class _Past:
    """The uses and lots behind the groups that come to less than before."""

    def __init__(self, groups: Mapping[str, Groups]) -> None:
        less = {key: charges for found in groups.values() for key, charges in found.items() if _sum(charges) < 0}
        self.uses = load_uses(list(less)) if less else {}
        units: dict[str, set[str]] = {}
        for key, charges in less.items():
            units.setdefault(key[0], set()).add(charges[0].currency)
        self.settled = load_settled(list(units), units) if units else {}
        names = {use.lot for uses in (*self.uses.values(), *self.settled.values()) for use in uses if use.lot}
        self.lots: dict[str, Lot] = load_lots(names) if names else {}


def _drawn(state: AccountState, moment: datetime, groups: Groups, wallets: Wallets, past: _Past, policy: Policy) -> Iterator[Draft]:
    for key, charges in groups.items():
        _, contract, item, start = key
        unit, amount = charges[0].currency, _sum(charges)
        wallet = wallets.get(unit) or Wallet(unit, currency_of(state, contract, unit))
        if amount < 0:
            lots = past.lots | {lot.id: lot for lot in wallet.lots}
            uses = draw_back(wallet, -amount, past.uses[key], past.settled[state.account, unit], lots)
            known = {lot.id for lot in wallet.lots}
            wallet = replace(wallet, lots=(*wallet.lots, *(lots[u.lot] for u in uses if u.lot and u.lot not in known)))
        else:
            held = _item(state, policy, charges[0])
            uses = draw(wallet, amount, at=moment, item=item, beyond=held.beyond if held else OWED) if amount else []
        wallets[unit] = wallet.after(uses)
        event = WalletDrawn(
            account=state.account,
            unit=unit,
            currency=wallet.currency,
            contract=contract,
            item=item,
            period_start=start,
            amount=amount,
            charges=tuple(charge.address for charge in charges),
            uses=tuple(uses),
            entry=entry_on(state, moment, use_postings(uses, wallet, revenue=_revenue(state, policy, charges[0]))),
        )
        yield Draft(state.account, event, moment, charges[0].address)


def currency_of(state: AccountState, contract: str, unit: str) -> str:
    """The currency in which a wallet of these units counts what was paid for them."""
    held = state.contracts.get(contract)
    return unit if unit in DECIMALS else held.currency if held else state.currency


def _item(state: AccountState, policy: Policy, charge: OpenCharge) -> Item | None:
    contract = state.contracts.get(charge.contract)
    return item_of(policy, contract.terms_at(charge.effective_at).terms, charge.item) if contract else None


def _revenue(state: AccountState, policy: Policy, charge: OpenCharge) -> str:
    item = _item(state, policy, charge)
    return item.ledger if item else ""


# --- what expires, and what follows -------------------------------------------------------------------------------------------------


class Keeping(Work):
    """Reservations and lots expire; a new lot pays what was owed; a wallet below its threshold asks for a top-up. In this order."""

    rank = HOLDS
    holders = "SELECT account FROM read_wallet WHERE account = ANY(%(accounts)s)"
    looks_at = frozenset({"wallets", "open_invoices"})  # the latter for the work that pays documents: it reads what is loaded here

    def told(self, facts: Mapping[str, Any]) -> bool | None:
        return bool(facts[FACT]) if FACT in facts else None

    def load(self, states: Mapping[str, AccountState]) -> None:
        wallets = load_wallets(list(states))
        for account, state in states.items():
            state.facts[FACT] = wallets[account]

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        wallets: Wallets = state.facts[FACT]
        return min((moment for wallet in wallets.values() for moment in _moments(wallet)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> Drafts:
        del policy, heads
        return {account: list(_kept(states[account], moment)) for account, moment in moments.items()}


def _moments(wallet: Wallet) -> Iterator[datetime]:
    yield from (one.expires for one in wallet.reservations if one.expires)
    yield from (moment for lot in wallet.lots if lot.left and (moment := ends_at(lot)))
    if wallet.owed > 0:
        yield from (pays_at for lot in wallet.lots if (pays_at := _pays_from(lot)))
    if low_amount(wallet) is not None and wallet.changed_at is not None:
        yield max(wallet.changed_at, wallet.ask_from or wallet.changed_at)


def ends_at(lot: Lot) -> datetime | None:
    """When what is left is lost: at its expiry; or, opened again after it, at once."""
    return max(lot.expires, lot.changed_at or lot.expires) if lot.expires else None


def _pays_from(lot: Lot) -> datetime | None:
    """From when a lot pays what was owed: one for all items, once it can be used."""
    if lot.items:
        return None
    moment = max(lot.start, lot.changed_at or lot.start)
    return moment if lot.holds_at(moment) else None


def low_amount(wallet: Wallet) -> Decimal | None:
    """The top-up that a wallet below its threshold asks for, once; None where there is nothing to ask."""
    if wallet.threshold is None or wallet.asked or wallet.changed_at is None:
        return None
    spendable = wallet.spendable(at=wallet.changed_at)
    missing = (wallet.top_up_to or wallet.threshold) - spendable
    return None if spendable >= wallet.threshold else max(missing, wallet.top_up_least or ZERO)


def _kept(state: AccountState, moment: datetime) -> Iterator[Draft]:
    wallets: Wallets = state.facts[FACT]
    for unit, wallet in wallets.items():
        events, after = _wallet_events(state, wallet, moment)
        wallets[unit] = after
        yield from (Draft(state.account, event, moment) for event in events)


def _wallet_events(state: AccountState, wallet: Wallet, moment: datetime) -> tuple[list[Any], Wallet]:
    events: list[Any] = []
    for one in wallet.reservations:
        if one.expires and one.expires <= moment:
            wallet = wallet.without(one.id)
            events.append(ReservationEnded(account=state.account, reservation=one.id, unit=one.unit, amount=one.amount, outcome="expired"))
    ended = [lot for lot in wallet.lots if lot.left and (end := ends_at(lot)) and end <= moment]
    if ended:
        expired = expiry(state, ended, moment)
        wallet = wallet.after(expired.uses)
        events.append(expired)
    if wallet.owed > 0:
        uses = burn((lot for lot in wallet.lots if not lot.items and lot not in ended), wallet.owed, at=moment, debt=True)
        if uses:
            wallet = wallet.after(uses)
            events.append(_settled(state, wallet, uses, moment))
    if not events and (asked := low_amount(wallet)) is not None and wallet.threshold is not None:
        spendable = wallet.spendable(at=moment)
        told = {"spendable": spendable, "threshold": wallet.threshold, "amount": asked}
        events.append(WalletLow(account=state.account, unit=wallet.unit, currency=wallet.currency, **told))
    return events, wallet


def expiry(state: AccountState, lots: Sequence[Lot], moment: datetime) -> WalletExpired:
    """What is left of the lots is lost, save what rolls over."""
    lives = {lot.id: rolled_over(lot) for lot in lots}
    uses = tuple(use_of(lot, lost) for lot in lots if (lost := lot.left - lives[lot.id]))
    rolled = tuple(
        Rolled(
            lot=lot.id,
            amount=lives[lot.id],
            expires=parse_period(lot.rollover_for, "rollover_for").after(ends_at(lot) or moment, state.zone),
        )
        for lot in lots
        if lives[lot.id]
    )
    unit, currency = lots[0].unit, lots[0].currency
    postings = paid_postings(uses, currency, against=ledgers.BREAKAGE)
    return WalletExpired(
        account=state.account,
        unit=unit,
        currency=currency,
        uses=uses,
        entry=entry_on(state, moment, postings),
        cause="expired",
        reason="",
        rolled=rolled,
    )


def _settled(state: AccountState, wallet: Wallet, uses: Sequence[LotUse], moment: datetime) -> WalletSettled:
    return WalletSettled(
        account=state.account,
        unit=wallet.unit,
        currency=wallet.currency,
        uses=tuple(uses),
        entry=entry_on(state, moment, use_postings(uses, wallet)),
        amount=sum((use.amount for use in uses), ZERO),
    )


drawing, keeping = Drawing(), Keeping()
