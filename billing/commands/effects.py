"""Effects that failed: a person who has mended the cause has them tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from billing import bulk, journal
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import EffectRetried
from billing.journal import Draft
from plans.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True)
class RetryEffect:
    effect: str
    reason: str = ""


def stream_of(effect: str) -> str:
    """`ana/17/document.send` → `ana`. Raises Invalid `wrong_type`."""
    address = effect.rpartition("/")[0]
    try:
        return journal.split_address(address)[0]
    except ValueError:
        message = f"an effect is named by its event and its kind, as in ana/17/document.send; found {effect!r}"
        raise Invalid("wrong_type", message, at="effect") from None


def _streams(args: Any) -> list[str]:
    return [stream_of(args.effect)]


def retry_effect(context: Context, args: RetryEffect) -> Decision:
    """Owe a failed effect again, with all its attempts before it."""
    rows = bulk.fetch("SELECT kind, state FROM effect WHERE id = %s", [args.effect])
    if not rows:
        raise NotFound("unknown_effect", f"there is no effect {args.effect!r}", at="effect")
    kind, state = rows[0]
    if state != "failed":
        raise Conflict(
            "effect_not_failed", f"the effect {args.effect} is {state}; only a failed one is tried again", at="effect", state=state
        )
    stream = stream_of(args.effect)
    return Decision([Draft(stream, EffectRetried(effect=args.effect, effect_kind=kind, reason=args.reason), context.at)])


COMMANDS = (Command("retry_effect", "Try a failed effect again", RetryEffect, retry_effect, _streams),)
