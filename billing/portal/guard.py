"""Who may open a page of an account: somebody who signed in and belongs to it. For others it does not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.access import Caller, caller_of_user
from billing.queries.accounts import AccountRow, find_account
from plans.errors import Refusal


@dataclass(frozen=True)
class Visit:
    """One look at a page of one account: who, whose, when."""

    request: HttpRequest
    caller: Caller
    account: AccountRow
    at: datetime

    def may(self, right: str) -> bool:
        """Whether the visitor has the right in this account (accounts/roles.py)."""
        return right in self.caller.accounts.get(self.account.account, frozenset())


View = Callable[..., HttpResponse]


def of_account(view: Callable[..., HttpResponse]) -> View:
    """The view gets a `Visit` in place of the request and the account's name; whoever has no part in the account gets 404."""

    @wraps(view)
    def guarded(request: HttpRequest, account: str, **parts: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        caller = caller_of_user(request.user)
        try:
            caller.must_see(account)
            row = find_account(account)
            with timezone.override(row.zone):  # days and times are those of the account
                answer = view(Visit(request, caller, row, timezone.now()), **parts)
                if isinstance(answer, TemplateResponse):
                    answer = answer.render()
        except Refusal as refusal:
            if refusal.status == 404:
                raise Http404(refusal.message) from None
            raise
        answer["Cache-Control"] = "private, no-store"
        return answer

    return guarded
