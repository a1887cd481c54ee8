"""Use that the database adds up: many accounts of one stretch of time in one walk, and each alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.totals import Ask, sums
from plans.metering import Meter
from plans.periods import Span
from tests.books import moment, open_account, publish, use

pytestmark = pytest.mark.django_db
FEBRUARY, MARCH = Span(moment("2026-02-01"), moment("2026-03-01")), Span(moment("2026-03-01"), moment("2026-04-01"))


def asked(source: str, span: Span) -> Ask:
    return Ask(source, Meter(code=source), span)


def test_many_accounts_are_added_up_as_each_alone() -> None:
    publish()
    for name in ("ana", "ben", "cleo"):
        open_account(name)
    records = {
        "ana": {"2026-01-31T23:59:59Z": "1", "2026-02-01T00:00:00Z": "2.5", "2026-02-28T23:59:59Z": "4", "2026-03-01T00:00:00Z": "8"},
        "ben": {"2026-02-11T00:00:00Z": "16", "2026-03-11T00:00:00Z": "32"},
    }
    for name, given in records.items():
        used = [{"id": f"{name} {at}", "at": at, "value": value} for at, value in given.items()]
        use(name, "calls", arrived="2026-03-12", records=used)
    accounts = ["ana", "ben", "cleo", "ana"]
    asks = [*(asked("calls", FEBRUARY) for _ in range(3)), asked("minutes", FEBRUARY)]
    found, told = sums(accounts, asks)
    assert found == {0: (2, Decimal("6.5")), 1: (1, Decimal(16)), 2: (0, Decimal(0)), 3: (0, Decimal(0))}
    assert told == set()
    assert [sums([account], [ask])[0][0] for account, ask in zip(accounts, asks, strict=True)] == list(found.values())
    apart, _ = sums(["ana", "ben"], [asked("calls", FEBRUARY), asked("calls", MARCH)])
    assert apart == {0: (2, Decimal("6.5")), 1: (1, Decimal(32))}


def test_who_corrected_something_is_named_in_both_ways() -> None:
    publish()
    for name in ("ana", "ben"):
        open_account(name)
        use(name, "calls", arrived="2026-02-12", records=[{"id": f"{name}1", "at": "2026-02-11T00:00:00Z", "value": "4"}])
    use("ben", "calls", arrived="2026-02-13", records=[{"id": "ben2", "at": "2026-02-11T00:00:00Z", "voids": "ben1"}])
    asks = [asked("calls", FEBRUARY), asked("calls", FEBRUARY)]
    assert sums(["ana", "ben"], asks)[1] == {("ben", "calls")}
    assert sums(["ben"], asks[:1])[1] == {("ben", "calls")}
