"""After a command: what its events moved of an account, and whether the schedule of the account stands as it was.

Most commands move little. Where none of their events touches what periods and documents follow from, only the works that look at what
moved are asked when they are next due; a `due` that is too early wakes the clockwork for nothing, one that is too late never is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from billing import bulk
from billing.bill_times import bill_at, invoice_policy
from billing.events import ChargeAccrued, SaleMade, TermsSet, WalletDrawn
from billing.folding import add_standing, sold_charge
from billing.journal import Recorded
from billing.loading import load, policy
from billing.state import AccountState
from billing.stored import Known, remembering
from billing.wallets.folding import WALLETS, after
from billing.works import BESIDE, MARKS, find_held, works


def moved_by(events: Sequence[Recorded]) -> frozenset[str] | None:
    """The parts of accounts that the events moved; None: perhaps any. A kind says it for itself, not for those made of it."""
    found: set[str] = set()
    charged = {recorded.address for recorded in events if isinstance(recorded.event, ChargeAccrued)}
    drawn = {address for recorded in events if isinstance(recorded.event, WalletDrawn) for address in recorded.event.charges}
    for recorded in events:
        event = recorded.event
        moves: frozenset[str] | None = vars(type(event)).get("moves")
        if recorded.address in drawn:
            moves = frozenset({"standing"})  # a charge that a wallet paid in the same breath was on no list of what is open
        elif isinstance(event, WalletDrawn) and charged.issuperset(event.charges):
            moves = frozenset({"wallets"})
        if moves is None:
            return None
        found |= moves if getattr(event, "allocations", True) else moves - {"open_invoices"}
    return frozenset(found)


def let_go(known: Known, events: Sequence[Recorded]) -> None:
    """Forget of what was read of the accounts what the events moved."""
    moves = moved_by(events)
    if moves is None:
        known.clear()
        return
    for account, held in known.items():
        own = [recorded for recorded in events if recorded.stream == account]
        for state in held.states.values():
            state.drop(moves - STANDING if _stands(state, own) else moves)
        for name in moves & held.facts.keys():
            fact = held.facts.pop(name)
            if name == WALLETS and (wallets := after(fact, own)) is not None:
                held.facts[name] = wallets


STANDING = frozenset({"standing"})


def _stands(state: AccountState, events: Sequence[Recorded]) -> bool:
    """Whether what stands was brought up to date: where nothing but charges of loaded periods moved it."""
    if not vars(state).keys() >= STANDING or any(isinstance(recorded.event, TermsSet) for recorded in events):
        return False
    charges = [recorded.event for recorded in events if isinstance(recorded.event, ChargeAccrued)]
    loaded = {(row.contract, row.item, row.start) for row in state.periods}
    if any((event.key.contract, event.key.item, event.key.period_start) not in loaded for event in charges):
        return False
    for event in charges:
        add_standing(state, event)
    return True


def needing(accounts: Collection[str], events: Sequence[Recorded], *, until: datetime, known: Known | None) -> list[str]:
    """The accounts whose schedule must be looked at anew after the events; that of the others stands, or was brought forward here."""
    sales = [recorded for recorded in events if type(recorded.event) is SaleMade]
    moves = moved_by([recorded for recorded in events if recorded not in sales])
    if moves is None or not moves <= BESIDE:
        return list(accounts)
    asking = tuple(position for position, work in enumerate(works()) if work.looks_at & moves)
    held = _told(accounts, asking, known or {})
    if held is None:
        held = find_held(list(accounts), asking, marks_until=until)
    waiting = held.pop(MARKS, set())
    found = []
    with remembering(known):
        for account in accounts:
            moments = _sold_until(account, [recorded for recorded in sales if recorded.stream == account])
            if account in waiting or moments is None or _comes_up(account, [*moments, *_asked(account, asking, held)], until):
                found.append(account)
    return found


def _told(accounts: Collection[str], asking: Sequence[int], known: Known) -> dict[int, set[str]] | None:
    """As `find_held`, by what is known of the accounts; None where that does not say all. No use waits that the command took in: nothing
    would be known of the account."""
    found: dict[int, set[str]] = {}
    for account in accounts:
        held = known.get(account)
        if held is None:
            return None
        for position in asking:
            holds = works()[position].told(held.facts)
            if holds is None:
                return None
            if holds:
                found.setdefault(position, set()).add(account)
    return found


def _sold_until(account: str, sales: Sequence[Recorded]) -> list[datetime] | None:
    """When the sales go on a document; None where that is now, or what else is open decides it too."""
    found = []
    for recorded in sales:
        event: Any = recorded.event
        state, rules = load([account])[account], policy()
        charge = sold_charge(recorded, event)
        rule = invoice_policy(state, rules, charge)
        if event.invoice_when in ("now", "wallet") or rule.threshold is not None or rule.thresholds:
            return None
        moment = bill_at(state, rules, charge)
        found += [] if moment is None else [moment]
    return found


def _asked(account: str, asking: Sequence[int], held: Mapping[int, set[str]]) -> list[datetime]:
    """When the works that look at what moved are next due for the account."""
    if not asking:
        return []
    states, rules, moments = load([account]), policy(), []
    for position in asking:
        work = works()[position]
        if account in held.get(position, ()) or work.concerns(states[account], rules):
            work.load(states)
            moments.append(work.next_moment(states[account], rules))
    return [moment for moment in moments if moment is not None]


def _comes_up(account: str, moments: Sequence[datetime], until: datetime) -> bool:
    """Whether something is due; else the clockwork comes back when the first of it is."""
    first = min(moments, default=None)
    if first is None:
        return False
    if first <= until or load([account])[account].status == "parked":
        return True
    bulk.execute(
        "INSERT INTO due (account, at) SELECT account, at FROM {rows} "
        "ON CONFLICT (account) DO UPDATE SET at = excluded.at WHERE due.at > excluded.at",
        {"account": ("text", [account]), "at": ("timestamptz", [first])},
    )
    return False
