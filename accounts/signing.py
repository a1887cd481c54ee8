"""Signing in of staff: by the same pages as everybody, and with a second factor before anything of the office opens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.stages import EmailVerificationStage
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from accounts.looks import noted

#: Below these, staff without a second factor may be: where it is set up, and what that page needs.
OPEN = ("/account/", "/language/", "/static/")
NAME = "Bill'em All"
SAID = "Staff sign in with a second factor. Set yours up; then the office opens."


def shown_name(user: Any) -> str:
    """How a person is called on pages and in mails: by the address, never by the code that customers have for a name."""
    return str(user.email or user.get_username())


class SignIn(DefaultAccountAdapter):
    """Allauth's own, but for two things about staff (nobody mails them to prove an address, and each sign-in is kept), for the names of
    customers, which are codes that nobody is shown, and for the name under which mails come."""

    def generate_unique_username(self, txts: Any, regex: Any = None) -> str:
        """A code that says nothing: the journal keeps it for ever, and who bears it may want to be forgotten."""
        return f"c-{secrets.token_hex(8)}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        super().send_mail(template_prefix, email, context | {"current_site": {"name": NAME, "domain": NAME}})

    def get_login_stages(self) -> list[str]:
        mine = f"{EmailOfCustomers.__module__}.{EmailOfCustomers.__qualname__}"
        theirs = f"{EmailVerificationStage.__module__}.{EmailVerificationStage.__qualname__}"
        return [mine if stage == theirs else stage for stage in super().get_login_stages()]

    def post_login(self, request: HttpRequest, user: Any, **facts: Any) -> Any:
        if user.is_staff:
            noted(f"user:{user.get_username()}", action="signed_in", account="", what="office", at=user.last_login)
        return super().post_login(request, user, **facts)


class EmailOfCustomers(EmailVerificationStage):
    """Staff are made by an administrator, who vouches for them; customers prove their address."""

    def handle(self) -> Any:
        return (None, True) if self.login.user.is_staff else super().handle()


class SecondFactorForStaff:
    """Staff who have set up no second factor are led to do so, wherever they go. `STAFF_SECOND_FACTOR` turns it off for development."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.STAFF_SECOND_FACTOR or request.path.startswith(OPEN):
            return self.answer(request)
        user: Any = request.user
        if not (user.is_authenticated and user.is_staff) or is_mfa_enabled(user):
            return self.answer(request)
        if request.path.startswith("/api/"):
            said = {"title": "Forbidden", "status": 403, "code": "second_factor_missing", "detail": SAID}
            return JsonResponse(said, status=403, content_type="application/problem+json")
        messages.warning(request, SAID)
        return HttpResponseRedirect(reverse("mfa_activate_totp"))
