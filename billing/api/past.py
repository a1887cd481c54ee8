"""Lists and rows of then: which streams a question about the past is made again from, or, for rows that never change, which rows count.

A list of then costs the history of the accounts that it is about, so whoever sees many names those that he means (`account=`).
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from rest_framework.request import Request

from accounts.access import Caller
from billing.api import given
from billing.api.resources import OF_ACCOUNTS, Resource
from billing.models import Account, JournalEvent
from billing.queries.money import Dates
from billing.then import MOST_EVENTS


def streams_of(resource: Resource, request: Request, caller: Caller) -> list[str]:
    """The streams behind the rows that the caller may see and asks for; of an endless list so many that they are too many."""
    column, prefix = resource.past or OF_ACCOUNTS
    if column:
        rows = caller.only_seen(resource.model._default_manager.all(), column=resource.owner)
    else:
        column, rows = "account", caller.only_seen(Account.objects.all())
    for name in {"account", column} & set(resource.filters):
        if value := given.text(request, name):
            rows = rows.filter(**{f"{name}__in": value.split(",")})
    names = rows.order_by(column).values_list(column, flat=True).distinct()
    return [f"{prefix}{name}" for name in names[: MOST_EVENTS + 1]]


def stream_of(resource: Resource, key: str, row: Any, caller: Caller) -> list[str]:
    """The stream behind one row; of a row that stands no more the account that its key names, if the caller may see it."""
    column, prefix = resource.past or OF_ACCOUNTS
    if row is not None:
        return [f"{prefix}{getattr(row, column or resource.owner)}"]
    account = key.rpartition("/")[0]
    return [account] if not column and account and caller.sees(account) else []


def opened_by(rows: QuerySet[Any], dates: Dates) -> QuerySet[Any]:
    """Of accounts those that were open, and known to be, by the dates."""
    if dates.as_of is not None:
        rows = rows.filter(opened_at__lte=dates.as_of)
    if dates.known_at is not None:
        first = JournalEvent.objects.filter(stream=OuterRef("account"), sequence=1, recorded_at__lte=dates.known_at)
        rows = rows.filter(Exists(first))
    return rows


def ended(resource: Resource, rows: QuerySet[Any], dates: Dates) -> QuerySet[Any]:
    """Of rows that never change those that count by the dates. Where no column says when a row was known, its event does."""
    effective, known = resource.facts
    if dates.as_of is not None:
        rows = rows.filter(**{f"{effective}__lte": dates.as_of})
    if dates.known_at is None:
        return rows
    if known:
        return rows.filter(**{f"{known}__lte": dates.known_at})
    event = JournalEvent.objects.filter(stream=OuterRef("account"), sequence=OuterRef("sequence"), recorded_at__lte=dates.known_at)
    return rows.filter(Exists(event))
