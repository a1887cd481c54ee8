"""Files that are brought over in the office: tried first, with a report of the rows that are wrong, then brought over; and what was put
aside before. Large files are the command line's (`manage.py import`, `usage import`): a page must answer.

The file goes from the preview to the confirmation inside the page, signed, so that what was tried is what is brought over.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.access import Caller
from accounts.looks import noted, refused
from billing.accounting.months import check_seller
from billing.admin.base import caller_of, may_look
from billing.imports import KINDS, import_file
from billing.usage.aside import Rejected, batches, lines_of
from billing.usage.load import COLUMNS, load_file
from payments.statements.booking import WORDS, book
from payments.statements.files import read_statement
from plans.errors import Invalid, Refusal

LARGEST = 1_000_000  # bytes
MOST_ROWS = {"accounts": 1_000, "contracts": 1_000, "balances": 1_000}  # each is a command
MOST_SHOWN = 200
SALT = "billing.admin.imports"
LASTS = 3_600  # seconds from the preview to the confirmation
#: kind → what it brings, and the command that somebody must be allowed to run.
OFFERED: Mapping[str, tuple[str, str]] = {
    "accounts": ("Accounts", "open_account"),
    "contracts": ("Running contracts", "subscribe"),
    "balances": ("Open balances", "open_balance"),
    "usage": ("Use: readings and records", "sell"),
    "bank": ("Bank statement (CSV, MT940, CAMT.053)", "receive"),
}


@dataclass(frozen=True)
class File:
    """What somebody brings, as the form says it."""

    kind: str
    name: str
    content: bytes
    source: str = "office"
    seller: str = "main"


@dataclass
class Told:
    """What became of the rows, or would become: what is new, and what else stood there, as counts in words; and the rows that are wrong."""

    new: list[tuple[int, str]]
    besides: list[tuple[int, str]]
    rejected: Sequence[Rejected]
    rejected_count: int
    batch: str = ""

    @property
    def counts(self) -> list[tuple[int, str]]:
        return [*self.new, *((count, words) for count, words in self.besides if count)]

    @property
    def done(self) -> int:
        return sum(count for count, _ in self.new)


def imports_page(request: HttpRequest, site: Any) -> HttpResponse:
    """GET: the form, and what was put aside (`?batch=`: its lines as a file). POST: the preview, or the thing itself."""
    if not may_look(request):
        raise PermissionDenied
    caller, at = caller_of(request), timezone.now()
    offered = {kind: label for kind, (label, command) in OFFERED.items() if caller.may_run(command)}
    if batch := request.GET.get("batch", ""):
        return _rejected(batch) if offered and "\x00" not in batch else _missing()
    context: dict[str, Any] = {"title": "Imports", "offered": offered, "typed": request.POST}
    status = 200
    if request.method == "POST":
        try:
            context |= _confirmed(request, caller, at) if request.POST.get("_step") == "confirm" else _previewed(request, caller, at)
        except Refusal as refusal:
            refused(caller.actor, what="import", code=refusal.code, at=at)
            context, status = context | {"refusal": refusal}, refusal.status
    known = {kind: _columns(kind) for kind in offered if kind != "bank"}
    context |= {"columns": known, "batches": batches()[:20] if offered else [], "most": MOST_ROWS["accounts"], "largest": LARGEST}
    return TemplateResponse(request, "admin/billing/imports.html", site.each_context(request) | context, status=status)


def _previewed(request: HttpRequest, caller: Caller, at: datetime) -> dict[str, Any]:
    given = request.FILES.get("file")
    if given is None:
        raise Invalid("missing_field", "choose a file", at="file")
    if given.size is None or given.size > LARGEST:
        raise Invalid("bad_file", f"a file of more than {LARGEST:,} bytes: use manage.py import, which reads any size", at="file")
    name = "".join(sign for sign in given.name or "" if sign.isprintable())[-100:] or "file"
    said = {key: request.POST.get(key, "").strip() or default for key, default in (("source", "office"), ("seller", "main"))}
    file = File(request.POST.get("kind", ""), name, given.read(), **said)
    _check(file, caller)
    return {"told": brought(file, at=at, dry_run=True), "file": file, "signed": _signed(file)}


def _confirmed(request: HttpRequest, caller: Caller, at: datetime) -> dict[str, Any]:
    file = _opened(request.POST.get("_file", ""))
    _check(file, caller)
    told = brought(file, at=at, dry_run=False)
    what = f"{file.kind} of {file.name}: {told.done} rows, {told.rejected_count} put aside"
    noted(caller.actor, "imported", account="", what=what, at=at)
    word = messages.WARNING if told.rejected_count else messages.SUCCESS
    messages.add_message(request, word, f"{file.name}: done {told.done}, refused {told.rejected_count}.")
    return {"told": told, "file": file, "done": True}


def _check(file: File, caller: Caller) -> None:
    """Raises Invalid, and NotAllowed for what the caller's roles may not do."""
    if file.kind not in OFFERED:
        raise Invalid("unknown_choice", f"expected one of {', '.join(OFFERED)}", at="kind")
    caller.must_run(OFFERED[file.kind][1], {})
    most = MOST_ROWS.get(file.kind)
    if most is not None and file.content.count(b"\n") > most + 1:
        raise Invalid("bad_file", f"a file of more than {most:,} rows: use manage.py import, which takes any number", at="file")


def _signed(file: File) -> str:
    parts = [file.kind, file.name, base64.b85encode(file.content).decode(), file.source, file.seller]
    return signing.dumps(parts, salt=SALT, compress=True)


def _opened(text: str) -> File:
    """Raises Invalid `stale_preview`."""
    try:
        kind, name, content, source, seller = signing.loads(text, salt=SALT, max_age=LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        raise Invalid("stale_preview", "the preview is too old, or not of this page; choose the file again", at="file") from None
    return File(kind, name, base64.b85decode(content), source, seller)


# --- bringing it over ---------------------------------------------------------------------------------------------------------------


def brought(file: File, *, at: datetime, dry_run: bool) -> Told:
    """What becomes of the file's rows; with `dry_run` all of it is undone. Raises Invalid `bad_file` where the whole file is wrong."""
    bring: Callable[[File, datetime, bool], Told] = {"usage": _usage, "bank": _bank}.get(file.kind, _commands)
    return bring(file, at, dry_run)


def _commands(file: File, at: datetime, dry_run: bool) -> Told:
    kind = KINDS[file.kind]
    report = import_file(io.BytesIO(file.content), kind=kind, name=file.name, source=file.source, at=at, dry_run=dry_run)
    besides = [(report.known, "known already"), (report.nothing, "with nothing to bring over")]
    return Told([(report.done, "brought over")], besides, report.rejected, report.rejected_count, report.batch)


def _usage(file: File, at: datetime, dry_run: bool) -> Told:
    with transaction.atomic():
        report = load_file(io.BytesIO(file.content), name=file.name, source=file.source, arrived_at=at)
        if dry_run:
            transaction.set_rollback(True)
    besides = [(report.duplicates, "known already")]
    return Told([(report.accepted, "taken")], besides, report.rejected, report.rejected_count, report.batch)


def _bank(file: File, at: datetime, dry_run: bool) -> Told:
    check_seller(file.seller)
    read = read_statement(file.content, form="", own="")
    with transaction.atomic():
        report = book(read, seller=file.seller, file=file.name, at=at)
        if dry_run:
            transaction.set_rollback(True)
    counts = [(report.words[word], told) for word, told in WORDS.items() if report.words.get(word)]
    besides = [(report.known, "known already"), (report.pending, "not booked by the bank yet")]
    return Told(counts, besides, [Rejected(one.number, one.code, one.message) for one in report.bad], len(report.bad))


def _columns(kind: str) -> list[tuple[str, bool]]:
    """(column, whether it must be there), those that must be first."""
    columns = COLUMNS if kind == "usage" else KINDS[kind].columns
    names = [*columns.required, *(name for name in columns.known if name not in columns.required)]
    return [(name, name in columns.required) for name in names] + [(f"{name}.NAME", False) for name in columns.mappings]


def _rejected(batch: str) -> HttpResponse:
    """The lines of a batch that were put aside, as CSV: to be mended and brought again."""
    lines = lines_of(batch)
    if not lines:
        raise Http404
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["line", "code", "reason", "content"])
    writer.writerows([one.number, one.code, one.reason, _inert(one.content)] for one in lines)
    headers = {"Content-Disposition": 'attachment; filename="put-aside.csv"', "Cache-Control": "private, no-store"}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _inert(text: str) -> str:
    """A text that a spreadsheet takes for no formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _missing() -> HttpResponse:
    raise Http404
