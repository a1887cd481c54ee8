"""Reading a file of records line by line: CSV with a header row, or JSON Lines. Whatever is wrong costs its own line and no other.

A line that can't be read comes as a `Row` with an error and its number; the file as a whole is refused only where no line could be
right (another encoding, no header, columns missing). Memory is bounded by the longest line, whatever the size of the file.
Numbers in JSON keep the exact text in which they were written.

Error codes: `bad_file` for the whole file; for a line `bad_encoding bad_line line_too_long unbalanced_quotes wrong_shape duplicate_key`.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

from plans.errors import Invalid
from plans.fields import suggestion

LONGEST_LINE = 1_000_000  # bytes
MOST_COLUMNS = 500
CLOSE = Decimal("0.8")  # how like a missing column another one must be, to be taken for its misspelling
DELIMITERS = ",;\t"
#: First bytes of what is no UTF-8 text, and what it is.
FOREIGN = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or a spreadsheet file",
    b"%PDF": "a PDF document",
}


@dataclass(frozen=True)
class Row:
    """One line: what it says, or why it can't be read. `text` is the line itself."""

    number: int
    content: Mapping[str, Any] | None
    text: str = ""
    error: Invalid | None = None


@dataclass(frozen=True)
class Columns:
    """What the header of a CSV file may say. A column `x.y` fills the field `x` with a mapping, for the names in `mappings`;
    columns that are not known are an error, or keys of the mapping `others` where it is named."""

    known: Collection[str]
    required: Collection[str] = ()
    mappings: Collection[str] = ()
    others: str = ""


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    error: Invalid | None = None


def read_rows(stream: BinaryIO, *, name: str, form: str, columns: Columns, lines_per_row: int = 1) -> Iterator[Row]:
    """The rows of an open file. `form` is csv or jsonl; `lines_per_row` is how many lines a quoted cell may reach over.

    Raises Invalid `bad_file` where the whole file is wrong, with `at` as `name` or `name:line`.
    """
    lines = _lines(stream, name)
    return _json_rows(lines) if form == "jsonl" else _csv_rows(lines, name, columns, lines_per_row)


def form_of(name: str, given: str = "") -> str:
    """The format that was asked for, else that of the file's name. Raises Invalid `bad_file` for a name that does not say it."""
    ending = name.lower().rpartition(".")[2]
    form = given or {"csv": "csv", "tsv": "csv", "txt": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}.get(ending, "")
    if not form:
        raise Invalid("bad_file", "the name does not say the format: give --format csv or --format jsonl", at=name)
    return form


# --- lines ------------------------------------------------------------------------------------------------------------------------


def _lines(stream: BinaryIO, name: str) -> Iterator[_Line]:
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            _refuse_foreign(raw, name)
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            _skip_line(stream)
            yield _Line(number, "", Invalid("line_too_long", f"the line is longer than {LONGEST_LINE} bytes"))
        else:
            yield _decoded(number, raw.rstrip(b"\r\n"))


def _skip_line(stream: BinaryIO) -> None:
    """Read on to the end of the line, a piece at a time."""
    while (piece := stream.readline(LONGEST_LINE)) and not piece.endswith(b"\n"):
        pass


def _refuse_foreign(raw: bytes, name: str) -> None:
    found = next((what for start, what in FOREIGN.items() if raw.startswith(start)), "")
    if not found and len(raw) > 3 and (raw[1:4:2] == b"\0\0" or raw[0:3:2] == b"\0\0"):
        found = "UTF-16 text"
    if found:
        raise Invalid("bad_file", f"this is {found}; save it as plain UTF-8 text", at=name)


def _decoded(number: int, raw: bytes) -> _Line:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = raw.decode("utf-8", "backslashreplace")
        return _Line(number, shown, Invalid("bad_encoding", f"byte {error.start + 1} of the line is not UTF-8 text"))
    if "\x00" in text:
        return _Line(number, text, Invalid("bad_line", "there is a NUL character in the line"))
    return _Line(number, text)


# --- JSON Lines -------------------------------------------------------------------------------------------------------------------


def _json_rows(lines: Iterator[_Line]) -> Iterator[Row]:
    for line in lines:
        if line.error is not None:
            yield Row(line.number, None, line.text, line.error)
        elif line.text.strip():
            try:
                yield Row(line.number, _json_object(line.text), line.text)
            except Invalid as error:
                yield Row(line.number, None, line.text, error)


def _pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(found)
    if len(mapping) != len(found):
        names = [key for key, _ in found]
        twice = next(key for key in names if names.count(key) > 1)
        raise Invalid("duplicate_key", f"the key {twice[:60]!r} stands twice")
    return mapping


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=str, parse_int=str, parse_constant=str)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Invalid("bad_line", f"this is not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise Invalid("bad_line", "the JSON is nested too deep") from None
    if not isinstance(value, dict):
        raise Invalid("bad_line", 'expected one JSON object on the line, such as {"id": "1", …}')
    return value


# --- CSV --------------------------------------------------------------------------------------------------------------------------


def _csv_rows(lines: Iterator[_Line], name: str, columns: Columns, lines_per_row: int) -> Iterator[Row]:
    first = next(lines, None)
    if first is None:
        raise Invalid("bad_file", "the file is empty; the first line names the columns", at=name)
    delimiter, header = _header(first, name, columns)
    paths = [_path(cell, columns) for cell in header]
    ahead: deque[_Line] = deque()
    while line := ahead.popleft() if ahead else next(lines, None):
        if line.error is not None:
            yield Row(line.number, None, line.text, line.error)
            continue
        if not line.text.strip(delimiter + " "):
            continue
        joined = _joined(line, ahead, lines, lines_per_row)
        try:
            yield Row(line.number, _cells(joined, delimiter, header, paths), joined)
        except Invalid as error:
            rest = joined.split("\n")[1:]  # of a quote that never closed: these lines are read on their own
            ahead.extendleft(_Line(line.number + 1 + i, text) for i, text in reversed(list(enumerate(rest))))
            yield Row(line.number, None, line.text, _unbalanced() if rest else error)


def _joined(line: _Line, ahead: deque[_Line], lines: Iterator[_Line], most: int) -> str:
    """The line with the following ones that a quoted cell reaches over; the line alone where no quote closes within `most` lines."""
    text = line.text
    taken: list[_Line] = []
    while text.count('"') % 2 and len(taken) + 1 < most:
        following = ahead.popleft() if ahead else next(lines, None)
        if following is None:
            break
        taken.append(following)
        if following.error is not None or len(text) > LONGEST_LINE:
            break
        text += "\n" + following.text
    if text.count('"') % 2:
        ahead.extendleft(reversed(taken))
        return line.text
    return text


def _unbalanced() -> Invalid:
    return Invalid("unbalanced_quotes", "a quotation mark is opened and not closed")


def _split(text: str, delimiter: str) -> list[str]:
    if text.count('"') % 2:
        raise _unbalanced()
    try:
        return next(csv.reader([f"{part}\n" for part in text.split("\n")], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Invalid("bad_line", f"this is no line of CSV: {error}") from None


def _cells(text: str, delimiter: str, header: Sequence[str], paths: Sequence[tuple[str, str]]) -> dict[str, Any]:
    cells = _split(text, delimiter)
    if len(cells) != len(header):
        raise Invalid("wrong_shape", f"expected {len(header)} cells as the header has, found {len(cells)}")
    content: dict[str, Any] = {}
    for (field, inner), cell in zip(paths, cells, strict=True):
        value = cell.strip()
        if not value:
            continue
        if inner:
            content.setdefault(field, {})[inner] = value
        else:
            content[field] = value
    return content


def _header(first: _Line, name: str, columns: Columns) -> tuple[str, list[str]]:
    if first.error is not None:
        raise Invalid("bad_file", first.error.message, at=f"{name}:1")
    delimiter = max(DELIMITERS, key=first.text.count)
    try:
        header = [cell.strip() for cell in _split(first.text, delimiter)]
    except Invalid as error:
        raise Invalid("bad_file", error.message, at=f"{name}:1") from None
    problem = _header_problem(header, columns)
    if problem:
        raise Invalid("bad_file", problem, at=f"{name}:1")
    return delimiter, header


def _header_problem(header: Sequence[str], columns: Columns) -> str:
    """What is wrong with the header; "" where nothing is."""
    if len(header) > MOST_COLUMNS:
        return f"{len(header)} columns; {MOST_COLUMNS} is the most"
    missing = [column for column in columns.required if column not in header]
    if missing:
        return f"columns are missing: {', '.join(missing)}; the first line names the columns"
    if "" in header:
        return f"column {header.index('') + 1} has no name"
    twice = next((cell for cell in header if header.count(cell) > 1), "")
    if twice:
        return f"the column {twice[:60]!r} stands twice"
    for cell in header:
        field, inner = _path(cell, columns)
        near = [known for known in columns.known if known not in header and _alike(cell, known)]
        if field == columns.others and not inner.isprintable():
            return f"the name of the column {cell[:60]!r} holds a control character"
        if field == columns.others and cell == inner and near:
            return f"the column {cell[:60]!r} is not known; did you mean {near[0]!r}? (As a dimension, write {field}.{cell[:60]}.)"
        if not field:
            known = [*columns.known, *(f"{mapping}.…" for mapping in columns.mappings)]
            return f"the column {cell[:60]!r} is not known here{suggestion(cell, known)}"
    return ""


def _alike(one: str, other: str) -> bool:
    """Whether one word is likely a misspelling of the other; `count` is none of `amount`, nor `unit` of `until`."""
    return difflib.SequenceMatcher(a=one.lower(), b=other).ratio() >= CLOSE


def _path(cell: str, columns: Columns) -> tuple[str, str]:
    """The field that a column fills, and the key in it: `dimensions.band` → (dimensions, band). ("", "") for an unknown column."""
    field, dot, inner = cell.partition(".")
    if dot and inner and field in columns.mappings:
        return field, inner
    if cell in columns.known:
        return cell, ""
    return (columns.others, cell) if columns.others else ("", "")
