"""Guards against slips: years of short periods at once, and amounts that no column holds."""

from __future__ import annotations

import pytest

from billing import bulk, clockwork
from plans.errors import Invalid
from tests.books import advance, assert_books_hold, do, documents, open_account, publish, sums, use

pytestmark = pytest.mark.django_db

SHORT = """
catalogue: short
currency: EUR
meters: {m: {aggregate: sum}}
plans:
  minutes: {period: 15 minutes, items: {fee: {timing: advance, price: "0.01"}}}
  used: {period: month, items: {u: {charge: usage, name: Use, meter: m, price: {model: unit, amount: "100000000000"}}}}
"""


def test_a_start_long_ago_with_short_periods_is_refused() -> None:
    publish(SHORT)
    open_account()
    with pytest.raises(Invalid, match=r"about 35040 periods of 15 minutes, and at most 5000 are billed at once") as refused:
        do("subscribe", account="ana", plan="minutes", start="2025-01-01")
    assert refused.value.at == "start"
    do("subscribe", account="ana", plan="minutes", start="2025-01-01", paid_through="2025-12-31T23:30")
    assert [document[2] for document in documents()] == ["0.03"]


def test_a_clockwork_that_would_not_rest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(SHORT)
    open_account()
    monkeypatch.setattr(clockwork, "MAX_ROUNDS", 5)
    do("subscribe", account="ana", plan="minutes")
    before = len(documents())
    advance("2026-01-02")
    status, reason = bulk.fetch("SELECT status, reason FROM read_account")[0]
    assert (status, len(documents())) == ("parked", before)
    assert reason == (
        "5 steps of its clockwork did not suffice until 2026-01-02 00:00 UTC; bill it up to an earlier time first [too_much_at_once]"
    )


def test_an_amount_beyond_the_columns_parks_its_account_with_a_reason_that_helps() -> None:
    publish(SHORT)
    open_account()
    open_account("bob")
    for account in ("ana", "bob"):
        do("subscribe", account=account, plan="used")
    use("ana", "m", arrived="2026-01-05", records=[{"id": "1", "at": "2026-01-05", "value": "100000000000000"}])
    use("bob", "m", arrived="2026-01-05", records=[{"id": "2", "at": "2026-01-05", "value": "2"}])
    advance("2026-02-01")
    (reason,) = bulk.fetch("SELECT reason FROM read_account WHERE account = 'ana' AND status = 'parked'")[0]
    assert reason == (
        "Use from 2026-01-01 to 2026-02-01: the amount in EUR would be 1.000E+25 (1E+24 is too much); void or amend its measurements, "
        "or correct its price, then release the account [too_large]"
    )
    assert list(sums().values()) == [200_000_000_000]
    use("ana", "m", arrived="2026-02-02", records=[{"id": "3", "at": "2026-01-05", "value": "1", "amends": "test/1"}])
    do("release_account", "2026-02-02", account="ana", reason="the reading was amended")
    advance("2026-02-02")
    assert sorted(sums().values()) == [100_000_000_000, 200_000_000_000]
    assert_books_hold()
