"""What the command line says of bank statements."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.management.commands.usage import file_error, opened, shown_name
from payments.statements.booking import WORDS, Doubtful, Report, book, doubtful
from payments.statements.files import read_statement
from plans.errors import Invalid, Refusal
from plans.money import plain

Say = Callable[[str], Any]
FORMS = ("csv", "mt940", "camt")
LARGEST = 100_000_000  # bytes


def import_bank(options: dict[str, Any], out: Say, err: Say) -> int:
    """Book a file. Answers the exit status: 0; 1 where lines are bad; 2 for a file that can't be read."""
    try:
        with opened(options["file"]) as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Invalid("bad_file", f"a statement of more than {LARGEST:,} bytes; split it", at="file")
        read = read_statement(content, form=options["format"], own=options["bank_account"])
    except (Refusal, OSError) as error:
        found = file_error(options["file"], error)
        err(str(error) if isinstance(error, Refusal) else f"{found['at']}: {found['message']}")
        return 2
    with transaction.atomic():
        report = book(read, seller=options["seller"], file=shown_name(options["file"]), at=timezone.now()) if options["dry_run"] else None
        transaction.set_rollback(True)
    report = report or book(read, seller=options["seller"], file=shown_name(options["file"]), at=timezone.now())
    _tell(report, options, out)
    return 1 if report.bad else 0


def _tell(report: Report, options: dict[str, Any], out: Say) -> None:
    if options["json"]:
        bad = [{"line": one.number, "code": one.code, "reason": one.message} for one in report.bad]
        out(
            json.dumps(
                {"file": options["file"], "lines": report.words, "known": report.known, "pending": report.pending, "bad": bad}, indent=2
            )
        )
        return
    tried = " (tried and undone)" if options["dry_run"] else ""
    counts = [f"{report.words[word]:,} {told}" for word, told in WORDS.items() if report.words.get(word)]
    counts += [f"{report.known:,} known already"] if report.known else []
    counts += [f"{report.pending:,} not booked by the bank yet"] if report.pending else []
    counts += [f"{len(report.bad):,} bad"] if report.bad else []
    out(f"{shown_name(options['file'])}: {', '.join(counts) or 'no line'}{tried}")
    for line in report.bad:
        out(f"  line {line.number}: {line.message} [{line.code}]")
    if not options["dry_run"]:
        for text in told_doubtful(doubtful(options["seller"])):
            out(text)


def told_doubtful(found: list[Doubtful]) -> list[str]:
    """The lines that wait for a person, each with who it may be from and how to say so."""
    told = [f"{len(found)} lines wait for a person:"] if found else []
    for one in found:
        row = one.line
        told.append(f"  {row.booked}  {plain(row.amount, 2)} {row.currency}  {row.name or '(no name)'}: {row.text[:60] or '(no text)'}")
        told += [f"      {row.reasons[0]}"] if row.reasons and row.word != "matched" else []
        told += [f"      {who.score:>3}  {who.account}: {', '.join(who.reasons)}" for who in one.candidates]
        told.append(
            f"      identify: account and receipt {one.receipt}" if one.receipt else f"      explain_line: line {row.line} and a reason"
        )
    return told
