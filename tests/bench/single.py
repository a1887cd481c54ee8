"""What one caller waits for: commands, questions, wallets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from billing import journal
from billing.engine import Stamp, record
from billing.journal import Draft
from billing.processes import shared
from billing.queries.status import status
from billing.queries.why import why
from billing.wallets.gate import can_use
from payments.events import PaymentReceived
from plans import store
from tests.bench import world
from tests.bench.figures import Bench
from tests.interfaces.callers import staff

NOW = datetime.fromisoformat("2026-01-15T12:00:00+00:00")
Work = Callable[[int], None]


def grow(account: str, events: int) -> None:
    """A long past: small payments, as the engine records them."""
    world.do("open_account", account=account, country="ES", currency="EUR", name=account)
    world.do("pay", account=account, amount="1.00", currency="EUR")
    pattern = next(one.event for one in journal.read([account]) if isinstance(one.event, PaymentReceived))
    for start in range(0, events, world.BLOCK):
        with transaction.atomic(), store.steady():
            heads = journal.lock([account])
            first = heads[account].sequence + 1
            drafts = [
                Draft(account, replace(pattern, payment=f"{account}/{first + i}"), world.START)
                for i in range(min(world.BLOCK, events - start))
            ]
            record(drafts, heads=heads, stamp=Stamp("bench", "import", world.START))


def measure_questions(bench: Bench, few: int, many: int) -> None:
    office = staff("viewer", "clerk")
    for events, name in ((few, "few"), (many, "many")):
        grow(name, events)
        world.tidy()
        bench.latency(f"status, {events:,} events", "< 10", lambda _, name=name: status(name, at=NOW), times=200, percent=99)  # type: ignore[misc]
        bench.latency(f"why, {events:,} events", "< 10", lambda _, name=name: why(name, at=NOW), times=200, percent=99)  # type: ignore[misc]
        page = f"/admin/billing/account/{name}/change/"
        bench.latency(f"the account's page, {events:,} events", "< 100", lambda _, page=page: office.get(page), times=50, percent=50)  # type: ignore[misc]


def measure_commands(bench: Bench) -> None:
    name = world.sign("c", 1, "house")[0]
    contract = f"{name}/2"

    def change(number: int) -> None:
        at = NOW + timedelta(minutes=number)
        world.do("change_quantity", at, account=name, contract=contract, item="device", quantity=str(2 + number % 5))

    bench.latency("pay", "< 10", lambda i: world.do("pay", NOW, account=name, amount="5.00", currency="EUR"), times=200, percent=50)
    bench.latency("sell", "< 10", lambda i: world.do("sell", NOW, account=name, item="cable", catalogue="bench"), times=200, percent=50)
    bench.latency("change_quantity", "< 10", change, times=50, percent=50)


def measure_wallets(bench: Bench, wallets: int, each: int) -> None:
    """Reserve and commit, each a transaction of its own, by several processes."""
    names = world.sign("w", wallets, "prepaid")
    for name in names:
        world.do("top_up", account=name, amount="10000.00")
    bench.latency("entitlement check", "< 5", lambda i: can_use(names[i % wallets], "minutes", at=NOW), times=200, percent=99)
    bench.rate("reserve and commit, many wallets", "commands/s", "1,000", lambda: _spend(names, each, processes=4))
    bench.rate("reserve and commit, one hot wallet", "commands/s", "400", lambda: _spend(names[:1], each, processes=2))


def _spend(names: Sequence[str], each: int, processes: int) -> int:
    """By processes, as the workers of a web server are; many wallets by more than there are cores, for each waits for the database a third
    of its time."""
    list(shared(partial(_spend_alone, names, each, processes), range(processes), workers=processes))
    return processes * each * 2


def _spend_alone(names: Sequence[str], each: int, processes: int, number: int) -> None:
    for i in range(each):
        name = names[(i * processes + number) % len(names)]
        made = world.answer("reserve", NOW, account=name, amount="0.10", item="minutes")
        world.do("commit", NOW, account=name, item="minutes", quantity="2", reservation=made["reservation"])
