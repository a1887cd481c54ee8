"""Trying changes one after the other, in a transaction that is undone: which of them would be refused?

The commands themselves are run, each on what those before it leave. Nothing is billed: only the terms matter here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from billing import journal
from billing.command import Command
from billing.engine import Context, Rollback, Stamp, record
from billing.scheduling.pending import Pending
from plans.errors import Refusal


@dataclass(frozen=True)
class Try:
    """One change to try. `arguments` are plain; `when` is `now` except for what takes effect now and says itself what lies ahead."""

    name: str
    command: Command
    arguments: Mapping[str, Any]
    moment: datetime


def of(pending: Pending) -> Try:
    """A scheduled change, tried as the clockwork will carry it out. Raises a Refusal where it can't be read any more."""
    command, _ = pending.parsed()
    return Try(pending.address, command, pending.given, pending.moment)


def rehearse(context: Context, tries: Sequence[Try]) -> dict[str, Refusal]:
    """name → the refusal of each that would be refused, on what the others leave. A shared thing that another holds right now is not
    waited for: what concerns it is found out when the moment has come."""
    refused: dict[str, Refusal] = {}
    try:
        with transaction.atomic():
            heads = dict(context.heads)
            for one in tries:
                if (refusal := _tried(one, context, heads)) is not None:
                    refused[one.name] = refusal
            raise Rollback
    except Rollback:
        pass
    return refused


def _tried(one: Try, context: Context, heads: dict[str, journal.Head]) -> Refusal | None:
    moment = max(one.moment, context.at)
    try:
        with transaction.atomic():
            arguments = one.command.parse(one.arguments, at=moment)
            missing = [stream for stream in one.command.streams(arguments) if stream not in heads]
            found = journal.lock(missing, skip_locked=True) if missing else {}
            heads |= found
            if len(found) < len(missing):
                return None
            decision = one.command.run(Context(moment, context.actor, context.recorded_at, heads), arguments)
            record(decision.drafts, heads=heads, stamp=Stamp(context.actor, one.command.name, context.recorded_at, dry_run=True))
    except Refusal as refusal:
        return refusal
    return None
