"""What an account was, will be and may do: statement, schedule, forecast, entitlements, documents as files."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import given, shown
from billing.api.base import DATES, PROBLEMS, BillingView, dated
from billing.api.callers import caller_of
from billing.entitlements import check, check_all
from billing.queries.accounts import find_account
from billing.queries.forecast import forecast, timeline
from billing.queries.money import ledger_balances
from billing.queries.statement import statement
from billing.queries.status import money_text
from billing.then import seen_then
from payments.documents import faces
from payments.documents.mailing import file_name
from payments.documents.reading import Span, find_document
from payments.documents.shown import shown as words_of
from plans.errors import Invalid
from plans.money import parse_decimal


class EntryAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    address = serializers.CharField(help_text="the event that moved the balance")
    kind = serializers.CharField()
    title = serializers.CharField()
    amount = serializers.CharField(help_text="what it added to the balance")
    balance = serializers.CharField(help_text="after it")


class StatementAnswer(serializers.Serializer[Any]):
    """One currency over `[from, to)`: opening + entries = closing; owed less credit."""

    account = serializers.CharField()
    currency = serializers.CharField()
    opening = serializers.CharField()
    entries = EntryAnswer(many=True)
    closing = serializers.CharField()
    to = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"from": serializers.DateTimeField(allow_null=True)}


class AheadAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="period phase change end due work waiting")
    what = serializers.CharField()
    source = serializers.CharField(help_text="the event or contract that it comes from; empty where it is none")


class ExpectedEventAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    summary = serializers.CharField()


class ExpectedLineAnswer(serializers.Serializer[Any]):
    item = serializers.CharField()
    name = serializers.CharField()
    amount = serializers.CharField()


class ExpectedDocumentAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    document = serializers.CharField()
    currency = serializers.CharField()
    total = serializers.CharField()
    lines = ExpectedLineAnswer(many=True)


class ExpectedBalanceAnswer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class ForecastAnswer(serializers.Serializer[Any]):
    account = serializers.CharField()
    until = serializers.DateTimeField()
    events = ExpectedEventAnswer(many=True)
    documents = ExpectedDocumentAnswer(many=True)
    balances = ExpectedBalanceAnswer(many=True)


class EntitlementAnswer(serializers.Serializer[Any]):
    feature = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="switch limit value")
    allowed = serializers.BooleanField()
    why = serializers.CharField()
    remaining = serializers.CharField(allow_null=True, help_text="null: no limit, or nothing that counts")
    limit = serializers.CharField(allow_null=True)
    used = serializers.CharField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="when to ask again at the latest")
    value = serializers.CharField(help_text="of a configuration value")


class AccountView(BillingView):
    """A view of one account: which it is and which zone its times are in."""

    def zone(self, request: Request, account: str) -> str:
        """Raises NotFound `unknown_account`, also for what the caller may not see."""
        caller_of(request).must_see(account)
        return find_account(account).zone


FROM_TO = [dated("from", "the first moment shown"), dated("to", "the first moment no longer shown")]


class StatementView(AccountView):
    @extend_schema(
        operation_id="account_statement",
        summary="A statement of account: opening, what happened, closing",
        tags=["accounts"],
        parameters=[*FROM_TO, *DATES[1:]],
        responses={200: StatementAnswer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, ["from", "to", "known_at"])
        zone = self.zone(request, account)
        start, end = given.span(request, zone)
        known_at = given.moment(request, "known_at", zone)
        return Response([shown.statement_data(one) for one in statement(account, start=start, end=end, known_at=known_at)])


class BalanceRowAnswer(serializers.Serializer[Any]):
    ledger = serializers.CharField()
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="debit positive")


class BalancesView(AccountView):
    @extend_schema(
        operation_id="account_balances",
        summary="What stands in each ledger of the account, now or as of any two dates",
        tags=["accounts"],
        parameters=DATES,
        responses={200: BalanceRowAnswer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, given.DATES)
        dates = given.dates(request, self.zone(request, account))
        return Response(
            [
                {"ledger": ledger, "currency": currency, "amount": money_text(amount, currency)}
                for ledger, currency, amount in ledger_balances(account, dates)
            ]
        )


class ScheduleView(AccountView):
    @extend_schema(
        operation_id="account_schedule",
        summary="What lies ahead: ends of periods, scheduled changes, due dates",
        tags=["accounts"],
        responses={200: AheadAnswer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, [])
        self.zone(request, account)
        return Response(shown.schedule_data(timeline(account, at=timezone.now())))


class ForecastView(AccountView):
    @extend_schema(
        operation_id="account_forecast",
        summary="What will happen until then if nobody does anything else",
        tags=["accounts"],
        parameters=[
            OpenApiParameter("until", str, required=True, description="ISO date or time, in the account's zone; ten years ahead at most")
        ],
        responses={200: ForecastAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, ["until"])
        until = given.moment(request, "until", self.zone(request, account))
        if until is None:
            raise Invalid("missing_field", "say how far: until=2027-01-01", at="until")
        return Response(shown.forecast_data(forecast(account, at=timezone.now(), until=until)))


class EntitlementsView(AccountView):
    scopes = ("entitlements",)

    @extend_schema(
        operation_id="account_entitlements",
        summary="What the account may do now",
        tags=["entitlements"],
        responses={200: EntitlementAnswer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, account: str) -> Response:
        given.only(request, [])
        self.zone(request, account)
        return Response([shown.entitlement_data(one) for one in check_all(account, at=timezone.now())])


class EntitlementView(AccountView):
    scopes = ("entitlements",)

    @extend_schema(
        operation_id="account_entitlement",
        summary="May the account use this (much) now?",
        tags=["entitlements"],
        parameters=[OpenApiParameter("quantity", str, description="how much (more) is wanted; 1 where nothing is said")],
        responses={200: EntitlementAnswer, **PROBLEMS},
    )
    def get(self, request: Request, account: str, feature: str) -> Response:
        given.only(request, ["quantity"])
        caller_of(request).must_see(account)
        wanted = given.text(request, "quantity")
        quantity = parse_decimal(wanted, at="quantity") if wanted else Decimal(1)
        return Response(shown.entitlement_data(check(account, given.plain_part(feature, "feature"), quantity, at=timezone.now())))


class PdfRenderer(BaseRenderer):
    """Says that a PDF is answered; the view makes it."""

    media_type = "application/pdf"
    format = "pdf"
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        return data


class DocumentView(AccountView):
    renderer_classes = [PdfRenderer, *BillingView.renderer_classes]

    @extend_schema(
        operation_id="account_document",
        summary="A document as PDF: by number or id; a payment for its receipt; or `statement`",
        tags=["invoices"],
        parameters=[*FROM_TO, *DATES],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, **PROBLEMS},
    )
    def get(self, request: Request, account: str, document: str) -> HttpResponse:
        given.only(request, ["from", "to", *given.DATES])
        zone = self.zone(request, account)
        start, end = given.span(request, zone)
        dates = given.dates(request, zone)
        name = given.plain_part(document, "document")
        if name != "statement" and (start or end):
            raise Invalid("unknown_parameter", "only a statement is about a span", at="from" if start else "to")
        with seen_then([account], dates):
            found = find_document(account, name, at=dates.as_of or timezone.now(), span=Span(start, end))
        answer = HttpResponse(faces.pdf(found, words_of(found)), content_type="application/pdf")
        answer["Content-Disposition"] = f'attachment; filename="{file_name(found)}.pdf"'
        answer["Cache-Control"] = "private, no-store"
        return answer
