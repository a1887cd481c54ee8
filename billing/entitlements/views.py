"""Entitlements where requests come in: a decorator for views, a permission of the API. Here the clock is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.permissions import BasePermission

from billing.entitlements.checking import check
from billing.entitlements.rules import Entitlement
from plans.errors import NotFound

View = Callable[..., HttpResponse]


def check_now(account: str, feature: str, quantity: int = 1) -> Entitlement:
    return check(account, feature, quantity, at=timezone.now())


def entitled(feature: str, *, quantity: int = 1, account: str | Callable[[HttpRequest], str] = "account") -> Callable[[View], View]:
    """Only for accounts that may use the feature; others get 403 with the reason. `account` names the view's argument that holds it, or
    is a function of the request."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            who = kwargs[account] if isinstance(account, str) else account(request)
            try:
                answer = check_now(who, feature, quantity)
            except NotFound as refusal:
                return HttpResponse(refusal.message, status=404, content_type="text/plain; charset=utf-8")
            if not answer.allowed:
                return HttpResponse(answer.why, status=403, content_type="text/plain; charset=utf-8")
            return view(request, *args, **kwargs)

        return checked

    return decorate


class Entitled(BasePermission):
    """For views of the API: `permission_classes = [Entitled]` `entitled_feature = "single-sign-on"`; the account is the view's
    argument `account`, or what its `entitled_account()` answers. An account that does not exist may nothing."""

    message = ""

    def has_permission(self, request: Any, view: Any) -> bool:
        named = getattr(view, "entitled_account", None)
        account = named() if named else view.kwargs["account"]
        try:
            answer = check_now(account, view.entitled_feature)
        except NotFound as refusal:
            self.message = refusal.message
            return False
        self.message = answer.why
        return answer.allowed
