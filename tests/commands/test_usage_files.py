"""Files as they come: hostile, broken, half written. One clear answer for the line or the file, good lines kept, memory bounded."""

from __future__ import annotations

import io
import json
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from billing import bulk
from billing.usage.files import LONGEST_LINE, Columns, Row, read_rows
from billing.usage.load import COLUMNS
from plans.errors import Invalid
from tests.books import open_account

HEADER = "id,account,meter,value,at"
GOOD = "{},ana,calls,1.50,2026-02-01"


def rows(data: bytes | str, form: str = "csv", columns: Columns = COLUMNS, lines_per_row: int = 1) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_rows(io.BytesIO(raw), name="f", form=form, columns=columns, lines_per_row=lines_per_row))


def codes(found: list[Row]) -> list[tuple[int, str]]:
    return [(row.number, row.error.code if row.error else "") for row in found]


def refused(data: bytes | str, form: str = "csv") -> str:
    with pytest.raises(Invalid) as error:
        rows(data, form)
    assert error.value.code == "bad_file"
    return f"{error.value.at}: {error.value.message}"


# --- CSV --------------------------------------------------------------------------------------------------------------------------


def test_columns_that_are_no_field_are_dimensions() -> None:
    found = rows(f"{HEADER},band,dimensions.value\n1, ana ,calls,1.50,2026-02-01,peak,x\n2,ana,calls,,2026-02-01,,\n")
    assert [row.content for row in found] == [
        {
            "id": "1",
            "account": "ana",
            "meter": "calls",
            "value": "1.50",
            "at": "2026-02-01",
            "dimensions": {"band": "peak", "value": "x"},
        },
        {"id": "2", "account": "ana", "meter": "calls", "at": "2026-02-01"},
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_endings_and_byte_order_marks(separator: str, ending: str, mark: str) -> None:
    text = mark + ending.join([HEADER, GOOD.format("1"), "", GOOD.format('"2"')]).replace(",", separator)
    assert [(row.number, row.content and row.content["id"]) for row in rows(text)] == [(2, "1"), (4, "2")]


LINES: list[tuple[bytes, str]] = [
    (b"1,ana,calls,1,2026-02-01,more", "wrong_shape"),
    (b"1,ana,calls", "wrong_shape"),
    (b'1,"ana,calls,1,2026-02-01', "unbalanced_quotes"),
    (b'1,"ana"x,calls,1,2026-02-01', "bad_line"),
    (b"1,ana,calls,\xff,2026-02-01", "bad_encoding"),
    (b"1,ana,calls,\x00,2026-02-01", "bad_line"),
    (b"1,ana,ca\rlls,1,2026-02-01", "bad_line"),
    (b"1" * (LONGEST_LINE + 1), "line_too_long"),
    (b"x" * 10_000_000, "line_too_long"),
    (b"a," * 499_999, "wrong_shape"),
]


@pytest.mark.parametrize(("line", "code"), LINES, ids=[f"{code}-{i}" for i, (_, code) in enumerate(LINES)])
def test_a_broken_line_costs_itself_alone(line: bytes, code: str) -> None:
    data = b"\n".join([HEADER.encode(), GOOD.format("a").encode(), line, GOOD.format("b").encode(), b""])
    assert codes(rows(data)) == [(2, ""), (3, code), (4, "")]


FILES: list[tuple[bytes, str]] = [
    (b"", "f: the file is empty; the first line names the columns"),
    (HEADER.encode("utf-16"), "f: this is UTF-16 text; save it as plain UTF-8 text"),
    (HEADER.encode("utf-16-le"), "f: this is UTF-16 text; save it as plain UTF-8 text"),
    (HEADER.encode("utf-16-be"), "f: this is UTF-16 text; save it as plain UTF-8 text"),
    (b"\x1f\x8b\x08\x00", "f: this is a gzip archive; save it as plain UTF-8 text"),
    (b"PK\x03\x04rest", "f: this is a zip archive or a spreadsheet file; save it as plain UTF-8 text"),
    (b"id,account\xff\n", "f:1: byte 11 of the line is not UTF-8 text"),
    (b"id,account,m\x00eter\n", "f:1: there is a NUL character in the line"),
    (b"value,at\n1,2\n", "f:1: columns are missing: id, account, meter; the first line names the columns"),
    (b"1,ana,calls,1,2026-02-01\n", "f:1: columns are missing: id, account, meter; the first line names the columns"),
    (
        b"id,account,meter,vlaue,at\n",
        "f:1: the column 'vlaue' is not known; did you mean 'value'? (As a dimension, write dimensions.vlaue.)",
    ),
    (b"id,account,meter,at,at\n", "f:1: the column 'at' stands twice"),
    (b"id,account,meter,,at\n", "f:1: column 4 has no name"),
    (b'id,"account,meter\n', "f:1: a quotation mark is opened and not closed"),
    (b",".join(b"c%d" % i for i in range(501)), "f:1: 501 columns; 500 is the most"),
    (b"x" * (LONGEST_LINE + 2), f"f:1: the line is longer than {LONGEST_LINE} bytes"),
]


@pytest.mark.parametrize(("data", "told"), FILES, ids=range(len(FILES)))
def test_a_file_in_which_no_line_could_be_right_is_refused_whole(data: bytes, told: str) -> None:
    assert refused(data) == told


def test_a_dimension_may_have_a_name_that_is_merely_like_a_field() -> None:
    found = rows("id,account,meter,at,count,unit,dimensions.vlaue\n1,ana,calls,2026-02-01,3,kWh,x\n")
    assert found[0].content is not None
    assert found[0].content["dimensions"] == {"count": "3", "unit": "kWh", "vlaue": "x"}


def test_a_cell_may_reach_over_lines_only_where_that_is_meant() -> None:
    columns = Columns(known=("id", "street"))
    text = 'id,street\n1,"Main\nStreet 1"\n2,"open\n3,closed\n4,"x\ny"\n'
    found = rows(text, columns=columns, lines_per_row=3)
    assert [(row.number, row.content) for row in found if row.error is None] == [
        (2, {"id": "1", "street": "Main\nStreet 1"}),
        (5, {"id": "3", "street": "closed"}),
        (6, {"id": "4", "street": "x\ny"}),
    ]
    assert [code for code in codes(found) if code[1]] == [(4, "unbalanced_quotes")]


# --- JSON Lines -------------------------------------------------------------------------------------------------------------------


def test_json_numbers_keep_their_exact_text() -> None:
    found = rows('{"value": 0.10, "n": 12345678901234567890123, "x": NaN, "e": 1e400, "s": "1"}\n', "jsonl")
    assert found[0].content == {"value": "0.10", "n": "12345678901234567890123", "x": "NaN", "e": "1e400", "s": "1"}


JSON_LINES: list[tuple[bytes, str]] = [
    (b'{"id": "1"', "bad_line"),
    (b'{"id": "1", "id": "2"}', "duplicate_key"),
    (b'{"a": {"b": 1, "b": 2}}', "duplicate_key"),
    (b"[1]", "bad_line"),
    (b"null", "bad_line"),
    (b'{"a": 1} {"b": 2}', "bad_line"),
    (b"\xc3\x28", "bad_encoding"),
    (b'{"a": "\x00"}', "bad_line"),
    (b"[" * 100_000, "bad_line"),
    (b'{"a":' * 100_000, "bad_line"),
    (b'{"a": "' + b"x" * 10_000_000 + b'"}', "line_too_long"),
]


@pytest.mark.parametrize(("line", "code"), JSON_LINES, ids=[f"{code}-{i}" for i, (_, code) in enumerate(JSON_LINES)])
def test_a_broken_json_line_costs_itself_alone(line: bytes, code: str) -> None:
    assert codes(rows(b'{"id": "a"}\n' + line + b'\n\n{"id": "b"}', "jsonl")) == [(1, ""), (2, code), (4, "")]


def test_a_digit_string_of_a_million_digits_is_text_until_a_field_refuses_it(db: None) -> None:
    found = rows(b'{"value": ' + b"9" * 900_000 + b"}", "jsonl")
    assert found[0].error is None


# --- anything ---------------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400), st.sampled_from(["csv", "jsonl"]), st.booleans(), st.integers(1, 4))
def test_any_bytes_are_rows_or_one_refusal(data: bytes, form: str, headed: bool, lines_per_row: int) -> None:
    whole = (HEADER.encode() + b"\n" if headed and form == "csv" else b"") + data
    try:
        found = rows(whole, form, lines_per_row=lines_per_row)
    except Invalid:
        return
    assert all((row.content is None) == (row.error is not None) for row in found)
    numbers = [row.number for row in found]
    assert numbers == sorted(set(numbers))
    assert all(number <= whole.count(b"\n") + 1 for number in numbers)


@given(st.lists(st.sampled_from(["1,a", '"x', 'y"', '"', "", '2,"b"', "\x00", '3,"c\nd"']), max_size=12), st.integers(1, 4))
def test_quotes_never_swallow_good_lines_beyond_the_cells_they_close(parts: list[str], lines_per_row: int) -> None:
    data = "\n".join(["id,name", *parts, "last,line"])
    found = rows(data, columns=Columns(known=("id", "name")), lines_per_row=lines_per_row)
    numbers = [row.number for row in found]
    assert numbers == sorted(set(numbers))
    if '"' not in "".join(parts):
        assert found[-1].content == {"id": "last", "name": "line"}


def test_memory_does_not_grow_with_the_file() -> None:
    class Endless(io.RawIOBase):
        left = 15_000

        def readline(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            self.left -= 1
            return (HEADER + "\n").encode() if self.left == 14_999 else (GOOD.format(self.left) + "\n").encode() if self.left > 0 else b""

    tracemalloc.start()
    count = sum(1 for _ in read_rows(Endless(), name="f", form="csv", columns=COLUMNS))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 14_998
    assert peak < 2_000_000


# --- the command ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ana(db: None) -> None:
    open_account("ana")


def run(*arguments: Any) -> tuple[int, str, str]:
    """Exit status, output and errors of `manage.py usage …`."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("usage", *[str(argument) for argument in arguments], stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_good_file_is_taken_once_however_often_it_is_given(ana: None, tmp_path: Path) -> None:
    path = file(tmp_path, "calls.csv", f"{HEADER}\n{GOOD.format(1)}\n{GOOD.format(2)}\n")
    assert run("import", path, "--at", "2026-03-01")[:2] == (0, f"{path}: 2 taken, 0 known already, 0 put aside\n")
    assert run("import", path, "--at", "2026-03-02")[:2] == (0, f"{path}: 0 taken, 2 known already, 0 put aside\n")
    assert bulk.fetch("SELECT source, record, value FROM usage_record ORDER BY record") == [
        ("import", "1", Decimal("1.50")),
        ("import", "2", Decimal("1.50")),
    ]


def test_csv_and_json_lines_say_the_same_content(ana: None, tmp_path: Path) -> None:
    table = file(tmp_path, "a.csv", f"{HEADER},band,estimated\n1,ana,calls,1.50,2026-02-01,peak,true\n")
    line = {"id": 1, "account": "ana", "meter": "calls", "value": 1.5, "at": "2026-02-01T00:00Z", "dimensions": {"band": "peak"}}
    lines = file(tmp_path, "a.jsonl", json.dumps(line | {"estimated": True}))
    assert run("import", table, lines)[1].splitlines() == [
        f"{table}: 1 taken, 0 known already, 0 put aside",
        f"{lines}: 0 taken, 1 known already, 0 put aside",
    ]


def test_bad_lines_are_told_with_number_and_reason(ana: None, tmp_path: Path) -> None:
    path = file(
        tmp_path, "calls.csv", f"{HEADER}\n{GOOD.format(1)}\n2,ana,calls,many,2026-02-01\n{GOOD.format(3)}\n4,bob,calls,1,2026-02-01\n"
    )
    status, out, _ = run("import", path, "--at", "2026-03-01")
    assert status == 1
    assert out.splitlines() == [
        f"{path}: 2 taken, 0 known already, 2 put aside",
        "  line 3: value: 'many' is not a number; write digits with a point, such as \"12.50\" [not_a_number]",
        "  line 5: account: there is no account 'bob' [unknown_account]",
        f"  see them all: manage.py usage rejected '{path} 2026-03-01T00:00:00.000000Z'",
    ]
    assert run("rejected") == (0, f"       2  {path} 2026-03-01T00:00:00.000000Z\n", "")
    assert run("rejected", f"{path} 2026-03-01T00:00:00.000000Z")[1].splitlines() == [
        "line 3: value: 'many' is not a number; write digits with a point, such as \"12.50\" [not_a_number]",
        "    2,ana,calls,many,2026-02-01",
        "line 5: account: there is no account 'bob' [unknown_account]",
        "    4,bob,calls,1,2026-02-01",
    ]
    assert run("rejected", "nothing") == (1, "no such batch, or nothing in it\n", "")


def test_a_file_that_cannot_be_read_does_not_keep_the_next_from_being_taken(ana: None, tmp_path: Path) -> None:
    good = file(tmp_path, "good.csv", f"{HEADER}\n{GOOD.format(1)}\n")
    foreign = file(tmp_path, "foreign.csv", HEADER.encode("utf-16"))
    nameless = file(tmp_path, "calls", f"{HEADER}\n{GOOD.format(2)}\n")
    status, out, err = run("import", foreign, tmp_path / "none.csv", tmp_path, nameless, good)
    assert (status, out) == (2, f"{good}: 1 taken, 0 known already, 0 put aside\n")
    assert err.splitlines()[:4] == [
        f"{foreign}: this is UTF-16 text; save it as plain UTF-8 text [bad_file]",
        f"{tmp_path / 'none.csv'}: No such file or directory",
        f"{tmp_path}: Is a directory",
        f"{nameless}: the name does not say the format: give --format csv or --format jsonl [bad_file]",
    ]


def test_the_answer_as_json_is_all_there_is_on_standard_output(ana: None, tmp_path: Path) -> None:
    path = file(tmp_path, "a.jsonl", '{"id": "1", "account": "ana", "meter": "calls", "at": "2026-02-01"}\n{"id"\n')
    status, out, _ = run("import", path, tmp_path / "none.csv", "--at", "2026-03-01", "--json")
    assert status == 2
    assert json.loads(out) == {
        "files": [
            {
                "file": str(path),
                "batch": f"{path} 2026-03-01T00:00:00.000000Z",
                "accepted": 1,
                "duplicates": 0,
                "rejected_count": 1,
                "rejected": [{"line": 2, "code": "bad_line", "reason": "this is not JSON: Expecting ':' delimiter at character 6"}],
            },
            {
                "file": str(tmp_path / "none.csv"),
                "error": {"code": "bad_file", "message": "No such file or directory", "at": str(tmp_path / "none.csv")},
            },
        ]
    }


def test_wrong_options_are_refused_before_anything_is_read(ana: None, tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", f"{HEADER}\n{GOOD.format(1)}\n")
    assert run("import", path, "--source", "a/b") == (1, "", "--source: a source has no slash in its name, found 'a/b' [bad_text]\n")
    assert run("import", path, "--at", "soon")[::2] == (
        1,
        "--at: 'soon' is not a time; write 2026-03-01, 2026-03-01T15:00 or 2026-03-01T15:00Z [not_a_time]\n",
    )
    assert bulk.fetch("SELECT * FROM usage_record") == []


def test_void_takes_one_record_away_and_again_is_harmless(ana: None, tmp_path: Path) -> None:
    run("import", file(tmp_path, "a.csv", f"{HEADER}\n{GOOD.format('n/1')}\n"), "--source", "switch")
    assert run("void", "switch", "n/1") == (0, "switch/n/1 voided\n", "")
    assert run("void", "switch", "n/1") == (0, "switch/n/1 was voided before\n", "")
    assert run("void", "switch", "n/2") == (1, "", "id: there is no record 'switch/n/2' [unknown_record]\n")
    assert bulk.fetch("SELECT record, voids FROM usage_record ORDER BY sequence") == [("n/1", ""), ("void/n/1", "switch/n/1")]
