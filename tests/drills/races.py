"""Races for the same money: refunds, wallets, two actors on one account, and locks taken from both ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from django.db import transaction

from billing import bulk, clockwork, journal
from billing.engine import Stamp, record
from billing.journal import Draft
from plans.errors import Refusal
from tests.bench import world
from tests.books import do, moment, open_account, publish
from tests.drills.base import Drill, Tally, as_owner, attempt, check, codes, race

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
    def look(streams: Any, **_: Any) -> dict[str, journal.Head]:
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


DRILLS = (
    Drill(
        "F12",
        "8 refunds of 60 % of one payment at once",
        racing_refunds,
        "looked up before the lock, without the CHECK",
        refunds_looked_up_before_the_lock,
        2,
        1_000,
        wrong_count=2,
    ),
    Drill(
        "F13",
        "2 actors on one account, random acts",
        random_schedules,
        "no lock on the stream",
        schedules_without_a_lock,
        4,
        1_000,
        wrong_count=2,
    ),
)
