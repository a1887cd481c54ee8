"""Races for wallets: transfers and readers, the last of the money, locks from both ends."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

from billing import bulk, journal
from billing.wallets.gate import can_use
from plans.errors import Refusal
from tests import prepaid
from tests.books import advance, do, moment, open_account, publish, use
from tests.drills.base import Drill, Tally, attempt, check, codes, deadlocks, race

NOON = moment("2026-01-02T12:00")

# --- F14: a bank of wallets ------------------------------------------------------------------------------------------------------------

WRITERS, READERS = 6, 2


def _bank(accounts: int, amount: str) -> list[str]:
    publish(prepaid.CATALOGUE)
    names = [f"bank{number}" for number in range(accounts)]
    for name in names:
        open_account(name)
        do("top_up", account=name, amount=amount)
    return names


def snapshot() -> tuple[Decimal, Decimal]:
    """What all wallets hold, and the least lot, as one statement sees them."""
    found: tuple[Decimal, Decimal] = bulk.fetch('SELECT sum("left"), min("left") FROM read_wallet_lot')[0]
    return found


def money_sent_round(count: int, random: Random) -> Tally:
    """`count` transfers by six writers, while two readers look as often as they can."""
    names = _bank(10, "10.00")
    seeds = [random.randrange(1 << 30) for _ in range(WRITERS)]
    writing = threading.Event()
    finished = threading.Semaphore(0)

    def act(number: int) -> Any:
        if number >= WRITERS:
            found, reads = set(), 0
            while not writing.is_set():
                found.add(snapshot())
                reads += 1
            return found, reads
        chance, sent = Random(seeds[number]), 0
        try:
            for _ in range(count // WRITERS):
                sender, receiver = chance.sample(names, 2)
                with suppress(Refusal):
                    do("transfer_wallet", NOON, account=sender, to=receiver, amount=f"{chance.randint(1, 600) / 100:.2f}")
                    sent += 1
        finally:
            finished.release()
            if number == 0:
                for _ in range(WRITERS):
                    finished.acquire()
                writing.set()
        return sent

    answers = race(WRITERS + READERS, act)
    tally = Tally(0, note=f"{sum(reads for _, reads in answers[WRITERS:])} reads")
    tally.injected = sum(answers[:WRITERS])
    seen = {one for found, _ in answers[WRITERS:] for one in found} | {snapshot()}
    tally.lost = len({total for total, _ in seen} - {Decimal(100)})
    if min(least for _, least in seen) < 0:
        tally.wrong.append("a wallet was below zero")
    if bulk.fetch("SELECT sum(amount) FROM read_balance WHERE ledger = 'transfer'") != [(Decimal(0),)]:
        tally.wrong.append("what was sent is not what was received")
    return check(tally, random)


def transfers_in_two_transactions(count: int, random: Random) -> Tally:
    """Take it off one wallet, commit, then put it on the other: a reader between finds too little."""
    del random
    names = _bank(2, "10.00")
    tally = Tally(count)
    for _ in range(count):
        between, read = threading.Event(), threading.Event()

        def act(number: int, between: threading.Event = between, read: threading.Event = read) -> Any:
            if number:
                between.wait(20)
                found = snapshot()
                read.set()
                return found
            do("refund_wallet", NOON, account=names[0], amount="1.00", channel="other")
            between.set()
            read.wait(20)
            return do("top_up", NOON, account=names[1], amount="1.00", channel="other")

        tally.lost += race(2, act)[1][0] != 20
    return tally


# --- F17: the last of a wallet -----------------------------------------------------------------------------------------------------------

DRAWERS = 50


def _drawn(account: str, answers: list[Any], tally: Tally) -> None:
    """33 times 3.00 fit into 100.00, and 1.00 is left."""
    left = bulk.fetch('SELECT coalesce(sum("left"), 0) FROM read_wallet_lot WHERE account = %s', [account])[0][0]
    owed = bulk.fetch("SELECT coalesce(sum(owed), 0) FROM read_wallet WHERE account = %s", [account])[0][0]
    served = codes(answers).count("Outcome")
    tally.doubles += max(served - 33, 0)
    tally.lost += max(33 - served, 0)
    if (left, owed) != (1, 0):
        tally.wrong.append(f"{left - owed:.2f} is left of 100.00 after {served} uses of 3.00")


def _phone(account: str, amount: str = "") -> None:
    open_account(account)
    do("subscribe", account=account, plan="phone")
    if amount:
        do("top_up", account=account, amount=amount)


def wallet_draw(count: int, random: Random) -> Tally:
    """Fifty who draw 3.00 from 100.00 at once; and fifty from a wallet that never was."""
    publish(prepaid.CATALOGUE)
    tally = Tally(count * DRAWERS)
    for number in range(count):
        account = f"drawn{number}"
        _phone(account, "100.00")
        draw = lambda _, account=account: do("commit", NOON, account=account, item="calls", quantity="3")  # noqa: E731
        _drawn(account, race(DRAWERS, draw), tally)
    _phone("never")
    none = codes(race(8, lambda _: do("commit", NOON, account="never", item="calls", quantity="3")))
    if none != ["not_enough_prepaid"] * 8:
        tally.wrong.append(f"a wallet that never was gave {none}")
    return check(tally, random)


def a_gate_before_the_lock(count: int, random: Random) -> Tally:
    """Ask whether there is enough, then record the use."""
    del random
    publish(prepaid.CATALOGUE)
    tally = Tally(count)
    _phone("gated", "100.00")
    do("commit", NOON, account="gated", item="calls", quantity="90")

    def draw(number: int) -> Any:
        if not can_use("gated", "calls", Decimal(3), at=NOON).allowed:
            return "refused"
        time.sleep(0.2)
        return use("gated", "seconds", arrived=NOON, records=[{"id": f"gate{number}", "at": NOON, "value": "3"}])

    served = [answer for answer in race(8, draw) if answer != "refused"]
    advance(NOON)
    tally.doubles = max(len(served) - 3, 0)
    return tally


# --- F19: locks from both ends -----------------------------------------------------------------------------------------------------------


def _both_ways(count: int, amount: str = "0.01") -> tuple[list[Any], list[float]]:
    """Two senders each way between two accounts; answers what came of it and how long each took (seconds)."""
    names = _bank(2, "100.00")
    taken: list[float] = []

    def act(number: int) -> list[Any]:
        sender, receiver = names if number % 2 else names[::-1]
        answers = []
        for _ in range(count // 4):
            began = time.perf_counter()
            answers.append(attempt(lambda: do("transfer_wallet", NOON, account=sender, to=receiver, amount=amount)))
            taken.append(time.perf_counter() - began)
        return answers

    return [answer for answers in race(4, act) for answer in answers], sorted(taken)


def _without_deadlock(answers: list[Any], before: int) -> Tally:
    tally = Tally(len(answers), lost=len(answers) - codes(answers).count("Outcome"))
    time.sleep(0.2)
    if happened := deadlocks() - before:
        tally.wrong.append(f"{happened} deadlocks")
    return tally


def locks_from_both_ends(count: int, random: Random) -> Tally:
    before = deadlocks()
    answers, taken = _both_ways(count)
    tally = _without_deadlock(answers, before)
    tally.note = f"99 % within {taken[int(len(taken) * 0.99)] * 1000:.0f} ms"
    return check(tally, random)


def locks_in_the_order_of_the_question(count: int, random: Random) -> Tally:
    """Each stream as it is named, one after the other. The database breaks the circle, and the engine tries again: slow, not wrong."""
    del random
    real = journal.lock

    def one_by_one(streams: Any, **given: Any) -> dict[str, journal.Head]:
        found: dict[str, journal.Head] = {}
        for stream in streams:
            found |= real([stream], **given)
            time.sleep(0.05)
        return found

    before = deadlocks()
    with patch("billing.journal.lock", one_by_one):
        answers, _ = _both_ways(count)
    return _without_deadlock(answers, before)


DRILLS = (
    Drill(
        "F14",
        "transfers between 10 wallets, readers beside",
        money_sent_round,
        "in two transactions",
        transfers_in_two_transactions,
        36,
        5_000,
        wrong_count=1,
    ),
    Drill("F17", "50 at once draw 3.00 from 100.00", wallet_draw, "the gate asked before the lock", a_gate_before_the_lock, 1, 20),
    Drill(
        "F19",
        "A→B and B→A at once",
        locks_from_both_ends,
        "locked in the order named",
        locks_in_the_order_of_the_question,
        16,
        10_000,
        wrong_count=4,
    ),
)
