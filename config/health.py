"""Whether the system lives, whether it may be sent work, and how it does: for load balancers, supervisors and Prometheus.

`/health/live` asks nothing of anybody: it says that this process answers. `/health/ready` asks the database, and whether its tables are
those of this program. `/metrics` counts in the database at the moment of asking; it names no customer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: name → what it is, and the statement that counts it: a number, or labels and a number; `%(now)s` is the moment of asking.
COUNTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "billing_accounts": ("accounts by status", ("status",), "SELECT status, count(*) FROM read_account GROUP BY 1"),
    "billing_due_accounts": ("accounts with something due", (), "SELECT count(*) FROM due WHERE at <= %(now)s"),
    "billing_due_lag_seconds": (
        "how long the oldest due account has waited",
        (),
        "SELECT coalesce(extract(epoch FROM %(now)s - min(at)), 0) FROM due WHERE at <= %(now)s",
    ),
    "billing_effects": (
        "effects by state",
        ("kind", "state"),
        "SELECT kind, state, count(*) FROM effect WHERE state <> 'done' GROUP BY 1, 2",
    ),
    "billing_effects_lag_seconds": (
        "how long the oldest owed effect has waited",
        (),
        "SELECT coalesce(extract(epoch FROM %(now)s - min(due_at)), 0) FROM effect WHERE state = 'owed' AND due_at <= %(now)s",
    ),
    "billing_runs": ("runs by kind and status", ("kind", "status"), "SELECT kind, status, count(*) FROM run GROUP BY 1, 2"),
    "billing_open_amount": (
        "what is open on documents",
        ("currency", "document"),
        "SELECT currency, document, sum(open) FROM read_invoice WHERE open > 0 AND status = 'open' GROUP BY 1, 2",
    ),
    "billing_refusals": (
        "refusals of the last hour, by code",
        ("code",),
        "SELECT code, count(*) FROM access_record WHERE action = 'refused' AND at > %(now)s - interval '1 hour' GROUP BY 1",
    ),
}


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return JsonResponse({"status": "live"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 where work may be sent here; 503 with the reason where it may not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return JsonResponse({"status": "not ready", "reason": f"the database does not answer: {type(error).__name__}"}, status=503)
    if missing:
        return JsonResponse(
            {"status": "not ready", "reason": f"{len(missing)} migrations are to be made; run 'manage.py migrate'"}, status=503
        )
    return JsonResponse({"status": "ready"})


class HealthFirst:
    """Answers those who ask for health before anything looks at the name by which they ask or at how it came: supervisors ask by address,
    without TLS, and must not be sent elsewhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.doors = {"/health/live": live, "/health/ready": ready}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.doors.get(request.path, self.get_response)(request)


class Counted(Collector):
    """Each gauge of COUNTS, counted when asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        with connection.cursor() as cursor:
            for name, (meaning, labels, statement) in COUNTS.items():
                gauge = GaugeMetricFamily(name, meaning, labels=labels)
                cursor.execute(statement, {"now": now})
                for *values, number in cursor.fetchall():
                    gauge.add_metric([str(value) for value in values], number)
                yield gauge


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus. Needs the token of METRICS_TOKEN as a bearer; without one in the settings there is no such page."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not settings.METRICS_TOKEN or not hmac.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Counted())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE)
