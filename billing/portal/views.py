"""Pages: read the clock, ask one question, present. What they change goes through commands (billing/portal/doing.py)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import vault
from accounts.access import caller_of_user
from accounts.models import Membership
from billing.models import Contract, Invoice, Payment, UsageAlert
from billing.models.requests import CorrectionRequest
from billing.portal.charts import bars
from billing.portal.future import coming, ends
from billing.portal.guard import Visit, of_account
from billing.portal.offers import changes_of, planned
from billing.portal.prices import cards
from billing.portal.words import contract_name
from billing.queries.status import status
from billing.queries.usage import MOST_DAYS, Used, usage
from billing.queries.why import why
from payments.models import Refund
from plans.periods import local_date

MOST_ROWS = 100


def home(request: HttpRequest) -> HttpResponse:
    """Everybody's first page: staff go to the office, customers to their account."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(reverse("account_login"))
    return HttpResponseRedirect(reverse("admin:index" if caller_of_user(request.user).everything else "portal-accounts"))


@login_required
def accounts(request: HttpRequest) -> HttpResponse:
    """The accounts of whoever has several; the only one is opened at once."""
    rows = list(Membership.objects.filter(user=request.user).order_by("account"))  # type: ignore[misc]
    if len(rows) == 1:
        return HttpResponseRedirect(reverse("portal-overview", args=[rows[0].account]))
    if not rows and not caller_of_user(request.user).everything:
        return HttpResponseRedirect(reverse("portal-open"))
    names = vault.names([row.account for row in rows])
    return render(request, "portal/accounts.html", {"rows": [(row, names.get(row.account, "")) for row in rows]})


def shared(visit: Visit, page: str) -> dict[str, Any]:
    """What every page of an account shows."""
    return {"account": visit.account, "page": page, "role_may": {right: visit.may(right) for right in ("contracts", "money", "details")}}


@of_account
def overview(visit: Visit) -> HttpResponse:
    account = visit.account.account
    stand = status(account, at=visit.at)
    context = {
        "stand": stand,
        "amounts": stand.amounts,
        "open": stand.documents,
        "coming": coming(visit, stand.documents),
        "contracts": [(row, contract_name(row)) for row in _contracts(account).exclude(status="ended").order_by("start")],
    }
    return render(visit.request, "portal/overview.html", shared(visit, "overview") | context)


def _contracts(account: str) -> QuerySet[Contract]:
    return Contract.objects.filter(account=account)


@of_account
def reasons(visit: Visit) -> HttpResponse:
    """Why: the tree from the balance, or from one document, down to the measurements."""
    what = visit.request.GET.get("of", "")[:200].replace("\x00", "")
    tree = why(visit.account.account, what, at=visit.at)
    return render(visit.request, "portal/why.html", shared(visit, "why") | {"tree": tree, "what": what})


@of_account
def documents(visit: Visit) -> HttpResponse:
    rows = Invoice.objects.filter(account=visit.account.account).order_by("-sequence")[:MOST_ROWS]
    payments = Payment.objects.filter(account=visit.account.account).order_by("-sequence")[:MOST_ROWS]
    context = {
        "documents": rows,
        "payments": payments,
        "requests": CorrectionRequest.objects.filter(account=visit.account.account).order_by("-made_at")[:MOST_ROWS],
        "refunds": Refund.objects.filter(account=visit.account.account).order_by("-sequence")[:MOST_ROWS],
    }
    return render(visit.request, "portal/documents.html", shared(visit, "documents") | context)


@of_account
def contracts(visit: Visit) -> HttpResponse:
    rows = _contracts(visit.account.account).order_by("-start", "contract")[:MOST_ROWS]
    listed = [(row, contract_name(row), changes_of(visit, row)) for row in rows]
    context = {"contracts": listed, "future": ends(visit), "planned": planned(visit)}
    return render(visit.request, "portal/contracts.html", shared(visit, "contracts") | context)


@of_account
def plans(visit: Visit) -> HttpResponse:
    """What the customer may take: one card for each plan that is offered to the public."""
    day = local_date(visit.at, visit.account.zone)
    context = {"cards": cards(day), "may_take": visit.caller.may_run("subscribe", visit.account.account)}
    return render(visit.request, "portal/plans.html", shared(visit, "plans") | context)


def _slots(one: Used) -> int:
    """How many bars the whole period has room for."""
    length = (one.end - one.start).days
    return length if length <= MOST_DAYS else round(length / 30)


@of_account
def used(visit: Visit) -> HttpResponse:
    """What is used in the running periods, as charts, with what is likely to come and the alerts that are set."""
    found = usage(visit.account.account, at=visit.at)
    told: dict[tuple[str, str], list[UsageAlert]] = {}
    for alert in UsageAlert.objects.filter(account=visit.account.account).order_by("threshold"):
        told.setdefault((alert.contract, alert.item), []).append(alert)
    drawn = [(one, bars(one.days, slots=_slots(one)), told.get((one.contract, one.item), [])) for one in found]
    return render(visit.request, "portal/usage.html", shared(visit, "usage") | {"used": drawn})
