"""Webhooks of a gateway: storms of the same, every order, old signatures."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import orjson
from django.test import Client

from billing import bulk, delivery
from payments.gateways import sandbox
from payments.gateways.sandbox import signed
from tests.books import advance, do, moment, open_account, publish, undone
from tests.drills.base import Drill, Tally, attempt, check, race
from tests.drills.gateway import AT, count_charge, customer, deliver_now
from tests.payments.gateways import collections

# --- F10: a storm of webhooks -----------------------------------------------------------------------------------------------------------

CONNECTIONS, DELIVERIES = 8, 20
DAY = moment("2026-01-03T12:00")


def notice(reference: str, number: str, owner: str) -> bytes:
    return orjson.dumps({"id": number, "about": "charge", "reference": reference, "said": "turned", "owner": owner})


def post(body: bytes, headers: dict[str, str], gateway: str = "sandbox") -> tuple[int, dict[str, Any]]:
    response = Client(enforce_csrf_checks=True).post(f"/webhooks/{gateway}/", body, content_type="application/json", headers=headers)
    return response.status_code, response.json()


def _pending(accounts: Sequence[str]) -> dict[str, str]:
    """Each account with a charge that the gateway has decided meanwhile, and of which we know nothing yet: account → its id there."""
    for account in accounts:
        customer(account, "late")
        do("collect", AT, account=account)
    deliver_now()
    bulk.fetch("UPDATE effect SET due_at = '2030-01-01' WHERE state = 'owed' RETURNING id")
    return dict(bulk.fetch("SELECT account, id FROM sandbox_operation WHERE kind = 'charge'"))


def storm(count: int, random: Random) -> Tally:
    """`count` notices, each delivered twenty times, shuffled, by eight connections at once."""
    publish()
    references = _pending([f"h{number}" for number in range(-(-count // 10))])
    owners = list(references)
    bodies = [notice(references[owners[n % len(owners)]], f"n{n}", owners[n % len(owners)]) for n in range(count)]
    deliveries = bodies * DELIVERIES
    random.shuffle(deliveries)

    def send(which: int) -> list[Any]:
        return [attempt(lambda body=body: post(body, signed(body, DAY))) for body in deliveries[which::CONNECTIONS]]  # type: ignore[misc]

    with patch("django.utils.timezone.now", lambda: DAY):
        answers = [answer for answered in race(CONNECTIONS, send) for answer in answered]
    race(4, lambda _: delivery.deliver(until=DAY, known_at=DAY))
    bulk.fetch("UPDATE effect SET due_at = %s WHERE state = 'owed' AND kind LIKE 'gateway%%' RETURNING id", [DAY])
    delivery.deliver(until=DAY, known_at=DAY)  # who asks by himself finds that it is settled
    tally = Tally(len(deliveries))
    kept = sum(answer == (200, {"status": "kept"}) for answer in answers)
    known = sum(answer == (200, {"status": "known"}) for answer in answers)
    tally.note = f"{kept} kept, {known:,} known already"
    if kept != count or kept + known != len(deliveries):
        tally.wrong.append(f"{kept} kept and {known} known of {len(deliveries)} deliveries")
    for account in owners:
        count_charge(account, tally)
    return check(tally, random)


def storm_looked_up_before_the_lock(count: int, random: Random) -> Tally:
    """Look whether the payment is known, then record it."""
    del random
    publish()
    open_account("careless")
    tally = Tally(count)
    for number in range(count):

        def handle(racer: int, number: int = number) -> None:
            known = bulk.fetch("SELECT 1 FROM read_payment WHERE reference = %s", [f"ch-{number}"])
            time.sleep(0.1)
            if not known:
                do("pay", DAY, account="careless", amount="1.00", reference=f"ch-{number}", key=f"{number} {racer}")

        race(4, handle)
    tally.doubles = bulk.fetch("SELECT count(*) FROM read_payment")[0][0] - count
    return tally


# --- F11: every order of five ------------------------------------------------------------------------------------------------------------


def _delivered(kind: str, at: str) -> None:
    """Deliver what is due of one kind, and put off everything that asks the gateway by itself."""
    report = delivery.DeliveryReport()
    for effect in delivery.claim(kind, until=moment(at), known_at=moment(at)):
        delivery._attempt(effect, delivery.handlers()[kind], report)


def _put_off() -> None:
    bulk.fetch("UPDATE effect SET due_at = '2030-01-01' WHERE state = 'owed' RETURNING id")


def _five() -> list[tuple[str, str, str]]:
    """(id, about, reference) of five notices: a charge that is known, its dispute, the same said again days later, a charge and a refund
    that were decided meanwhile."""
    publish()
    customer("ana", "dispute,late,late")
    found = []
    for number, at in enumerate((AT, "2026-02-02", "2026-03-02"), start=1):
        advance(at)
        do("collect", at, account="ana", invoices=[str(number)])
        _delivered("gateway.charge", at)
        if at != "2026-03-02":
            _put_off()
    _delivered("gateway.charge", "2026-03-04")
    payment = bulk.fetch("SELECT payment FROM read_payment ORDER BY sequence DESC LIMIT 1")[0][0]
    do("refund", "2026-03-05", account="ana", payment=payment, credit_note=True)
    _delivered("gateway.refund", "2026-03-05")
    _put_off()
    found = [row[0] for row in bulk.fetch("SELECT id FROM sandbox_operation WHERE kind = 'charge' ORDER BY created_at")]
    (back,) = bulk.fetch("SELECT id FROM sandbox_operation WHERE kind = 'refund'")[0]
    first, second, _ = found
    return [
        ("paid", "charge", first),
        ("disputed", "charge", first),
        ("paid again", "charge", first),
        ("paid late", "charge", second),
        ("given back", "refund", back),
    ]


def _end_of(order: Iterable[tuple[str, str, str]]) -> list[Any]:
    """What stands when the notices came in this order."""
    for name, about, reference in order:
        do("receive_notice", "2026-03-10", gateway="sandbox", notice=name, about=about, reference=reference, owner="ana")
        _delivered("gateway.digest", "2026-03-10")
    return [
        bulk.fetch("SELECT ledger, amount FROM read_balance WHERE account = 'ana' AND amount <> 0 ORDER BY 1"),
        [row[1] for row in collections()],
        bulk.fetch("SELECT status, amount FROM read_refund"),
        bulk.fetch("SELECT status, amount, fee FROM read_dispute"),
        bulk.fetch("SELECT id FROM effect WHERE kind = 'gateway.digest' AND state <> 'done'"),
    ]


def _one_end(orders: list[Any], end_of: Callable[[Any], Any]) -> Tally:
    ends = []
    for order in orders:
        with undone():
            ends.append(end_of(order))
    different = sum(end != ends[0] for end in ends)
    return Tally(len(orders), wrong=[f"{different} of {len(orders)} orders end otherwise"] * bool(different), note=str(ends[0])[:0])


def every_order(count: int, random: Random) -> Tally:
    orders = random.sample(list(itertools.permutations(_five())), count)
    tally = _one_end(orders, _end_of)
    with undone():
        end = _end_of(orders[-1])
        if end[1] != ["settled"] * 3 or [row[0] for row in end[2]] != ["settled"] or [row[0] for row in end[3]] != ["open"] or end[4]:
            tally.wrong.append(f"the end is not what the gateway says: {end[1:]}")
        return check(tally, random)


def the_last_notice_wins(count: int, random: Random) -> Tally:
    """Take what a notice says for the truth of what it is about."""
    orders = random.sample(list(itertools.permutations(_five())), count)
    return _one_end(orders, lambda order: {reference: name for name, _, reference in order})


# --- F24: old and future signatures -------------------------------------------------------------------------------------------------------


def _stamped(random: Random, count: int) -> Tally:
    """Signed up to ten minutes off: more than five are refused and leave nothing; within, the first is kept and a replay is known."""
    offsets = [timedelta(minutes=m) for m in (-6, 6, -5, 5)] + [timedelta(seconds=random.uniform(-600, 600)) for _ in range(count)]
    tally = Tally(len(offsets))
    for number, offset in enumerate(offsets):
        body = notice("charge-x", f"t{number}", "")
        headers = signed(body, DAY + offset)
        near = abs(int((DAY + offset).timestamp()) - int(DAY.timestamp())) <= 300
        with patch("django.utils.timezone.now", lambda: DAY):
            answers = [post(body, headers) for _ in range(2)]
        wanted = [(200, {"status": "kept"}), (200, {"status": "known"})] if near else [400, 400]
        if [answer if near else answer[0] for answer in answers] != wanted:
            tally.wrong.append(f"{offset.total_seconds():.0f} seconds off: {answers[0]}")
    kept = bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'notice.received'")[0][0]
    tally.note = f"{kept} within five minutes"
    return tally


def signatures_off_time(count: int, random: Random) -> Tally:
    return check(_stamped(random, count), random)


def any_time_will_do(count: int, random: Random) -> Tally:
    with patch.object(sandbox, "TOLERANCE", timedelta(days=1)):
        return _stamped(random, count)


DRILLS = (
    Drill(
        "F10",
        "webhooks: 20 deliveries of each, 8 connections",
        storm,
        "looked up before the lock",
        storm_looked_up_before_the_lock,
        4,
        500,
        wrong_count=2,
    ),
    Drill(
        "F11", "orders of five webhooks", every_order, "the last notice wins", the_last_notice_wins, 4, 120, wrong_count=24, commits=False
    ),
    Drill(
        "F24",
        "webhooks signed minutes off",
        signatures_off_time,
        "any time will do",
        any_time_will_do,
        6,
        1_000,
        wrong_count=2,
        commits=False,
    ),
)
