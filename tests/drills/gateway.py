"""A payment gateway through what happens to us and to its webhooks: kills and stops between any two steps, storms, orders, old signatures.

The steps of one charge: the request is recorded · the effect is claimed · the gateway has charged · its answer is here · the answer is
recorded · the effect is settled.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from billing import bulk, clockwork, delivery, journal
from billing.delivery import Done
from billing.engine import Request
from payments import calling
from payments.gateways.base import Answer
from payments.gateways.sandbox import SandboxGateway
from tests.books import do, moment, open_account, publish
from tests.drills.base import Drill, Tally, buried, check, child, die
from tests.payments.gateways import charges, collections, kinds, live, taken, with_card

AT = "2026-01-02"
STEPS = ("claimed", "charged", "answered", "recorded", "settled")


def halt(*given: Any, **named: Any) -> None:
    """As a machine that sleeps: the process stops, and goes on where it was when it is woken."""
    os.kill(os.getpid(), signal.SIGSTOP)


def then(happens: Callable[[], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, and the first time that it is called it happens right after."""
    pending = [happens]

    def call(*given: Any, **named: Any) -> Any:
        answer = function(*given, **named)
        if pending:
            pending.pop()()
        return answer

    return call


def doomed(step: str, happens: Callable[[], Any] = die) -> None:
    """Only in the process to which it is to happen: right after the step, or in a wrong variant."""
    if step == "intended":
        journal.append = then(happens, journal.append)
    elif step == "claimed":
        delivery.claim = then(happens, delivery.claim)
    elif step == "asked":
        calling.execute = then(happens, calling.execute)
    elif step == "charged":
        SandboxGateway._did = then(happens, SandboxGateway._did)  # type: ignore[method-assign]
    elif step == "answered":
        calling.ask = then(happens, calling.ask)
    elif step == "recorded":
        calling.run = then(happens, calling.run)
    elif step == "settled":
        delivery.settle = then(happens, delivery.settle)
    elif step == "wrong: settled, not yet charged":
        SandboxGateway.charge = lambda self, asked: Answer("succeeded", "early", asked.amount, asked.currency)  # type: ignore[method-assign]
        calling.run = then(happens, calling.run)


def asked_anew(effect: Any) -> Any:
    """The wrong variant: the effect's id is no key, and nobody looks what is under way."""
    calling.execute(Request("collect_top_up", {"account": effect.account, "amount": effect.payload["amount"]}, effect.at, "gateway"))
    return Done()


def careless(gateway: Any, sort: str, call: Any, asked: Any, effect: delivery.OwedEffect) -> Any:
    """The wrong variant: a new key for each attempt, and nobody asks what happened to the last one."""
    del gateway, sort
    return call(replace(asked, key=f"{asked.key}/{effect.attempt}"))


def deliver_now() -> None:
    delivery.deliver(until=moment(AT), known_at=moment(AT))


def lease_over() -> None:
    bulk.fetch("UPDATE effect SET leased_until = clock_timestamp() - interval '1 second' WHERE state = 'claimed' RETURNING id")


def killed_after(step: str) -> None:
    """Deliver in a process of its own that dies after the step; then its lease runs out."""

    def work() -> None:
        doomed(step)
        deliver_now()

    assert buried(child(work)) == signal.SIGKILL
    lease_over()


def customer(account: str, words: str = "approve") -> None:
    """An account with a card and an invoice of 24.14, which nobody has collected yet."""
    open_account(account)
    do("subscribe", account=account, plan="basic")
    with_card(words, account=account, mode="manual")


def outcome(account: str = "ana") -> dict[str, Any]:
    return {
        "charged": charges(account),
        "payments": kinds(("payment",), account),
        "collections": [row[1] for row in collections(account)],
        "money": taken(account),
        "unfinished": bulk.fetch("SELECT id FROM effect WHERE kind LIKE 'gateway%%' AND state <> 'done' AND account = %s", [account]),
    }


ONCE = {
    "charged": 1,
    "payments": ["payment.collected"],
    "collections": ["settled"],
    "money": {"theirs": "24.14", "ours": "24.14"},
    "unfinished": [],
}


def count_charge(account: str, tally: Tally) -> None:
    """Charged once there, recorded once here, and nothing is left under way."""
    found = outcome(account)
    tally.doubles += max(found["charged"] - 1, 0) + max(len(found["payments"]) - 1, 0)
    tally.lost += (found["charged"] == 0) + (not found["payments"])
    if found != ONCE:
        tally.wrong.append(f"{account}: {found['money']}, {len(found['unfinished'])} unfinished")


# --- F4: killed between any two steps --------------------------------------------------------------------------------------------------


def killed_charges(count: int, random: Random) -> Tally:
    """`count` kills at each step; and before the request itself is committed, where the caller asks again under the same key."""
    publish()
    tally = Tally(count * (len(STEPS) + 1))
    for number, step in itertools.product(range(count), ("intended", *STEPS)):
        account = f"g{number}{step}"
        customer(account)
        if step == "intended":
            assert buried(child(lambda account=account: _asked_for(account, die))) == signal.SIGKILL  # type: ignore[misc]
        do("collect", AT, account=account, key=f"collect {account}")
        if step != "intended":
            killed_after(step)
        live("2026-01-03")
        count_charge(account, tally)
    return check(tally, random)


def _asked_for(account: str, happens: Callable[[], Any]) -> None:
    doomed("intended", happens)
    do("collect", AT, account=account, key=f"collect {account}")


def charges_under_new_keys(count: int, random: Random) -> Tally:
    del random
    publish()
    tally = Tally(count)
    for number in range(count):
        account = f"new{number}"
        customer(account)
        do("collect", AT, account=account)
        killed_after("charged")
        with patch("payments.calling.ask", careless):
            live("2026-01-03")
        count_charge(account, tally)
    return tally


# --- F6: workers that sleep, and wake when somebody else has done their work ------------------------------------------------------------


def _sleeper(work: Callable[[], Any]) -> int:
    """A process that has stopped in the middle of its work; answers its number."""
    number = child(work)
    _, status = os.waitpid(number, os.WUNTRACED)
    assert os.WIFSTOPPED(status), "it never came to the step"
    return number


def _woken(number: int) -> None:
    os.kill(number, signal.SIGCONT)
    buried(number)


def _asleep_while_delivering(account: str, step: str) -> None:
    """It stops after the step, its lease runs out, another does the work; it wakes and goes on."""
    do("collect", AT, account=account)

    def work() -> None:
        doomed(step, halt)
        deliver_now()

    sleeper = _sleeper(work)
    lease_over()
    live("2026-01-03")
    _woken(sleeper)
    live("2026-01-03")


def sleeping_workers(count: int, random: Random) -> Tally:
    publish()
    tally = Tally(count + 1)
    accounts = [f"z{number}" for number in range(8)]
    for account in accounts:
        customer(account)
    _asleep_in_a_chunk()
    found = dict(bulk.fetch("SELECT account, count(*) FROM read_invoice GROUP BY 1"))
    tally.doubles = sum(max(found[account] - 2, 0) for account in accounts)
    tally.lost = sum(max(2 - found[account], 0) for account in accounts)
    for number in range(count):
        account = f"s{number}"
        customer(account)
        _asleep_while_delivering(account, STEPS[number % len(STEPS)])
        count_charge(account, tally)
    return check(tally, random)


def _asleep_in_a_chunk() -> None:
    """A worker of a run stops before its commit; the others leave its accounts alone; it wakes and commits."""
    until = moment("2026-02-01")

    def work() -> None:
        doomed("intended", halt)
        clockwork.run_chunk(until=until, actor="sleeper", known_at=None, chunk=5, report=clockwork.RunReport())

    sleeper = _sleeper(work)
    assert clockwork.run(until=until, actor="awake").accounts == 3
    _woken(sleeper)
    assert clockwork.run(until=until, actor="awake").accounts == 0


def sleepers_whose_attempt_still_counts(count: int, random: Random) -> Tally:
    """Nobody asks whether the attempt is the one that counts, and each attempt has a key of its own."""
    del random
    publish()
    tally = Tally(count)
    with patch("payments.calling.ask", careless), patch("billing.delivery._renew", lambda effect: True):
        for number in range(count):
            account = f"late{number}"
            customer(account)
            _asleep_while_delivering(account, "claimed")
            count_charge(account, tally)
    return tally


DRILLS = (
    Drill(
        "F4",
        "kill between any two steps of a charge",
        killed_charges,
        "a new key for each attempt",
        charges_under_new_keys,
        1,
        50,
        wrong_count=1,
    ),
    Drill(
        "F6",
        "SIGSTOP, and awake after redelivery",
        sleeping_workers,
        "any attempt counts",
        sleepers_whose_attempt_still_counts,
        3,
        100,
        wrong_count=1,
    ),
)
