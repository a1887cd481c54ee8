"""Asking for money back: a request like the office's own, which somebody of the office approves. Nothing moves before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from billing.house.published import house_policy
from billing.models import Invoice, Payment
from billing.portal.guard import Visit, of_account
from billing.portal.paying import run
from billing.portal.telling import said
from billing.portal.views import shared
from billing.portal.words import REASONS, AmountField, money, spoken
from plans.errors import Refusal


def _offer_reasons(form: forms.Form, visit: Visit) -> None:
    """The reasons that the policy knows; without any, none is asked for."""
    reasons = house_policy(visit.account.seller, at=visit.at).reasons
    if reasons:
        form.fields["code"].choices = [(word, REASONS.get(word, word.replace("_", " "))) for word in reasons]  # type: ignore[attr-defined]
    else:
        del form.fields["code"]


class RefundForm(forms.Form):
    payment = forms.ChoiceField(label=lazy("Which payment"))
    amount = AmountField(label=lazy("Amount"), min_value=Decimal("0.01"))
    code = forms.ChoiceField(label=lazy("Kind"))
    reason = forms.CharField(label=lazy("Why"), max_length=1000, widget=forms.Textarea({"rows": 4}))

    def __init__(self, *given: Any, visit: Visit, **named: Any) -> None:
        super().__init__(*given, **named)
        said = spoken(visit.account.zone)
        rows = Payment.objects.filter(account=visit.account.account).order_by("-sequence")[:50]
        self.fields["payment"].choices = [  # type: ignore[attr-defined]
            (row.payment, f"{said.local_day(row.received_at)}: {money(row.amount, row.currency)}") for row in rows
        ]
        _offer_reasons(self, visit)


class CreditForm(forms.Form):
    invoice = forms.ChoiceField(label=lazy("Invoice"))
    amount = AmountField(label=lazy("Amount before tax"), min_value=Decimal("0.01"))
    code = forms.ChoiceField(label=lazy("Kind"))
    reason = forms.CharField(label=lazy("Why"), max_length=1000, widget=forms.Textarea({"rows": 4}))

    def __init__(self, *given: Any, visit: Visit, **named: Any) -> None:
        super().__init__(*given, **named)
        rows = Invoice.objects.filter(account=visit.account.account, document="invoice").order_by("-sequence")[:50]
        self.fields["invoice"].choices = [  # type: ignore[attr-defined]
            (row.invoice, f"{row.number}: {money(row.total, row.currency)}") for row in rows
        ]
        _offer_reasons(self, visit)


@of_account
def credit(visit: Visit) -> HttpResponse:
    """GET: which invoice, how much, why. POST: the request for a credit note; the office decides."""
    if not visit.may("money"):
        raise Http404
    form = CreditForm(visit.request.POST if visit.request.method == "POST" else None, visit=visit)
    return _asking(visit, form, "credit_note", ("invoice", "amount"), _("Ask for a credit"))


@of_account
def refund(visit: Visit) -> HttpResponse:
    """GET: which payment, how much, why. POST: the request; the refusals of a refund stand beside its fields."""
    if not visit.may("money"):
        raise Http404
    form = RefundForm(visit.request.POST if visit.request.method == "POST" else None, visit=visit)
    return _asking(visit, form, "refund", ("payment", "amount"), _("Ask for a refund"), credit_note="yes")


def _asking(visit: Visit, form: forms.Form, command: str, names: tuple[str, ...], title: str, **more: str) -> HttpResponse:
    """The request, made of the form; what the command refuses stands beside its fields."""
    account = visit.account.account
    if form.is_valid():
        given = form.cleaned_data
        wanted = {name: str(given[name]) for name in names} | more
        asked = {"account": account, "wanted": command, "arguments": wanted, "reason": given["reason"]}
        try:
            run(visit, "request_correction", asked | ({"code": given["code"]} if given.get("code") else {}))
        except Refusal as refusal:
            name = refusal.at.rpartition(".")[2]
            form.add_error(name if name in form.fields else None, said(refusal, visit.account.zone))
        else:
            messages.success(visit.request, _("We have your request. You will see here what becomes of it."))
            return HttpResponseRedirect(reverse("portal-documents", args=[account]))
    chosen: Any = getattr(form.fields[names[0]], "choices", ())
    empty = _("There are no payments yet.") if command == "refund" else _("There are no documents yet.")
    context = {"form": form, "title": title, "choices": list(chosen), "empty": empty}
    return render(visit.request, "portal/refund.html", shared(visit, "documents") | context)
