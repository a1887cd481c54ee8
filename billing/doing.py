"""Every command as a page: form → preview (events, documents, balances, effects owed) → confirm, through the engine and nothing else.

What was previewed is what is confirmed: the preview's token goes with it, and the engine does exactly that or says what has changed. A key
goes with it too, so that a double click is one effect. The office and the customer's pages differ in templates, and in who may do what.
"""

from __future__ import annotations

import inspect
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import orjson
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from accounts.access import Caller
from accounts.looks import refused
from billing import engine
from billing.command import Command
from billing.engine import Outcome
from billing.forms import CommandForm, as_typed, command_form
from billing.previewing import Shown, shown_preview
from billing.queries.history import summary
from plans.errors import Refusal

#: Fields of the page that are no arguments.
STEP, TOKEN, KEY, ASKED = "_step", "_token", "_key", "_asked"


@dataclass
class CommandPage:
    """One command, for one account or for none, at one moment. `only`: the arguments that the form shows; `fixed`: those the page says."""

    request: HttpRequest
    command: Command
    caller: Caller
    at: datetime
    account: str = ""
    only: Collection[str] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)

    form_template: ClassVar[str]
    preview_template: ClassVar[str]
    once_template: ClassVar[str]

    def respond(self) -> HttpResponse:
        """GET: the form. POST: the preview, or with its token the thing itself."""
        if self.request.method != "POST":
            return self._form_page(self.form())
        return self._confirm() if self.request.POST.get(STEP) == "confirm" else self._preview()

    # -- what faces say themselves

    def context(self) -> dict[str, Any]:
        """What their templates need besides."""
        return {}

    def after(self, arguments: Mapping[str, Any], outcome: Outcome) -> str:
        """Where to go when it is done."""
        raise NotImplementedError

    def wanted_command(self) -> Command:
        """The command that the form is of."""
        return self.command

    def shown(self, outcome: Outcome) -> Shown:
        """The preview, with amounts as this face says them."""
        return shown_preview(outcome)

    def said(self, outcome: Outcome) -> str:
        """What to tell when it is done."""
        done = "; ".join(summary(one.event) or one.event.kind for one in outcome.events if one.command == self.command.name)
        return f"{self.command.summary}: done. {done[:300]}"

    def previewed(self, outcome: Outcome) -> dict[str, Any]:
        """What the preview shows besides."""
        del outcome
        return {}

    def given(self, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What was asked with, as the preview repeats it."""
        return _given(arguments)

    def refusal_text(self, refusal: Refusal) -> str:
        """A refusal in the words of this face."""
        return refusal.message

    def typed(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """The arguments as they were typed into the form."""
        return as_typed(arguments)

    # -- the three steps

    def form(self, data: Any = None) -> CommandForm:
        shown = self.only
        if self.fixed:
            shown = [name for name in shown or self.command.arguments.__dataclass_fields__ if name not in self.fixed]
        given = {key: value for key, value in self.request.GET.items() if key != "account"}
        return command_form(self.command, account=self.account, only=shown)(data, initial=given)

    def arguments(self, form: CommandForm) -> dict[str, Any]:
        return form.arguments() | dict(self.fixed) | ({"account": self.account} if self.account else {})

    def _preview(self) -> HttpResponse:
        form = self.form(self.request.POST)
        if not form.is_valid():
            return self._form_page(form)
        arguments = self.arguments(form)
        try:
            outcome = self._run(arguments, dry_run=True)
        except Refusal as refusal:
            return self._refused(form, refusal)
        asked = orjson.dumps(arguments).decode()
        context = {"shown": self.shown(outcome), "asked": asked, "key": secrets.token_hex(16), "given": self.given(arguments)}
        return self._page(self.preview_template, context | self.previewed(outcome))

    def _confirm(self) -> HttpResponse:
        """Do what the preview showed. What it was asked with comes back from the page; the token says whether it is the same."""
        arguments = _asked(self.request.POST.get(ASKED, ""))
        try:
            outcome = self._run(arguments, dry_run=False)
        except Refusal as refusal:
            return self._refused(self.form(self.typed(arguments)), refusal)
        if not outcome.shown_once:
            messages.success(self.request, self.said(outcome))
        onward = self.after(arguments, outcome)
        return self._shown_once(outcome, onward) if outcome.shown_once else HttpResponseRedirect(onward)

    def _shown_once(self, outcome: Outcome, onward: str) -> HttpResponse:
        """A secret stands on this one page: in no message, which cookies keep, and in nothing that a browser stores."""
        context = {"secrets": list(outcome.shown_once.items()), "said": self.said(outcome), "onward": onward}
        answer = self._page(self.once_template, context)
        answer["Cache-Control"] = "no-store"
        return answer

    def _run(self, arguments: dict[str, Any], *, dry_run: bool) -> Outcome:
        self.caller.must_run(self.command.name, arguments)
        token = "" if dry_run else self.request.POST.get(TOKEN, "")
        key = "" if dry_run else self.request.POST.get(KEY, "")[:64]
        if not dry_run and not token:
            raise Http404
        asked = engine.Request(self.command.name, arguments, self.at, actor=self.caller.actor, key=key, token=token)
        return engine.execute(asked, dry_run=dry_run)

    def _refused(self, form: CommandForm, refusal: Refusal) -> HttpResponse:
        refused(self.caller.actor, what=self.command.name, code=refusal.code, account=self.account, at=self.at)
        form.is_valid()
        form.refuse(refusal, self.refusal_text(refusal))
        return self._form_page(form, status=refusal.status)

    def _form_page(self, form: CommandForm, *, status: int = 200) -> HttpResponse:
        return self._page(self.form_template, {"form": form, "promise": promise_of(self.wanted_command())}, status=status)

    def _page(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        shared = {"command": self.command, "account": self.account} | self.context()
        return TemplateResponse(self.request, template, shared | context, status=status)


def promise_of(command: Command) -> str:
    """What the command promises, for a person: without the codes of its refusals, and without the marks of source text."""
    text = " ".join((inspect.getdoc(command.run) or command.summary).split())
    said = " ".join(one for one in re.split(r"(?<=\.)\s+", text) if not one.startswith("Raises "))
    return re.sub(r" \((Invalid|NotAllowed|NotFound|Conflict) [^)]*\)", "", said).replace("`", "")


def _asked(text: str) -> dict[str, Any]:
    """The arguments that came back with the confirmation. Raises Http404 for what no page of ours has sent."""
    try:
        arguments = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Http404 from None
    if not isinstance(arguments, dict):
        raise Http404
    return arguments


def _given(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), value if isinstance(value, str) else orjson.dumps(value).decode()) for name, value in arguments.items()
    ]
