"""Views: read the clock, parse, ask one question, present."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import answers, given, listing, schema
from billing.api.base import DATES, PROBLEMS, BillingView
from billing.api.callers import IsSomebody, IsStaff, caller_of
from billing.api.heads import ETAG, head_tag
from billing.api.resources import Resource
from billing.api.shapes import list_parameters, page_shape, row_shape
from billing.queries.accounts import find_account
from billing.queries.ahead import ahead
from billing.queries.credit import credit_limit
from billing.queries.invoices import find_invoice
from billing.queries.status import status
from billing.queries.why import why
from billing.then import seen_then

LISTED = "The rows that the caller may see, in an order that never changes; `next` is the address of the following page."
ONE_SEEN = "What the caller may not see is not found."


class StatusView(BillingView):
    @extend_schema(
        operation_id="account_status",
        summary="Who owes how much: one account, now or as of any two dates",
        tags=["accounts"],
        parameters=[
            *DATES,
            ETAG,
        ],
        responses={200: answers.StatusAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, given.DATES)
        caller_of(request).must_see(account)
        dates = given.dates(request, find_account(account).zone)
        now, tag = timezone.now(), head_tag(account)  # before the look: a tag may be older than what is shown, never newer
        one = status(account, at=now, as_of=dates.as_of, known_at=dates.known_at)
        next_up = ahead(account, at=now) if dates.now else None
        limit = credit_limit(account) if next_up is not None else None
        return Response(answers.status_data(one, next_up, limit), headers={"ETag": tag})


class WhyView(BillingView):
    @extend_schema(
        operation_id="account_why",
        summary="Why: a tree from the balance to the raw measurements",
        tags=["accounts"],
        parameters=[
            OpenApiParameter("what", str, description="a document's number or id, an event, a contract, an item, a feature, or an amount"),
            *DATES,
        ],
        responses={200: answers.WhyAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, ["what", *given.DATES])
        caller_of(request).must_see(account)
        dates = given.dates(request, find_account(account).zone)
        with seen_then([account], dates):
            found = why(account, given.text(request, "what"), at=dates.as_of or timezone.now())
        return Response(found.as_dict())


class InvoiceView(BillingView):
    @extend_schema(
        operation_id="invoice",
        summary="One document with its lines, by id or number",
        tags=["invoices"],
        parameters=DATES,
        responses={200: answers.InvoiceAnswer, **PROBLEMS},
    )
    def get(self, request: Request, invoice: str) -> Response:
        given.only(request, given.DATES)
        found = find_invoice(invoice, seen=caller_of(request).only_seen)
        account = found.invoice.account
        dates = given.dates(request, find_account(account).zone)
        if not dates.now:
            with seen_then([account], dates):
                found = find_invoice(found.invoice.invoice, account=account)
        return Response(answers.invoice_data(found))


class SchemaView(BillingView):
    """The description as it is kept, so that it costs nothing to ask for."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        given.only(request, [])
        return HttpResponse(schema.path().read_bytes(), content_type="application/yaml")


class ReferenceView(SpectacularSwaggerSplitView):
    """A page to read and try the API on; it loads nothing from elsewhere and has no script of its own in it."""

    template_name = "api/reference.html"
    permission_classes = [IsSomebody]
    authentication_classes = BillingView.authentication_classes
    url_name = "api-schema"


def list_view(resource: Resource, base: type[BillingView] = BillingView) -> Any:
    """The view that lists a resource, described with its own columns and parameters. `base` may have further methods."""

    class View(base):  # type: ignore[misc, valid-type]
        permission_classes = [*BillingView.permission_classes, *([IsStaff] if resource.staff_only else [])]

        @extend_schema(
            operation_id=f"{resource.name}_list",
            summary=resource.what,
            description=LISTED,
            tags=[resource.name],
            parameters=list_parameters(resource, listing.parameters(resource)),
            responses={200: page_shape(resource), **PROBLEMS},
        )
        def get(self, request: Request) -> Response:
            rows, cursor = listing.page(resource, request, caller_of(request))
            asked = {name: value for name, value in request.query_params.items() if name != "after"}
            following = f"{request.path}?{urlencode(asked | {'after': cursor})}" if cursor else None
            return Response({"results": rows, "next": following})

    return View.as_view()


def one_view(resource: Resource) -> Any:
    """The view of one row of a resource."""

    class View(BillingView):
        permission_classes = [*BillingView.permission_classes, *([IsStaff] if resource.staff_only else [])]

        @extend_schema(
            operation_id=f"{resource.name}_one",
            summary=f"One of: {resource.what}",
            description=ONE_SEEN,
            tags=[resource.name],
            parameters=list_parameters(resource, ["fields", *listing.dates_of(resource)]),
            responses={200: row_shape(resource), **PROBLEMS},
        )
        def get(self, request: Request, key: str) -> Response:
            return Response(listing.one(resource, key, request, caller_of(request)))

    return View.as_view()
