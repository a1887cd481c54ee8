"""Asking for a correction of money: the form of the command that is wanted, the reason, a preview of what it would do; and the page of a
request, with its trail and what can be decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import orjson
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.access import Caller
from accounts.looks import refused
from billing import journal
from billing.admin.base import caller_of
from billing.admin.doing import OfficePage, address_of, named_account
from billing.command import Command, registry
from billing.engine import Outcome
from billing.events import RequestMade
from billing.forms import CommandForm, as_typed, command_form
from billing.house.published import house_policy
from billing.models import Account, CorrectionRequest
from billing.queries.history import Filter, events, summary
from billing.queries.status import money_text
from billing.requests.kinds import REQUESTABLE
from billing.requests.standing import HOUSE

TRAIL = tuple(f"request.{word}" for word in ("made", "approved", "executed", "rejected", "withdrawn", "expired"))


def ask(request: HttpRequest, wanted: str, site: Any) -> HttpResponse:
    """The page that asks for one command."""
    if wanted not in REQUESTABLE:
        raise Http404
    caller, at, asking = caller_of(request), timezone.now(), registry()["request_correction"]
    account = named_account(request, asking)
    if not account:
        raise Http404
    if not caller.may_run(asking.name):
        refused(caller.actor, what=f"ask for {wanted}", code="no_right", account=account, at=at)
        raise PermissionDenied
    page = AskPage(request, asking, caller, at, account)
    page.site, page.wanted = site, wanted
    return page.respond()


class AskPage(OfficePage):
    """`arguments` are those of request_correction; the form is that of the command it asks for."""

    preview_template: ClassVar[str] = "admin/billing/asked.html"
    wanted: str = ""

    def context(self) -> dict[str, Any]:
        summary_of = registry()[self.wanted].summary
        return super().context() | {"title": f"Ask for: {summary_of} · {self.account}"}

    def wanted_command(self) -> Command:
        return registry()[self.wanted]

    def form(self, data: Any = None) -> CommandForm:
        command = registry()[self.wanted]
        shown = [name for name in command.arguments.__dataclass_fields__ if name not in ("account", "reason")]
        base = command_form(command, account=self.account, only=shown)
        reasons = house_policy(Account.objects.get(account=self.account).seller, at=self.at).reasons
        code = forms.ChoiceField(choices=[(one, one) for one in reasons], label="Reason code") if reasons else None
        text = forms.CharField(max_length=2000, required=False, label="Reason", widget=forms.Textarea({"rows": 3}))
        made: type[CommandForm] = type("AskForm", (base,), {"reason": text} | ({"code": code} if code else {}))
        return made(data, initial={key: value for key, value in self.request.GET.items() if key != "account"})

    def arguments(self, form: CommandForm) -> dict[str, Any]:
        given = form.arguments()
        said = {name: given.pop(name) for name in ("code", "reason") if name in given}
        return {"account": self.account, "wanted": self.wanted, "arguments": given} | said

    def typed(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        inner = arguments.get("arguments")
        said = {name: arguments[name] for name in ("code", "reason") if name in arguments}
        return as_typed((inner if isinstance(inner, Mapping) else {}) | said)

    def given(self, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
        inner = arguments.get("arguments")
        said = {name: arguments[name] for name in ("account", "wanted", "code", "reason") if name in arguments}
        return super().given(said | dict(inner if isinstance(inner, Mapping) else {}))

    def previewed(self, outcome: Outcome) -> dict[str, Any]:
        return {"asked_for": shown_request(_made(outcome))}

    def said(self, outcome: Outcome) -> str:
        if _made(outcome).needs_approval:
            return "Asked for. Somebody else must approve it before it is done."
        return f"{registry()[self.wanted].summary}: done, within your own limit."


def _made(outcome: Outcome) -> RequestMade:
    return next(one.event for one in outcome.events if isinstance(one.event, RequestMade))


def shown_request(made: RequestMade) -> dict[str, Any]:
    """What was shown when it was asked for: what it moves, the documents that it makes, the events."""
    return {
        "needs_approval": made.needs_approval,
        "amount": f"{money_text(made.amount, made.currency)} {made.currency}" if made.amount is not None else "",
        "moves": [(one.ledger, f"{money_text(one.amount, one.currency)} {one.currency}", one.document) for one in made.preview.moves],
        "documents": [
            (one.kind.replace("_", " "), f"{money_text(one.total, one.currency)} {one.currency}") for one in made.preview.documents
        ],
        "kinds": made.preview.kinds,
    }


# --- the page of a request --------------------------------------------------------------------------------------------------------

#: state → what may be done about it; (command, label, only for the one who asked: yes, no, or either)
STEPS: dict[str, tuple[tuple[str, str, bool | None], ...]] = {
    "pending": (("approve_request", "Approve", False), ("reject_request", "Reject", False), ("withdraw_request", "Withdraw", True)),
    "approved": (("execute_request", "Carry out", None), ("reject_request", "Reject", False), ("withdraw_request", "Withdraw", True)),
    "executed": (("undo_request", "Ask to undo", None),),
}


def request_page(row: CorrectionRequest, caller: Caller, at: datetime) -> dict[str, Any]:
    """What the page of a request shows besides its columns. The steps that would be refused are not offered."""
    recorded = journal.one(*journal.split_address(row.request))
    made = recorded.event if recorded else None
    status = "expired" if row.status in ("pending", "approved") and row.expires_at <= at else row.status
    trail = [
        (one, summary(one.event))
        for one in events(row.account, Filter(kinds=TRAIL, start=row.made_at))
        if getattr(one.event, "request", "") == row.request
    ]
    return {
        "steps": _steps(row, made, status, caller),
        "asked_for": shown_request(made) if isinstance(made, RequestMade) else None,
        "arguments": made.arguments if isinstance(made, RequestMade) else "",
        "trail": trail,
        "status": status,
    }


def _steps(row: CorrectionRequest, made: Any, status: str, caller: Caller) -> list[tuple[str, str]]:
    """(label, address) of what may be done about it. A publication is decided on the page of its draft, beside what it changes."""
    if row.account == HOUSE:
        name = orjson.loads(made.arguments)["catalogue"] if isinstance(made, RequestMade) else ""
        decide = f"{reverse('admin:billing_draft', args=[name])}?show=publish"
        return [("Look at the draft and decide", decide)] if name and status == "pending" else []
    return [
        (label, f"{address_of(command, row.account)}&request={row.request}")
        for command, label, own in STEPS.get(status, ())
        if caller.may_run(command) and own in (None, row.asked_by == caller.actor)
    ]
