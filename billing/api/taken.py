"""What was sent of use, as the public OpenMeter clients list it: `GET /api/v1/events?from=…` answers an array of events
with when they came.

The same address without any of these parameters lists the journal: whoever calls says by them which of the two is meant.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import given
from billing.api.base import BillingView
from billing.api.callers import caller_of
from billing.models import Account, UsageRecord
from plans.money import plain

PARAMETERS = ("clientId", "customerId", "from", "id", "ingestedAtFrom", "ingestedAtTo", "subject", "to")
UNLESS_SAID = timedelta(days=3)  # before now, where no `from` is given


def is_meant(parameters: Any) -> bool:
    """Whether the parameters of a request are those of OpenMeter's clients."""
    return any(name in parameters for name in PARAMETERS)


class TakenView(BillingView):
    """The newest first, of accounts that the caller sees."""

    def get(self, request: Request) -> Response:
        given.only(request, [*PARAMETERS, "limit"])
        rows = caller_of(request).only_seen(UsageRecord.objects.all())
        if subject := given.text(request, "subject") or given.text(request, "customerId"):
            elsewhere = Account.objects.filter(external_id=subject).values("account")
            rows = rows.filter(Q(account=subject) | Q(subject=subject) | Q(account__in=elsewhere))
        if record := given.text(request, "id"):
            rows = rows.filter(record=record)
        start = given.moment(request, "from", "UTC") or timezone.now() - UNLESS_SAID
        rows = rows.filter(at__gte=start)
        for name, column in (("to", "at__lt"), ("ingestedAtFrom", "recorded_at__gte"), ("ingestedAtTo", "recorded_at__lt")):
            if (moment := given.moment(request, name, "UTC")) is not None:
                rows = rows.filter(**{column: moment})
        return Response([_told(row) for row in rows.order_by("-at", "account", "meter", "source", "record")[: given.limit(request)]])


def _told(row: UsageRecord) -> dict[str, Any]:
    value = {} if row.value is None else {"value": plain(row.value)}
    event = {
        "specversion": "1.0",
        "id": row.record,
        "source": row.source,
        "type": row.meter,
        "subject": row.subject or row.account,
        "time": row.at,
        "datacontenttype": "application/json",
        "data": {**row.dimensions, **value},
    }
    return {"event": event, "ingestedAt": row.recorded_at, "storedAt": row.recorded_at}
