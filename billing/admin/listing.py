"""What a list of what waits for the office is: where its rows are, what is shown of them, and what can be done with many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Arguments = Callable[[Row], dict[str, Any]]


@dataclass(frozen=True)
class Action:
    """A command that can be run for many rows, or (`form`) opened for one with its fields filled in. `asks`: an argument typed for all."""

    command: str
    label: str
    arguments: Arguments
    asks: str = ""
    form: bool = False


@dataclass(frozen=True)
class WorkList:
    """`shown`: heading → SQL, with the headings `key` and `account` first; `source`: FROM … WHERE, where `given.at` is now."""

    name: str
    title: str
    icon: str
    help: str
    source: str
    shown: Mapping[str, str]
    order: str
    actions: Sequence[Action] = field(default_factory=tuple)

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(name for name in self.shown if name not in ("key", "account", "currency") and not name.startswith("_"))


def of_account(*names: str) -> Arguments:
    """The row's account, and its key under the given names."""
    return lambda row: {"account": row["account"]} | dict.fromkeys(names, row["key"])
