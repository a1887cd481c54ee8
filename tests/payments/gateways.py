"""What the tests of gateways share: an account with a card, and what the two sides, ours and the gateway's, say of its money."""

from __future__ import annotations

from typing import Any

from billing import bulk, delivery
from tests.books import CATALOGUE, advance, do, moment, open_account, publish

RETRIED = (
    CATALOGUE
    + """\
dunning:
  cards:
    retries: {soft: [1, 3, 6], confirmation: [2]}
"""
)


def with_card(words: str = "approve", *, account: str = "ana", mode: str = "automatic", at: str = "2026-01-01") -> str:
    """Keep a test card for an account that has an invoice of 24.14, due on 15 January; answers the method's id."""
    method = do("add_method", at, account=account, gateway_token=f"sandbox:{words}").made["method"]
    do("set_collection", at, account=account, mode=mode)
    return str(method)


def subscribed(account: str = "ana") -> None:
    publish()
    open_account(account)
    do("subscribe", account=account, plan="basic")


def live(until: str) -> None:
    """Let the clockwork and the deliveries run, moment by moment, as the beats do."""
    when = moment(until)
    for _ in range(200):
        from_clockwork = next_moment(when)
        from_effects = delivery.next_due(until=when)
        moments = [one for one in (from_clockwork, from_effects) if one is not None]
        if not moments:
            return
        advance(min(moments))
        delivery.deliver(until=min(moments), known_at=min(moments))
    raise AssertionError("it does not come to rest")


def next_moment(until: Any) -> Any:
    return bulk.fetch("SELECT min(at) FROM due WHERE at <= %s", [until])[0][0]


def collections(account: str = "ana") -> list[tuple[str, ...]]:
    """(amount, status, decline, attempt, trigger) of each collection, in order."""
    statement = "SELECT amount, status, decline, attempt, trigger FROM read_collection WHERE account = %s ORDER BY sequence"
    return [(f"{row[0]:.2f}", row[1], row[2], str(row[3]), row[4]) for row in bulk.fetch(statement, [account])]


def kinds(
    prefixes: tuple[str, ...] = ("collection", "payment", "refund", "dispute", "payout", "method"), account: str = "ana"
) -> list[str]:
    rows = bulk.fetch("SELECT kind FROM journal WHERE stream = %s ORDER BY sequence", [account])
    return [kind for (kind,) in rows if kind.partition(".")[0] in prefixes]


def taken(account: str = "ana") -> dict[str, str]:
    """What the sandbox has and what our books have: they must be the same."""
    final = "CASE WHEN turns_at IS NULL THEN state ELSE turns_to END"
    sandbox = "SELECT coalesce(sum(CASE kind WHEN 'charge' THEN amount ELSE -amount END), 0) FROM sandbox_operation"
    (theirs,) = bulk.fetch(f"{sandbox} WHERE account = %s AND kind <> 'checkout' AND {final} = 'succeeded'", [account])[0]
    (ours,) = bulk.fetch("SELECT coalesce(sum(amount), 0) FROM read_balance WHERE account = %s AND ledger = 'cash:sandbox'", [account])[0]
    return {"theirs": f"{theirs:.2f}", "ours": f"{ours:.2f}"}


def charges(account: str = "ana") -> int:
    return int(bulk.fetch("SELECT count(*) FROM sandbox_operation WHERE account = %s AND kind = 'charge'", [account])[0][0])
