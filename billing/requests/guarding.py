"""Who corrects money without asking: members of staff whose limit for it has no bound. Everybody else asks, and within a limit it is done
at once (billing/requests/commands.py); so the limits for each and for the day hold whichever way a command is given. Programs are not
people: their keys say what they may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from accounts.access import roles_of_actor
from billing import bulk
from billing.command import Command
from billing.engine import Context
from billing.house.published import house_policy
from billing.requests.kinds import REQUESTABLE
from plans.errors import NotAllowed

#: A coupon says itself what it gives and to whom.
FREE = frozenset({"apply_coupon"})
GUARDED = frozenset(REQUESTABLE) - FREE


_asking: ContextVar[bool] = ContextVar("billing.requests.guarding.asking", default=False)


@contextmanager
def asking() -> Iterator[None]:
    """Inside, a command is only looked at, by somebody who asks for it or decides about it."""
    token = _asking.set(True)
    try:
        yield
    finally:
        _asking.reset(token)


def check_alone(command: Command, context: Context, arguments: Any) -> None:
    """Raises NotAllowed `ask_for_it` where a member of staff gives a command that corrects money beyond what he decides without bound."""
    if command.name not in GUARDED or not context.actor.startswith("user:") or _asking.get():
        return
    roles = sorted(roles_of_actor(context.actor))
    if not roles:
        return
    rows = bulk.fetch("SELECT seller FROM read_account WHERE account = %s", [getattr(arguments, "account", "")])
    policy = house_policy(rows[0][0] if rows else "main", at=context.at)
    if not any(limit.unbounded for role in roles if (limit := policy.limit(role, command.name)) is not None):
        message = (
            f"{context.actor} ({', '.join(roles)}) has to ask for {command.name}, by request_correction; within a limit it is done at once"
        )
        raise NotAllowed("ask_for_it", message, at="command")
