"""What closed periods would cost today: nothing as long as nobody changed the past, and to the cent what a price of a past date changes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from billing import bulk
from billing.queries.recalculating import Recalculated, corrections, recalculation
from billing.scenario.player import played
from billing.scenario.reading import read_story
from tests.books import CATALOGUE, advance, assert_books_hold, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db
D = Decimal
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TARIFF = """
  power:
    name: Power
    items:
      kwh: {charge: usage, name: Power, period: 1 month, meter: calls, follows: tariff, tax: standard}
lists:
  tariff:
    - {from: 2020-01-01, price: "0.10"}
"""
LATER = TARIFF + '    - {from: 2026-02-01, price: "0.15"}\n'


@pytest.fixture
def power() -> None:
    """ana used 100 kWh in January and 100 in February, at 0.10; in March somebody publishes 0.15 from 1 February."""
    publish(CATALOGUE + TARIFF)
    open_account()
    open_account("bob")
    for account in ("ana", "bob"):
        do("subscribe", account=account, plan="power")
    records = [{"id": f"r{month}", "at": f"2026-0{month}-10", "value": "100"} for month in (1, 2)]
    use("ana", "calls", arrived="2026-02-10", records=records)
    advance("2026-03-02")
    assert list(found()) == []
    do("publish_catalogue", "2026-03-05", source=CATALOGUE + LATER)


def found(at: str = "2026-03-10") -> list[Recalculated]:
    return list(recalculation(seller="main", at=moment(at)))


def test_a_price_of_a_past_date_is_shown_per_key_and_changes_nothing(power: None, capsys: pytest.CaptureFixture[str]) -> None:
    shown = [(one.account, one.item, f"{one.start:%Y-%m}", one.stands, one.target) for one in found()]
    assert sum(one[4] - one[3] for one in shown) == D("5.00")
    assert {one[:3] for one in shown} == {("ana", "kwh", "2026-02")}
    advance("2026-04-02")
    assert sum(one.difference for one in found("2026-04-02")) == D("5.00")
    with pytest.raises(SystemExit):
        call_command("audit", "rates", "--at", "2026-04-02", "--account", "ana")
    assert "1 periods are to be corrected" in capsys.readouterr().out
    call_command("audit", "rates", "--at", "2026-04-02", "--account", "bob")
    assert capsys.readouterr().out == "nothing would change\n"


def test_only_an_approved_set_applies_it_and_only_once(power: None) -> None:
    with pytest.raises(SystemExit):
        call_command("audit", "rates", "--at", "2026-03-10", "--corrections", "february", "--by", "carla")
    call_command("corrections", "preview", "february", "--at", "2026-03-11")
    call_command("corrections", "approve", "february", "--by", "fina", "--role", "finance", "--at", "2026-03-11")
    call_command("corrections", "apply", "february", "--at", "2026-03-12")
    rows = bulk.fetch("SELECT account, item, name, amount FROM read_charge WHERE kind = 'adjustment'")
    assert [(*row[:3], f"{row[3]:.2f}") for row in rows] == [("ana", "kwh", "Power from 2026-02-01 recalculated", "5.00")]
    assert corrections(found("2026-03-13")) == []
    assert_books_hold()


@pytest.mark.parametrize("world", ["electricity/story", "isp/story", "phone/story", "saas/story-upgrade"])
def test_what_a_story_billed_is_what_it_would_be_today(world: str) -> None:
    file = EXAMPLES / f"{world}.yaml"
    with played(read_story(file), isolation="rollback") as outcome:
        assert outcome.failure is None
        sellers = [row[0] for row in bulk.fetch("SELECT DISTINCT seller FROM read_account")]
        changed = [one for seller in sellers for one in recalculation(seller=seller, at=moment("2099-01-01"))]
        assert [(one.account, one.item, str(one.start), one.component, one.stands, one.target) for one in changed] == []
