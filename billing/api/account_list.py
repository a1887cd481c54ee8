"""Accounts: all that the caller sees, with what they owe, and one of them with what is known of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Person
from billing.api import answers, given, past
from billing.api.base import DATES, PROBLEMS, BillingView
from billing.api.callers import caller_of
from billing.api.heads import ETAG, head_tag
from billing.api.shapes import limit_parameter
from billing.models import Account
from billing.queries.accounts import find_account, find_details
from billing.queries.status import statuses
from billing.then import seen_then
from plans.errors import Invalid
from plans.fields import suggestion

FILTERS = ("seller", "external_id", "currency")
SHOWN = [*answers.AccountAnswer().fields]


class AccountRowAnswer(answers.AccountAnswer):
    """No field is required, because `fields` chooses."""

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        for field in found.values():
            field.required = False
        return found


class AccountsAnswer(serializers.Serializer[Any]):
    results = AccountRowAnswer(many=True)
    next = serializers.CharField(allow_null=True, help_text="the address of the next page")


class AccountsView(BillingView):
    @extend_schema(
        operation_id="accounts_list",
        summary="Accounts, with what they owe",
        tags=["accounts"],
        parameters=[
            OpenApiParameter("after", str, description="the cursor of a page; the address `next` has it"),
            limit_parameter(),
            OpenApiParameter("fields", str, description="only these fields, apart by commas"),
            OpenApiParameter("search", str, description="text in the account, its id elsewhere, or its name"),
            *(OpenApiParameter(name, str, description="exactly this, or one of several apart by commas") for name in FILTERS),
            *DATES,
        ],
        responses={200: AccountsAnswer, **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        given.only(request, ["after", "limit", "fields", "search", *FILTERS, *given.DATES])
        limit, dates, shown = given.limit(request), given.dates(request), _shown(given.text(request, "fields"))
        rows = _asked(request, past.opened_by(caller_of(request).only_seen(Account.objects.all()), dates))
        names = list(rows.order_by("account").values_list("account", flat=True)[: limit + 1])
        page = names[:limit]
        found = {
            one.account.account: answers.account_data(one)
            for one in statuses(at=timezone.now(), accounts=page, as_of=dates.as_of, known_at=dates.known_at)
        }
        kept = {name: value for name, value in request.query_params.items() if name != "after"}
        following = f"{reverse('api-accounts')}?{urlencode({'after': page[-1]} | kept)}" if len(names) > limit else None
        return Response({"results": [{name: found[account][name] for name in shown} for account in page], "next": following})


def _shown(fields: str) -> list[str]:
    """The fields that are named, apart by commas; all where none is. Raises Invalid `unknown_field`."""
    wanted = list(dict.fromkeys(fields.split(","))) if fields else SHOWN
    for name in wanted:
        if name not in SHOWN:
            raise Invalid("unknown_field", f"there is no field {name[:80]!r}{suggestion(name, SHOWN)}", at="fields")
    return wanted


def _asked(request: Request, rows: QuerySet[Any]) -> QuerySet[Any]:
    rows = rows.filter(account__gt=given.text(request, "after"))
    for name in FILTERS:
        if value := given.text(request, name):
            rows = rows.filter(**{f"{name}__in": value.split(",")})
    if wanted := given.text(request, "search").strip():
        named = Person.objects.filter(name__icontains=wanted).values("account")
        rows = rows.filter(Q(account__icontains=wanted) | Q(external_id__icontains=wanted) | Q(account__in=named))
    return rows


class PlaceAnswer(serializers.Serializer[Any]):
    country = serializers.CharField()
    region = serializers.CharField()
    city = serializers.CharField()
    tax_id = serializers.CharField()
    exempt = serializers.DictField(child=serializers.CharField(), help_text="tax category or code → why")


class AccountOneAnswer(serializers.Serializer[Any]):
    account = serializers.CharField()
    external_id = serializers.CharField(help_text="its id elsewhere")
    name = serializers.CharField(help_text="as known now")
    seller = serializers.CharField()
    currency = serializers.CharField()
    zone = serializers.CharField()
    locale = serializers.CharField()
    terms = serializers.CharField(help_text="of payment, where they are its own")
    status = serializers.CharField(help_text="open parked closed")
    reason = serializers.CharField(help_text="why it is parked or closed")
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    place = PlaceAnswer(allow_null=True, help_text="where it is taxed")


class AccountOneView(BillingView):
    @extend_schema(
        operation_id="accounts_one",
        summary="One account: what is known of it",
        tags=["accounts"],
        parameters=[*DATES, ETAG],
        responses={200: AccountOneAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, given.DATES)
        caller_of(request).must_see(account)
        dates = given.dates(request, find_account(account).zone)
        tag = head_tag(account)  # before the look: a tag may be older than what is shown, never newer
        with seen_then([account], dates):
            found = find_details(account, at=dates.as_of or timezone.now())
        return Response(found, headers={"ETag": tag})
