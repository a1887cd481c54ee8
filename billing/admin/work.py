"""The page of a work list: its rows, and commands for many of them that say what was done and what was refused, and why."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.access import Caller
from accounts.looks import refused
from billing import engine
from billing.admin.base import caller_of, may_look, money
from billing.admin.listing import Action, Row, WorkList
from billing.admin.worklists import LISTS, MOST_SHOWN, rows
from billing.templatetags.billing_links import event_link, link, stream_link
from plans.errors import Refusal

MOST_REASONS = 5
#: Columns that hold the key of a row with a page.
LINKED = {"contract": "contract", "request": "correctionrequest"}


def work_page(request: HttpRequest, name: str, site: Any) -> HttpResponse:
    """GET: the list. POST: one of its actions for the rows that were ticked."""
    work, caller = LISTS.get(name), caller_of(request)
    if work is None:
        raise Http404
    if not may_look(request):
        raise PermissionDenied
    at = timezone.now()
    if request.method == "POST":
        _act(request, work, caller, at)
        return HttpResponseRedirect(address_of_list(name))
    found = rows(work, at=at, limit=MOST_SHOWN + 1)
    context = site.each_context(request) | {
        "title": work.title,
        "work": work,
        "rows": [_shown(work, row, caller) for row in found[:MOST_SHOWN]],
        "more": len(found) > MOST_SHOWN,
        "actions": [(at_, one) for at_, one in enumerate(work.actions) if not one.form and caller.may_run(one.command)],
        "asks": {one.asks for one in work.actions if one.asks and caller.may_run(one.command)},
        "key": secrets.token_hex(12),
    }
    return TemplateResponse(request, "admin/billing/work.html", context)


def address_of_list(name: str) -> str:
    return reverse("admin:billing_work", args=[name])


# --- doing it for many ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    done: int
    refusals: Counter[str]

    def __str__(self) -> str:
        """`done 7, refused 2: why`."""
        said = f"done {self.done}"
        if not self.refusals:
            return said
        reasons = [f"{why}{f' ({count} times)' if count > 1 else ''}" for why, count in self.refusals.most_common(MOST_REASONS)]
        more = "; …" if len(self.refusals) > MOST_REASONS else ""
        return f"{said}, refused {self.refusals.total()}: {'; '.join(reasons)}{more}"


def _act(request: HttpRequest, work: WorkList, caller: Caller, at: datetime) -> None:
    given = request.POST.get("_action", "")
    action = work.actions[int(given)] if given.isascii() and given.isdigit() and int(given) < len(work.actions) else None
    if action is None or action.form:
        raise Http404
    if not caller.may_run(action.command):
        refused(caller.actor, what=action.command, code="no_right", at=at)
        raise PermissionDenied
    keys = [key for key in dict.fromkeys(request.POST.getlist("row")) if "\x00" not in key][:MOST_SHOWN]
    if not keys:
        messages.warning(request, "Tick the rows that it is meant for.")
        return
    typed = {action.asks: request.POST.get(action.asks, "").strip()} if action.asks else {}
    told = run_for(work, action, keys, caller=caller, at=at, key=request.POST.get("_key", "")[:32], typed=typed)
    messages.add_message(request, messages.WARNING if told.refusals else messages.SUCCESS, f"{action.label}: {told}.")


def run_for(
    work: WorkList, action: Action, keys: list[str], *, caller: Caller, at: datetime, key: str = "", typed: dict[str, str] | None = None
) -> Done:
    """The action's command for each of the rows that are still on the list, each in a transaction of its own. With `key` a second click
    does nothing twice."""
    listed = {row["key"]: row for row in rows(work, at=at, keys=keys)}
    done, refusals = 0, Counter[str]()
    for one in keys:
        if one not in listed:
            refusals[f"{one} is not on the list any more"] += 1
            continue
        arguments = action.arguments(listed[one]) | {name: text for name, text in (typed or {}).items() if text}
        try:
            caller.must_run(action.command, arguments)
            engine.execute(engine.Request(action.command, arguments, at, actor=caller.actor, key=f"{key}/{one}" if key else ""))
        except Refusal as refusal:
            refused(caller.actor, what=action.command, code=refusal.code, account=listed[one]["account"], at=at)
            refusals[f"{one}: {refusal.message}"] += 1
        else:
            done += 1
    return Done(done, refusals)


# --- showing it -------------------------------------------------------------------------------------------------------------------


def _shown(work: WorkList, row: Row, caller: Caller) -> dict[str, Any]:
    forms = [one for one in work.actions if one.form and caller.may_run(one.command)]
    return {
        "key": row["key"],
        "account": stream_link(row["account"]),
        "cells": [cell(row[heading], row.get("currency", ""), heading) for heading in work.headings],
        "forms": [(one.label, _form_address(one, row)) for one in forms],
    }


def _form_address(action: Action, row: Row) -> str:
    return f"{reverse('admin:billing_do', args=[action.command])}?{urlencode(action.arguments(row))}"


def cell(value: Any, currency: str = "", heading: str = "") -> Any:
    """A value as a table shows it: money with its currency, moments to the minute."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return money(value, currency) if currency else f"{value:f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if heading in LINKED and value:
        return link(LINKED[heading], value, value)
    if heading == "effect" and value:
        return format_html("{} {}", event_link(value.rpartition("/")[0]), value.rpartition("/")[2])
    return str(value)
