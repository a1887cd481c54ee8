"""Views: read the clock, parse, ask one question, present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api import answers
from billing.api.problems import handle
from billing.models import Account
from billing.queries.accounts import find_account
from billing.queries.ahead import ahead
from billing.queries.invoices import find_invoice
from billing.queries.status import status, statuses
from billing.queries.why import why
from plans.errors import Invalid
from plans.periods import parse_time

MOST, DEFAULT = 500, 100
PROBLEMS = dict.fromkeys((403, 404, 422), answers.ProblemAnswer)


def dated(name: str, meaning: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=f"{meaning}; ISO date or time, in the account's zone unless it has an offset")


class BillingView(APIView):
    """Staff only, JSON only, errors as problems."""

    permission_classes = [IsAdminUser]
    renderer_classes = [JSONRenderer]

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle


def given_text(request: Request, name: str) -> str:
    """A parameter of the query. Raises Invalid for a text that no column can hold."""
    value = request.query_params.get(name, "")
    if len(value) > 200 or "\x00" in value:
        raise Invalid("out_of_range", "expected at most 200 characters and no NUL", at=name)
    return value


def given_moment(request: Request, name: str, zone: str) -> datetime | None:
    value = given_text(request, name)
    return parse_time(value, zone, name) if value else None


class AccountsView(BillingView):
    @extend_schema(
        operation_id="accounts_list",
        summary="Accounts, with what they owe",
        parameters=[
            OpenApiParameter("after", str, description="start after this account"),
            OpenApiParameter("limit", int, description=f"accounts to a page, 1 to {MOST}; {DEFAULT} where nothing is said"),
            OpenApiParameter("seller", str),
        ],
        responses={200: answers.AccountsAnswer, **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        limit = _limit(given_text(request, "limit"))
        after, seller = given_text(request, "after"), given_text(request, "seller")
        rows = Account.objects.filter(account__gt=after, **({"seller": seller} if seller else {})).order_by("account")
        names = list(rows.values_list("account", flat=True)[: limit + 1])
        page = names[:limit]
        found = {one.account.account: one for one in statuses(at=timezone.now(), accounts=page)}
        asked = {"after": page[-1] if page else "", "limit": limit} | ({"seller": seller} if seller else {})
        following = f"{reverse('api-accounts')}?{urlencode(asked)}" if len(names) > limit else None
        return Response({"results": [answers.account_data(found[name]) for name in page], "next": following})


def _limit(text: str) -> int:
    if not text:
        return DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise Invalid("out_of_range", f"expected a whole number from 1 to {MOST}", at="limit")
    return int(text)


class StatusView(BillingView):
    @extend_schema(
        operation_id="account_status",
        summary="Who owes how much: one account, now or as of any two dates",
        parameters=[
            dated("as_of", "count what is effective up to and including it"),
            dated("known_at", "count what was recorded up to and including it"),
        ],
        responses={200: answers.StatusAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        zone = find_account(account).zone
        as_of, known_at = given_moment(request, "as_of", zone), given_moment(request, "known_at", zone)
        now = timezone.now()
        one = status(account, at=now, as_of=as_of, known_at=known_at)
        next_up = ahead(account, at=now) if as_of is None and known_at is None else None
        return Response(answers.status_data(one, next_up))


class WhyView(BillingView):
    @extend_schema(
        operation_id="account_why",
        summary="Why: a tree from the balance to the raw measurements",
        parameters=[OpenApiParameter("what", str, description="a document's number or id, an event, a contract, an item, or an amount")],
        responses={200: answers.WhyAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        return Response(why(account, given_text(request, "what"), at=timezone.now()).as_dict())


class InvoiceView(BillingView):
    @extend_schema(
        operation_id="invoice",
        summary="One document with its lines, by id or number",
        responses={200: answers.InvoiceAnswer, **PROBLEMS},
    )
    def get(self, request: Request, invoice: str) -> Response:
        return Response(answers.invoice_data(find_invoice(invoice)))
