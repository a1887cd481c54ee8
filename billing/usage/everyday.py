"""Pure: the everyday CloudEvent read at speed: plain use of a known account, at a time in UTC, with a quantity and dimensions of text.

What is read here is what `cloudevents` and `records` would have read, to the digest, in a fifth of the time; a test holds the two together.
Whatever is not everyday is answered by None and goes the long way, which also knows how to refuse. Nothing is refused here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from billing.codec import canonical
from billing.usage.cloudevents import OWN, source_of
from billing.usage.records import LONGEST_TEXT, MOST_DIMENSIONS, Measurement, code_of, digits_of, short_text, source_name
from plans import card_numbers
from plans.errors import Refusal
from plans.money import parse_measure
from plans.periods.times import FIRST_YEAR, LAST_YEAR, parse_utc

_MICROSECONDS = {20: ".000000Z", 24: "000Z", 27: "Z"}  # what is missing of the stored form of a time, by the length of its text


def everyday(event: Any, accounts: Mapping[str, str]) -> Measurement | None:
    """The measurement that the event says; None where it is not everyday. `accounts`: subject → account, of those that are open."""
    try:
        id, source, code, account = event["id"], _source(event["source"]), _code(event["type"]), accounts[event["subject"]]
        time, data = event["time"], event["data"]
        held = "value" if "value" in data else _only_number(data)
        given = data[held]
        dimensions = _NONE if len(data) == 1 else _dimensions(tuple(item for item in data.items() if item[0] != held))
    except (AttributeError, KeyError, TypeError):
        return None
    if source is None or code is None or type(time) is not str or type(id) is not str or event.get("specversion", "1.0") != "1.0":
        return None
    at = parse_utc(time)
    if at is None or not FIRST_YEAR <= at.year <= LAST_YEAR or not 0 < len(id) <= LONGEST_TEXT or not id.isprintable() or id.isspace():
        return None
    if dimensions is None or type(given) not in (str, int):
        return None
    try:
        value = parse_measure(given)
    except Refusal:
        return None
    content = {  # sorted, as the canonical form is
        "account": account,
        "at": time[:-1] + _MICROSECONDS[len(time)],
        "dimensions": orjson.Fragment(dimensions),
        "estimated": False,
        "id": id,
        "kind": "usage",
        "meter": code,
        "source": source,
        "subject": "",
        "until": None,
        "value": digits_of(value),
    }
    digest = hashlib.sha256(orjson.dumps(content)).digest()
    return Measurement(account, code, at, source, id, None, value, None, dimensions, "", "usage", False, None, None, None, None, digest)


_NONE = "{}"


def _only_number(data: Mapping[str, Any]) -> str | None:
    """The field of the only number; None, which is no field, where there is none, or are several."""
    numbers = [name for name, value in data.items() if type(value) is int]
    return numbers[0] if len(numbers) == 1 and numbers[0] not in OWN else None


@lru_cache(maxsize=1_000)
def _source(given: object) -> str | None:
    try:
        return source_name(source_of(given)) if type(given) is str else None
    except Refusal:
        return None


@lru_cache(maxsize=10_000)
def _code(given: object) -> str | None:
    try:
        return code_of(given, "meter") if type(given) is str else None
    except Refusal:
        return None


@lru_cache(maxsize=50_000)
def _dimensions(items: tuple[tuple[str, Any], ...]) -> str | None:
    """Their canonical JSON; None where one is no text, or may not be kept."""
    if len(items) > MOST_DIMENSIONS:
        return None
    try:
        for name, value in items:
            if name in OWN or type(value) is not str or short_text(name, "") != name or short_text(value, "") != value:
                return None
        found = dict(items)
        card_numbers.refuse(found, "")
    except Refusal:
        return None
    return canonical(found).decode()
