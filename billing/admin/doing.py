"""Every command as a button of the office."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.access import Caller
from accounts.looks import refused
from accounts.roles import AREAS, area_of
from billing.admin.base import caller_of
from billing.command import Command, registry
from billing.doing import CommandPage
from billing.engine import Outcome
from billing.models import Account
from billing.requests.guarding import GUARDED
from billing.requests.kinds import REQUESTABLE
from billing.templatetags.billing_links import page_of

#: What programs say, and nobody by a button of one row.
HIDDEN = frozenset({"record_campaign_mail", "record_campaign_link"})


@dataclass(frozen=True)
class Button:
    name: str
    summary: str
    address: str


def buttons(caller: Caller, account: str = "") -> dict[str, list[Button]]:
    """area → the commands that the caller may run there: for one account, or those that are about no account."""
    found: dict[str, list[Button]] = {}
    for area in [*AREAS, "administration"]:
        for command in registry().values():
            about_account = "account" in command.arguments.__dataclass_fields__ and command.name != "open_account"
            if (
                area_of(command.name) == area
                and about_account == bool(account)
                and caller.may_run(command.name)
                and not asked_for(caller, command)
            ):
                found.setdefault(area, []).append(Button(command.name, command.summary, address_of(command.name, account)))
    return found


def asked_for(caller: Caller, command: Command) -> bool:
    """Whether the caller finds the command among those to be asked for: it is done at once where his limit allows it."""
    return command.name in GUARDED and caller.may_run("request_correction")


def asks(caller: Caller, account: str) -> list[Button]:
    """The commands that the caller may ask for, where somebody else may have to approve them."""
    if not caller.may_run("request_correction"):
        return []
    known = registry()
    return [
        Button(name, known[name].summary, f"{reverse('admin:billing_ask', args=[name])}?account={account}")
        for name in REQUESTABLE
        if name in known
    ]


def buttons_about(caller: Caller, account: str, argument: str, named: str) -> list[Button]:
    """The commands of the account that take the argument, those that the caller may ask for included, each with it filled in."""
    may = [one for area in buttons(caller, account).values() for one in area] + asks(caller, account)
    known = registry()
    return [
        replace(one, address=f"{one.address}&{urlencode({argument: named})}")
        for one in may
        if argument in known[one.name].arguments.__dataclass_fields__ and one.name not in HIDDEN
    ]


def address_of(command: str, account: str = "") -> str:
    return reverse("admin:billing_do", args=[command]) + (f"?account={account}" if account else "")


def do(request: HttpRequest, name: str, site: Any) -> HttpResponse:
    """The page of one command."""
    command = registry().get(name)
    if command is None:
        raise Http404
    caller, at, account = caller_of(request), timezone.now(), named_account(request, command)
    if not caller.may_run(name):
        refused(caller.actor, what=name, code="no_right", account=account, at=at)
        raise PermissionDenied
    if account and asked_for(caller, command) and request.method == "GET":
        return HttpResponseRedirect(f"{reverse('admin:billing_ask', args=[name])}?{request.GET.urlencode()}")
    page = OfficePage(request, command, caller, at, account)
    page.site = site
    return page.respond()


def named_account(request: HttpRequest, command: Command) -> str:
    """The account that the page is about; none for commands that name none, and where the form asks for it. Raises Http404."""
    named = request.GET.get("account", "")
    if not named or "account" not in command.arguments.__dataclass_fields__:
        return ""
    if "\x00" in named or not Account.objects.filter(account=named).exists():
        raise Http404
    return named


class OfficePage(CommandPage):
    form_template: ClassVar[str] = "admin/billing/command.html"
    preview_template: ClassVar[str] = "admin/billing/preview.html"
    once_template: ClassVar[str] = "admin/billing/once.html"
    site: Any = None

    def context(self) -> dict[str, Any]:
        return self.site.each_context(self.request) | {
            "title": f"{self.command.summary}{f' · {self.account}' if self.account else ''}",
            "back": page_of("account", self.account) if self.account else reverse("admin:index"),
        }

    def after(self, arguments: Mapping[str, Any], outcome: Outcome) -> str:
        account = self.account or str(arguments.get("account", ""))
        return page_of("account", account) if account else reverse("admin:index")
