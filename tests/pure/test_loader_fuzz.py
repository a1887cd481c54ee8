"""Whatever stands in a catalogue: the loader answers with a catalogue or with problems that name their place, and with nothing else."""

import copy
import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from plans.errors import Invalid
from plans.loader import Loaded, parse_catalogue, read_catalogue
from plans.strict_yaml import load

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (DOCS / "catalogue.md").read_text(encoding="utf-8"), re.DOTALL)
Path_ = tuple[Any, ...]


GOOD = [load(block, name="docs").value for block in BLOCKS]


def test_what_is_mutated_is_good() -> None:
    assert [parse_catalogue(catalogue).problems for catalogue in GOOD] == [()] * len(GOOD)


def paths(value: Any, at: Path_ = ()) -> list[Path_]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for name, element in inner for path in paths(element, (*at, name)))]


PLACES = [(number, path) for number, catalogue in enumerate(GOOD) for path in paths(catalogue) if path]
NUMBERS = "0 -1 -0 1e400 1e-400 NaN nan Infinity -inf 1_000 0x10 1e5 １２".split()
WORDS = "true null free none once last unlimited [] {} %s {0} {number} {number.__class__} ../.. /etc/passwd ñ EUR JPY XXX".split()
TEXTS = ["9" * 40, "0.1" + "0" * 40, "", " ", "a b", "\u202e", "x" * 300, "x" * 30_000, "Europe/Nowhere", "24:00-25:00"]
TIMES = "0001-01-01 9999-12-31 9999-12-31T23:59 0000-00-00 2026-02-30 2026-13-01T99:99 month P0D".split()
PERIODS = ["0 days", "100000000 years", "-1 month", "100 years", "1200 months"]
LISTS: list[Any] = [
    [],
    [[]],
    [{}],
    [None],
    [True],
    ["a", "a"],
    [{"quantity": "1", "amount": "1"}],
    [{"from": "2026-01-01", "price": "1"}],
    [{"code": "x"}],
]
MAPPINGS: list[Any] = [
    {},
    {"": ""},
    {"a": {"a": {"a": {}}}},
    {"price": None},
    {"model": "unit"},
    {"model": "flat", "amount": "1"},
    {"model": "graduated", "tiers": []},
    {"model": "volume", "tiers": [{"up_to": "1"}, {"up_to": "1"}]},
    {"model": "matrix", "by": [], "cells": []},
    {"code": "x", "rate": "5"},
]
NASTY: list[Any] = [None, True, False, 5, 5.5, *NUMBERS, *WORDS, *TEXTS, *TIMES, *PERIODS, *LISTS, *MAPPINGS]


def names_its_place(loaded: Loaded) -> bool:
    """Either a catalogue, or problems that each have a code, a message and a place."""
    if loaded.catalogue is not None:
        return loaded.problems == ()
    return bool(loaded.problems) and all(type(one) is Invalid and one.code and one.message and one.at for one in loaded.problems)


def mutated(number: int, path: Path_, change: Any) -> Any:
    catalogue = copy.deepcopy(GOOD[number])
    place = catalogue
    for name in path[:-1]:
        place = place[name]
    if change == "(gone)":
        del place[path[-1]]
    elif change == "(renamed)" and isinstance(place, dict):
        place[f"{path[-1]}x"] = place.pop(path[-1])
    else:
        place[path[-1]] = change
    return catalogue


@given(place=st.sampled_from(PLACES), change=st.sampled_from([*NASTY, "(gone)", "(renamed)"]))
def test_one_nasty_value_anywhere(place: tuple[int, Path_], change: Any) -> None:
    assert names_its_place(parse_catalogue(mutated(*place, change)))


def test_every_nasty_value_in_every_place_of_every_example() -> None:
    """The whole table, not a sample of it: some ten thousand catalogues."""
    for number, path in PLACES:
        for change in ("(gone)", "(renamed)", *NASTY[::7]):
            assert names_its_place(parse_catalogue(mutated(number, path, change))), (path, change)


@given(data=st.data())
def test_values_swapped_between_places(data: st.DataObject) -> None:
    number, path = data.draw(st.sampled_from(PLACES))
    other, source = data.draw(st.sampled_from(PLACES))
    value: Any = GOOD[other]
    for name in source:
        value = value[name]
    assert names_its_place(parse_catalogue(mutated(number, path, value)))


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.sampled_from([value for value in NASTY if isinstance(value, str)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON)
def test_anything_at_all(value: Any) -> None:
    loaded = parse_catalogue(value)
    assert loaded.catalogue is None
    assert loaded.problems


@given(section=st.sampled_from(sorted({name for catalogue in GOOD for name in catalogue})), value=JSON)
def test_anything_in_any_section(section: str, value: Any) -> None:
    assert names_its_place(parse_catalogue({"catalogue": "x", "currency": "EUR", section: value}))


@given(text=st.text() | st.binary())
@example(b"\xff\xfe")
@example("a: &a [*a]")
@example("a: !!python/object/apply:os.system [ls]")
@example("\ud800")
@example("- " * 10_000)
@example("{" * 10_000)
@example("a: " + "[" * 200 + "]" * 200)
@example("catalogue: x\x00")
def test_any_text(text: str | bytes) -> None:
    loaded = read_catalogue(text, name="x.yaml")
    assert loaded.catalogue is None
    assert all(problem.at.startswith("x.yaml") for problem in loaded.problems)
    assert names_its_place(loaded)


@given(place=st.sampled_from([place for place in PLACES if isinstance(place[1][-1], str)]))
def test_a_misspelt_field_is_named_with_its_line(place: tuple[int, Path_]) -> None:
    number, path = place
    text = yaml.safe_dump(mutated(number, path, "(renamed)"), sort_keys=False)
    for problem in read_catalogue(text, name="x.yaml").problems:
        assert re.match(r"x\.yaml:\d+", problem.at), problem.at
