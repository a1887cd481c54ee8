"""Every command as a button: form → preview (events, documents, balances, effects owed) → confirm, through the engine and nothing else.

What was previewed is what is confirmed: the preview's token goes with it, and the engine does exactly that or says what has changed. A key
goes with it too, so that a double click is one effect.
"""

from __future__ import annotations

import inspect
import secrets
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.access import caller_of_user
from accounts.looks import refused
from accounts.roles import AREAS, area_of
from billing import engine
from billing.admin.previewing import shown_preview
from billing.command import Command, registry
from billing.engine import Outcome
from billing.forms import CommandForm, as_typed, command_form
from billing.models import Account
from billing.queries.history import summary
from billing.templatetags.billing_links import page_of
from plans.errors import Refusal

#: Fields of the page that are no arguments.
STEP, TOKEN, KEY, ASKED = "_step", "_token", "_key", "_asked"


@dataclass(frozen=True)
class Button:
    name: str
    summary: str
    address: str


def buttons(user: Any, account: str = "") -> dict[str, list[Button]]:
    """area → the commands that the user may run there: for one account, or those that are about no account."""
    caller = caller_of_user(user)
    found: dict[str, list[Button]] = {}
    for area in [*AREAS, "administration"]:
        for command in registry().values():
            about_account = "account" in command.arguments.__dataclass_fields__ and command.name != "open_account"
            if area_of(command.name) == area and about_account == bool(account) and caller.may_run(command.name):
                found.setdefault(area, []).append(Button(command.name, command.summary, address_of(command.name, account)))
    return found


def address_of(command: str, account: str = "") -> str:
    return reverse("admin:billing_do", args=[command]) + (f"?account={account}" if account else "")


def do(request: HttpRequest, name: str, site: Any) -> HttpResponse:
    """The page of one command. GET: the form. POST: the preview; with a token: the thing itself."""
    command = registry().get(name)
    if command is None:
        raise Http404
    page = _Page(request, command, site)
    if not page.caller.may_run(name):
        refused(page.caller.actor, what=name, code="no_right", account=page.account, at=timezone.now())
        raise PermissionDenied
    if request.method != "POST":
        return page.form_page(page.form())
    if request.POST.get(STEP) == "confirm":
        return page.confirm()
    return page.preview()


class _Page:
    def __init__(self, request: HttpRequest, command: Command, site: Any) -> None:
        self.request, self.command, self.site = request, command, site
        self.caller = caller_of_user(request.user)
        self.account = self._account()

    def _account(self) -> str:
        """The account that the page is about; none for commands that name none, and where the form asks for it."""
        named = self.request.GET.get("account", "")
        if not named or "account" not in self.command.arguments.__dataclass_fields__:
            return ""
        if "\x00" in named or not Account.objects.filter(account=named).exists():
            raise Http404
        return named

    def form(self, data: Any = None, initial: dict[str, Any] | None = None) -> CommandForm:
        given = {key: value for key, value in self.request.GET.items() if key != "account"}
        return command_form(self.command, account=self.account)(data, initial=initial or given)

    def arguments(self, form: CommandForm) -> dict[str, Any]:
        return form.arguments() | ({"account": self.account} if self.account else {})

    def preview(self) -> HttpResponse:
        form = self.form(self.request.POST)
        if not form.is_valid():
            return self.form_page(form)
        arguments = self.arguments(form)
        try:
            outcome = self._run(arguments, dry_run=True)
        except Refusal as refusal:
            return self._refused(form, refusal)
        asked = orjson.dumps(arguments).decode()
        shown = shown_preview(outcome)
        context = {"shown": shown, "asked": asked, "key": secrets.token_hex(16), "given": _given(arguments), "form": form}
        return self._page("admin/billing/preview.html", context)

    def confirm(self) -> HttpResponse:
        """Do what the preview showed. What it was asked with comes back from the page; the token says whether it is the same."""
        arguments = _asked(self.request.POST.get(ASKED, ""))
        try:
            outcome = self._run(arguments, dry_run=False)
        except Refusal as refusal:
            return self._refused(self.form(as_typed(arguments)), refusal)
        done = "; ".join(summary(one.event) or one.event.kind for one in outcome.events if one.command == self.command.name)
        messages.success(self.request, f"{self.command.summary}: done. {done[:300]}")
        for name, value in outcome.made.items():
            if name == "secret":
                messages.warning(self.request, f"The secret is shown this once: {value}")
        account = self.account or str(arguments.get("account", ""))
        return HttpResponseRedirect(page_of("account", account) if account else reverse("admin:index"))

    def _run(self, arguments: dict[str, Any], *, dry_run: bool) -> Outcome:
        self.caller.must_run(self.command.name, arguments)
        token = "" if dry_run else self.request.POST.get(TOKEN, "")
        key = "" if dry_run else self.request.POST.get(KEY, "")[:64]
        asked = engine.Request(self.command.name, arguments, timezone.now(), actor=self.caller.actor, key=key, token=token)
        return engine.execute(asked, dry_run=dry_run)

    def _refused(self, form: CommandForm, refusal: Refusal) -> HttpResponse:
        refused(self.caller.actor, what=self.command.name, code=refusal.code, account=self.account, at=timezone.now())
        form.is_valid()
        form.refuse(refusal)
        return self.form_page(form, status=refusal.status)

    def form_page(self, form: CommandForm, *, status: int = 200) -> HttpResponse:
        return self._page("admin/billing/command.html", {"form": form, "promise": inspect.getdoc(self.command.run)}, status=status)

    def _page(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        shared = self.site.each_context(self.request) | {
            "title": f"{self.command.summary}{f' · {self.account}' if self.account else ''}",
            "command": self.command,
            "account": self.account,
            "back": page_of("account", self.account) if self.account else reverse("admin:index"),
        }
        return TemplateResponse(self.request, template, shared | context, status=status)


def _asked(text: str) -> dict[str, Any]:
    """The arguments that came back with the confirmation. Raises Http404 for what no page of ours has sent."""
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Http404 from None
    if not isinstance(arguments, dict):
        raise Http404
    return arguments


def _given(arguments: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), value if isinstance(value, str) else orjson.dumps(value).decode()) for name, value in arguments.items()
    ]
