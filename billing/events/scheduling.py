"""Changes that are agreed now and take effect later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class ChangeScheduled(Event):
    """A command that is to be carried out at `moment`. Its address names the change.

    `rule` says what found the moment (`period_end`, `trial_end`, `term_end`; "" for a date). `terms` is the event whose terms were in
    force, and `based_on` how far each stream had come, when it was asked. Of changes of one moment the lower `order` comes first, then
    the earlier asked.
    """

    kind: ClassVar[str] = "change.scheduled"
    account: str
    command: str
    arguments: Mapping[str, Any]
    moment: datetime
    rule: str
    contract: str
    order: int
    terms: str
    based_on: Mapping[str, int]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeEvent(Event):
    """The base of what happens to a scheduled change: `change` is the address of its `change.scheduled`."""

    account: str
    change: str


@dataclass(frozen=True, kw_only=True)
class ChangeMoved(ChangeEvent):
    """It is carried out at another moment; one that waited for a person is scheduled again."""

    kind: ClassVar[str] = "change.moved"
    moment: datetime
    previous: datetime
    order: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeWithdrawn(ChangeEvent):
    """It will not be carried out. `instead` is the event that replaces it, if one does."""

    kind: ClassVar[str] = "change.withdrawn"
    reason: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeApplied(ChangeEvent):
    """It was carried out: the events before this one, which name it as their cause."""

    kind: ClassVar[str] = "change.applied"


@dataclass(frozen=True, kw_only=True)
class ChangeQuestioned(ChangeEvent):
    """It can't be carried out, or no longer makes sense: a person must move or withdraw it. `code` and `message` are the refusal's."""

    kind: ClassVar[str] = "change.questioned"
    code: str
    message: str
