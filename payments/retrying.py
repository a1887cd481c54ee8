"""Pure: when a document is collected by itself, and when again after a decline.

What falls due is collected once for each due date. What was declined is tried again on the days that the dunning policy names for the class
of the decline, counted from its first decline by this method; days on which dunning is paused do not count. A class without days is not
tried again. Another default method pays at once what the one before it did not, where the policy tries anything again at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from payments.dunning.cases import Pause, shifted
from plans.periods import day_start, local_date


@dataclass(frozen=True)
class Attempt:
    """A collection of a document. `method` is empty where the customer gave one on the gateway's page; `closed` None: it is under way."""

    asked: datetime
    closed: datetime | None
    status: str
    decline: str
    method: str


@dataclass(frozen=True)
class Rules:
    """How an account is collected from: by which method since when, in which zone, and what its dunning says of declines."""

    zone: str
    method: str
    since: datetime
    retries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pauses: Sequence[Pause] = ()


@dataclass(frozen=True)
class Planned:
    moment: datetime
    trigger: str  # due or retry


def next_attempt(dues: Sequence[date], attempts: Sequence[Attempt], rules: Rules) -> Planned | None:
    """When a document whose open parts are due on `dues` (rising) is collected next; None where nothing is ahead or one is under way."""
    if not dues or any(one.closed is None for one in attempts):
        return None
    mine = [one for one in attempts if one.method]
    found = [plan for plan in (_when_due(dues, mine, rules), _again(dues, mine, rules)) if plan is not None]
    first = min(found, key=lambda plan: plan.moment, default=None)
    answered = [one.closed for one in attempts if one.closed is not None]
    return Planned(max(first.moment, *answered), first.trigger) if first and answered else first


def _when_due(dues: Sequence[date], attempts: Sequence[Attempt], rules: Rules) -> Planned | None:
    """The first of the due dates since which nothing was tried."""
    starts = [day_start(due, rules.zone) for due in dues]
    last = attempts[-1] if attempts else None
    start = next((start for start in starts if last is None or last.asked < start), None)
    if start is None:
        return None
    return Planned(max(start, rules.since), "due")


def _again(dues: Sequence[date], attempts: Sequence[Attempt], rules: Rules) -> Planned | None:
    last = attempts[-1] if attempts else None
    if last is None or last.closed is None or last.status != "failed" or not any(rules.retries.values()):
        return None
    if last.method != rules.method:
        return _outside_pauses(max(rules.since, last.closed), dues, rules)
    first = _first_of_class(dues, attempts, rules)
    declined = local_date(last.closed, rules.zone)
    for after in rules.retries.get(last.decline, ()):
        day = shifted(first, after, rules.pauses)
        if day is None:
            return None
        if day > declined:
            return _outside_pauses(max(day_start(day, rules.zone), rules.since), dues, rules)
    return None


def _first_of_class(dues: Sequence[date], attempts: Sequence[Attempt], rules: Rules) -> date:
    """The day of the first decline of the newest one's class and method, since the newest due date before it."""
    last = attempts[-1]
    begun = max((start for due in dues if (start := day_start(due, rules.zone)) <= last.asked), default=last.asked)
    alike = [
        one for one in attempts if one.asked >= begun and (one.status, one.decline, one.method) == ("failed", last.decline, last.method)
    ]
    return min(local_date(one.closed, rules.zone) for one in alike if one.closed is not None)


def _outside_pauses(moment: datetime, dues: Sequence[date], rules: Rules) -> Planned | None:
    """At the moment, or on the first morning after a pause; None where nothing is due by then (a payment plan) or the pause has no end."""
    day = local_date(moment, rules.zone)
    moved = shifted(day, 0, rules.pauses)
    if moved is None or moved < dues[0]:
        return None
    return Planned(moment if moved == day else day_start(moved, rules.zone), "retry")
