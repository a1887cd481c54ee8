"""The reader of fields: each mistake named with its code, its path and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from plans.errors import Invalid
from plans.fields import Fields, join, suggestion


def refused(act: Callable[[], Any]) -> tuple[str, str]:
    """The code and path of the refusal."""
    with pytest.raises(Invalid) as caught:
        act()
    return caught.value.code, caught.value.at


def test_paths() -> None:
    assert join("", "price") == "price"
    assert join("price", "tiers") == "price.tiers"
    assert join("price.tiers", 0) == "price.tiers[0]"
    assert join("", 3) == "[3]"


@pytest.mark.parametrize("value", [[], "text", None, 5, True])
def test_only_a_mapping_has_fields(value: object) -> None:
    assert refused(lambda: Fields(value, "price")) == ("wrong_type", "price")


def test_a_field_name_is_text() -> None:
    assert refused(lambda: Fields({1: 2}, "price")) == ("wrong_type", "price")


def test_values_are_read() -> None:
    fields = Fields({"a": "text", "b": "1.50", "c": True, "d": "7", "e": ["x"], "f": {"k": "v"}, "g": "up", "h": None, "i": "false"}, "at")
    assert fields.text("a") == "text"
    assert fields.decimal("b") == Decimal("1.50")
    assert fields.flag("c") is True
    assert fields.integer("d") == 7
    assert fields.items("e") == [("x", "at.e[0]")]
    assert fields.mapping("f") == [("k", "v", "at.f.k")]
    assert fields.choice("g", ("up", "down")) == "up"
    assert fields.text("h", "default") == "default"
    assert fields.flag("i") is False
    fields.done()


@pytest.mark.parametrize(
    ("value", "read", "code"),
    [
        ({}, lambda f: f.text("x"), "missing_field"),
        ({"x": None}, lambda f: f.decimal("x"), "missing_field"),
        ({"x": 5}, lambda f: f.text("x"), "wrong_type"),
        ({"x": "  "}, lambda f: f.text("x"), "wrong_type"),
        ({"x": "y" * 201}, lambda f: f.text("x"), "out_of_range"),
        ({"x": "a\x00"}, lambda f: f.text("x"), "bad_text"),
        ({"x": "maybe"}, lambda f: f.flag("x"), "wrong_type"),
        ({"x": "-1"}, lambda f: f.decimal("x"), "negative"),
        ({"x": []}, lambda f: f.decimal("x"), "not_a_number"),
        ({"x": "1.5"}, lambda f: f.integer("x"), "wrong_type"),
        ({"x": "-1"}, lambda f: f.integer("x"), "out_of_range"),
        ({"x": "1e20"}, lambda f: f.integer("x"), "out_of_range"),
        ({"x": "text"}, lambda f: f.items("x"), "wrong_type"),
        ({"x": {}}, lambda f: f.items("x"), "wrong_type"),
        ({"x": []}, lambda f: f.mapping("x"), "wrong_type"),
        ({"x": "sideways"}, lambda f: f.choice("x", ("up", "down")), "unknown_choice"),
        ({"x": ["up"]}, lambda f: f.choice("x", ("up", "down")), "unknown_choice"),
    ],
)
def test_mistakes(value: dict[str, Any], read: Callable[[Fields], Any], code: str) -> None:
    assert refused(lambda: read(Fields(value, "at"))) == (code, "at.x")


def test_an_unknown_field_is_named_with_a_suggestion() -> None:
    fields = Fields({"amout": "1"}, "price")
    fields.decimal("amount", None)
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert (caught.value.code, caught.value.at) == ("unknown_field", "price.amout")
    assert "did you mean 'amount'?" in caught.value.message


def test_suggestion_lists_what_is_known() -> None:
    assert suggestion("zzz", ["b", "a"]) == "; known: a, b"
    assert suggestion("zzz", []) == ""


def test_a_long_name_does_not_fill_the_message() -> None:
    fields = Fields({"x" * 10**5: "1"})
    with pytest.raises(Invalid) as caught:
        fields.done()
    assert len(caught.value.message) < 200
