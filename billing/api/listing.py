"""Lists and single rows of the resources: rows that may be seen, filters, search, stable pages, chosen fields.

A page ends with a cursor, the order's values of its last row; the next page begins after it, whatever was added meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from rest_framework.request import Request

from accounts.access import Caller
from billing.api import given, past
from billing.api.resources import Resource
from billing.codec import kinds
from billing.queries.money import Dates
from billing.queries.status import money_text
from billing.then import seen_then
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.money import DECIMALS, plain
from plans.periods import parse_date, parse_time

PAGING = ("after", "limit", "fields", "newest")
AMOUNTS_WITH_SIX_DECIMALS = 6


def parameters(resource: Resource) -> list[str]:
    """Every parameter that the list knows."""
    names = []
    for name in resource.filters:
        names += [f"{name}_from", f"{name}_before"] if _is_time(resource, name) else [name]
    names += [name for name, _ in resource.also]
    return [*names, *(["search"] if resource.search else []), *PAGING, *dates_of(resource)]


def dates_of(resource: Resource) -> Sequence[str]:
    """The two dates, where the resource has a past."""
    return given.DATES if resource.past else ()


def _is_time(resource: Resource, name: str) -> bool:
    return isinstance(resource.model._meta.get_field(name), models.DateField)


def page(resource: Resource, request: Request, caller: Caller) -> tuple[list[dict[str, Any]], str]:
    """The rows of the page as data, and the cursor of the next one; empty where there is none. Raises Invalid for a wrong parameter."""
    given.only(request, parameters(resource))
    limit, newest = given.limit(request), given.yes_or_no(request, "newest")
    shown = chosen(resource, given.text(request, "fields"))
    dates = given.dates(request) if resource.past else Dates()
    rows = filtered(resource, request, caller.only_seen(resource.model._default_manager.all(), column=resource.owner))
    if cursor := given.text(request, "after"):
        rows = rows.filter(_beyond(resource.order, _read_cursor(resource, cursor), newest=newest))
    rows = rows.order_by(*(f"-{name}" if newest else name for name in resource.order))
    if resource.facts:
        found = list(past.ended(resource, rows, dates)[: limit + 1])
    else:
        with seen_then([] if dates.now else past.streams_of(resource, request, caller), dates):
            found = list(rows[: limit + 1])
    listed = found[:limit]
    following = _cursor(resource, listed[-1]) if len(found) > limit else ""
    return [as_data(row, shown, resource.money) for row in listed], following


def one(resource: Resource, key: str, request: Request, caller: Caller) -> dict[str, Any]:
    """One row by its key. Raises NotFound, also for what the caller may not see."""
    given.only(request, ["fields", *dates_of(resource)])
    shown = chosen(resource, given.text(request, "fields"))
    dates = given.dates(request) if resource.past else Dates()
    rows = caller.only_seen(resource.model._default_manager.all(), column=resource.owner)
    rows = rows.filter(**{resource.key: key}) if "\x00" not in key else rows.none()
    row = rows.first()
    if not dates.now:
        with seen_then(past.stream_of(resource, key, row, caller), dates):
            row = rows.all().first()
    if row is None:
        raise NotFound("not_found", f"there is no {resource.key} {key[:80]!r}", at=resource.key)
    return as_data(row, shown, resource.money)


def chosen(resource: Resource, fields: str) -> list[Any]:
    """The columns that `fields` names, apart by commas; all of them where it is empty."""
    if not fields:
        return resource.columns
    known = {field.name: field for field in resource.columns}
    for name in fields.split(","):
        if name not in known:
            raise Invalid("unknown_field", f"there is no field {name[:80]!r}{suggestion(name, list(known))}", at="fields")
    return [known[name] for name in dict.fromkeys(fields.split(","))]


def filtered(resource: Resource, request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    for name, column in (*((name, name) for name in resource.filters), *resource.also):
        field = resource.model._meta.get_field(column)
        if _is_time(resource, column):
            for suffix, comparison in (("_from", "gte"), ("_before", "lt")):
                if value := given.text(request, name + suffix):
                    rows = rows.filter(**{f"{name}__{comparison}": _moment(field, value, name + suffix)})
        elif value := given.text(request, name):
            if name == resource.kinds:
                _must_be_kinds(value.split(","), name)
            rows = rows.filter(**{f"{column}__in": [_value(field, part, name) for part in value.split(",")]})
    if resource.search and (wanted := given.text(request, "search").strip()):
        condition = Q()
        for name in resource.search:
            condition |= Q(**{f"{name}__icontains": wanted})
        rows = rows.filter(condition)
    return rows


def _must_be_kinds(names: Sequence[str], at: str) -> None:
    """Raises Invalid for a kind of event that nothing can have: an empty list would look like an answer."""
    for name in names:
        if name not in kinds():
            raise Invalid("unknown_choice", f"there is no kind of event {name[:80]!r}{suggestion(name, list(kinds()))[:300]}", at=at)


def _moment(field: Any, value: str, at: str) -> date | datetime:
    return parse_time(value, "UTC", at) if isinstance(field, models.DateTimeField) else parse_date(value, at)


def _value(field: Any, value: str, at: str) -> Any:
    if isinstance(field, models.BooleanField):
        if value not in ("true", "false"):
            raise Invalid("wrong_type", "expected true or false", at=at)
        return value == "true"
    try:
        return field.to_python(value)
    except ValidationError as error:
        raise Invalid("wrong_type", error.messages[0], at=at) from error


# --- cursors ----------------------------------------------------------------------------------------------------------------------


def _cursor(resource: Resource, row: Any) -> str:
    values = [getattr(row, name) for name in resource.order]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _read_cursor(resource: Resource, cursor: str) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(resource.order):
            raise ValueError(cursor)
        columns = [resource.model._meta.get_field(name) for name in resource.order]
        found = [column.to_python(value) for column, value in zip(columns, values, strict=True)]
        if any(value is None or (isinstance(value, str) and "\x00" in value) for value in found):
            raise ValueError(cursor)
        if any(isinstance(value, int) and abs(value) >= 2**63 for value in found):
            raise ValueError(cursor)
        if any(isinstance(value, datetime) and value.tzinfo is None for value in found):
            raise ValueError(cursor)
    except (ValueError, TypeError, OverflowError, binascii.Error, ValidationError) as error:
        raise Invalid("bad_cursor", "expected the cursor of a page of this list", at="after") from error
    return found


def _beyond(order: Sequence[str], values: Sequence[Any], *, newest: bool) -> Q:
    """The rows that come after these values in the order: (a, b) > (x, y), said column by column."""
    comparison = "lt" if newest else "gt"
    condition = Q()
    for i, name in enumerate(order):
        equal = {order[j]: values[j] for j in range(i)}
        condition |= Q(**equal, **{f"{name}__{comparison}": values[i]})
    return condition


# --- as data ----------------------------------------------------------------------------------------------------------------------


def as_data(row: Any, columns: Sequence[Any], money: str) -> dict[str, Any]:
    """The row's columns: amounts as text, with the decimals of the currency in the column `money`; other numbers exact; times in UTC."""
    currency = getattr(row, money, "")
    currency = currency if currency in DECIMALS else ""
    return {field.name: _shown(field, getattr(row, field.name), currency) for field in columns}


def _shown(field: Any, value: Any, currency: str) -> Any:
    if isinstance(value, Decimal):
        is_amount = currency and field.decimal_places == AMOUNTS_WITH_SIX_DECIMALS
        return money_text(value, currency) if is_amount else plain(value)
    return value
