"""Every pair of changes on one contract: the second is refused, or both are carried out in their order, or one waits for a person. None is
ever silently lost. And random stories of all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from billing import bulk, journal, previews
from billing.queries.forecast import forecast
from billing.rebuilding import compare
from plans.errors import Refusal
from tests.books import START, advance, assert_books_hold, do, moment, open_account, publish, undone

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: c
currency: EUR
zone: UTC
taxes: {vat: {rate: 21, country: ES, categories: [standard]}}
discounts: {welcome: {percent: 10}}
coupons: {SPRING: {discount: welcome}}
plans:
  team:
    period: month
    items:
      seat: {price: {model: unit, amount: "3.10"}, tax: standard}
      desk: {price: "6.20", tax: standard, optional: true}
      phone: {price: "9.30", tax: standard, optional: true}
  house: {period: month, items: {seat: {price: {model: unit, amount: "5.00"}, tax: standard}}}
"""

#: name → the command and its arguments.
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "plan": ("change_plan", {"plan": "house"}),
    "quantity": ("change_quantity", {"item": "seat", "quantity": "12"}),
    "add": ("add_item", {"item": "phone"}),
    "remove": ("remove_item", {"item": "desk"}),
    "price": ("change_price", {"item": "seat", "price": {"model": "unit", "amount": "2.00"}}),
    "pause": ("pause", {}),
    "resume": ("resume", {}),
    "cancel": ("cancel", {}),
    "day": ("move_billing_day", {"to": "2026-02-20"}),
    "payer": ("transfer_contract", {"to": "ben"}),
    "discount": ("discount", {"percent": "50", "name": "half"}),
    "coupon": ("apply_coupon", {"coupon": "SPRING"}),
    "tax": ("change_details", {"country": "FR"}),
}

WHEN = moment("2026-01-21")
#: how far from the scheduled change the asked one is.
ORDERS = {"earlier": timedelta(days=-5), "same": timedelta(0), "later": timedelta(days=5)}

#: scheduled (rows) and asked (columns, in the same order): `.` both carried out, C a conflict with the scheduled change,
#: R refused for itself, Q accepted and one of them waits for a person.
EXPECTED = {
    "earlier": """
plan     C . . . . . R C . C . . .
quantity C C . . C . R C . C . . .
add      C . C . . . R C . C . . .
remove   C . . C . . R C . C . . .
price    C C . . C . R C . C . . .
pause    . . . . . C C C . C . . .
cancel   . . . . . . R . . . . . .
day      . . . . . . R C C C . . .
payer    . . . . . . R C . C . . .
discount C . . . . . R C . C C . .
coupon   C . . . . . R C . . . C .
tax      . . . . . . R . . . . . C
""",
    "same": """
plan     C C C C C . R C . C C C .
quantity C C . . C . R C . C . . .
add      C . C . . . R C . C . . .
remove   C . . C . . R C . C . . .
price    C C . . C . R C . C . . .
pause    . . . . . C C C . C . . .
cancel   R R R R R R R . R R R . .
day      . . . . . . R C C C . . .
payer    C C C C C C C C C C C . .
discount C . . . . . R C . . C . .
coupon   C . . . . . R C . . . C .
tax      . . . . . . R . . . . . C
""",
    "later": """
plan     . . C C . . R . . . . . .
quantity . . . . . . R . . . . . .
add      . . C . . . R . . . . . .
remove   . . . C . . R . . . . . .
price    . . . . . . R . . . . . .
pause    . . . . . C . . . . . . .
cancel   R R R R R R R R R R R . .
day      . . . . . . R . . . . . .
payer    C C C C C C R . C C C . .
discount . . . . . . R . . . . . .
coupon   . . . . . . R . . . . C .
tax      . . . . . . R . . . . . .
""",
}


def begin() -> str:
    publish(CATALOGUE)
    open_account()
    open_account("ben")
    contract: str = do("subscribe", account="ana", plan="team", quantity="10", items=["desk"]).made["contract"]
    return contract


def ask(name: str, contract: str, when: str, at: str = "2026-01-10", **more: Any) -> Any:
    command, arguments = CHANGES[name]
    named = {} if name in ("coupon", "tax") else {"contract": contract}
    return do(command, at, account="ana", when=when, **named, **arguments, **more)


def outcome(contract: str, second: str, apart: timedelta) -> str:
    """The letter of a change that is asked when another is scheduled."""
    before = journal.read(["ana"])
    try:
        with transaction.atomic():
            ask(second, contract, (WHEN + apart).isoformat())
    except Refusal as refusal:
        code = refusal.code
    else:
        code = ""
    if code:
        assert journal.read(["ana"]) == before
        return "C" if code == "change_conflict" else "R"
    asked = bulk.fetch("SELECT count(*) FROM journal WHERE kind IN ('change.scheduled', 'contract.cancelled')")
    assert asked == [(2,)]
    advance(WHEN + timedelta(days=6))
    statuses = {status for (status,) in bulk.fetch("SELECT status FROM read_change")}
    assert statuses <= {"applied", "questioned"}
    return "Q" if "questioned" in statuses else "."


@pytest.mark.parametrize("order", ORDERS)
def test_every_pair(order: str) -> None:
    """A change to be resumed can't be scheduled first: nothing is paused."""
    contract = begin()
    rows = []
    for first in CHANGES:
        if first == "resume":
            continue
        letters = []
        with undone():
            ask(first, contract, WHEN.isoformat())
            for second in CHANGES:
                with undone():
                    letters.append(outcome(contract, second, ORDERS[order]))
        rows.append(f"{first:<9}{' '.join(letters)}")
    assert "\n".join(rows) == EXPECTED[order].strip("\n")


STEPS = st.tuples(
    st.sampled_from(sorted(CHANGES)),
    st.sampled_from(["now", "period_end", "2026-02-01", "2026-02-11", "2026-03-05"]),
    st.sampled_from(["refuse", "replace", "after", "before", "rebase"]),
    st.sampled_from(["ask", "ask", "ask", "withdraw", "move"]),
    st.integers(0, 12),
)


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=2, max_size=7))
def test_random_stories_keep_every_promise(steps: list[tuple[str, str, str, str, int]]) -> None:
    with undone():
        contract, at = begin(), START
        for name, when, way, doing, days in steps:
            at += timedelta(days=days)
            _step(contract, name, when, way, doing, at)
        asked = bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'change.scheduled'")[0][0]
        assert asked == bulk.fetch("SELECT count(*) FROM read_change")[0][0]
        _forecast_is_what_happens(at, at + timedelta(days=70))
        assert bulk.fetch("SELECT count(*) FROM read_account WHERE status = 'parked'") == [(0,)]
        assert_books_hold()
        assert compare(list(journal.stream_ids())) == []


def _step(contract: str, name: str, when: str, way: str, doing: str, at: Any) -> None:
    """Preview the command, then do it with the token: the same events, or both refused."""
    command, arguments = CHANGES[name]
    given_: dict[str, Any] = {"account": "ana", "when": when, "on_conflict": way, **arguments}
    if name not in ("coupon", "tax"):
        given_["contract"] = contract
    if doing != "ask":
        changes = bulk.fetch("SELECT change FROM read_change WHERE status IN ('scheduled', 'questioned') ORDER BY asked_at, change")
        if not changes:
            return
        command, given_ = "withdraw_change", {"account": "ana", "change": changes[0][0]}
        if doing == "move":
            command, given_ = "move_change", given_ | {"when": when}
    shown, refused = _answer(command, at, given_, dry_run=True)
    done, again = _answer(command, at, given_, dry_run=False)
    assert refused == again
    if done is not None:
        assert shown.preview is not None
        assert previews.digest(done.events) == previews.digest(shown.events)
        assert shown.preview.after == previews.balances(["ana", *(["ben"] if command == "transfer_contract" else [])])


def _answer(command: str, at: Any, given_: dict[str, Any], *, dry_run: bool) -> tuple[Any, str]:
    """The outcome, or the code of the refusal."""
    try:
        with transaction.atomic():
            return do(command, at, dry_run=dry_run, **given_), ""
    except Refusal as refusal:
        return None, refusal.code


def _forecast_is_what_happens(at: Any, until: Any) -> None:
    advance(at)
    before = journal.lock(["ana"])["ana"].sequence
    expected = [one for one in forecast("ana", at=at, until=until).events if one.stream == "ana"]
    advance(until)
    assert previews.digest(journal.read(["ana"], after=before)) == previews.digest(expected)
