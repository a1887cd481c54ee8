"""Paying: open documents or another amount, with a card that is kept or on the gateway's own page; cards; and what became of it.

No field of ours ever takes a card number. The gateway is asked at once, because somebody waits for its page; if it does not answer, the
effect that the request owes is tried again by the workers, and the page says so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as lazy

from billing import bulk, engine
from billing.commands.offers import public_offers
from billing.delivery import attempt_now
from billing.engine import Outcome
from billing.portal.guard import Visit, of_account
from billing.portal.telling import said
from billing.portal.views import shared
from billing.portal.words import AmountField
from billing.queries.status import status
from payments.collecting import RUNNING, collectable
from payments.models import Collection, PaymentMethod
from plans.errors import Conflict, Refusal
from plans.periods import local_date

NEW_CARD = "new"


class PayForm(forms.Form):
    """`invoices`: none is all; `amount`: empty is what is open on them."""

    invoices = forms.MultipleChoiceField(label=lazy("Invoices"), required=False, widget=forms.CheckboxSelectMultiple)
    amount = AmountField(label=lazy("Another amount"), required=False, min_value=Decimal("0.01"))
    method = forms.ChoiceField(label=lazy("Pay with"), widget=forms.RadioSelect)

    def __init__(self, *given: Any, account: str, **named: Any) -> None:
        super().__init__(*given, **named)
        self.rows = collectable([account]).get(account, [])
        self.fields["invoices"].choices = [(one.invoice, one.number or one.invoice) for one in self.rows]  # type: ignore[attr-defined]
        kept = [(row.method, f"{row.brand.title()} •••• {row.last4}") for row in cards_of(account)]
        self.fields["method"].choices = [*kept, (NEW_CARD, lazy("another card, on the payment page"))]  # type: ignore[attr-defined]
        self.fields["method"].initial = kept[0][0] if kept else NEW_CARD

    def arguments(self, account: str) -> tuple[str, dict[str, Any]]:
        """The command and what it is asked with."""
        given = self.cleaned_data
        asked: dict[str, Any] = {"account": account}
        if given["invoices"]:
            asked["invoices"] = given["invoices"]
        if given["amount"]:
            asked["amount"] = str(given["amount"])
        if given["method"] == NEW_CARD:
            return "open_checkout", asked
        return "collect", asked | {"method": given["method"]}


def cards_of(account: str) -> list[PaymentMethod]:
    """The cards that are kept, the default one first."""
    return list(PaymentMethod.objects.filter(account=account, status="active").order_by("-is_default", "sequence"))


@of_account
def pay(visit: Visit) -> HttpResponse:
    """GET: what is open. POST: to the gateway's page, or for a kept card the sum, then (with its token) the charge."""
    account = visit.account.account
    if not visit.may("money"):
        raise Http404
    form = PayForm(visit.request.POST or None, account=account, initial={"invoices": visit.request.GET.getlist("invoice")})
    if visit.request.method == "POST" and form.is_valid():
        command, asked = form.arguments(account)
        try:
            return _asked(visit, command, asked)
        except Refusal as refusal:
            form.add_error(refusal.at if refusal.at in form.fields else None, said(refusal, visit.account.zone))
    stand = status(account, at=visit.at)
    running = Collection.objects.filter(account=account, status__in=RUNNING).order_by("-sequence")
    offers = public_offers(local_date(visit.at, visit.account.zone)) if form.rows else []
    context = {
        "form": form,
        "offers": offers,
        "amounts": stand.amounts,
        "has_credit": any(one.credit > 0 for one in stand.amounts),
        "running": running,
        "key": secrets.token_hex(16),
        "currency": visit.account.currency,
    }
    return render(visit.request, "portal/pay.html", shared(visit, "pay") | context)


def _asked(visit: Visit, command: str, asked: dict[str, Any]) -> HttpResponse:
    """Raises what the command refuses."""
    post = visit.request.POST
    if command == "collect" and not post.get("_token"):
        outcome = run(visit, command, asked, dry_run=True)
        event: Any = next(one.event for one in outcome.events if one.command == command)
        assert outcome.preview is not None
        context = {"sum": event.amount, "currency": event.currency, "card": PaymentMethod.objects.get(method=asked["method"])}
        context |= {"token": outcome.preview.token, "key": secrets.token_hex(16), "given": _again(visit)}
        return render(visit.request, "portal/pay_confirm.html", shared(visit, "pay") | context)
    outcome = run(visit, command, asked, key=post.get("_key", "")[:64], token=post.get("_token", "") if command == "collect" else "")
    return _to_gateway(visit, outcome.made["collection"])


def _again(visit: Visit) -> list[tuple[str, str]]:
    post = visit.request.POST
    return [(name, value) for name in ("invoices", "amount", "method") for value in post.getlist(name)]


def run(visit: Visit, command: str, asked: dict[str, Any], *, key: str = "", token: str = "", dry_run: bool = False) -> Outcome:
    """A command of the visitor's. Raises what it refuses, and what the visitor may not."""
    visit.caller.must_run(command, asked)
    return engine.execute(engine.Request(command, asked, visit.at, visit.caller.actor, key=key, token=token), dry_run=dry_run)


def _to_gateway(visit: Visit, collection: str) -> HttpResponse:
    """On to the gateway's page where it is ours (the sandbox); elsewhere the customer goes by a link: no form of ours may post there."""
    row = asked_again(visit, collection)
    if row.status == "confirmation" and row.url.startswith("/"):
        return HttpResponseRedirect(row.url)
    return HttpResponseRedirect(reverse("portal-payment", args=[row.account, row.sequence]))


def asked_again(visit: Visit, collection: str) -> Collection:
    """The collection after the gateway was asked what stands of it."""
    row = Collection.objects.get(collection=collection)
    if row.status in RUNNING:
        attempt_now(f"{collection}/{'gateway.charge' if row.method else 'gateway.checkout'}", at=visit.at)
        row.refresh_from_db()
    return row


@of_account
def payment(visit: Visit, sequence: int) -> HttpResponse:
    """What became of one payment: where the gateway's page sends the customer back to, and where he looks again."""
    row = Collection.objects.filter(account=visit.account.account, sequence=sequence).first()
    if row is None:
        raise Http404
    row = asked_again(visit, row.collection)
    return render(visit.request, "portal/payment.html", shared(visit, "pay") | {"row": row})


@dataclass(frozen=True)
class _Kept:
    row: PaymentMethod
    expired: bool


@of_account
def cards(visit: Visit) -> HttpResponse:
    """The cards that are kept. POST: to the gateway's page, to give another."""
    account = visit.account.account
    if not visit.may("money"):
        raise Http404
    refused = ""
    if visit.request.method == "POST":
        try:
            outcome = run(visit, "open_checkout", {"account": account, "amount": "0"}, key=visit.request.POST.get("_key", "")[:64])
            return _to_gateway(visit, outcome.made["collection"])
        except Conflict as refusal:
            refused = said(refusal, visit.account.zone)
    month = f"{visit.at:%Y-%m}"
    listed = [_Kept(row, bool(row.expiry) and row.expiry < month) for row in cards_of(account)]
    mode = bulk.fetch("SELECT mode FROM read_collection_mode WHERE account = %s", [account])
    context = {"cards": listed, "automatic": bool(mode) and mode[0][0] == "automatic", "key": secrets.token_hex(16), "refused": refused}
    return render(visit.request, "portal/cards.html", shared(visit, "pay") | context | {"sandbox": settings.PAYMENT_GATEWAY == "sandbox"})
