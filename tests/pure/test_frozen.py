"""Values that are made past the guard of a frozen dataclass are the same values, and as frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from plans.frozen import changed, frozen


@frozen()
class Quick:
    name: str
    size: int = 3
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plain:
    name: str
    size: int = 3
    told: Mapping[str, str] = field(default_factory=dict)


@frozen(kw_only=True)
class Named:
    first: int
    second: int = 2


@frozen(kw_only=True)
class Longer(Named):
    third: int


@frozen(order=True)
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(self.high)


@pytest.mark.parametrize("given", [{"name": "a"}, {"name": "a", "size": 0}, {"name": "a", "told": {"x": "y"}}])
def test_the_fields_are_those_of_a_frozen_dataclass(given: dict[str, Any]) -> None:
    assert vars(Quick(**given)) == vars(Plain(**given))
    assert [one.name for one in fields(Quick("a"))] == ["name", "size", "told"]
    assert Quick("a", 5) == replace(Quick("a"), size=5) != Quick("a")
    assert Quick("a").told is not Quick("a").told


def test_a_value_is_never_set_again() -> None:
    made: Any = Named(first=1)
    with pytest.raises(FrozenInstanceError):
        made.first = 2
    with pytest.raises(FrozenInstanceError):
        del made.second
    assert hash(made) == hash(Named(first=1, second=2))


def test_a_changed_value_is_another_one_with_the_other_fields_as_they_were() -> None:
    held = Longer(first=1, third=3)
    assert changed(held, third=4) == replace(held, third=4) != held
    assert type(changed(held)) is Longer
    with pytest.raises(TypeError, match="no field fourth"):
        changed(held, fourth=4)


def test_what_is_missing_unknown_or_out_of_place_is_refused() -> None:
    made: Any = Named
    for wrong in ({}, {"first": 1, "other": 2}):
        with pytest.raises(TypeError):
            made(**wrong)
    with pytest.raises(TypeError):
        made(1)


def test_subclasses_orders_and_checks_hold() -> None:
    assert vars(Longer(first=1, third=3)) == {"first": 1, "second": 2, "third": 3}
    assert Checked(1, 2) < Checked(1, 3)
    with pytest.raises(ValueError, match="1"):
        Checked(2, 1)
