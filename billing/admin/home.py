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
from billing.queries.metrics import Recurring
from billing.queries.status import money_text
from billing.state import CUSTOMER_OWES
from billing.templatetags.billing_links import list_of
from plans.money import plain

ZERO = Decimal(0)


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
        "charts": [
            *_money_charts(currency, months, day),
            *_recurring_charts(currency, figures.recurring(months, at)),
            *_contract_charts(figures.contracts(months), day),
        ],
        "sold": [
            (name, plain(units), money(amount, currency), _behind("sold", item)) for item, name, units, amount in figures.sold(currency, at)
        ],
        "used": [(meter, records, accounts, _behind("used", meter)) for meter, records, accounts in figures.used(at)],
        "runs": figures.runs(at),
        "newest_runs": newest(at),
        "waiting": [_waiting(name, count) for name, count in waiting(request).items() if count],
    }


def _waiting(name: str, count: int) -> dict[str, Any]:
    work = LISTS[name]
    return {"title": work.title, "count": shown_count(count), "address": address_of_list(name), "alarm": name in ALARMS}


def _behind(kind: str, key: str) -> str:
    return reverse("admin:billing_behind", args=[kind, key]) if key else ""


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


def _recurring_charts(currency: str, found: dict[date, dict[str, Recurring]]) -> list[dict[str, Any]]:
    """What comes in every month, and what of it was lost; the running month until now."""
    rows = {month: rows.get(currency) for month, rows in found.items()}
    amounts = {month: one.recurring if one else ZERO for month, one in rows.items()}
    lost = {month: one.churned + one.contraction if one else ZERO for month, one in rows.items()}
    *_, (last, now) = rows.items()
    moved = (
        f"new {money_text(now.new + now.expansion, currency)}, lost {money_text(now.churned + now.contraction, currency)}" if now else ""
    )
    bars = [_of_month(month, amount, currency, _running(_last_day(month, last))) for month, amount in amounts.items()]
    gone = [Value(f"{month:%b}", amount, money_text(amount, currency), _ended(month), alarm=True) for month, amount in lost.items()]
    return [
        _chart("Recurring revenue, a month", currency, bars) | {"of": f"now · this month {moved}" if moved else "now"},
        _chart("Recurring revenue lost", currency, gone) | {"of": "this month, by contracts that ended or shrank"},
    ]


def _last_day(month: date, running: date) -> date | None:
    """The day whose end the month's figure is of; none for today."""
    return None if month == running else _next(month) - timedelta(days=1)


def _running(day: date | None) -> str:
    return list_of("contract", running_on=str(day) if day else "today")


def _contract_charts(rows: list[Contracts], day: date) -> list[dict[str, Any]]:
    begun = [_count(one.month, one.began, _began(one.month)) for one in rows]
    ended = [_count(one.month, one.ended, _ended(one.month), alarm=True) for one in rows]
    running = [_count(one.month, one.running, _running(_last_day(one.month, day.replace(day=1)))) for one in rows]
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
