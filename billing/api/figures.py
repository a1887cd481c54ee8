"""Figures over all accounts: what was sold, what recurs, what was used, what was paid. For the office."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import given
from billing.api.base import PROBLEMS, BillingView
from billing.api.callers import caller_of
from billing.queries import metrics
from billing.queries.metrics import MeterUse, MoneyIn, Recurring, Sold
from plans.errors import Invalid, NotAllowed
from plans.money import plain
from plans.periods import Period, zone_of

PARTS: dict[str, type] = {"sold": Sold, "recurring": Recurring, "usage": MeterUse, "money": MoneyIn}


def _row(kind: type) -> type[serializers.Serializer[Any]]:
    """The serializer that describes a figure: amounts and quantities are exact numbers as text."""
    known = {"datetime": serializers.DateTimeField, "int": serializers.IntegerField, "str": serializers.CharField}
    shown = {field.name: known.get(str(field.type), serializers.CharField)() for field in fields(kind)}
    return type(f"{kind.__name__}Figure", (serializers.Serializer,), {"__doc__": kind.__doc__, **shown})


MetricsAnswer = type(
    "MetricsAnswer",
    (serializers.Serializer,),
    {"start": serializers.DateTimeField(), "end": serializers.DateTimeField()}
    | {name: _row(kind)(many=True, required=False) for name, kind in PARTS.items()},
)


class MetricsView(BillingView):
    @extend_schema(
        operation_id="metrics",
        summary="What was sold, what recurs, what was used, what was paid, over all accounts",
        tags=["books"],
        parameters=[
            OpenApiParameter("from", str, description="ISO date or time in `zone`; a year before the end where nothing is said"),
            OpenApiParameter("to", str, description="ISO date or time in `zone`, not included; now where nothing is said"),
            OpenApiParameter("zone", str, description="whose days and months are meant; UTC where nothing is said"),
            OpenApiParameter("seller", str, description="only of this seller's accounts"),
            OpenApiParameter("currency", str, description="only what is in this currency"),
            OpenApiParameter("part", str, enum=list(PARTS), description="one figure alone"),
        ],
        responses={200: MetricsAnswer, **PROBLEMS},
    )
    def get(self, request: Request) -> Response:
        """For the office: whoever sees every account."""
        given.only(request, ["from", "to", "zone", "seller", "currency", "part"])
        caller = caller_of(request)
        if not caller.everything:
            raise NotAllowed("no_right", f"{caller.actor} may not see figures over all accounts", at="account")
        zone, part = given.text(request, "zone") or "UTC", given.text(request, "part")
        zone_of(zone, at="zone")
        if part and part not in PARTS:
            raise Invalid("unknown_choice", f"expected one of {', '.join(PARTS)}", at="part")
        start, end = given.span(request, zone)
        end = end or timezone.now()
        start = start or Period(1, "year").after(end, zone, times=-1)
        found = metrics.metrics(start, end, zone=zone, seller=given.text(request, "seller"))
        currency = given.text(request, "currency")
        figures = {name: [_data(one) for one in getattr(found, name) if _in(one, currency)] for name in PARTS if part in ("", name)}
        return Response({"start": found.start, "end": found.end} | figures)


def _in(figure: Any, currency: str) -> bool:
    return not currency or getattr(figure, "currency", currency) == currency


def _data(figure: Any) -> dict[str, str | int | datetime]:
    values = {field.name: getattr(figure, field.name) for field in fields(figure)}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in values.items()}
