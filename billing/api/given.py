"""Parameters of the query, read by type. What is wrong is refused by name; a parameter that nobody knows is refused too."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from rest_framework.request import Request

from billing.queries.money import Dates
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.periods import parse_time

MOST, DEFAULT = 500, 100
DATES = ("as_of", "known_at")
LONGEST = 500
_LOST_PLUS = re.compile(r"(\S+T\S+) (\d\d:?\d\d)")
SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def text(request: Request, name: str) -> str:
    """A parameter of the query. Raises Invalid for a text that no column can hold, and for one given twice."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Invalid("given_twice", f"the parameter {name!r} is given {len(values)} times", at=name)
    value = values[0] if values else ""
    if len(value) > LONGEST or "\x00" in value:
        raise Invalid("out_of_range", f"expected at most {LONGEST} characters and no NUL", at=name)
    return value


def texts(request: Request, name: str, *, most: int) -> list[str]:
    """A parameter that may be given several times, up to `most`. Raises Invalid as `text` does."""
    values = request.query_params.getlist(name)
    if len(values) > most or any(len(value) > LONGEST or "\x00" in value for value in values):
        raise Invalid("out_of_range", f"expected at most {most} values of at most {LONGEST} characters and no NUL", at=name)
    return values


def moment(request: Request, name: str, zone: str) -> datetime | None:
    """A time, local to the zone unless it says otherwise; None where nothing is said. A + that was not encoded has become a space."""
    value = text(request, name)
    if lost := _LOST_PLUS.fullmatch(value):
        raise Invalid("not_a_time", f"{value!r} has lost its +, which an address writes as %2B: {lost[1]}%2B{lost[2]}", at=name)
    return parse_time(value, zone, name) if value else None


def dates(request: Request, zone: str = "UTC") -> Dates:
    """The two dates of a question about the past; none given: now."""
    return Dates(moment(request, "as_of", zone), moment(request, "known_at", zone))


def span(request: Request, zone: str) -> tuple[datetime | None, datetime | None]:
    """The half-open span `from` … `to`; an open side is None. Raises Invalid where it would end before it starts."""
    start, end = moment(request, "from", zone), moment(request, "to", zone)
    if start is not None and end is not None and start > end:
        raise Invalid("out_of_range", "it would end before it starts", at="to")
    return start, end


def plain_part(value: str, at: str) -> str:
    """A part of the address that can be looked up. Raises NotFound where no column could hold it."""
    if "\x00" in value or len(value) > LONGEST:
        raise NotFound("not_found", f"there is no {at} of this name", at=at)
    return value


def limit(request: Request) -> int:
    """Rows to a page, 1 to 500; 100 where nothing is said."""
    value = text(request, "limit")
    if not value:
        return DEFAULT
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= MOST):
        raise Invalid("out_of_range", f"expected a whole number from 1 to {MOST}", at="limit")
    return int(value)


def yes_or_no(request: Request, name: str) -> bool:
    """A switch: `1`, `true` or `yes`; `0`, `false` or `no`; no where it is not given. Given without a value it is refused: whoever writes
    `?dry_run` means something by it."""
    value = text(request, name)
    if name not in request.query_params:
        return False
    if value not in SWITCH:
        raise Invalid("wrong_type", "expected yes or no", at=name)
    return SWITCH[value]


def only(request: Request, known: Collection[str]) -> None:
    """Raises Invalid `unknown_parameter` for a parameter that the address does not know."""
    for name in request.query_params:
        if name not in known:
            raise Invalid("unknown_parameter", f"there is no parameter {name[:80]!r}{suggestion(name, list(known))}", at=name[:80])
