"""The account's details and its people: inviting by mail, joining, changing roles, removing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import EmailMessage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from accounts import people as of
from accounts import vault
from accounts.access import caller_of_user
from accounts.crm.models import Contact
from accounts.models import ApiKey, Invitation, Membership
from accounts.roles import ACCOUNT_ROLES
from accounts.signing import shown_name
from billing.house.published import house_policy
from billing.loading import load_one
from billing.models import Consent
from billing.portal.guard import Visit, of_account
from billing.portal.telling import said
from billing.portal.views import shared
from billing.portal.words import STATES, TOPICS
from plans.errors import Refusal

ROLES = [(role, STATES[role]) for role in ACCOUNT_ROLES]


class InviteForm(forms.Form):
    email = forms.EmailField(label=lazy("Mail address"), max_length=254)
    role = forms.ChoiceField(label=lazy("May do"), choices=ROLES, initial="viewer")


@of_account
def people(visit: Visit) -> HttpResponse:
    """GET: details and people. POST, by an owner: `step` says what is done with whom."""
    account = visit.account.account
    form = InviteForm()
    if visit.request.method == "POST":
        if not visit.may("people"):
            raise Http404
        if visit.request.POST.get("step") == "invite":
            form = InviteForm(visit.request.POST)
        try:
            if _done(visit, form):
                return HttpResponseRedirect(reverse("portal-people", args=[account]))
        except Refusal as refusal:
            messages.error(visit.request, said(refusal))
    members = Membership.objects.select_related("user").filter(account=account).order_by("since", "pk")
    invited = Invitation.objects.filter(account=account, accepted_at=None, withdrawn_at=None, expires_at__gt=visit.at).order_by("made_at")
    context = {"members": members, "invited": invited, "form": form, "roles": ROLES, "may_invite": visit.may("people")}
    context |= {"person": vault.person(account), "place": load_one(account).place_on(visit.at)}
    context |= {"contacts": _contacts(account), "consents": _consents(visit)}
    return render(visit.request, "portal/people.html", shared(visit, "people") | context)


def _contacts(account: str) -> list[dict[str, Any]]:
    """Who else is written to about what."""
    rows = Contact.objects.filter(account=account).order_by("name", "pk")
    return [{"row": row, "topics": [TOPICS[topic] for topic in row.receives if topic in TOPICS]} for row in rows]


def _consents(visit: Visit) -> list[dict[str, Any]]:
    """What the account's own person agreed to, or may."""
    answers = {row.purpose: row for row in Consent.objects.filter(account=visit.account.account, contact="", channel="mail")}
    known = house_policy(visit.account.seller, at=visit.at).consents
    language = get_language() or "en"
    return [{"purpose": name, "words": one.words(language), "said": answers.get(name)} for name, one in known.items()]


@of_account
def keys(visit: Visit) -> HttpResponse:
    """The keys with which the account's own programs read and send."""
    if not visit.may("people"):
        raise Http404
    rows = ApiKey.objects.filter(account=visit.account.account, revoked_at=None).order_by("made_at")
    return render(visit.request, "portal/keys.html", shared(visit, "people") | {"keys": rows})


def _done(visit: Visit, form: InviteForm) -> bool:
    """Whether something was done. Raises what is refused."""
    account, post, actor = visit.account.account, visit.request.POST, visit.caller.actor
    steps: dict[str, Callable[[], None]] = {
        "remove": lambda: of.remove(account, _number(post.get("who")), actor=actor, at=visit.at),
        "role": lambda: of.change_role(account, _number(post.get("who")), post.get("role", ""), actor=actor, at=visit.at),
        "withdraw": lambda: of.withdraw(account, _number(post.get("who")), actor=actor, at=visit.at),
    }
    if post.get("step") == "invite":
        if not form.is_valid():
            return False
        _invite(visit, form.cleaned_data["email"], form.cleaned_data["role"])
        return True
    step = steps.get(post.get("step", ""))
    if step is None:
        raise Http404
    step()
    messages.success(visit.request, _("Done."))
    return True


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 18 else 0


def _invite(visit: Visit, email: str, role: str) -> None:
    """The mail goes out after the invitation is kept. If it can't be sent the invitation is withdrawn, and the page says so."""
    secret = of.invite(visit.account.account, email, role, actor=visit.caller.actor, at=visit.at)
    link = visit.request.build_absolute_uri(reverse("portal-join", args=[secret]))
    name = visit.account.name or visit.account.account
    subject = _("You are invited to the account of %(name)s") % {"name": " ".join(name.split())}
    body = _("%(who)s invites you to the account of %(name)s. Open this link within 7 days, and sign in or up with this mail address:")
    text = f"{body % {'who': shown_name(visit.request.user), 'name': name}}\n\n{link}\n"
    try:
        EmailMessage(subject, text, to=[email]).send()
    except OSError:
        open_one = Invitation.objects.get(
            account=visit.account.account, email=email.strip().casefold(), accepted_at=None, withdrawn_at=None
        )
        of.withdraw(visit.account.account, open_one.pk, actor=visit.caller.actor, at=visit.at)
        messages.error(visit.request, _("The mail could not be sent; try again later."))
        return
    messages.success(visit.request, _("An invitation is on its way to %(email)s.") % {"email": email})


@login_required
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """GET: what one is invited to. POST: join. A link that is used up is not there."""
    at = timezone.now()
    actor = caller_of_user(request.user).actor
    try:
        found = of.find(secret, at=at)
        if request.method == "POST":
            return HttpResponseRedirect(reverse("portal-overview", args=[of.accept(secret, request.user, actor=actor, at=at)]))
        refused = ""
    except Refusal as refusal:
        if refusal.status == 404:
            return render(request, "portal/join.html", {"refused": said(refusal)}, status=404)
        refused = said(refusal)
    name = vault.names([found.account]).get(found.account, "")
    return render(
        request,
        "portal/join.html",
        {"invitation": found, "name": name or found.account, "refused": refused},
        status=403 if refused else 200,
    )
