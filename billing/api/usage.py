"""Meters and what they show, asked as the public OpenMeter client asks; the books as streams."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.accounting.entries import snapshot
from billing.accounting.exports import AGEING, KINDS, TEXTS, asked_span, exported
from billing.api import given
from billing.api.base import PROBLEMS, BillingView
from billing.api.callers import caller_of
from billing.queries.accounts import find_account
from billing.queries.meters import known_meters, meter_shows
from plans.errors import Invalid, NotAllowed, NotFound
from plans.fields import suggestion
from plans.money import plain
from plans.periods import Period, zone_of

WINDOWS = {"MINUTE": Period(1, "minute"), "HOUR": Period(1, "hour"), "DAY": Period(1, "day"), "MONTH": Period(1, "month")}
MOST_SUBJECTS = 100


class MeterAnswer(serializers.Serializer[Any]):
    slug = serializers.CharField(help_text="the code of the meter: the `type` of its events")
    name = serializers.CharField()
    aggregation = serializers.CharField()
    unit = serializers.CharField()
    catalogue = serializers.CharField()


class MeterWindowAnswer(serializers.Serializer[Any]):
    value = serializers.CharField(help_text="a number as text, exact")
    windowStart = serializers.DateTimeField()  # the names of the public protocol
    windowEnd = serializers.DateTimeField()
    subject = serializers.CharField()
    groupBy = serializers.DictField(child=serializers.CharField())


class MeterQueryAnswer(serializers.Serializer[Any]):
    to = serializers.DateTimeField()
    windowSize = serializers.ChoiceField(choices=list(WINDOWS), required=False)
    data = MeterWindowAnswer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"from": serializers.DateTimeField()}


class MetersView(BillingView):
    @extend_schema(
        operation_id="meters_list",
        summary="Meters of the newest catalogues",
        tags=["usage"],
        responses={200: MeterAnswer(many=True), **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        given.only(request, [])
        return Response(
            [
                {"slug": code, "name": meter.name, "aggregation": meter.aggregate, "unit": meter.unit, "catalogue": catalogue.name}
                for code, (catalogue, meter) in known_meters().items()
            ]
        )


class MeterQueryView(BillingView):
    @extend_schema(
        operation_id="meter_query",
        summary="What a meter shows of accounts, in windows of time",
        tags=["usage"],
        parameters=[
            OpenApiParameter("subject", str, required=True, many=True, description=f"an account; up to {MOST_SUBJECTS} of them"),
            OpenApiParameter("from", str, required=True, description="ISO date or time; UTC unless it has an offset"),
            OpenApiParameter("to", str, description="ISO date or time; now where nothing is said"),
            OpenApiParameter("windowSize", str, enum=list(WINDOWS), description="the whole span where nothing is said"),
            OpenApiParameter("windowTimeZone", str, description="where windows begin; UTC where nothing is said"),
        ],
        responses={200: MeterQueryAnswer, **PROBLEMS},
    )
    def get(self, request: Request, meter: str) -> Response:
        given.only(request, ["subject", "from", "to", "windowSize", "windowTimeZone"])
        size = given.text(request, "windowSize")
        if size and size not in WINDOWS:
            raise Invalid("unknown_choice", f"expected one of {', '.join(WINDOWS)}", at="windowSize")
        zone = given.text(request, "windowTimeZone") or "UTC"
        zone_of(zone, at="windowTimeZone")
        start, end = given.span(request, "UTC")
        if start is None:
            raise Invalid("missing_field", "say from when on: from=2026-01-01", at="from")
        end = end or max(timezone.now(), start + timedelta(microseconds=1))
        subjects = _subjects(request)
        window = WINDOWS.get(size)
        data = [
            {"value": plain(one.value), "windowStart": one.start, "windowEnd": one.end, "subject": one.account, "groupBy": {}}
            for account in subjects
            for one in meter_shows(given.plain_part(meter, "meter"), account, start=start, end=end, window=window, zone=zone)
        ]
        return Response({"from": start, "to": end, "data": data} | ({"windowSize": size} if size else {}))


def _subjects(request: Request) -> list[str]:
    """The accounts that are asked for, each seen by the caller. Raises Invalid, NotFound."""
    found = list(dict.fromkeys(given.texts(request, "subject", most=MOST_SUBJECTS)))
    if not found or "" in found:
        raise Invalid("missing_field", "say of which account: subject=…", at="subject")
    for account in found:
        caller_of(request).must_see(account)
        find_account(account)
    return found


class TextRenderer(BaseRenderer):
    """Says that text is answered; the view makes it."""

    media_type = "text/plain"
    format = "text"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        return data


class CsvRenderer(TextRenderer):
    media_type = "text/csv"
    format = "csv"


class ExportView(BillingView):
    renderer_classes = [CsvRenderer, TextRenderer, *BillingView.renderer_classes]

    @extend_schema(
        operation_id="export",
        summary="The books of some days: tables as CSV, or the formats of hledger, ledger and beancount",
        tags=["books"],
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS)),
            OpenApiParameter("from", str, description="2026-03-01 or 2026-03; the first posting where nothing is said"),
            OpenApiParameter("to", str, required=True, description="2026-03-31 or 2026-03, included"),
            OpenApiParameter("seller", str, description="`main` where nothing is said"),
            OpenApiParameter("known_at", str, description="ageing: as was known then; UTC unless it has an offset"),
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "text/plain"): OpenApiTypes.STR, **PROBLEMS},
    )
    def get(self, request: Request, kind: str) -> StreamingHttpResponse:
        """A stream of one state of the database, however long it is. For the office, in the area `books`."""
        given.only(request, ["from", "to", "seller", "known_at"])
        caller = caller_of(request)
        if not caller.everything or "books" not in caller.areas:
            raise NotAllowed("no_right", f"{caller.actor} may not export the books; ask somebody who may", at="kind")
        if kind not in KINDS:
            raise NotFound("unknown_export", f"there is no export {kind[:40]!r}{suggestion(kind, list(KINDS))}", at="kind")
        asked = {name: given.text(request, name) for name in ("from", "to", "seller")}
        span = asked_span(asked["from"] or None, asked["to"], asked["seller"] or "main")
        known_at = given.moment(request, "known_at", "UTC")
        if known_at and kind != AGEING:
            raise Invalid("unknown_parameter", "only ageing asks what was known at a moment", at="known_at")

        def lines() -> Iterator[str]:
            with snapshot():
                yield from exported(kind, span, known_at=known_at)

        name, text = (f"{kind}.journal", "text/plain") if kind in TEXTS else (f"{kind}.csv", "text/csv")
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return StreamingHttpResponse(_blocks(lines()), content_type=f"{text}; charset=utf-8", headers=headers)


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    """Some hundred lines at a time: a block to a line would be a system call to a line."""
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) >= 500:
            yield "".join(held)
            held = []
    yield "".join(held)
