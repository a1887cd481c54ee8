"""Parameters of the query, read by type. What is wrong is refused by name; a parameter that nobody knows is refused too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from rest_framework.request import Request

from plans.errors import Invalid
from plans.fields import suggestion
from plans.periods import parse_time

MOST, DEFAULT = 500, 100
LONGEST = 500


def text(request: Request, name: str) -> str:
    """A parameter of the query. Raises Invalid for a text that no column can hold, and for one given twice."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Invalid("given_twice", f"the parameter {name!r} is given {len(values)} times", at=name)
    value = values[0] if values else ""
    if len(value) > LONGEST or "\x00" in value:
        raise Invalid("out_of_range", f"expected at most {LONGEST} characters and no NUL", at=name)
    return value


def moment(request: Request, name: str, zone: str) -> datetime | None:
    """A time, local to the zone unless it says otherwise; None where nothing is said."""
    value = text(request, name)
    return parse_time(value, zone, name) if value else None


def limit(request: Request) -> int:
    """Rows to a page, 1 to 500; 100 where nothing is said."""
    value = text(request, "limit")
    if not value:
        return DEFAULT
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= MOST):
        raise Invalid("out_of_range", f"expected a whole number from 1 to {MOST}", at="limit")
    return int(value)


def yes_or_no(request: Request, name: str) -> bool:
    """A switch: `1`, `true` or `yes`; `0`, `false`, `no` or nothing."""
    value = text(request, name)
    if value.lower() not in ("", "0", "1", "true", "false", "yes", "no"):
        raise Invalid("wrong_type", "expected yes or no", at=name)
    return value.lower() in ("1", "true", "yes")


def only(request: Request, known: Collection[str]) -> None:
    """Raises Invalid `unknown_parameter` for a parameter that the address does not know."""
    for name in request.query_params:
        if name not in known:
            raise Invalid("unknown_parameter", f"there is no parameter {name[:80]!r}{suggestion(name, list(known))}", at=name[:80])
