"""The first account of somebody who signed up: opened by the same command as the office's, and theirs as its owner."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from accounts.access import caller_of_user
from accounts.models import Membership
from billing import engine
from billing.commands.offers import offered, public_plans
from billing.portal.telling import said
from billing.portal.words import countries
from plans.errors import Conflict, NotAllowed, Refusal

MOST_ACCOUNTS = 5  # that one person may open


class OpeningForm(forms.Form):
    name = forms.CharField(label=lazy("Name, of yourself or your company"), max_length=200)
    country = forms.ChoiceField(label=lazy("Country"))
    currency = forms.ChoiceField(label=lazy("Currency"))

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        catalogues = offered(timezone.now().date())
        self.fields["country"].choices = [("", "—"), *countries()]  # type: ignore[attr-defined]
        self.fields["country"].initial = catalogues[0].seller.get("country", "") if catalogues else ""
        currencies = sorted({plan.currency for _catalogue, plan in public_plans(timezone.now().date())}) or ["EUR"]
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]
        self.zone = catalogues[0].zone if catalogues else "UTC"


@login_required
def open_account(request: HttpRequest) -> HttpResponse:
    """GET: three questions. POST: the account, and the visitor as its owner. Asked twice it is opened once."""
    form = OpeningForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return HttpResponseRedirect(reverse("portal-plans", args=[_opened(request, form)]))
        except Refusal as refusal:
            form.add_error(refusal.at if refusal.at in form.fields else None, said(refusal))
    return render(request, "portal/open.html", {"form": form})


def _opened(request: HttpRequest, form: OpeningForm) -> str:
    """Raises a Refusal where no account can be opened. Its name follows from the person, so that a click given twice opens one; a crash
    before the membership is written is mended by the next click."""
    user: Any = request.user
    owned = Membership.objects.filter(user=user, role="owner").count()
    if user.is_staff or owned >= MOST_ACCOUNTS:
        raise NotAllowed("too_many", _("You can't open another account yourself; ask us."))
    digest = hmac.new(settings.SECRET_KEY.encode(), f"account {user.pk} {owned}".encode(), hashlib.sha256).hexdigest()
    account = f"c-{digest[:12]}"
    given = form.cleaned_data | {"account": account, "zone": form.zone, "locale": get_language() or "en", "email": user.email}
    at = timezone.now()
    arguments = {name: value for name, value in given.items() if value}
    key = f"open {account}"
    actor = caller_of_user(user).actor
    try:
        engine.execute(engine.Request("open_account", arguments, at, actor=actor, key=key))
    except Conflict as conflict:
        if conflict.code != "key_reused":  # the same person asked before, with other words
            raise
    Membership.objects.get_or_create(user=user, account=account, defaults={"role": "owner", "since": at})
    return account
