"""How often a caller may call: so many times in each minute of the clock. One statement to a call, on a row of the caller alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from billing import bulk
from billing.api.callers import caller_of
from plans.errors import TooMany

MINUTE = 60


def spend(caller: str, *, at: datetime, most: int) -> dict[str, str]:
    """Count one call; answers the headers that say how many are left in the minute. Raises TooMany `too_many_calls` for one more than
    `most`; 0: no limit, nothing is counted."""
    if most <= 0:
        return {}
    statement = """
        INSERT INTO api_calls AS held (caller, began, count) VALUES (%s, %s, 1)
        ON CONFLICT (caller) DO UPDATE SET count = CASE WHEN held.began = excluded.began THEN held.count + 1 ELSE 1 END,
            began = excluded.began RETURNING count"""
    count = bulk.fetch(statement, [caller, at.replace(second=0, microsecond=0)])[0][0]
    wait = MINUTE - at.second
    if count > most:
        raise TooMany("too_many_calls", f"at most {most} calls in a minute; call again in {wait} seconds", retry_after=wait, limit=most)
    return {"RateLimit-Limit": str(most), "RateLimit-Remaining": str(most - count), "RateLimit-Reset": str(wait)}


class PerCaller(BaseThrottle):
    """The limit of all addresses but the one that takes events in, which has one of its own."""

    def allow_request(self, request: Request, view: Any) -> bool:
        view.headers |= spend(caller_of(request).actor, at=timezone.now(), most=settings.API_CALLS_PER_MINUTE)
        return True
