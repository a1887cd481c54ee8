"""The everyday way of reading a CloudEvent says what the long way says, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.usage.cloudevents import measurement_of
from billing.usage.everyday import everyday
from billing.usage.records import Measurement, read_measurement
from plans.errors import Refusal

ACCOUNTS = {"ana": "ana", "b 1": "b 1", "ext": "zoe"}
PLAIN: dict[str, Any] = {
    "id": "1",
    "source": "meter/7",
    "specversion": "1.0",
    "type": "calls",
    "subject": "ana",
    "time": "2026-03-01T10:00:00Z",
    "data": {"value": "3", "region": "eu"},
}


def long_way(event: Any) -> Measurement | Refusal:
    try:
        found = measurement_of(event, ACCOUNTS)
        known = dict.fromkeys(ACCOUNTS.values(), "UTC")
        return read_measurement(found, source="x", zone_of_account=known.get, timeless=datetime(2026, 3, 2, tzinfo=UTC))
    except Refusal as error:
        return error


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"source": "meter"},
        {"subject": "ext"},
        {"time": "2026-03-01T10:00:00.123Z"},
        {"time": "2026-03-01T10:00:00.000001Z"},
        {"data": {"value": 12}},
        {"data": {"value": "0012.500", "é": "ü", "b": '\\ "x"', "a": "1"}},
        {"data": {"tokens": 100, "model": "x"}},
        {"data": {"": 3}},
        {"datacontenttype": "application/json"},
    ],
)
def test_everyday_events_are_read_as_the_long_way_reads_them(changed: dict[str, Any]) -> None:
    event = PLAIN | changed
    read = everyday(event, ACCOUNTS)
    assert read is not None
    assert read == long_way(event)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 7},
        {"id": ""},
        {"id": "a\x00"},
        {"id": " "},
        {"source": None},
        {"source": "a\nb"},
        {"type": "No Code"},
        {"subject": "nobody"},
        {"subject": ["ana"]},
        {"specversion": "0.3"},
        {"time": None},
        {"time": "2026-03-01"},
        {"time": "2026-03-01T10:00:00+01:00"},
        {"time": "2026-02-30T10:00:00Z"},
        {"time": "1800-03-01T10:00:00Z"},
        {"data": None},
        {"data": {}},
        {"data": "text"},
        {"data": {"count": 3, "other": 4}},
        {"data": {"": "5", "count": 3, "other": 4}},
        {"data": {"initial": 3}},
        {"data": {"count": "3"}},
        {"data": {"value": 1.5}},
        {"data": {"value": True}},
        {"data": {"value": "many"}},
        {"data": {"value": "1" + "0" * 15}},
        {"data": {"value": "1", "kind": "reading"}},
        {"data": {"value": "1", "voids": "9"}},
        {"data": {"value": "1", "region": 7}},
        {"data": {"value": "1", "region": ""}},
        {"data": {"value": "1", "card": "4111 1111 1111 1111"}},
        {"data": {"value": "1"} | {f"d{i}": "x" for i in range(51)}},
    ],
)
def test_anything_else_is_left_to_the_long_way(changed: dict[str, Any]) -> None:
    assert everyday(PLAIN | changed, ACCOUNTS) is None


@pytest.mark.parametrize("event", [None, 7, "text", [], [PLAIN], {}])
def test_what_is_no_event_is_left_to_the_long_way(event: object) -> None:
    assert everyday(event, ACCOUNTS) is None


scraps = st.sampled_from(
    ["1", "ana", "calls", "", " ", "x" * 201, "é", "a/b", "\ud800", "-0", "1e3", "12.50", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5Z"]
)
values = st.one_of(scraps, st.integers(-(10**16), 10**16), st.floats(), st.none(), st.booleans(), st.lists(scraps, max_size=2))
events = st.builds(
    lambda fields, data: PLAIN | fields | ({} if data is None else {"data": data}),
    st.dictionaries(st.sampled_from([*PLAIN, "extra"]), values, max_size=3),
    st.none() | st.dictionaries(st.sampled_from(["value", "region", "kind", "subject", "n", "until"]), values, max_size=4),
)


@given(events)
def test_both_ways_agree_on_whatever_comes(event: dict[str, Any]) -> None:
    read = everyday(event, ACCOUNTS)
    if read is not None:
        assert read == long_way(event)


def test_numbers_are_exact() -> None:
    """A binary float never becomes a quantity: the body is read again, exactly."""
    body = orjson.dumps(PLAIN | {"data": {"value": 0.1}})
    assert everyday(orjson.loads(body), ACCOUNTS) is None
    read = everyday(PLAIN | {"data": {"value": "0.1"}}, ACCOUNTS)
    assert read is not None
    assert read.value == Decimal("0.1")
