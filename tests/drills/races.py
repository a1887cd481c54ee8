"""Races for the same money: refunds, wallets, two actors on one account, and locks taken from both ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any
from unittest.mock import patch

from django.db import transaction

from billing import bulk, clockwork, journal
from billing.engine import Stamp, record
from billing.journal import Draft
from billing.wallets.gate import can_use
from plans.errors import Refusal
from tests import prepaid
from tests.bench import world
from tests.books import advance, do, moment, open_account, publish, use
from tests.drills.base import Drill, Tally, as_owner, attempt, check, codes, deadlocks, race

NOON = moment("2026-01-02T12:00")

# --- F12: who gets the rest of a payment ---------------------------------------------------------------------------------------------


def careless(preview: Callable[[], Any], *, wait: float = 0.3) -> Any:
    """The wrong way: decide by what stands before the lock, then lock and record what was decided."""
    decided = preview()
    time.sleep(wait)
    with transaction.atomic():
        streams = list(dict.fromkeys(recorded.stream for recorded in decided.events))
        heads = journal.lock(streams)
        drafts = [Draft(recorded.stream, recorded.event, recorded.effective_at) for recorded in decided.events]
        return record(_renamed(drafts, heads), heads=heads, stamp=Stamp("careless", "careless", journal.database_time()))


def _renamed(drafts: list[Draft], heads: dict[str, journal.Head]) -> list[Draft]:
    """New things get the address that they will have, so that only the decision is stale."""
    found, next_sequence = [], {stream: head.sequence for stream, head in heads.items()}
    refund = ""
    for draft in drafts:
        next_sequence[draft.stream] += 1
        event: Any = draft.event
        if event.kind == "refund.requested":
            refund = f"{draft.stream}/{next_sequence[draft.stream]}"
        if hasattr(event, "refund"):
            event = replace(event, refund=refund)
        found.append(replace(draft, event=event))
    return found


def refund(account: str, **given: Any) -> Any:
    return do("refund", "2026-01-03", account=account, payment="1", amount="60.00", **given)


def hundred(account: str) -> None:
    """An account with a payment of 100.00 that pays nothing yet."""
    open_account(account)
    do("pay", "2026-01-02", account=account, amount="100.00")


def _raced(names: list[str], racers: int, action: Callable[[str], Any]) -> list[Any]:
    """Every racer goes for each payment, all at the same moment."""
    gate = threading.Barrier(racers)

    def act(_: int) -> list[Any]:
        answers = []
        for name in names:
            gate.wait(60)
            answers.append(attempt(lambda name=name: action(name)))  # type: ignore[misc]
        return answers

    return [answer for answers in race(racers, act) for answer in answers]


def _refunded(names: list[str]) -> Tally:
    """Of each payment of 100.00, 60.00 may go back once."""
    counted = dict(bulk.fetch("SELECT account, count(*) FROM read_refund GROUP BY 1"))
    doubles = sum(max(counted.get(name, 0) - 1, 0) for name in names)
    tally = Tally(len(names), doubles, sum(name not in counted for name in names))
    over = bulk.fetch("SELECT payment, refunded FROM read_payment WHERE refunded > amount ORDER BY payment")
    tally.wrong = [f"{refunded:.2f} of 100.00 of {payment} went back" for payment, refunded in over]
    return tally


def racing_refunds(count: int, random: Random) -> Tally:
    names = [f"p{number}" for number in range(count)]
    for name in names:
        hundred(name)
    answers = _raced(names, 8, refund)
    tally = check(_refunded(names), random)
    tally.note = ", ".join(f"{codes(answers).count(code)} {code}" for code in sorted(set(codes(answers))))
    return tally


def refunds_looked_up_before_the_lock(count: int, random: Random) -> Tally:
    """And the last nets of the database taken away, each of which would stop them alone."""
    as_owner("ALTER TABLE read_payment DROP CONSTRAINT payment_refunded_at_most_paid")
    as_owner("ALTER TABLE read_balance DROP CONSTRAINT balance_of_others_money_never_overdrawn")
    names = [f"w{number}" for number in range(count)]
    for name in names:
        hundred(name)
    _raced(names, 4, lambda name: careless(lambda: refund(name, dry_run=True), wait=0.1))
    return _refunded(names)


# --- F13: two actors on one account --------------------------------------------------------------------------------------------------

Act = tuple[str, Mapping[str, str]]
ACTS: tuple[Act, ...] = (
    ("pay", {"amount": "24.14"}),
    ("pay", {"amount": "10.00", "invoices": "1"}),
    ("credit_note", {"invoice": "1", "reason": "x"}),
    ("void", {"invoice": "1", "reason": "x"}),
    ("change_plan", {"plan": "pro"}),
    ("cancel", {}),
    ("sell", {"item": "ticket"}),
    ("adjust", {"amount": "1.00", "reason": "x"}),
    ("run", {}),
)


def _do(account: str, act: Act) -> str:
    name, given = act
    if name == "run":
        clockwork.run(until=moment("2026-01-10"), actor="beat")
        return "Outcome"
    arguments: dict[str, Any] = {key: [value] if key == "invoices" else value for key, value in given.items()}
    answer = attempt(lambda: do(name, "2026-01-10", account=account, **arguments))
    return answer.code if isinstance(answer, Refusal) else type(answer).__name__


def _state(account: str) -> list[Any]:
    """What stands of the account, without its name and without numbers and addresses."""
    return [
        bulk.fetch("SELECT ledger, currency, amount FROM read_balance WHERE account = %s AND amount <> 0 ORDER BY 1, 2", [account]),
        bulk.fetch("SELECT document, total, open, status FROM read_invoice WHERE account = %s ORDER BY 1, 2, 3, 4", [account]),
        bulk.fetch("SELECT status FROM read_contract WHERE account = %s ORDER BY 1", [account]),
        bulk.fetch("SELECT item, component, sum(amount) FROM read_charge WHERE account = %s GROUP BY 1, 2 ORDER BY 1, 2", [account]),
    ]


def _schedules(count: int, random: Random, prefix: str) -> Tally:
    """Each pair of acts raced on one account, and played in both orders on twins: the race must have come out as one of the orders."""
    publish()
    racing = world.sign(f"{prefix}r", count, "basic", catalogue="test")
    orders = [world.sign(f"{prefix}{order}", count, "basic", catalogue="test") for order in "st"]
    tally = Tally(count)
    seen: set[bool] = set()
    for number in range(count):
        acts = [random.choice(ACTS), random.choice(ACTS)]
        answers = race(2, lambda which, number=number, acts=acts: _do(racing[number], acts[which]))  # type: ignore[misc]
        raced = (answers, _state(racing[number]))
        possible = []
        for order, twin in zip(((0, 1), (1, 0)), orders, strict=True):
            said = {which: _do(twin[number], acts[which]) for which in order}
            possible.append(([said[0], said[1]], _state(twin[number])))
        if raced not in possible:
            tally.wrong.append(f"{acts[0][0]} and {acts[1][0]} came out as no order of them: {answers}")
        seen.add(possible[0] != possible[1])
    tally.note = "orders that differ and orders that do not" if len(seen) == 2 else ""
    return tally


def random_schedules(count: int, random: Random) -> Tally:
    return check(_schedules(count, random, "x"), random)


def schedules_without_a_lock(count: int, random: Random) -> Tally:
    def look(streams: Any, *, create: bool = True, skip_locked: bool = False) -> dict[str, journal.Head]:
        del create, skip_locked
        rows = bulk.fetch("SELECT id, last_sequence, last_hash FROM stream WHERE id = ANY(%s)", [list(streams)])
        time.sleep(0.05)
        return {stream: journal.Head(sequence=sequence, hash=bytes(digest)) for stream, sequence, digest in rows}

    pay: tuple[Act, ...] = (("adjust", {"amount": "1.00", "reason": "x"}), ("pay", {"amount": "24.14"}))
    publish()
    accounts = world.sign("y", count, "basic", catalogue="test")
    tally = Tally(count)
    with patch("billing.journal.lock", look):
        for account in accounts:
            answers = race(2, lambda which, account=account: _do(account, pay[which]))  # type: ignore[misc]
            if answers != ["Outcome", "Outcome"]:
                tally.wrong.append(f"two that go together in either order: {answers}")
    return tally


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
        "F12",
        "8 refunds of 60 % of one payment at once",
        racing_refunds,
        "looked up before the lock, without the CHECK",
        refunds_looked_up_before_the_lock,
        3,
        1_000,
    ),
    Drill("F13", "2 actors on one account, random acts", random_schedules, "no lock on the stream", schedules_without_a_lock, 6, 1_000),
    Drill(
        "F14",
        "transfers between 10 wallets, readers beside",
        money_sent_round,
        "in two transactions",
        transfers_in_two_transactions,
        60,
        5_000,
    ),
    Drill("F17", "50 at once draw 3.00 from 100.00", wallet_draw, "the gate asked before the lock", a_gate_before_the_lock, 1, 20),
    Drill(
        "F19", "A→B and B→A at once", locks_from_both_ends, "locked in the order named", locks_in_the_order_of_the_question, 40, 10_000, 8
    ),
)
