"""A bad file is refused with its line and what was expected; whatever stands in it, nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.scenario.reading import BadStory, parse_story, read_story
from plans.strict_yaml import load_file
from tests.scenarios.conftest import DATA, told

STEP = "  - {at: 2026-01-01, do: pay, account: ana, amount: 5}\n"

MISTAKES = [
    ("  - {at: 2026-01-01}\n", "test.yaml:16: story[0]: a step needs `do`, `usage`, `bank` or `expect` [missing_field]"),
    ("  []\n", "test.yaml:15: story: a story needs at least one step [missing_field]"),
    (
        STEP + "  - {at: 2025-12-31, expect: {}}\n",
        "test.yaml:17: story[1].at: steps stand in the order of time, and this one is before the step on line 16",
    ),
    ("  - {at: noon, expect: {}}\n", "test.yaml:16: story[0].at: 'noon' is not a time; write 2026-03-01"),
    (
        "  - {at: 2026-01-01, do: py, account: ana}\n",
        "test.yaml:16: story[0].do: there is no command 'py'; did you mean 'pay'? [unknown_command]",
    ),
    (
        "  - at: 2026-01-01\n    do: pay\n    account: ana\n    amuont: 5\n",
        "test.yaml:19: story[0].amuont: pay has no argument 'amuont'; did you mean 'amount'? [unknown_field]",
    ),
    ("  - {at: 2026-01-01, do: pay, account: ana}\n", "test.yaml:16: story[0].amount: the field 'amount' is missing"),
    ("  - {at: 2026-01-01, do: pay, account: ana, amount: NaN}\n", "test.yaml:16: story[0].amount: 'NaN' is not a number"),
    (
        "  - {at: 2026-01-01, do: pay, account: anna, amount: 5}\n",
        "test.yaml:16: story[0].account: the story has no account 'anna'; did you mean 'ana'? [unknown_account]",
    ),
    ("  - {at: 2026-01-01, amount: 5, expect: {}}\n", "test.yaml:16: story[0].amount: the field 'amount' is not known here, without `do`"),
    (
        "  - {at: 2026-01-01, do: pay, account: ana, amount: 5, usage: [{}]}\n",
        "story[0].usage: a step does one thing: `do`, `usage` or `bank` [conflict]",
    ),
    ("  - {at: 2026-01-01, bank: no.csv}\n", "story[0].bank: there is no readable file 'no.csv' beside the story"),
    ("  - {at: 2026-01-01, bank: [1]}\n", "story[0].bank: expected a statement or the name of a file, found a list"),
    ("  - {at: 2026-01-01, bank: shop.csv, usage: [{}]}\n", "story[0].bank: there is no readable file 'shop.csv'"),
    ("  - at: 2026-01-01\n    at: 2026-01-02\n", "test.yaml:17: the key 'at' stands twice, first on line 16 [duplicate_key]"),
    (
        "  - {at: 2026-01-01, expect: {ana: {oved: 5}}}\n",
        "test.yaml:16: story[0].expect.ana.oved: the fact 'oved' is not known here; did you mean 'owed'?",
    ),
    ("  - {at: 2026-01-01, expect: {ana: {owed: five}}}\n", "story[0].expect.ana.owed: 'five' is not a number"),
    ("  - {at: 2026-01-01, expect: {ana: {owed: {XXX: 5}}}}\n", "story[0].expect.ana.owed.XXX: 'XXX' is not an ISO 4217 currency code"),
    ("  - {at: 2026-01-01, expect: {ana: {owed: ~}}}\n", "story[0].expect.ana.owed: the fact 'owed' has no value; write what is expected"),
    ("  - {at: 2026-01-01, expect: {ana: {invoices: 5}}}\n", "story[0].expect.ana.invoices: expected a list, found '5'"),
    (
        "  - {at: 2026-01-01, expect: {ana: {invoices: [{sum: 5}]}}}\n",
        "story[0].expect.ana.invoices[0].sum: the field 'sum' is not known here; known:",
    ),
    ("  - {at: 2026-01-01, expect: {ana: {invoices: [{due: soon}]}}}\n", "story[0].expect.ana.invoices[0].due: 'soon' is not a date"),
    ("  - {at: 2026-01-01, expect: {zoe: {owed: 5}}}\n", "story[0].expect.zoe: the story has no account 'zoe'; known: ana, bo"),
    ("  - {at: 2026-01-01, as: x, expect: {}}\n", "story[0].as: `as` names what a command made; this step makes nothing"),
    (STEP.replace("}", ", as: x}") * 2, "test.yaml:17: story[1].as: the name 'x' is taken already, or a number"),
    (
        "  - {at: 2026-01-01, as_of: 2026-01-01, do: pay, account: ana, amount: 5}\n",
        "story[0].expect: `as_of` and `known_at` stand beside an `expect`",
    ),
    (
        "  - {at: 2026-01-01, usage: [{account: ana, meter: vists, value: 1}]}\n",
        "story[0].usage[0].meter: the catalogue has no meter 'vists'; did you mean 'visits'?",
    ),
    ("  - {at: 2026-01-01, usage: [{account: ana, meter: visits, value: x}]}\n", "story[0].usage[0].value: 'x' is not a number"),
    (
        "  - {at: 2026-01-01, usage: [{account: ana, meter: visits, vaule: 1}]}\n",
        "story[0].usage[0].vaule: the field 'vaule' is not known here; did you mean 'value'?",
    ),
    (
        "  - {at: 2026-01-01, do: publish_catalogue, source: other.yaml}\n",
        "story[0].source: there is no readable file 'other.yaml' beside the story",
    ),
]


@pytest.mark.parametrize(("steps", "message"), MISTAKES, ids=[message.partition(": ")[2] or message for _, message in MISTAKES])
def test_a_mistake_in_a_step(steps: str, message: str) -> None:
    with pytest.raises(BadStory) as caught:
        told(steps)
    assert message in str(caught.value)


HEADS = [
    (
        "scenario: A\nstory: [{at: 2026-01-01, expect: {}}]\nzoen: UTC\n",
        "test.yaml:3: zoen: the field 'zoen' is not known here; did you mean 'zone'?",
    ),
    ("story: [{at: 2026-01-01, expect: {}}]\n", "test.yaml:1: scenario: the field 'scenario' is missing"),
    ("scenario: A\nzone: Madrid\nstory: []\n", "test.yaml:2: zone: 'Madrid' is not a time zone"),
    ("scenario: A\ncurrency: euro\nstory: []\n", "test.yaml:2: currency: 'euro' is not an ISO 4217 currency code"),
    (
        "scenario: A\ncatalogue: missing.yaml\nstory: []\n",
        "test.yaml:2: catalogue: there is no readable file 'missing.yaml' beside the story",
    ),
    (
        "scenario: A\ncatalogue:\n  catalogue: a\n  currency: EUR\n  plns: {}\nstory: []\n",
        "test.yaml:5: catalogue.plns: the field 'plns' is not known here; did you mean 'plans'?",
    ),
    (
        "scenario: A\naccounts:\n  ana: {nmae: Ana}\nstory: []\n",
        "test.yaml:3: accounts.ana.nmae: open_account has no argument 'nmae'; did you mean 'name'?",
    ),
    (
        "scenario: A\naccounts:\n  ana: {currency: XX}\nstory: []\n",
        "test.yaml:3: accounts.ana.currency: 'XX' is not an ISO 4217 currency code",
    ),
    ("- 1\n", "test.yaml:1: expected a mapping of fields, found a list"),
    ("", "test.yaml:1: expected a mapping of fields, found nothing"),
    ("scenario: [\n", "this is not YAML"),
]


@pytest.mark.parametrize(("text", "message"), HEADS, ids=[message.partition(": ")[2] or message for _, message in HEADS])
def test_a_mistake_in_the_head(text: str, message: str) -> None:
    with pytest.raises(BadStory) as caught:
        parse_story(text, path=DATA / "test.yaml", name="test.yaml")
    assert message in str(caught.value)


def test_a_mistake_in_the_catalogue_names_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").write_text("catalogue: a\ncurrency: EUR\nplns: {}\n")
    (tmp_path / "story.yaml").write_text("scenario: A\ncatalogue: catalogue.yaml\nstory: [{at: 2026-01-01, expect: {}}]\n")
    with pytest.raises(BadStory, match=r"catalogue\.yaml:3: plns: the field 'plns' is not known here; did you mean 'plans'\?"):
        read_story(tmp_path / "story.yaml")


def test_broken_text_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadStory, match=r"story.yaml: it can't be read: No such file"):
        read_story(tmp_path / "story.yaml")
    (tmp_path / "story.yaml").write_bytes(b"scenario: A\nabout: \xff\n")
    with pytest.raises(BadStory, match=r"story.yaml:2: this is not UTF-8 text"):
        read_story(tmp_path / "story.yaml")


def test_a_step_that_is_to_be_refused_may_be_wrong() -> None:
    story = told("  - {at: 2026-01-01, do: pay, account: ana, amount: much, refused: not_a_number}\n")
    assert story.steps[0].refused == "not_a_number"
    with pytest.raises(BadStory, match="not_a_number"):
        told("  - {at: 2026-01-01, do: pay, account: ana, amount: much, refused: negative}\n")


GOOD = (DATA / "phone_and_cafe.yaml").read_text()
PIECES = [*" \n:-[]{}~'\"#\t|\x00é", "", "1e400", "NaN", "&a ", "*a", "!!x ", "2026-13-45", "bo", "0x1F", "- "]
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def problems_of(text: str | bytes, name: str) -> list[str]:
    """Why the file is refused; nothing where it is read. Anything else that comes out fails the test."""
    try:
        parse_story(text, path=DATA / name, name=name)
    except BadStory as bad:
        return [str(problem) for problem in bad.problems]
    return []


@given(start=st.integers(0, len(GOOD)), length=st.integers(0, 30), piece=st.one_of(st.sampled_from(PIECES), st.text(max_size=12)))
def test_whatever_is_done_to_a_file_it_is_read_or_refused(start: int, length: int, piece: str) -> None:
    text = GOOD[:start] + piece + GOOD[start + length :]
    assert all(problem.startswith("test.yaml") for problem in problems_of(text.encode("utf-8", "surrogatepass"), "test.yaml"))


@given(VALUES, st.data())
def test_any_value_in_any_place_is_read_or_refused(value: object, data: st.DataObject) -> None:
    tree = load_file(GOOD, name="test.yaml").value
    place, key = data.draw(st.sampled_from(list(_places(tree))))
    place[key] = value
    assert all(problem.startswith("test.json") for problem in problems_of(json.dumps(tree), "test.json"))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of every value of a tree."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
