"""A floor under the speed, so that a regression is caught: not a benchmark (`make bench` is), and no limit that a busy machine breaks.

Measured in processor time of this process, in units of a loop of plain Python that runs just before: what others do on the machine is not
in it. The limits leave a factor of about two to what was measured when they were set.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import bulk, clockwork
from billing.usage.records import read_measurement
from tests.bench import world

pytestmark = pytest.mark.django_db
ACCOUNTS = 100
#: Loops of 100,000 additions (about 4 ms each) that 100 accounts may cost; and the start of the web process, its modules not compiled.
MOST = {"tick": 62, "documents": 52, "reading": 0.9, "start": 1800}


def loop() -> None:
    total = 0
    for number in range(100_000):
        total += number


def cost(work: Callable[[], object]) -> float:
    """How many loops of plain Python the work costs."""
    before = time.process_time()
    for _ in range(10):
        loop()
    middle = time.process_time()
    work()
    return (time.process_time() - middle) / ((middle - before) / 10)


def test_a_month_of_many_accounts_stays_cheap() -> None:
    world.publish()
    names = world.sign("m", ACCOUNTS, "metered")
    world.measure(names, 20)
    closes, issues = world.START.replace(month=2), world.START.replace(month=2, day=4)
    ticks = cost(lambda: clockwork.run(until=closes, actor="bench", known_at=closes))
    documents = cost(lambda: clockwork.run(until=issues, actor="bench", known_at=issues))
    assert bulk.fetch("SELECT count(*) FROM read_invoice WHERE account LIKE %s", ["m0%"]) == [(ACCOUNTS,)]
    assert ticks < MOST["tick"], f"{ACCOUNTS} ticks cost {ticks:.0f} loops"
    assert documents < MOST["documents"], f"{ACCOUNTS} documents cost {documents:.0f} loops"


def test_a_run_asks_as_much_of_the_database_for_many_accounts_as_for_few() -> None:
    world.publish()
    asked = []
    for prefix, many in (("a", 5), ("b", 50)):
        names = world.sign(prefix, many, "metered")
        world.measure(names, 4)
        at = world.START.replace(month=2)
        with CaptureQueriesContext(connection) as seen:
            fetched = count_fetches(lambda at=at: clockwork.run(until=at, actor="bench", known_at=at))  # type: ignore[misc]
        asked.append(len(seen) + fetched)
    assert asked[1] <= asked[0] + 2, f"statements: {asked}"


def count_fetches(work: Callable[[], object]) -> int:
    """The statements of `billing.bulk`, which go past Django's cursor."""
    count = 0
    real = bulk._query

    def counting(statement: str) -> object:
        nonlocal count
        count += 1
        return real(statement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "_query", counting)
        work()
    return count


def test_a_measurement_is_read_quickly() -> None:
    record = {"id": "a", "account": "ana", "meter": "calls", "value": "3", "at": "2026-01-05T10:00:00Z", "dimensions": {"region": "eu"}}

    def hundred() -> None:
        for _ in range(ACCOUNTS):
            read_measurement(record, source="test", zone_of_account=lambda _: "UTC")

    hundred()
    found = min(cost(hundred) for _ in range(3))
    assert found < MOST["reading"], f"100 measurements cost {found:.2f} loops"


def test_the_web_process_has_loaded_before_the_first_request_what_it_needs_and_starts_quickly() -> None:
    code = "import gc, sys, config.wsgi; print(gc.get_freeze_count() > 100_000, gc.isenabled(), 'billing.api.views' in sys.modules)"
    before = time.process_time()
    for _ in range(10):
        loop()
    one = (time.process_time() - before) / 10
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([sys.executable, "-c", code], cwd=settings.BASE_DIR, check=True, capture_output=True, text=True).stdout
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert said == "True True True\n"
    found = (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / one
    assert found < MOST["start"], f"the start cost {found:.0f} loops"
