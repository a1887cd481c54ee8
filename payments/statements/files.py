"""Which form a statement has."""

from __future__ import annotations

from payments.statements.camt_file import read_camt
from payments.statements.csv_file import read_csv
from payments.statements.lines import Read
from payments.statements.mt940_file import read_mt940


def read_statement(content: bytes, *, form: str, own: str, currency: str = "EUR") -> Read:
    """The lines of a file, by its form: named, or told by what it begins with. `own` is the bank account where the file does not say it,
    `currency` that of a CSV file that does not. Raises Invalid `bad_file`."""
    head = content.lstrip(b"\xef\xbb\xbf \r\n\t")
    if not form:
        form = "camt" if head.startswith(b"<") else "mt940" if head.startswith((b":", b"{")) else "csv"
    if form == "camt":
        return read_camt(content, own=own)
    return read_mt940(content, own=own) if form == "mt940" else read_csv(content, own=own, currency=currency)
