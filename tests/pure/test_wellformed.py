"""A stored event is told to be in order without being made only where making it says the same."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from billing.codec import decode, encode, kinds
from billing.wellformed import is_wellformed, repeats

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CURRENT = sorted(GOLDEN / f"{kind}.v{cls.form}.json" for kind, cls in kinds().items())
#: What may stand in the place of a value.
OTHERS: tuple[Any, ...] = (None, True, 1, 1.5, "", "1E+2", "1.50", " 1", "20260101", "2026-01-01T00:00:00.000000Z", [], ["x"], {}, {"x": 1})


def read(path: Path) -> tuple[str, int, Any]:
    kind, _, version = path.stem.rpartition(".v")
    return kind, int(version), orjson.loads(path.read_bytes())


def is_read(kind: str, version: int, data: Any) -> bool:
    try:
        return repeats(encode(decode(kind, version, data)), data)
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return False


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value stands, those inside of others too."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inner:
        yield (*path, name)
        yield from places(value, (*path, name))


def other(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The data with another value at that place; `...` for none."""
    changed = copy.deepcopy(data)
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return changed


def test_what_is_in_order_is_told_so() -> None:
    assert [path.stem for path in CURRENT if not is_wellformed(*read(path))] == []


def test_nothing_is_told_to_be_in_order_that_is_not() -> None:
    seen = set()
    for path in CURRENT:
        kind, version, data = read(path)
        for i, place in enumerate(places(data)):
            for value in (..., *(OTHERS[(i + j) % len(OTHERS)] for j in range(4))):
                changed = other(data, place, value)
                told = is_wellformed(kind, version, changed)
                seen.add(told)
                assert not told or is_read(kind, version, changed), (path.stem, place, value)
        assert not is_wellformed(kind, version, data | {"invented": "x"})
    assert seen == {True, False}


@pytest.mark.parametrize("value", ["1E+2", "01", "1_0", " 1", "+1", "٣", "abc"])
def test_a_number_is_in_order_only_as_it_is_written(value: str) -> None:
    kind, version, data = read(GOLDEN / "payment.received.v1.json")
    assert is_wellformed(kind, version, data)
    assert not is_wellformed(kind, version, data | {"amount": value})


def test_other_versions_are_left_to_who_reads_them() -> None:
    kind, version, data = read(GOLDEN / "stock.moved.v1.json")
    assert version < kinds()[kind].form
    assert not is_wellformed(kind, version, data)
