"""Revenue recognition: what is earned by each month end, to the cent, and that it all adds up whatever happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import bulk
from billing.accounting.recognition import Deferred, earned, next_month_end
from billing.events import Key
from billing.rebuilding import compare
from plans.errors import Refusal
from tests.bookkeepers import table
from tests.books import CATALOGUE, advance, assert_books_hold, balance, do, moment, open_account, publish, undone

D = Decimal
YEARLY = (
    CATALOGUE
    + """\
  yearly:
    name: Yearly
    items:
      fee: {charge: fee, name: Yearly fee, period: 1 year, timing: advance, price: {model: flat, amount: "365.00"}}
  quarterly:
    name: Quarterly
    items:
      fee: {name: Quarterly fee, period: 3 months, timing: advance, price: "100.00", ledger: "revenue:hosting"}
  tiny:
    name: Tiny
    items:
      fee: {charge: fee, name: Tiny fee, period: 1 year, timing: advance, price: {model: flat, amount: "0.02"}}
"""
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> None:
    publish(YEARLY)
    open_account()


def recognised(account: str = "ana") -> list[tuple[str, str]]:
    """(accounting date, amount) of each recognition, in order."""
    statement = """
        SELECT p.accounting_date::text, p.amount FROM read_posting p JOIN journal j ON j.stream = p.account AND j.sequence = p.sequence
        WHERE j.kind = 'revenue.recognised' AND p.ledger = 'deferred' AND p.account = %s ORDER BY p.sequence"""
    return [(day, f"{amount:.2f}") for day, amount in bulk.fetch(statement, [account])]


def still_deferred(account: str = "ana") -> Decimal:
    rows = bulk.fetch("SELECT coalesce(sum(charged - recognised), 0) FROM read_deferred WHERE account = %s", [account])
    return Decimal(rows[0][0])


def test_three_months_in_advance_are_earned_by_days(ana: None) -> None:
    do("subscribe", "2026-01-01", account="ana", plan="quarterly")
    advance("2026-03-31")
    # 100.00 × 31/90 = 34.444; × 59/90 = 65.556
    assert recognised() == [("2026-01-31", "34.44"), ("2026-02-28", "31.12")]
    assert balance("deferred") == -still_deferred() == D("-34.44")
    advance("2026-04-01")
    assert recognised()[2:] == [("2026-03-31", "34.44")]
    assert balance("revenue:hosting") == D("-100.00")
    assert balance("deferred") == D("-100.00")  # the next quarter
    assert_books_hold()


def test_a_year_is_a_cent_exact_at_its_end_and_its_row_is_gone(ana: None) -> None:
    do("subscribe", "2026-03-15", account="ana", plan="yearly")
    advance("2027-03-14")
    amounts = [D(amount) for _, amount in recognised()]
    assert amounts[:3] == [D("17.00"), D("30.00"), D("31.00")]  # March has 17 of its days: the 15th to the 31st
    assert len(amounts) == 12
    assert still_deferred() == D("14.00")
    advance("2027-04-01")
    # the year to come has 366 days: 365.00 × 17/366 = 16.954
    assert sum(D(amount) for _, amount in recognised()) == D("365.00") + D("16.95")
    assert bulk.fetch("SELECT count(*) FROM read_deferred") == [(1,)]
    assert_books_hold()


def test_a_cancellation_takes_the_unearned_rest_and_leaves_what_was_earned(ana: None) -> None:
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    advance("2026-02-15")
    do("cancel", "2026-03-01", account="ana")
    # 59 of 365 days: all of them are past
    assert (balance("deferred"), balance("revenue:subscription")) == (D("0.00"), D("-59.00"))
    assert still_deferred() == 0
    assert recognised() == [("2026-01-31", "31.00"), ("2026-02-28", "28.00")]
    advance("2027-06-01")
    assert len(recognised()) == 2
    assert_books_hold()


def test_a_credit_in_mid_month_waits_for_the_month_end(ana: None) -> None:
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    do("cancel", "2026-02-11", account="ana")
    assert balance("deferred") == D("-10.00")
    advance("2026-03-01")
    assert recognised() == [("2026-01-31", "31.00"), ("2026-02-28", "10.00")]
    assert balance("deferred") == 0


def test_an_upgrade_in_mid_month_is_earned_in_both_parts(ana: None) -> None:
    do("subscribe", "2026-06-01", account="ana", plan="basic")
    do("change_plan", "2026-06-10", account="ana", plan="pro")
    advance("2026-07-01")
    assert recognised() == [("2026-06-30", "40.92")]
    assert_books_hold()


def test_what_was_recognised_too_much_is_taken_back(ana: None) -> None:
    """A year that turns out to have ended a month ago: what two months seemed to earn falls to what one did."""
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    advance("2026-03-05")
    do("cancel", "2026-03-05", account="ana", when="2026-03-03")
    assert recognised() == [("2026-01-31", "31.00"), ("2026-02-28", "28.00")]
    advance("2026-04-01")
    assert recognised()[2:] == [("2026-03-31", "2.00")]


def test_amounts_too_small_to_be_seen_make_no_events(ana: None) -> None:
    do("subscribe", "2026-01-01", account="ana", plan="tiny")
    advance("2026-12-31")
    # 0.02 × 91/365 = 0.004986; × 120/365 = 0.0066 → 0.01; × 273/365 = 0.01496; × 304/365 = 0.0167 → 0.02
    assert recognised() == [("2026-04-30", "0.01"), ("2026-10-31", "0.01")]
    assert bulk.fetch("SELECT count(*) FROM read_deferred") == [(0,)]


def test_months_end_where_the_seller_is(ana: None) -> None:
    publish(YEARLY.replace("catalogue: test", "catalogue: west").replace("zone: UTC", "zone: America/New_York"))
    open_account("bo", zone="Asia/Tokyo")
    do("subscribe", "2026-01-01T12:00", account="bo", plan="yearly", catalogue="west")
    advance("2026-02-01T04:59")
    assert recognised("bo") == []
    advance("2026-02-01T05:00")
    assert recognised("bo") == [("2026-01-31", "31.00")]


def test_a_rebuild_finds_the_same_rows(ana: None) -> None:
    do("subscribe", "2026-01-01", account="ana", plan="yearly")
    do("subscribe", "2026-01-10", account="ana", plan="basic")
    advance("2026-02-20")
    advance("2026-03-10")
    assert bulk.fetch("SELECT count(*) FROM read_deferred") == [(3,)]  # the year, the month that runs, and the one that ended in this month
    assert compare(["ana"]) == []


def test_the_table_does_not_grow_with_history(ana: None) -> None:
    do("subscribe", "2026-01-10", account="ana", plan="basic")
    advance("2030-01-09")
    assert bulk.fetch("SELECT count(*) FROM read_deferred") == [(1,)]


# --- in general ---------------------------------------------------------------------------------------------------------------------


def one(charged: str, start: str, end: str, *, recognised: str = "0", after: str = "") -> Deferred:
    key = Key(contract="c", item="i", terms="1", period_start=moment(start), component="fee", currency="EUR")
    return Deferred(key, "revenue:x", "", 0, moment(start), moment(end), D(charged), D(recognised), moment(after or start))


def test_the_target_by_hand() -> None:
    march = one("31.00", "2026-03-10", "2026-04-10")
    assert earned(march, until=date(2026, 3, 10), zone="UTC") == 0
    assert earned(march, until=date(2026, 4, 1), zone="UTC") == D("22.00")
    assert earned(march, until=date(2026, 4, 10), zone="UTC") == earned(march, until=date(2030, 1, 1), zone="UTC") == D("31.00")
    assert next_month_end(march, zone="UTC", books_zone="UTC") == moment("2026-04-01")
    half = one("1.00", "2026-03-10T08:00", "2026-03-10T09:00")
    assert earned(half, until=date(2026, 4, 1), zone="UTC") == D("1.00")


@settings(max_examples=200)
@given(
    charged=st.decimals("-9999.99", "9999.99", places=2).filter(bool),
    start=st.integers(0, 730 * 24).map(lambda hours: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)),
    days=st.integers(0, 800),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Apia"]),
    books_zone=st.sampled_from(["UTC", "Europe/Madrid", "America/Los_Angeles"]),
)
def test_month_ends_recognise_the_charge_exactly(charged: Decimal, start: datetime, days: int, zone: str, books_zone: str) -> None:
    key = Key(contract="c", item="i", terms="1", period_start=start, component="fee", currency="EUR")
    row = Deferred(key, "revenue:x", "", 0, start, start + timedelta(days=days), charged, D(0), start)
    last, total = start, D(0)
    while total != charged:
        when = next_month_end(row, zone=zone, books_zone=books_zone)
        assert when > last
        total = earned(row, until=when.astimezone(ZoneInfo(books_zone)).date(), zone=zone)
        assert abs(total) > abs(row.recognised)
        assert abs(total) <= abs(charged)
        row = Deferred(key, "revenue:x", "", 0, start, row.end, charged, total, when)
        last = when
    assert last <= row.end + timedelta(days=33)


STEPS = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from(["change_plan", "cancel", "pause", "resume", "quantity", "subscribe", "void", "nothing"])
    ),
    max_size=6,
)
PLANS = ["basic", "pro", "seats", "yearly", "quarterly"]


def play(steps: list[tuple[int, str]], first: str, *, ticks: int) -> None:
    """A story with a tick every `ticks` days (0: only when something is asked). What is refused is left out."""
    do("subscribe", "2026-01-10", account="ana", plan=first)
    now = moment("2026-01-10")
    for number, (days, step) in enumerate(steps):
        for _ in range(days // ticks if ticks else 0):
            advance(now := now + timedelta(days=ticks))
        now = max(now, moment("2026-01-10") + timedelta(days=sum(one for one, _ in steps[: number + 1])))
        arguments = {
            "change_plan": {"plan": PLANS[number % 5]},
            "pause": {"reason": "x"},
            "quantity": {"item": "seat", "quantity": str(number + 2)},
            "subscribe": {"plan": PLANS[(number + 2) % 5]},
            "void": {"invoice": "1", "reason": "x"},
        }.get(step, {})
        name = {"quantity": "change_quantity"}.get(step, step)
        if step != "nothing":
            try:
                do(name, now, account="ana", **arguments)
            except Refusal:
                continue
    advance(moment("2026-12-31"))


@settings(max_examples=12)
@given(steps=STEPS, first=st.sampled_from(PLANS), ticks=st.sampled_from([0, 1, 7]))
def test_recognised_and_still_deferred_are_what_was_charged(steps: list[tuple[int, str]], first: str, ticks: int) -> None:
    with undone():
        publish(YEARLY)
        open_account()
        play(steps, first, ticks=ticks)
        posted = bulk.fetch(
            "SELECT -sum(amount) FROM read_posting JOIN journal ON stream = account AND journal.sequence = read_posting.sequence "
            "WHERE ledger = 'deferred' AND kind = 'charge.accrued'"
        )[0][0] or D(0)
        earned_so_far = sum((D(amount) for _, amount in recognised()), D(0))
        assert earned_so_far + still_deferred() == posted
        assert balance("deferred") == -still_deferred()
        assert_books_hold()
        assert compare(["ana"]) == []


@settings(max_examples=6)
@given(steps=STEPS, first=st.sampled_from(PLANS))
def test_any_split_of_ticks_recognises_the_same(steps: list[tuple[int, str]], first: str) -> None:
    answers = []
    for ticks in (0, 1, 5):
        with undone():
            publish(YEARLY)
            open_account()
            play([(days - days % 5 + 5, step) for days, step in steps], first, ticks=ticks)
            answers.append((recognised(), still_deferred()))
    assert answers[0] == answers[1] == answers[2]


def test_deferred_revenue_rolls_forward() -> None:
    publish(
        CATALOGUE.replace(
            'period: 1 month, timing: advance, price: {model: flat, amount: "19.95"}',
            'period: 1 year, timing: advance, price: {model: flat, amount: "1200.00"}',
        )
    )
    open_account()
    do("subscribe", account="ana", plan="basic")
    advance("2026-03-01")
    do("cancel", "2026-03-01", account="ana")
    advance("2026-04-02")
    rows = table("deferred", "--from", "2026-01", "--to", "2026-01")
    assert list(rows[0].values()) == ["fee", "EUR", "0.00", "1200.00", "0.00", "101.92", "1098.08"]
    rows = table("deferred", "--from", "2026-02", "--to", "2026-02")
    assert list(rows[0].values()) == ["fee", "EUR", "1098.08", "0.00", "0.00", "92.05", "1006.03"]
    rows = table("deferred", "--from", "2026-03", "--to", "2026-03")
    assert list(rows[0].values())[2:] == ["1006.03", "0.00", "1006.03", "0.00", "0.00"]
    assert balance("deferred") == 0
