"""JSON as people mean it: numbers exact, no key twice, nothing that is no JSON (NaN, Infinity)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import JSONParser

from plans.errors import Invalid

MOST_BYTES = 10 * 2**20


class BadJSON(ParseError):
    default_code = "bad_json"


def must_be_plain(encoding: str) -> None:
    """Raises UnsupportedMediaType for a body that is packed: a small one could become endless."""
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(encoding, f"send the body as it is, not as {encoding[:40]}")


class ExactJSONParser(JSONParser):
    """Numbers with a point become Decimal, so that 0.1 is 0.1. Raises BadJSON where the body is no such JSON."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        must_be_plain(parser_context["request"].headers.get("Content-Encoding", "") if parser_context else "")
        try:
            text = stream.read(MOST_BYTES + 1)
            if len(text) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES} bytes")
            return json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_key_once)
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise BadJSON(f"the body is no JSON that can be read: {str(error)[:200]}") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice")
    return found


def read_exact(body: bytes) -> Any:
    """JSON at speed: what has numbers with a point, or may have a key twice, is read again with care. Raises Invalid `bad_json`."""
    try:
        content = orjson.loads(body)
        if not _holds_float(content) and each_key_stands_once(body, content):
            return content
        return json.loads(body, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Invalid("bad_json", f"the body is no JSON that can be read: {str(error)[:200]}") from error


def each_key_stands_once(body: bytes, content: Any) -> bool:
    """Whether no object of the body has a key twice, told by orjson's reading of it, which kept the last: a key that was dropped took its
    quotes along. False also where quotes tell nothing (one is spelt as a number, or it is nested too deep to be written again)."""
    try:
        return b"\\u0022" not in body and body.count(b'"') == orjson.dumps(content).count(b'"')
    except orjson.JSONEncodeError:
        return False


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(type(part) is float or (type(part) in (dict, list) and _holds_float(part)) for part in value.values())
    if isinstance(value, list):
        return any(_holds_float(part) for part in value)
    return isinstance(value, float)
