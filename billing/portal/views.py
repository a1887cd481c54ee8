"""Pages: read the clock, ask one question, present. What they change goes through commands (billing/portal/doing.py)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import vault
from accounts.access import caller_of_user
from accounts.models import Membership
from billing.loading import load_one
from billing.models import Contract, Invoice, Payment, UsageAlert
from billing.models.credit import CreditStatus
from billing.models.requests import CorrectionRequest
from billing.portal.asking import plans_for
from billing.portal.charts import bars
from billing.portal.future import coming, ends
from billing.portal.guard import Visit, of_account
from billing.portal.holding import INSTANT, held
from billing.portal.offers import changes_of, planned
from billing.portal.prices import Card, cards
from billing.portal.reasons import told
from billing.portal.words import STANDING, contract_name, spoken, state_of
from billing.queries.ahead import ahead
from billing.queries.status import status
from billing.queries.usage import MOST_DAYS, Used, usage
from billing.queries.why import why
from billing.wallets.loading import load_wallets
from payments.models import Refund
from plans.periods import local_date

MOST_ROWS = 100
ROWS = 50  # documents on one page


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
    listed = [(row, names.get(row.account, "")) for row in rows]
    return render(request, "portal/accounts.html", {"rows": listed, "may_open": not caller_of_user(request.user).everything})


def shared(visit: Visit, page: str) -> dict[str, Any]:
    """What every page of an account shows."""
    return {"account": visit.account, "page": page, "role_may": {right: visit.may(right) for right in ("contracts", "money", "details")}}


@of_account
def overview(visit: Visit) -> HttpResponse:
    account = visit.account.account
    stand, look = status(account, at=visit.at), ahead(account, at=visit.at)
    today = local_date(visit.at, visit.account.zone)
    context = {
        "notices": _notices(visit),
        "amounts": [(one, look.accrued.get(one.currency, one.unbilled)) for one in stand.amounts],
        "open": [(one, one.due is not None and one.due < today) for one in stand.documents],
        "coming": coming(visit, stand.documents, look),
        "wallets": wallets(account, at=visit.at),
        "contracts": [(row, contract_name(row)) for row in _contracts(account).exclude(status="ended").order_by("start")],
    }
    return render(visit.request, "portal/overview.html", shared(visit, "overview") | context)


def _notices(visit: Visit) -> list[str]:
    """What keeps the account from going on as usual."""
    credit = CreditStatus.objects.filter(account=visit.account.account).values_list("status", flat=True)
    return [str(STANDING[one]) for one in (visit.account.status, *credit) if one in STANDING]


def wallets(account: str, *, at: datetime) -> list[str]:
    """What may be spent from each wallet, with its unit."""
    said = spoken()
    held = load_wallets([account])[account].values()
    found = [(one, one.spendable(at=at)) for one in held]
    return [said.money(left, one.currency) if one.unit == one.currency else f"{said.number(left)} {one.unit}" for one, left in found]


def _contracts(account: str) -> QuerySet[Contract]:
    return Contract.objects.filter(account=account)


@of_account
def reasons(visit: Visit) -> HttpResponse:
    """Why: the tree from the balance, or from one document, down to the measurements."""
    what = visit.request.GET.get("of", "")[:200].replace("\x00", "")
    tree = why(visit.account.account, what, at=visit.at)
    return render(visit.request, "portal/why.html", shared(visit, "why") | {"tree": told(tree, visit.account.zone), "what": what})


@of_account
def documents(visit: Visit) -> HttpResponse:
    account, today = visit.account.account, local_date(visit.at, visit.account.zone)
    page = Paginator(Invoice.objects.filter(account=account).order_by("-sequence"), ROWS).get_page(visit.request.GET.get("page"))
    payments = Payment.objects.filter(account=visit.account.account).order_by("-sequence")[:MOST_ROWS]
    context = {
        "documents": [(row, state_of(row, today)) for row in page],
        "listed": page,
        "payments": payments,
        "gateways": tuple(settings.PAYMENT_GATEWAYS),  # their references are codes that say nothing to people
        "requests": CorrectionRequest.objects.filter(account=visit.account.account).order_by("-made_at")[:MOST_ROWS],
        "refunds": Refund.objects.filter(account=visit.account.account).order_by("-sequence")[:MOST_ROWS],
    }
    return render(visit.request, "portal/documents.html", shared(visit, "documents") | context)


@of_account
def contracts(visit: Visit) -> HttpResponse:
    rows = _contracts(visit.account.account).order_by("-start", "contract")[:MOST_ROWS]
    cards_held = held(load_one(visit.account.account), list(rows), at=visit.at)
    listed = [(one, changes_of(visit, one)) for one in cards_held]
    context = {"contracts": listed, "future": ends(visit), "planned": planned(visit)}
    return render(visit.request, "portal/contracts.html", shared(visit, "contracts") | context)


@of_account
def plans(visit: Visit) -> HttpResponse:
    """What the customer may take: one card for each plan that is offered to the public."""
    day = local_date(visit.at, visit.account.zone)
    context = {"cards": _offered(visit, day), "may_take": visit.caller.may_run("subscribe", visit.account.account)}
    return render(visit.request, "portal/plans.html", shared(visit, "plans") | context)


def _offered(visit: Visit, day: date) -> list[tuple[Card, bool, str]]:
    """Each card, whether a contract has that plan now, and the page that changes the only contract to it."""
    account = visit.account.account
    running = list(_contracts(account).exclude(status="ended"))
    only = running[0] if len(running) == 1 and running[0].status == "active" and visit.caller.may_run("change_plan", account) else None
    ways = {one.code for one in plans_for(visit, load_one(account), only.contract)} if only else set()
    address = reverse("portal-do", args=[account, "change_plan"])
    return [
        (
            one,
            any(row.plan == one.code for row in running),
            f"{address}?{urlencode({'contract': only.contract, 'plan': one.code})}" if only and one.code in ways else "",
        )
        for one in cards(day)
    ]


def _slots(one: Used) -> int:
    """How many bars the whole period has room for."""
    length = (one.end - one.start).days
    return length if length <= MOST_DAYS else round(length / 30)


def _likely(one: Used) -> Decimal:
    """What each bar that is still to come would be if the forecast comes true; 0 where there is none."""
    left = _slots(one) - len(one.days)
    return max((one.forecast - one.so_far) / left, Decimal(0)) if one.forecast is not None and left > 0 else Decimal(0)


@of_account
def used(visit: Visit) -> HttpResponse:
    """What is used in the running periods, as charts, with what is likely to come and the alerts that are set."""
    found = usage(visit.account.account, at=visit.at)
    told: dict[tuple[str, str], list[UsageAlert]] = {}
    for alert in UsageAlert.objects.filter(account=visit.account.account).order_by("threshold"):
        told.setdefault((alert.contract, alert.item), []).append(alert)
    said = spoken(visit.account.zone)
    drawn = [
        {
            "one": one,
            "bars": bars(one.days, slots=_slots(one), likely=_likely(one)),
            "alerts": told.get((one.contract, one.item), []),
            "span": said.span(one.start, one.end),
            "last": one.end - INSTANT,
        }
        for one in found
    ]
    return render(visit.request, "portal/usage.html", shared(visit, "usage") | {"used": drawn})
