"""Stories for tests: one that is written in the test itself, and what came out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from billing.scenario.player import Played, played
from billing.scenario.reading import parse_story
from billing.scenario.story import Story

DATA = Path(__file__).parent / "data"

HEAD = """\
scenario: A test
currency: EUR
catalogue:
  catalogue: shop
  currency: EUR
  meters: {visits: {}}
  items:
    ticket: {name: Ticket, price: "10.00"}
    poster: {name: Poster, price: "3.00", stock: true}
  plans:
    club: {name: Club, period: 1 month, items: {fee: {price: "20.00"}, visits: {meter: visits, price: "1.00"}}}
accounts:
  ana: ~
  bo: {zone: America/New_York, currency: USD}
story:
"""


def told(steps: str, *, head: str = HEAD) -> Story:
    """A story with the shop of HEAD; the steps start on line 16."""
    return parse_story(head + steps, path=DATA / "test.yaml", name="test.yaml")


@pytest.fixture
def tell(db: None) -> Callable[[str], Played]:
    """Play steps inside the test's transaction."""

    def play(steps: str) -> Played:
        with played(told(steps), isolation="rollback") as outcome:
            return outcome

    return play
