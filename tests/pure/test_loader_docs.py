"""docs/catalogue.md: its examples are catalogues that load, and it speaks of every field that the loader asks for."""

import re
from pathlib import Path
from typing import Any

import pytest

from plans.fields import Fields
from plans.loader import SECTIONS, load_catalogue, read_catalogue
from plans.pricing.cases import CASE_FIELDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "catalogue.md").read_text(encoding="utf-8")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")  # rates are given by date
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_every_example_of_the_page_is_a_good_catalogue(block: str) -> None:
    loaded = read_catalogue(block, name="docs/catalogue.md")
    assert (loaded.problems, loaded.warnings) == ((), ())


def test_the_page_has_examples_of_prices_that_are_checked() -> None:
    examples = [example for block in BLOCKS for example in load_catalogue(block, name="docs").examples]
    assert len(examples) >= 7


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every field name that a reader takes while the examples are read, with a place where it was asked for."""
    found: dict[str, str] = {}
    raw = Fields.raw

    def noting(self: Fields, name: str, *default: Any) -> Any:
        found.setdefault(name, self.path(name))
        return raw(self, name, *default)

    monkeypatch.setattr(Fields, "raw", noting)
    return found


def test_every_field_that_the_loader_takes_is_described(asked: dict[str, str]) -> None:
    for block in BLOCKS:
        load_catalogue(block, name="docs")
    quoted = " ".join(re.findall(r"`([^`\n]+)`", TEXT + (DOCS / "prices.md").read_text(encoding="utf-8")))
    known = {*re.findall(r"\w+", quoted), *own_names(), *CASE_FIELDS}
    missing = {name: at for name, at in asked.items() if name not in known and not DAY.fullmatch(name)}
    assert missing == {}
    assert len(asked) > 150


def own_names() -> set[str]:
    """What the examples call their own things: the quantity that picks a price, and price lists."""
    catalogues = [load_catalogue(block, name="docs") for block in BLOCKS]
    items = [item for catalogue in catalogues for plan in catalogue.plans.values() for item in plan.items.values()]
    return {item.pricing.choose.by for item in items if item.pricing and item.pricing.choose} | {
        code for one in catalogues for code in one.lists
    }


def test_every_section_is_described() -> None:
    for section in SECTIONS:
        assert f"`{section}`" in TEXT
