"""Catalogues in the office: drafts edited as text or by fields, compared, tried, and published with the approval of a second person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from accounts.looks import refused
from billing import engine
from billing.admin import drafted
from billing.admin.base import caller_of, may_look
from billing.admin.rows import RowAdmin
from billing.models import Account
from billing.publications.backtest import lines_of
from billing.publications.commands import BacktestCatalogue, trial_of
from billing.publications.stories import told
from plans import store
from plans.errors import NotFound, Refusal
from plans.loading.editing import changed_fields, find_part, value_at, with_fields
from plans.loading.problems import check_code
from plans.models import CatalogueVersion
from plans.store import Draft

TABS = {"edit": "Edit", "difference": "Difference", "examples": "Examples and stories", "backtest": "Back-test", "publish": "Publish"}
#: What a button does: the command, and the fields of the form that are its arguments.
ACTIONS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "start": ("draft_catalogue", ("version",), "The draft is there to be edited."),
    "save": ("draft_catalogue", ("source", "seen"), "The draft is kept."),
    "discard": ("discard_draft", (), "The draft is gone; what is published stays as it is."),
    "backtest": ("backtest_catalogue", ("months", "sample", "moved"), "Tried on what really happened."),
    "keep": ("keep_story", ("story", "source"), "Kept. It is played with every draft before that is published."),
    "drop": ("drop_story", ("story",), "It is kept no longer."),
    "play": ("play_stories", (), "Played."),
    "ask": ("request_publication", ("reason", "effective"), "Asked for. Somebody else must approve it before it is published."),
    "approve": ("approve_publication", ("request", "note"), "Approved and published."),
    "reject": ("reject_publication", ("request", "reason"), "Rejected. The draft stays, to be worked on."),
    "withdraw": ("withdraw_publication", ("request",), "Taken back."),
}
OF_A_REQUEST = ("approve", "reject", "withdraw")
EMPTY = 'catalogue: {name}\ncurrency: EUR\nplans:\n  first:\n    period: month\n    items:\n      fee: {{price: "1.00"}}\n'


@admin.register(CatalogueVersion)
class CatalogueVersionAdmin(RowAdmin):
    """Published versions, for ever as they are; and the drafts of the next ones."""

    page_template = "admin/billing/version.html"
    list_display = ("__str__", "published_at", "published_by", "effective", "seller", "digest")
    list_filter = ("name",)
    search_fields = ("name", "published_by", "digest")
    ordering = ("-published_at", "name")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("drafts/", view(self.overview), name="billing_catalogues"),
            path("drafts/<str:name>/", view(self.draft), name="billing_draft"),
            path("drafts/<str:name>/part/", view(self.part), name="billing_draft_part"),
            path("drafts/<str:name>/account/<str:account>/", view(self.account), name="billing_draft_account"),
        ]
        return [*own, *super().get_urls()]

    def overview(self, request: HttpRequest) -> HttpResponse:
        """Every catalogue: what is published of it, and whether somebody works on the next version."""
        _may_look(request)
        caller, at = caller_of(request), timezone.now()
        if request.method == "POST":
            name = request.POST.get("name", "").strip()
            try:
                check_code(name, "name")
                source = "" if name in store.names() else EMPTY.format(name=name)
                _run(request, "draft_catalogue", {"catalogue": name, "source": source}, at)
            except Refusal as refusal:
                messages.error(request, refusal.message)
                return HttpResponseRedirect(reverse("admin:billing_catalogues"))
            return HttpResponseRedirect(drafted.address_of(name))
        drafts = {one.name: one for one in store.drafts()}
        rows = [
            {"name": name, "newest": (store.versions(name) or (None,))[-1], "draft": drafts.get(name), "address": drafted.address_of(name)}
            for name in sorted({*store.names(), *drafts})
        ]
        context = {"title": "Catalogues", "rows": rows, "may": caller.may_run("draft_catalogue")}
        return self._page(request, "admin/billing/catalogues.html", context)

    def draft(self, request: HttpRequest, name: str) -> HttpResponse:
        """The page of a draft; POST: one of its buttons."""
        _may_look(request)
        show = request.GET.get("show", "edit")
        if show not in TABS or not (store.find_draft(name) or name in store.names()):
            raise Http404
        at = timezone.now()
        if request.method != "POST":
            return self._draft_page(request, name, show, at)
        wanted = request.POST.get("_do", "")
        if wanted == "story":
            return self._story(request, name, at)
        if wanted not in ACTIONS:
            raise Http404
        command, given, done = ACTIONS[wanted]
        typed = {field: value for field in given if (value := request.POST.get(field, "").strip("\r\n " if field != "source" else ""))}
        arguments = typed if wanted in OF_A_REQUEST else {"catalogue": name} | typed
        try:
            if wanted == "ask":
                _run(request, "play_stories", {"catalogue": name}, at, key="stories")
            outcome = _run(request, command, arguments, at)
        except Refusal as refusal:
            return self._draft_page(request, name, show, at, refusal=refusal, typed=typed)
        problems, failed = outcome.made.get("problems"), outcome.made.get("failed")
        more = f" It has {problems} mistakes, which keep it from being published." if problems else ""
        more += f" Not everything came out as it says in {', '.join(failed)}: the draft can't be published." if failed else ""
        messages.add_message(request, messages.WARNING if more else messages.SUCCESS, f"{done}{more}")
        return HttpResponseRedirect(drafted.address_of(name, "" if wanted == "discard" else show))

    def _story(self, request: HttpRequest, name: str, at: datetime) -> HttpResponse:
        typed = {field: request.POST.get(field, "") for field in ("story", "source")}
        try:
            caller_of(request).must_run("draft_catalogue", {"catalogue": name})
            good, said = told(typed["source"], store.draft(name).source)
        except Refusal as refusal:
            return self._draft_page(request, name, "examples", at, refusal=refusal, typed=typed)
        return self._draft_page(request, name, "examples", at, typed=typed, more={"told": said, "good": good})

    def _draft_page(
        self,
        request: HttpRequest,
        name: str,
        show: str,
        at: datetime,
        *,
        refusal: Refusal | None = None,
        typed: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        caller, draft, versions = caller_of(request), store.find_draft(name), store.versions(name)
        loaded = drafted.read(draft) if draft else None
        context: dict[str, Any] = {
            "title": f"{name}: draft" if draft else name,
            "name": name,
            "draft": draft,
            "newest": versions[-1] if versions else None,
            "behind": bool(draft and versions and draft.based_on != versions[-1].version),
            "tabs": [(key, title, drafted.address_of(name, key)) for key, title in TABS.items()],
            "show": show,
            "tab": f"admin/billing/_draft_{show}.html",
            "mistakes": drafted.mistakes(draft, loaded) if draft and loaded else [],
            "warnings": loaded.warnings if loaded else (),
            "waiting": (waiting := drafted.publications(name, draft, caller, timezone.now())),
            "asked": any(one["same"] for one in waiting),
            "may": {key: caller.may_run(command) for key, (command, _, _) in ACTIONS.items()},
            "refusal": refusal,
            "typed": typed or {},
            "key": secrets.token_hex(12),
        }
        if draft and loaded:
            context |= _tab(show, draft, loaded, typed or {})
        return self._page(request, "admin/billing/draft.html", context | dict(more or {}), status=refusal.status if refusal else 200)

    def part(self, request: HttpRequest, name: str) -> HttpResponse:
        """The form of one part of a draft: its fields with what each means."""
        _may_look(request)
        try:
            draft = store.draft(name)
            loaded = drafted.read(draft)
            value = loaded.document.value if loaded.document else None
            part = find_part(value, request.GET.get("at", ""))
        except NotFound as missing:
            raise Http404(missing.message) from None
        typed: dict[str, str] = {}
        errors = drafted.errors_of(part, loaded)
        status = 200
        if request.method == "POST":
            typed = {key.removeprefix("f-"): text for key, text in request.POST.items() if key.startswith("f-")}
            try:
                source, where = _edited(request, draft, value, part, typed)
                _run(
                    request, "draft_catalogue", {"catalogue": name, "source": source, "seen": request.POST.get("seen", "")}, timezone.now()
                )
            except Refusal as refusal:
                errors, status = errors | {refusal.at: refusal.message}, refusal.status
            else:
                messages.success(request, "The draft is kept.")
                return HttpResponseRedirect(where)
        there, more = drafted.fields(value, part, typed=typed, errors=errors)
        known = {one.name for one in (*there, *more)}
        context = {
            "title": f"{name}: {part.kind} {part.title}" if part.place else f"{name}: {part.title}",
            "name": name,
            "draft": draft,
            "part": part,
            "there": there,
            "more": more,
            "others": [text for field, text in errors.items() if field not in known],
            "sections": drafted.sections_of(value, part),
            "removable": bool(part.place) and isinstance(part.place[-1], str),
            "may": caller_of(request).may_run("draft_catalogue"),
            "back": drafted.address_of(name),
        }
        return self._page(request, "admin/billing/part.html", context, status=status)

    def account(self, request: HttpRequest, name: str, account: str) -> HttpResponse:
        """What one account would have paid by the draft, line by line."""
        _may_look(request)
        if "\x00" in account or not Account.objects.filter(account=account).exists():
            raise Http404
        problem, found = "", {}
        try:
            kept = store.newest_backtest(name, store.draft(name).digest)
            at = kept.at if kept else timezone.now()
            found = dict(lines_of(account, trial_of(BacktestCatalogue(name, moved=request.GET.get("moved", "everybody")), at)))
        except NotFound as missing:
            raise Http404(missing.message) from None
        except Refusal as refusal:
            problem = refusal.message
        context = {
            "title": f"{name}: {account} by the draft",
            "account": account,
            "problem": problem,
            "back": drafted.address_of(name, "backtest"),
        }
        return self._page(request, "admin/billing/draft_account.html", context | found)

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        return TemplateResponse(request, template, self.admin_site.each_context(request) | context, status=status)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        facts = [(name, value) for name, value in super().page(request, obj)["facts"] if name != "source"]
        return {"title": str(obj), "facts": facts, "source": obj.source}


def _may_look(request: HttpRequest) -> None:
    if not may_look(request):
        raise PermissionDenied


def _run(request: HttpRequest, command: str, arguments: dict[str, Any], at: datetime, *, key: str = "") -> engine.Outcome:
    """The command as the one who is signed in; a refusal is kept in the record of refusals. `key` tells a second one of the same click."""
    caller = caller_of(request)
    try:
        caller.must_run(command, arguments)
        key = f"{request.POST.get('_key', '')[:64]}{key}"
        return engine.execute(engine.Request(command, arguments, at, actor=caller.actor, key=key))
    except Refusal as refusal:
        refused(caller.actor, what=command, code=refusal.code, at=at)
        raise


def _tab(show: str, draft: Draft, loaded: Any, typed: Mapping[str, str]) -> dict[str, Any]:
    if show == "edit":
        return {"outline": drafted.outline(draft, loaded)}
    if show == "difference":
        return {"difference": drafted.difference(draft)}
    if show == "examples":
        return {"examples": drafted.examples(draft), "stories": drafted.kept_stories(draft, typed)}
    found: dict[str, Any] = {"tested": drafted.backtested(draft), "stories": drafted.kept_stories(draft, {})}
    return found if show == "backtest" else found | {"difference": drafted.difference(draft)}


def _edited(request: HttpRequest, draft: Draft, value: Any, part: Any, typed: Mapping[str, str]) -> tuple[str, str]:
    """The text with what the form asks for, and where to go next. Raises Invalid, Conflict `edit_as_text`."""
    here = f"{reverse('admin:billing_draft_part', args=[draft.name])}?at={part.address}"
    wanted = request.POST.get("_do", "")
    if wanted == "remove" and part.place:
        return with_fields(draft.source, part.place[:-1], {str(part.place[-1]): ""}), drafted.address_of(draft.name)
    if wanted == "add":
        section, code = request.POST.get("section", ""), request.POST.get("code", "").strip()
        if section not in drafted.sections_of(value, part):
            raise Http404
        check_code(code, "code")
        fragment = request.POST.get("fragment", "").strip() or "{}"
        if section in value_at(value, part.place):
            return with_fields(draft.source, (*part.place, section), {code: fragment}), here
        return with_fields(draft.source, part.place, {section: f"{{{code}: {fragment}}}"}), here
    return with_fields(draft.source, part.place, changed_fields(value, part, typed)), here
