"""The books and figures of some days, looked at and taken away as a file: what `manage.py export` and the API write."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.looks import noted, refused
from billing import bulk
from billing.accounting.entries import Span, snapshot
from billing.accounting.exports import KINDS, TEXTS, asked_span, exported
from billing.admin.base import caller_of, may_look
from plans.errors import Invalid, Refusal

SHOWN = 20  # lines of the preview
#: What each is, for who has not seen it.
ABOUT = {
    "gl": "general ledger, by month",
    "csv": "every posting",
    "trial-balance": "trial balance",
    "deferred": "deferred revenue: from, to, and what moved",
    "tax": "tax by rate and place",
    "tax-book": "tax by document",
    "receipts": "money that came in",
    "ageing": "receivables by age, at the end",
    "sold": "units sold, by item",
    "recurring": "recurring revenue, by month",
    "used": "use, by meter",
    "money-in": "money in, by month",
    "stock": "stock at the end",
    "stock-moves": "moves of stock",
    "hledger": "for hledger",
    "ledger": "for Ledger",
    "beancount": "for Beancount",
}


def exports_page(request: HttpRequest, site: Any) -> HttpResponseBase:
    """The form; with `what` a preview of the first lines, with `file` all of it as a file. For who has to do with the books."""
    if not may_look(request):
        raise PermissionDenied
    caller, at = caller_of(request), timezone.now()
    if "books" not in caller.areas:
        refused(caller.actor, what="export of the books", code="no_right", at=at)
        raise PermissionDenied
    given = {name: request.GET.get(name, "").strip() for name in ("what", "from", "to", "seller")}
    sellers = [row[0] for row in bulk.fetch("SELECT DISTINCT seller FROM read_account ORDER BY 1")]
    context: dict[str, Any] = {
        "title": "Exports",
        "kinds": [(kind, ABOUT.get(kind, kind)) for kind in KINDS],
        "given": given | {"to": given["to"] or at.date().isoformat()},
        "sellers": sellers or ["main"],
    }
    status = 200
    if given["what"]:
        try:
            span = _span(given)
            if "file" in request.GET:
                what = f"{given['what']} {span.first} to {span.last} of {span.seller}"
                noted(caller.actor, "exported", account="", what=what, at=at)
                return _file(given["what"], span)
            with snapshot():
                lines = list(islice(exported(given["what"], span), SHOWN + 1))
            context |= {"lines": "".join(lines[:SHOWN]), "more": len(lines) > SHOWN, "address": f"?{request.GET.urlencode()}&file=1"}
        except Refusal as refusal:
            context |= {"refusal": refusal}
            status = refusal.status
    return TemplateResponse(request, "admin/billing/exports.html", site.each_context(request) | context, status=status)


def _span(given: dict[str, str]) -> Span:
    if given["what"] not in KINDS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(KINDS)}", at="what")
    return asked_span(given["from"] or None, given["to"], given["seller"] or "main")


def _file(what: str, span: Span) -> StreamingHttpResponse:
    """A stream of one state of the database, however long it is."""

    def lines() -> Iterator[str]:
        with snapshot():
            yield from exported(what, span)

    name, text = (f"{what}.journal", "text/plain") if what in TEXTS else (f"{what}.csv", "text/csv")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(lines(), content_type=f"{text}; charset=utf-8", headers=headers)
