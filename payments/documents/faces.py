"""The faces of a document: page, PDF and text. Each places what `Shown` says; none of them formats an amount or knows a word."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.conf import settings
from django.template.loader import render_to_string

from payments.documents.codes import svg
from payments.documents.shown import Shown, Table
from payments.documents.values import Document

WIDTH = 72  # of plain text
STYLE = "documents/style.css"
PDF_STANDARDS: list[Any] = ["a-3a", "ua-1"]  # for archives, and for readers who listen


def page(shown: Shown) -> str:
    """The whole page: it needs nothing but itself, prints well and has no script."""
    return _html(shown, mail=False)


def mail_page(shown: Shown) -> str:
    """The page as a mail shows it: with a greeting, and without codes to scan, which nobody can scan from the device they read on."""
    return _html(shown, mail=True)


def _html(shown: Shown, *, mail: bool) -> str:
    codes = [] if mail or not shown.pay else [{"label": code.label, "svg": svg(code.payload)} for code in shown.pay.codes]
    return render_to_string("documents/page.html", {"shown": shown, "mail": mail, "codes": codes})


def page_policy() -> str:
    """The content security policy of a page: its own style and nothing else."""
    style = render_to_string(STYLE)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


# --- PDF ---------------------------------------------------------------------------------------------------------------------------


@cache
def _compiler() -> typst.Compiler:
    """One for each process: it keeps fonts and the parsed template."""
    templates = Path(settings.BASE_DIR) / "templates" / "documents"
    return typst.Compiler(input=str(templates / "document.typ"), root=str(templates))


def pdf(document: Document, shown: Shown) -> bytes:
    """The PDF (PDF/A-3a, PDF/UA-1), the same bytes for the same document: its date is the day of issue, not of printing."""
    data = asdict(shown) | {"date": document.issued.isoformat(), "codes": _codes(shown)}
    made = _compiler().compile(
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=PDF_STANDARDS,
        timestamp=int(document.at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


def _codes(shown: Shown) -> list[dict[str, str]]:
    return [{"label": code.label, "svg": svg(code.payload)} for code in shown.pay.codes] if shown.pay else []


# --- text --------------------------------------------------------------------------------------------------------------------------


def text(shown: Shown) -> str:
    """Plain text of at most 72 columns where words allow it."""
    blocks: list[str] = []
    blocks.append(f"{shown.title} {shown.number}".rstrip() + (f"  [{shown.stamp}]" if shown.stamp else ""))
    blocks.append("\n".join(f"{label}: {value}" for label, value in shown.facts))
    blocks += [
        "\n".join([f"{party.role}:", f"  {party.name}", *(f"  {line}" for line in party.lines)]) for party in (shown.seller, shown.buyer)
    ]
    blocks += [_table(table) for table in shown.tables]
    blocks.append("\n".join(_across(one.label, one.amount) for one in shown.sums))
    if shown.taxes:
        blocks.append(_table(shown.taxes))
    if shown.pay:
        link = [f"{shown.pay.link_label}: {shown.pay.link}"] if shown.pay.link else []
        facts = [f"{label}: {value}" for label, value in shown.pay.facts]
        blocks.append("\n".join([shown.pay.title, *facts, *([shown.pay.text] if shown.pay.text else []), *link]))
    blocks += [*shown.notes, *([shown.contact] if shown.contact else [])]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(table: Table) -> str:
    """Each row as its first cell, then the others with their titles: readable at any width, and aloud."""
    lines = [table.title, "-" * min(WIDTH, len(table.title))]
    for row in table.rows:
        rest = [f"{column.title} {cell}" for column, cell in zip(table.columns[1:-1], row.cells[1:-1], strict=True) if cell]
        lines.append(_across(row.cells[0], row.cells[-1]))
        lines += [f"  {part}" for part in (", ".join(rest), row.detail) if part]
    return "\n".join([*lines, *([table.empty] if table.empty else [])])


def _across(label: str, amount: str) -> str:
    return f"{label}{' ' * max(2, WIDTH - len(label) - len(amount))}{amount}"


def as_data(document: Document) -> dict[str, Any]:
    """The model itself, for programs: amounts and times as text, nothing formatted."""
    return asdict(document)
