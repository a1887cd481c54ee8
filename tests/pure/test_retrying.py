"""When a document is collected, and when again: day by day, from the attempts before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from payments.dunning.cases import Pause
from payments.retrying import Attempt, Planned, Rules, next_attempt

SOFT = {"soft": (1, 3, 6), "hard": (), "confirmation": (2,)}
DUE = [date(2026, 1, 15)]


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=number - 1)


def tried(number: int, decline: str = "soft", *, method: str = "card", took: int = 0, hour: int = 0) -> Attempt:
    status = "failed" if decline else "settled"
    return Attempt(day(number, hour), day(number, hour) + timedelta(days=took), status, decline, method)


def rules(retries: dict[str, tuple[int, ...]] = SOFT, *, method: str = "card", since: int = 1, pauses: tuple[Pause, ...] = ()) -> Rules:
    return Rules("UTC", method, day(since), retries, pauses)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], Planned(day(15), "due")),
        ([tried(15)], Planned(day(16), "retry")),
        ([tried(15), tried(16)], Planned(day(18), "retry")),
        ([tried(15), tried(16), tried(18)], Planned(day(21), "retry")),
        ([tried(15), tried(16), tried(18), tried(21)], None),
        ([tried(15), tried(16), tried(18, "hard")], None),  # SAAS-19: a hard decline stops the ladder
        ([tried(15), tried(16, "confirmation")], Planned(day(18), "retry")),  # a class counts from its own first decline
        ([tried(15), tried(17, hour=9)], Planned(day(18), "retry")),  # a person asked between
        ([tried(15, took=4)], Planned(day(20), "retry")),  # the answer took four days: it counts from the answer
        ([tried(15), tried(16, took=4)], Planned(day(21), "retry")),  # the third day passed meanwhile
        ([tried(15, "")], None),  # paid and open again (a bank took it back): a person must ask
        ([Attempt(day(15), None, "processing", "", "card")], None),
        ([tried(10)], Planned(day(15), "due")),  # asked for before it was due
        ([tried(2), tried(3), tried(5), tried(8)], Planned(day(15), "due")),
        ([tried(14, method="", took=2)], Planned(day(16), "due")),  # an abandoned page of the gateway is no decline
    ],
)
def test_the_next_attempt_follows_from_those_before(attempts: list[Attempt], expected: Planned | None) -> None:
    assert next_attempt(DUE, attempts, rules()) == expected


def test_without_a_policy_nothing_is_tried_again() -> None:
    assert next_attempt(DUE, [tried(15)], rules({})) is None
    assert next_attempt(DUE, [tried(15)], rules({"soft": ()}, method="other", since=20)) is None


def test_another_method_pays_at_once_what_the_first_did_not() -> None:
    hard = [tried(15, "hard")]
    assert next_attempt(DUE, hard, rules(method="other", since=17)) == Planned(day(17), "retry")
    assert next_attempt(DUE, [*hard, tried(17, method="other")], rules(method="other", since=17)) == Planned(day(18), "retry")


def test_days_of_a_pause_do_not_count_and_an_open_pause_holds_all() -> None:
    until = Pause(date(2026, 1, 16), date(2026, 1, 26))
    assert next_attempt(DUE, [tried(15)], rules(pauses=(until,))) == Planned(day(26), "retry")
    assert next_attempt(DUE, [tried(15), tried(26)], rules(pauses=(until,))) == Planned(day(28), "retry")
    forever = Pause(date(2026, 1, 15), None)
    assert next_attempt(DUE, [tried(15)], rules(pauses=(forever,))) is None
    assert next_attempt(DUE, [tried(15)], rules(method="other", since=17, pauses=(forever,))) is None
    assert next_attempt(DUE, [tried(15)], rules(method="other", since=17, pauses=(until,))) == Planned(day(26), "retry")


def test_a_payment_plan_is_collected_on_its_days_and_not_before() -> None:
    plan = [date(2026, 1, 25), date(2026, 2, 25)]
    assert next_attempt(plan, [tried(15)], rules()) == Planned(day(25), "due")  # not on the 16th
    assert next_attempt(plan, [tried(15), tried(25)], rules()) == Planned(day(26), "retry")
    assert next_attempt(plan[1:], [tried(15), tried(25, "")], rules()) == Planned(datetime(2026, 2, 25, tzinfo=UTC), "due")
