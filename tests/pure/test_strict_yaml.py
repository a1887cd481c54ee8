"""Files that people write: every scalar its exact text, every field its line, and nothing that reads in two ways."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.errors import Invalid, NotFound
from plans.strict_yaml import load, load_file, load_json, located

TEXT = """\
zone: 12:00
country: NO
amount: 0.10
big: 1e400
octal: 0o17
date: 2026-03-01T15:00
nothing:
tilde: ~
quoted: "null"
yes: yes
on: true
plans:
  room:
    items:
      - price: 1
        unit: "2"
      - {price: 3,
         unit: 4}
"""


def refused(text: str | bytes, *, read: object = load) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        read(text, name="f.yaml")  # type: ignore[operator]
    return caught.value.code, caught.value.at


def test_scalars_stay_text() -> None:
    value = load(TEXT, name="f.yaml").value
    plans = value.pop("plans")
    assert value == {
        "zone": "12:00",
        "country": "NO",
        "amount": "0.10",
        "big": "1e400",
        "octal": "0o17",
        "date": "2026-03-01T15:00",
        "nothing": None,
        "tilde": None,
        "quoted": "null",
        "yes": "yes",
        "on": True,
    }
    assert plans == {"room": {"items": [{"price": "1", "unit": "2"}, {"price": "3", "unit": "4"}]}}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("zone", 1),
        ("amount", 3),
        ("plans.room.items[0].price", 15),
        ("plans.room.items[1].unit", 18),
        ("plans.room.items[1].missing", 17),
        ("plans.room.missing.deeper[3].x", 13),
        ("nowhere", 1),
        ("", 1),
    ],
)
def test_lines(path: str, line: int) -> None:
    assert load(TEXT, name="f.yaml").line(path) == line


def test_a_refusal_is_located() -> None:
    error = located(NotFound("no_such", "there is none", at="plans.room.items[0].vat", wanted=3), load(TEXT, name="f.yaml"))
    assert isinstance(error, NotFound)
    assert str(error) == "f.yaml:15: plans.room.items[0].vat: there is none [no_such]"
    assert error.facts == {"wanted": 3, "file": "f.yaml", "line": 15, "path": "plans.room.items[0].vat"}


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("a: 1\nb: 2\na: 3", "duplicate_key", "f.yaml:3"),
        ("x:\n  - {a: 1, a: 2}", "duplicate_key", "f.yaml:2"),
        ("a: 1\n'a': 2", "duplicate_key", "f.yaml:2"),
        (b"a: 1\nb: \xff", "bad_file", "f.yaml:2"),
        ("a: 1\nb: \x00", "bad_file", "f.yaml:2"),
        ('a: "\\0"', "bad_file", "f.yaml:1"),
        ("a: 1\n---\nb: 2", "bad_file", "f.yaml:2"),
        ("a: !!int 1", "bad_file", "f.yaml:1"),
        ("a: !!python/object:os.system {}", "bad_file", "f.yaml:1"),
        ("a: ! 1", "bad_file", "f.yaml:1"),
        ("a: &x [*x]", "bad_file", "f.yaml:1"),
        ("a: *nowhere", "bad_file", "f.yaml:1"),
        ("? [1]\n: 2", "bad_file", "f.yaml:1"),
        ("a: 'x", "bad_file", "f.yaml:1"),
        ("a:\n\t- 1", "bad_file", "f.yaml:2"),
        ("a: b: c", "bad_file", "f.yaml:1"),
        ("a: \x07", "bad_file", "f.yaml"),
        ("[" * 65 + "]" * 65, "bad_file", "f.yaml:1"),
        ("[" * 100_000, "bad_file", "f.yaml:1"),
        ("- " * 5_000, "bad_file", "f.yaml:1"),
    ],
)
def test_what_is_refused(text: str | bytes, code: str, at: str) -> None:
    assert refused(text) == (code, at)


def test_an_alias_stands_for_what_was_written() -> None:
    assert load("a: &t [1, 2]\nb: *t", name="f").value == {"a": ["1", "2"], "b": ["1", "2"]}


def test_a_few_anchors_cannot_stand_for_a_billion_values() -> None:
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 12)]
    assert refused("\n".join(lines)) == ("bad_file", "f.yaml:6")


def test_json_keeps_the_text_of_numbers() -> None:
    document = load_json('{"a": 1.10,\n "b": [1e400,\n  NaN],\n "c": null, "d": "x"}', name="f.json")
    assert document.value == {"a": "1.10", "b": ["1e400", "NaN"], "c": None, "d": "x"}
    assert [document.line(path) for path in ("a", "b[1]", "c", "b[1].x")] == [1, 3, 4, 3]


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ('{"a": 1,\n"a": 2}', "duplicate_key", "f.yaml:2"),
        ('{"a": 1', "bad_file", "f.yaml:1"),
        ("", "bad_file", "f.yaml:1"),
        ('"\\ud800"', "bad_file", "f.yaml"),
        ('{"a\\u0000": 1}', "bad_file", "f.yaml"),
        ("[" * 100_000, "bad_file", "f.yaml"),
        ("[" * 70 + "]" * 70, "bad_file", "f.yaml"),
    ],
)
def test_what_json_refuses(text: str, code: str, at: str) -> None:
    assert refused(text, read=load_json) == (code, at)


def test_the_kind_of_file_is_seen() -> None:
    assert load_file('[{"a": 1}]', name="-").value == [{"a": "1"}]
    assert load_file("{a: 1}", name="x.yaml").value == {"a": "1"}
    assert load_file(b"\xef\xbb\xbfa: 1", name="x.yaml").value == {"a": "1"}
    assert refused('{"a": 1, "a": 2}', read=load_file) == ("duplicate_key", "f.yaml:1")
    with pytest.raises(Invalid):
        load_file("a: 1", name="x.json")


ascii_text = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=12)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False).map(str)
plain_values = st.recursive(
    st.none() | st.booleans() | numbers | ascii_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_text, inner, max_size=4),
    max_leaves=12,
)


def as_text(value: object) -> object:
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


@given(plain_values)
def test_json_reads_the_same_both_ways(value: object) -> None:
    written = json.dumps(value)
    assert load_json(written, name="f").value == as_text(value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (load, load_json, load_file):
        try:
            read(text, name="f")
            code = "read"
        except Invalid as error:
            code = error.code
        assert code in ("read", "bad_file", "duplicate_key")
