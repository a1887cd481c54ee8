"""Bank statements in CSV: columns found by the names of their headers (English, Spanish, German), amounts and days as people write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from payments.statements.lines import BadLine, BankLine, Read, bad, counted, known
from plans.errors import Invalid, Refusal
from plans.money import decimals, parse_decimal

#: field → names of its column, in lower case.
HEADERS: dict[str, tuple[str, ...]] = {
    "booked": ("date", "booking date", "booked", "value date", "fecha", "fecha operación", "fecha operacion", "buchungstag", "datum"),
    "amount": ("amount", "importe", "monto", "betrag", "umsatz"),
    "credit": ("credit", "haber", "abono", "ingreso", "haben"),
    "debit": ("debit", "debe", "cargo", "soll"),
    "currency": ("currency", "moneda", "divisa", "währung", "waehrung"),
    "text": ("text", "description", "details", "remittance", "concepto", "descripción", "descripcion", "verwendungszweck"),
    "name": ("name", "counterparty", "payer", "ordenante", "beneficiario", "nombre", "auftraggeber", "empfänger"),
    "iban": ("iban", "counterparty iban", "cuenta", "kontonummer"),
    "reference": ("reference", "bank reference", "id", "referencia", "referenz"),
    "end_to_end": ("end to end", "end_to_end", "endtoendid", "end-to-end"),
    "kind": ("kind", "type", "tipo"),
}
_DAY_FIRST = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")
LARGEST_LINES = 200_000


def read_csv(content: bytes, *, own: str, currency: str) -> Read:
    """`currency` holds where no column says one. Raises Invalid `bad_file` for a file without the columns that are needed."""
    try:
        rows = list(csv.reader(io.StringIO(_decoded(content), newline=None), delimiter=_delimiter(content)))
    except csv.Error as error:
        raise Invalid("bad_file", f"no CSV: {error}", at="file") from None
    if not rows or len(rows) > LARGEST_LINES:
        raise Invalid("bad_file", f"expected a header and up to {LARGEST_LINES:,} lines; found {len(rows)}", at="file")
    columns = _columns(rows[0])
    lines: list[BankLine] = []
    wrong: list[BadLine] = []
    for number, row in enumerate(rows[1:], start=1):
        if not any(cell.strip() for cell in row):
            continue
        cells = {field: row[i].strip() for field, i in columns.items() if i < len(row)}
        try:
            lines.append(_line(number, cells, own, currency))
        except Refusal as refusal:
            wrong.append(bad(number, refusal))
    return Read(counted(lines), tuple(wrong))


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding).replace("\x00", "")
        except UnicodeDecodeError:
            continue
    raise Invalid("bad_file", "the file is neither UTF-8 nor Windows-1252 text", at="file")


def _delimiter(content: bytes) -> str:
    head = content[:4096].splitlines()[0].decode("latin-1") if content.strip() else ""
    return max(";,\t", key=head.count)


def _columns(header: list[str]) -> dict[str, int]:
    """field → position of its column. Raises Invalid `bad_file`."""
    names = [name.strip().lower() for name in header]
    found = {field: names.index(name) for field, aliases in HEADERS.items() for name in aliases[::-1] if name in names}
    if "booked" not in found or not ("amount" in found or {"credit", "debit"} & set(found)):
        raise Invalid(
            "bad_file", f"expected columns for a date and an amount (or credit and debit); found {', '.join(names)[:200]}", at="file"
        )
    return found


def _line(number: int, cells: Mapping[str, str], own: str, currency: str) -> BankLine:
    code = cells.get("currency") or currency
    amount = _amount(cells)
    if not amount or amount != round(amount, decimals(code, at="currency")):
        raise Invalid("out_of_range", f"expected an amount other than 0 with at most {decimals(code)} decimals", at="amount")
    kind = cells.get("kind", "").lower()
    return BankLine(
        number=number,
        own=own,
        booked=parse_day(cells.get("booked", "")),
        amount=amount,
        currency=code,
        text=cells.get("text", ""),
        name=cells.get("name", ""),
        iban=cells.get("iban", "").replace(" ", "").upper(),
        reference=known(cells.get("reference")),
        end_to_end=known(cells.get("end_to_end")),
        kind=kind if kind in ("fee", "return") else "",
    )


def _amount(cells: Mapping[str, str]) -> Decimal:
    if cells.get("amount"):
        return parse_amount(cells["amount"])
    credit, debit = (parse_amount(cells[name]) if cells.get(name) else Decimal(0) for name in ("credit", "debit"))
    return credit - abs(debit)


def parse_amount(text: str) -> Decimal:
    """`1.234,56`, `1,234.56`, `1234.56`, `−5,00 €`: the last of point and comma parts the decimals, unless it parts thousands."""
    digits = re.sub(r"[^\d.,+-]", "", text.replace("−", "-"))
    if digits.endswith("-"):
        digits = f"-{digits[:-1]}"
    point = max(digits.rfind("."), digits.rfind(","))
    if point >= 0:
        sign, other = digits[point], "," if digits[point] == "." else "."
        if digits.count(sign) > 1 or (len(digits) - point - 1 == 3 and other not in digits and sign == ","):
            digits = digits.replace(sign, "")
        else:
            digits = digits.replace(other, "").replace(sign, ".")
    return parse_decimal(digits, at="amount")


def parse_day(text: str) -> date:
    """`2026-01-05`, or with the day first: `05/01/2026`, `5.1.2026`. Raises Invalid `wrong_type`."""
    try:
        if found := _DAY_FIRST.fullmatch(text):
            return date(int(found[3]), int(found[2]), int(found[1]))
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Invalid("wrong_type", f"{text[:40]!r} is not a day such as 2026-01-05 or 05/01/2026", at="date") from None
