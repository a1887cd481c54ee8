"""A draft on real history: the same functions that bill, so what it says is what would have been billed; and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from billing import bulk
from billing.publications import backtest as testing
from billing.publications.backtest import LABELS, Mover, backtest, bucket, lines_of, spread
from billing.publications.commands import BacktestCatalogue, trial_of
from billing.publications.replaying import EVERYBODY, FOLLOWERS, Trial
from plans import store
from plans.errors import Refusal
from tests.books import CATALOGUE, advance, do, moment, open_account, publish, sums, use

pytestmark = pytest.mark.django_db
NOW = "2026-04-02"
LISTED = CATALOGUE.replace(
    "plans:\n",
    """lists:
  tariff: [{from: 2025-01-01, price: "5.00"}]
plans:
  home:
    name: Home
    period: month
    items:
      line: {follows: tariff, tax: standard}
""",
    1,
)


@pytest.fixture(scope="module")
def _played(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), transaction.atomic():
        play()
        yield
        transaction.set_rollback(True)


@pytest.fixture
def history(_played: None, db: None) -> None:
    """The history, played once for the module; what a test adds to it is undone."""


def play() -> None:
    """ana: five seats and 40 calls in January; bob: the basic plan, which he left, and a router; eve: metered."""
    publish(LISTED)
    for name in ("ana", "bob", "eve", "lia"):
        open_account(name)
    do("subscribe", account="ana", plan="seats", quantities={"seat": "3"})
    do("subscribe", account="bob", plan="basic")
    do("subscribe", account="eve", plan="metered")
    do("subscribe", account="lia", plan="home")
    use("ana", "calls", arrived="2026-01-20", records=[{"id": "c1", "at": "2026-01-11", "value": "40"}])
    use("eve", "calls", arrived="2026-01-20", records=[{"id": "e1", "at": "2026-01-11", "value": "7"}])
    do("change_quantity", "2026-01-16", account="ana", item="seat", quantity="5")
    do("restock", item="router", quantity="5")
    do("sell", "2026-01-17", account="bob", item="router", quantity="2")
    do("sell", "2026-01-18", account="bob", item="router", quantity="1", price={"model": "flat", "amount": "10.00"})
    do("cancel", "2026-03-11", account="bob", when="now")
    advance(NOW)


def trial(source: str, **given: Any) -> Trial:
    do("draft_catalogue", NOW, catalogue="test", source=source)
    return trial_of(BacktestCatalogue("test", **given), moment(NOW))


def edited(*pairs: tuple[str, str], source: str = LISTED) -> str:
    for before, after in pairs:
        assert before in source
        source = source.replace(before, after)
    return source


def found(source: str, **given: Any) -> dict[str, tuple[str, str]]:
    """account → (before, after), of those that differ."""
    tried = trial(source, **given)
    return {one["account"]: (one["before"], one["after"]) for one in backtest(tried, sample=100)["movers"]}


def test_the_same_text_moves_nobody_and_adds_up_to_what_was_charged(history: None) -> None:
    result = backtest(trial(LISTED), sample=100)
    [euro] = result["currencies"]
    assert (result["movers"], euro["more"], euro["less"], euro["same"]) == ([], 0, 0, 4)
    charged = sum(amount for (contract, item, period), amount in sums().items())
    assert Decimal(euro["before"]) == charged
    assert (result["accounts"], result["tested"], euro["estimate"]) == (4, 4, None)


def test_a_dearer_plan_costs_what_it_would_have_been_billed(history: None) -> None:
    """bob's basic fee 19.95 → 25.00 for January and February; of March ten days of 31, and the credit for the rest."""
    assert found(edited(('amount: "19.95"', 'amount: "25.00"'))) == {"bob": ("216.34", "228.06")}
    do("change_quantity", "2026-04-02", account="ana", item="seat", quantity="6")
    assert found(edited(('amount: "19.95"', 'amount: "25.00"'))) == {"bob": ("216.34", "228.06")}


def test_tiers_are_priced_on_the_real_use(history: None) -> None:
    """40 calls: 10 × 1.00 + 10 × 0.50 + 20 × 0.333 = 21.66; with 0.60 in the second tier 22.66."""
    tried = trial(edited(('unit: "0.50"}, {unit: "0.333"}', 'unit: "0.60"}, {unit: "0.333"}')))
    lines = lines_of("ana", tried)["lines"]
    first = lines[0]
    assert (first.item, first.start, first.before, first.after, first.quantity) == (
        "calls",
        moment("2026-01-01"),
        Decimal("21.66"),
        Decimal("22.66"),
        Decimal(40),
    )
    assert [line.difference for line in lines[1:]] == [0] * (len(lines) - 1)


def test_a_sale_takes_the_draft_unless_it_had_a_price_of_its_own(history: None) -> None:
    lines = lines_of("bob", trial(edited(('amount: "80.00"', 'amount: "90.00"'))))["lines"]
    sold = [(line.quantity, line.before, line.after) for line in lines if line.item == "router"]
    assert sold == [(2, Decimal(160), Decimal(180)), (1, Decimal(10), Decimal(10))]


def test_an_item_more_less_or_of_another_period(history: None) -> None:
    fee = '      seat: {charge: fee, name: Seat, period: 1 month, timing: advance, price: {model: unit, amount: "7.00"}, tax: standard}\n'
    support = '      support: {name: Support, period: 1 month, timing: arrears, price: {model: flat, amount: "2.00"}}\n'
    tried = lines_of("ana", trial(edited((fee, fee + support))))["lines"]
    assert [line.after for line in tried if line.item == "support"] == [Decimal("2.00")] * 3 + [Decimal("0.07")]
    gone = lines_of("ana", trial(edited((fee, support))))["lines"]
    assert {line.after for line in gone if line.item == "seat"} == {Decimal(0)}
    quarter = fee.replace("period: 1 month", "period: 3 months").replace("7.00", "21.00")
    lines = [line for line in lines_of("ana", trial(edited((fee, quarter))))["lines"] if line.item == "seat"]
    before, after = sum(line.before for line in lines), sum(line.after for line in lines)
    assert before == Decimal("21.00") + Decimal("7.22") + Decimal("35.00") * 3
    # the first quarter: 63.00 × 15/90 + 105.00 × 75/90; of the second the month that was charged: 105.00 × 30/91
    assert after == Decimal("10.50") + Decimal("87.50") + Decimal("34.62")


def test_followers_alone_are_moved_by_a_list(history: None) -> None:
    """What publishing does by itself: the newest entry counts for the whole time, whatever its day is; who is pinned stays."""
    entry = 'tariff: [{from: 2025-01-01, price: "5.00"}, {from: 2026-06-01, price: "6.00"}]'
    source = edited(('tariff: [{from: 2025-01-01, price: "5.00"}]', entry), ('amount: "19.95"', 'amount: "25.00"'))
    assert found(source, moved=FOLLOWERS) == {"lia": ("20.00", "24.00")}
    assert set(found(source, moved=EVERYBODY)) == {"lia", "bob"}


def test_what_can_not_be_compared_is_said(history: None) -> None:
    source = edited(("  basic:\n    name: Basic\n", "  base:\n    name: Basic\n"), ("  router: {", "  modem: {"))
    assert backtest(trial(source), sample=100)["left_out"] == {"the draft has no item router to sell": 2, "the draft has no plan basic": 1}


def test_a_sample_is_stated_the_same_each_time_and_scaled(history: None, monkeypatch: pytest.MonkeyPatch) -> None:
    source = edited(('amount: "7.00"', 'amount: "8.00"'), ('amount: "19.95"', 'amount: "25.00"'))
    first, again = (backtest(trial(source), sample=2) for _ in range(2))
    assert first == again
    assert (first["accounts"], first["tested"]) == (4, 2)
    [euro] = first["currencies"]
    assert Decimal(euro["estimate"]) == 2 * Decimal(euro["difference"])
    monkeypatch.setattr(testing, "CHUNK", 1)
    monkeypatch.setattr(testing, "MOST_PERIODS", 1)
    assert backtest(trial(source), sample=100)["tested"] == 1


def test_it_is_kept_for_the_draft_and_writes_nothing_else(history: None) -> None:
    tables = ("journal", "read_charge", "read_period", "read_posting", "due")
    before = [bulk.fetch(f"SELECT count(*) FROM {table}") for table in tables]
    do("draft_catalogue", NOW, catalogue="test", source=edited(('amount: "19.95"', 'amount: "25.00"')))
    assert do("backtest_catalogue", NOW, catalogue="test").made == {"catalogue": "test", "tested": 4, "accounts": 4}
    assert [bulk.fetch(f"SELECT count(*) FROM {table}") for table in tables] == before
    draft = store.draft("test")
    kept = store.newest_backtest("test", draft.digest)
    assert kept is not None
    assert (kept.by, json.loads(kept.result)["movers"][0]["percent"]) == ("tester", "+5.4")
    do("draft_catalogue", NOW, catalogue="test", source=LISTED)
    assert store.newest_backtest("test", store.draft("test").digest) is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"months": 0}, "out_of_range"),
        ({"months": 37}, "out_of_range"),
        ({"sample": 2001}, "out_of_range"),
        ({"moved": "x"}, "unknown_choice"),
    ],
)
def test_bounds(given: dict[str, Any], code: str) -> None:
    publish()
    do("draft_catalogue", catalogue="test")
    with pytest.raises(Refusal) as caught:
        do("backtest_catalogue", catalogue="test", **{name: str(value) for name, value in given.items()})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("before", "after", "label"),
    [
        (100, 49, "< −50"),
        (100, 50, "−50…−20"),
        (100, 80, "−20…−5"),
        (100, 95, "−5…0"),
        (100, 100, "same"),
        (100, 105, "0…+5"),
        (100, 106, "+5…+20"),
        (100, 150, "+20…+50"),
        (100, 151, "> +50"),
        (0, 1, "> +50"),
        (-70, -80, "< −50"),
    ],
)
def test_the_spread(before: int, after: int, label: str) -> None:
    assert bucket(Decimal(before), Decimal(after)) == label
    assert [one["label"] for one in spread([Mover("a", "EUR", Decimal(before), Decimal(after))]) if one["accounts"]] == [label]
    assert len(LABELS) == 9
