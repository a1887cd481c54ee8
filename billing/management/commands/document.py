"""`manage.py document ACCOUNT NAME --as pdf|html|text|json`: what a customer gets to read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, as_json, moment, optional_moment
from billing.queries.accounts import find_account
from payments.documents import faces
from payments.documents.reading import Span, find_document
from payments.documents.shown import shown
from payments.documents.values import Document
from plans.errors import Invalid

FORMS = ("pdf", "html", "text", "json")


class Command(BillingCommand):
    help = (
        "An invoice, credit note, debit note, self-billed invoice, receipt or statement of account, as the customer gets it. "
        "Exit status: 0, or 1 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        parser.add_argument("name", metavar="NAME", help="a document's number or id, a payment (for its receipt), or 'statement'")
        parser.add_argument("--as", dest="form", choices=FORMS, default="text", help="which face (default: text)")
        parser.add_argument("--output", metavar="FILE", help="write to the file; needed for a PDF on a terminal")
        parser.add_argument("--locale", default="", help="another language and way to write numbers than the account's, such as es-AR")
        parser.add_argument("--currency", default="", help="of a statement of account (default: the account's)")
        self.add_moment(parser, "--from", "a statement's first moment")
        self.add_moment(parser, "--to", "the first moment that a statement no longer shows")

    def handle(self, *args: Any, **options: Any) -> None:
        zone = find_account(options["account"]).zone
        start, end = (optional_moment(options[name], zone=zone, at=name) for name in ("from", "to"))
        if start is not None and end is not None and start > end:
            raise Invalid("out_of_range", "the statement would end before it starts", at="to")
        span = Span(start, end, options["currency"])
        document = find_document(options["account"], options["name"], at=moment(None), span=span)
        self.put(_face(document, options["form"], options["locale"]), options["output"])

    def put(self, content: bytes, output: str | None) -> None:
        if output:
            try:
                Path(output).write_bytes(content)
            except OSError as error:
                raise Invalid("bad_file", f"{output} can't be written: {error.strerror}", at="output") from None
            self.write(f"wrote {output}, {len(content):,} bytes")
        elif content.startswith(b"%PDF") and sys.stdout.isatty():
            raise Invalid("missing_field", "a PDF is no text for a terminal; name a file by --output", at="output")
        elif content.startswith(b"%PDF"):
            sys.stdout.buffer.write(content)
        else:
            self.write(content.decode().rstrip("\n"))


def _face(document: Document, form: str, locale: str) -> bytes:
    if form == "json":
        return as_json(faces.as_data(document)).encode()
    words = shown(document, locale=locale)
    if form == "pdf":
        return faces.pdf(document, words)
    return (faces.page(words) if form == "html" else faces.text(words)).encode()
