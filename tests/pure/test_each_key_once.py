"""JSON in which a key stands twice is never taken for what its last value says; what is plain is read at speed."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.api import parsing
from billing.api.parsing import each_key_stands_once, read_exact
from plans.errors import Invalid


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, where a key may stand twice."""


def written(value: Any, spell: bool) -> str:
    """`spell`: keys and texts by the numbers of their characters."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{written(name, spell)} :{written(part, spell)}" for name, part in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(part, spell) for part in value) + "]"
    if isinstance(value, str) and spell:
        return '"' + "".join(f"\\u{ord(character):04x}" for character in value) + '"'
    return json.dumps(value)


def is_twice(value: Any) -> bool:
    if isinstance(value, Pairs):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(is_twice(part) for _, part in value)
    return isinstance(value, list) and any(is_twice(part) for part in value)


TEXTS = st.text(alphabet='ab":\\é,{', max_size=3)
VALUES = st.recursive(
    TEXTS | st.integers(-9, 9) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(TEXTS, inner), max_size=4).map(Pairs),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_a_key_twice_is_always_seen_and_nothing_else_is_refused(value: Any, spell: bool) -> None:
    body = written(value, spell).encode()
    if is_twice(value):
        assert not each_key_stands_once(body, orjson.loads(body))
        with pytest.raises(Invalid, match="stands twice"):
            read_exact(body)
    else:
        assert read_exact(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (rb'{"id": "a", "data": {"value": "1", "a:b": ":\":"}}', True),
        (b'{"id": "a", "id": "b"}', False),
        (b'{"id" : "a", "\\u0069d": "a"}', False),
        (b'[{"data": {"value": 1}}, {"data": {"value": 1, "value": 2}}]', False),
        (rb'{"a": "\u0022\u0022", "b": 1, "b": 1}', False),  # as many quotes as if nothing had been dropped
        (rb'{"a": "\u0022"}', False),  # may be, so the careful reader is asked
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", False),  # can't be written again
    ],
)
def test_what_quotes_tell(body: bytes, plain: bool) -> None:
    assert each_key_stands_once(body, orjson.loads(body)) is plain


def test_plain_bodies_are_read_once() -> None:
    with patch.object(parsing.json, "loads", side_effect=AssertionError("read again")):
        assert read_exact(b'{"a": {"b": "\\u00e9"}}') == {"a": {"b": "é"}}
    assert read_exact(rb'{"a": "\u0022"}') == {"a": '"'}
    assert read_exact(b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}")["a"] != []
