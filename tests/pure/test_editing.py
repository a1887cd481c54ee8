"""Single fields of a catalogue's text are changed in their place; the rest, comments too, stays as people wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plans.errors import Conflict, Refusal
from plans.loader import SECTIONS as FIELDS
from plans.loader import read_catalogue
from plans.loading.described import described
from plans.loading.editing import Part, changed_fields, find_part, parts, with_fields, written
from plans.strict_yaml import load_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/catalogue.md").read_text()
EXAMPLES = sorted((ROOT / "examples").glob("*/catalogue*.yaml"))
TEXT = """\
catalogue: gym  # the only one
currency: EUR
meters: {visits: {aggregate: count}}
plans:
  # for everybody
  member:
    name: Member   # shown on documents
    period: month
    items:
      fee: {name: Fee, price: "29.90", timing: advance}
      visits:
        meter: visits
        price:
          model: unit
          amount: "1.00"
        # the last remark
  guest: {period: month, items: {fee: {price: "5.00"}}}
"""


def value(text: str = TEXT) -> Any:
    return load_file(text, name="gym").value


def edit(address: str, text: str = TEXT, **fields: str) -> str:
    return with_fields(text, find_part(value(text), address).place, fields)


def test_the_parts_of_a_catalogue() -> None:
    assert [(part.address, part.kind) for part in parts(value())] == [
        ("", "catalogue"),
        ("meters/visits", "meter"),
        ("plans/member", "plan"),
        ("plans/member/items/fee", "item"),
        ("plans/member/items/visits", "item"),
        ("plans/guest", "plan"),
        ("plans/guest/items/fee", "item"),
    ]
    with pytest.raises(Refusal) as caught:
        find_part(value(), "plans/nobody")
    assert caught.value.code == "unknown_part"


@pytest.mark.parametrize(
    ("address", "fields", "before", "after"),
    [
        ("plans/member/items/fee", {"price": '"31.90"'}, 'price: "29.90"', 'price: "31.90"'),
        ("plans/member", {"name": "Regular"}, "name: Member   #", "name: Regular   #"),
        ("plans/member/items/visits", {"price": '"1.10"'}, 'price:\n          model: unit\n          amount: "1.00"', 'price: "1.10"'),
        ("plans/member/items/fee", {"tax": "standard"}, "timing: advance}", "timing: advance, tax: standard}"),
        ("plans/member/items/visits", {"included": "5"}, 'amount: "1.00"\n', 'amount: "1.00"\n        included: 5\n'),
        ("plans/member/items/fee", {"name": ""}, "{name: Fee, price", "{price"),
        ("plans/member/items/fee", {"timing": ""}, ", timing: advance}", "}"),
        ("plans/member", {"period": ""}, "    period: month\n    items", "    items"),
        ("", {"zone": "Europe/Madrid"}, '{fee: {price: "5.00"}}}\n', '{fee: {price: "5.00"}}}\nzone: Europe/Madrid\n'),
        ("", {"about": ""}, "", ""),
    ],
)
def test_a_field_is_changed_added_and_taken_away(address: str, fields: dict[str, str], before: str, after: str) -> None:
    assert edit(address, **fields) == TEXT.replace(before, after, 1) if before else TEXT


def test_several_at_once_and_the_result_is_a_good_catalogue() -> None:
    text = edit(
        "plans/member/items/visits", included="5", price="{model: unit, amount: '2.00'}", examples="[{quantity: 7, amount: '4.00'}]"
    )
    loaded = read_catalogue(text, name="gym")
    assert (loaded.problems, len(loaded.catalogue.examples if loaded.catalogue else ())) == ((), 1)
    assert text.count("#") == TEXT.count("#")


@pytest.mark.parametrize(
    ("address", "fields", "code", "at"),
    [
        ("plans/member", {"name": "{broken"}, "bad_file", "name"),
        ("plans/member", {"name": "one, two: three"}, "bad_file", "name"),
        ("plans/member", {"name": "*nothing"}, "bad_file", "name"),
        ("plans/guest/items/fee", {"price": ""}, None, ""),
    ],
)
def test_what_is_no_yaml_is_refused(address: str, fields: dict[str, str], code: str | None, at: str) -> None:
    if code is None:
        assert "fee: {}" in edit(address, **fields)
        return
    with pytest.raises(Refusal) as caught:
        edit(address, **fields)
    assert (caught.value.code, caught.value.at) == (code, at)


SHARED = "catalogue: a\ncurrency: EUR\nitems:\n  one: &price {price: '1.00'}\n  two: *price\n"


def test_what_is_written_once_and_used_twice_has_to_be_edited_as_text() -> None:
    with pytest.raises(Refusal) as caught:
        edit("items/two", SHARED, price="'2.00'")
    assert caught.value.code == "edit_as_text"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_field_of_the_examples_is_written_again_as_it_is(path: Path) -> None:
    """What the form shows, saved unchanged, changes nothing; and written anew in its place it says the same."""
    text = path.read_text()
    policy = value(text)
    firsts = {part.kind: part for part in parts(policy)}
    for part in firsts.values():
        shown = written(policy, part)
        assert changed_fields(policy, part, shown) == {}
        name = list(shown)[-1]
        try:
            again = with_fields(text, part.place, {name: shown[name]})
        except Conflict:  # an alias: to be edited as text
            continue
        assert value(again) == policy


def test_help_is_there_for_every_kind_of_part_and_every_section() -> None:
    found = described(PAGE)
    kinds = {part.kind for path in EXAMPLES for part in parts(value(path.read_text()))}
    assert kinds <= set(found)
    assert set(FIELDS) <= set(found["catalogue"])
    for path in EXAMPLES:
        policy = value(path.read_text())
        for part in parts(policy):
            missing = set(written(policy, part)) - set(found[part.kind]) - {"code"}
            assert not missing, (path, part)
    assert found["item"]["price"].required is False
    assert found["entry"]["from"].required
    assert "[" not in found["item"]["price"].meaning
    assert found["instalments"]["count"].required
    assert Part((), "catalogue").title == "the catalogue itself"
