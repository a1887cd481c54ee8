"""The first page of the office: money in, what is overdue, contracts, sales, usage, runs, and what waits. A fixed number of statements."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from billing.accounting.buckets import BOUNDS
from billing.admin import figures
from billing.admin.base import money
from billing.admin.charts import Value, bar_chart
from billing.admin.figures import Contracts
from billing.admin.runs import newest
from billing.admin.sidebar import ALARMS, shown_count, waiting
from billing.admin.work import address_of_list
from billing.admin.worklists import LISTS
from billing.queries.status import money_text
from billing.state import CUSTOMER_OWES
from billing.templatetags.billing_links import list_of
from plans.money import plain


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows. Staff without a role sees nothing of it."""
    if not context.get("sidebar_navigation"):
        return context
    at = timezone.now()
    day = at.date()
    known = figures.currencies() or ["EUR"]
    asked = request.GET.get("currency", "")
    currency = asked if asked in known else known[0]
    months = figures.months_until(day)
    return context | {
        "title": "Dashboard",
        "currency": currency,
        "currencies": known if len(known) > 1 else [],
        "charts": [*_money_charts(currency, months, day), *_contract_charts(figures.contracts(months))],
        "sold": [
            (name, plain(units), money(amount, currency), _sold_link(item)) for item, name, units, amount in figures.sold(currency, at)
        ],
        "used": figures.used(at),
        "runs": figures.runs(at),
        "newest_runs": newest(at),
        "waiting": [_waiting(name, count) for name, count in waiting(request).items() if count],
    }


def _waiting(name: str, count: int) -> dict[str, Any]:
    work = LISTS[name]
    return {"title": work.title, "count": shown_count(count), "address": address_of_list(name), "alarm": name in ALARMS}


def _sold_link(item: str) -> str:
    return f"{reverse('admin:billing_journalevent_changelist')}?kind=sale.made&q=stock:{item}" if item else ""


def _money_charts(currency: str, months: list[date], day: date) -> list[dict[str, Any]]:
    received, billed, late = figures.money_in(currency, months), figures.invoiced(currency, months), figures.overdue(currency, day)
    return [
        _chart(
            "Money in", currency, [_of_month(month, amount, currency, _payments(month, currency)) for month, amount in received.items()]
        ),
        _chart(
            "Invoiced, without tax",
            currency,
            [_of_month(month, amount, currency, _documents(month, currency)) for month, amount in billed.items()],
        ),
        _chart(
            "Overdue by days",
            currency,
            [
                Value(bucket, amount, money_text(amount, currency), _overdue(bucket, day, currency), alarm=True)
                for bucket, amount in late.items()
            ],
            total=money_text(sum(late.values(), Decimal(0)), currency),
        ),
    ]


def _chart(title: str, unit: str, values: list[Value], *, total: str = "") -> dict[str, Any]:
    last = values[-1].text if values else ""
    return {"title": title, "unit": unit, "figure": total or last, "of": "" if total else "this month", "chart": bar_chart(values)}


def _of_month(month: date, amount: Decimal, currency: str, link: str) -> Value:
    return Value(f"{month:%b}", amount, money_text(amount, currency), link)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _payments(month: date, currency: str) -> str:
    span = {"received_at__gte": f"{month} 00:00:00Z", "received_at__lt": f"{_next(month)} 00:00:00Z"}
    return list_of("payment", currency__exact=currency, **span)


def _documents(month: date, currency: str) -> str:
    kinds = "invoice,debit_note,credit_note"
    return list_of("invoice", currency__exact=currency, issued__gte=str(month), issued__lt=str(_next(month)), document__in=kinds)


def _overdue(bucket: str, day: date, currency: str) -> str:
    """The open documents whose due date lies in the bucket's days."""
    first, _, last = bucket.rstrip("+").partition("-")
    span = {"due__lte": str(day - timedelta(days=int(first)))}
    if last:
        span["due__gte"] = str(day - timedelta(days=int(last)))
    assert int(first) <= BOUNDS[-1] + 1
    return list_of("invoice", currency__exact=currency, status__exact="open", open__gt="0", document__in=",".join(CUSTOMER_OWES), **span)


def _contract_charts(rows: list[Contracts]) -> list[dict[str, Any]]:
    begun = [_count(one.month, one.began, _began(one.month)) for one in rows]
    ended = [_count(one.month, one.ended, _ended(one.month), alarm=True) for one in rows]
    running = [_count(one.month, one.running, list_of("contract")) for one in rows]
    before = rows[-2].running
    lost = f": {Decimal(100 * rows[-1].ended) / before:.1f} % of those that ran before it" if before else ""
    churn = _chart("Contracts ended", "contracts", ended) | {"of": f"this month{lost}"}
    return [_chart("Contracts begun", "contracts", begun), churn, _chart("Contracts running", "contracts", running)]


def _count(month: date, count: int, link: str, *, alarm: bool = False) -> Value:
    return Value(f"{month:%b}", Decimal(count), str(count), link, alarm=alarm)


def _began(month: date) -> str:
    return list_of("contract", start__gte=f"{month} 00:00:00Z", start__lt=f"{_next(month)} 00:00:00Z")


def _ended(month: date) -> str:
    return list_of("contract", end__gte=f"{month} 00:00:00Z", end__lt=f"{_next(month)} 00:00:00Z")
