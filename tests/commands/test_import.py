"""What an organisation brings along: each good row once, whatever is repeated; each bad one told by number, and nothing else lost."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts import vault
from billing import bulk, journal
from billing.usage.aside import batches, lines_of
from tests.books import assert_books_hold, documents, open_account, publish

ACCOUNTS = """account,name,email,country,zone,exempt.standard,at,street
ana,Ana García,ana@example.com,ES,Europe/Madrid,,2025-01-01,"Main Street 1
2nd floor"
ben,Ben Ltd,,DE,,reverse charge,,
Not An Id,Cem,cem@example.com,TR,,,,
dia,Dia,dia@example.com,Spain,,,,Secret Street
"""


@pytest.fixture
def books(db: None) -> None:
    publish()
    open_account("ana")
    open_account("ben")


def run(kind: str, path: Path | str, *arguments: str) -> tuple[int, list[str], str]:
    """Exit status, lines of output, and errors of `manage.py import …`, as of 2026-03-10."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("import", kind, str(path), "--at", "2026-03-10", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, out.getvalue().splitlines(), err.getvalue()


def file(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def events(kind: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in bulk.fetch("SELECT stream, key FROM journal WHERE kind = %s ORDER BY stream, sequence", [kind])]


def test_accounts_are_opened_by_commands_and_people_go_to_the_vault(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, ACCOUNTS)
    status, out, _ = run("accounts", path)
    assert (status, out) == (
        1,
        [
            f"{path}: 2 brought over, 0 known already, 2 put aside",
            "  row 5: account: 'Not An Id' can't be an account: use 1 to 63 of a-z 0-9 . _ -, first a letter or digit [wrong_type]",
            "  row 6: country: 'Spain' is not a country code of two capital letters such as ES [wrong_type]",
            f"  see them all: manage.py usage rejected '{path} 2026-03-10T00:00:00.000000Z'",
        ],
    )
    assert events("account.opened") == [("ana", "accounts:import:ana"), ("ben", "accounts:import:ben")]
    assert bulk.fetch("SELECT account, zone, opened_at::date::text FROM read_account ORDER BY account") == [
        ("ana", "Europe/Madrid", "2024-12-31"),
        ("ben", "UTC", "2026-03-10"),
    ]
    assert vault.names(["ana", "ben"]) == {"ana": "Ana García", "ben": "Ben Ltd"}
    assert bulk.fetch("SELECT street FROM vault_person WHERE account = 'ana'") == [("Main Street 1\n2nd floor",)]


def test_what_a_bad_row_says_of_a_person_is_not_put_aside(db: None, tmp_path: Path) -> None:
    run("accounts", file(tmp_path, ACCOUNTS + 'eva,"Eva,eva@example.com\n'))
    (batch, count, _) = batches()[0]
    assert count == 3
    assert [(line.number, line.content) for line in lines_of(batch)] == [
        (5, '{"account": "Not An Id", "country": "TR"}'),
        (6, '{"account": "dia", "country": "Spain"}'),
        (7, ""),
    ]


def test_repeating_a_file_changes_nothing(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, ACCOUNTS)
    run("accounts", path)
    before = bulk.fetch("SELECT count(*) FROM journal")
    status, out, _ = run("accounts", path)
    assert (status, out[0]) == (1, f"{path}: 0 brought over, 2 known already, 2 put aside")
    assert bulk.fetch("SELECT count(*) FROM journal") == before


def test_a_row_that_was_brought_over_and_says_something_else_is_a_conflict(db: None, tmp_path: Path) -> None:
    run("accounts", file(tmp_path, "account,name\nana,Ana\n"))
    status, out, _ = run("accounts", file(tmp_path, "account,name\nana,Anna\nana,Ana\n"))
    assert status == 1
    assert out[:2] == [
        f"{tmp_path / 'rows.csv'}: 0 brought over, 1 known already, 1 put aside",
        "  row 2: account: the row 'ana' was brought over before and said something else [import_conflict]",
    ]
    assert vault.names(["ana"]) == {"ana": "Ana"}


def test_another_source_has_rows_of_its_own(books: None, tmp_path: Path) -> None:
    path = file(tmp_path, "id,account,amount\n1,ana,5\n")
    assert run("balances", path, "--source", "old")[0] == 0
    assert run("balances", path, "--source", "older")[1] == [f"{path}: 1 brought over, 0 known already, 0 put aside"]
    assert documents() == [("opening", "", "5.00", "5.00"), ("opening", "", "5.00", "5.00")]


def test_running_contracts_are_billed_from_where_they_are_paid_to(books: None, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "id,account,plan,start,paid_through,quantities.seat,name\n"
        "c1,ana,basic,2025-05-01,2026-03-01,,Line 1\n"
        "c2,ben,seats,2026-02-15,,3,\n"
        "c3,ana,platinum,2025-05-01,,,\n"
        "c4,cem,basic,2025-05-01,,,\n"
        "c5,ana,basic,2025-13-01,,,\n",
    )
    status, out, _ = run("contracts", path)
    assert status == 1
    assert out[0] == f"{path}: 2 brought over, 0 known already, 3 put aside"
    assert [line.split(":")[0].strip() + " " + line.rpartition("[")[2] for line in out[1:4]] == [
        "row 4 unknown_plan]",
        "row 5 unknown_account]",
        "row 6 not_a_time]",
    ]
    assert events("contract.signed") == [("ana", "contracts:import:c1"), ("ben", "contracts:import:c2")]
    assert documents("ana") == [("invoice", "INV-000001", "24.14", "24.14")]
    assert bulk.fetch("SELECT min(period_start)::date::text FROM read_charge WHERE account = 'ana'") == [("2026-03-01",)]
    assert [total for _, _, total, _ in documents("ben")] == ["25.41"]
    assert run("contracts", path)[1][0] == f"{path}: 0 brought over, 2 known already, 3 put aside"
    assert_books_hold()


def test_balances_owed_and_in_credit_and_nothing(books: None, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "id;account;amount;due;reference\n1;ana;120.50;2026-04-01;R-77\n2;ben;-30.00;;\n3;ana;0.00;;\n4;ana;1.234;;\n5;ana;1,5;;\n6;ana;;;\n",
    )
    status, out, _ = run("balances", path)
    assert (status, out[:-1]) == (
        1,
        [
            f"{path}: 2 brought over, 0 known already, 1 with nothing to bring over, 3 put aside",
            "  row 5: amount: expected an amount other than 0 with at most 2 decimals [out_of_range]",
            "  row 6: amount: '1,5' is not a number; write digits with a point, such as \"12.50\" [not_a_number]",
            "  row 7: amount: '' is not a number; write digits with a point, such as \"12.50\" [not_a_number]",
        ],
    )
    assert documents("ana") == [("opening", "", "120.50", "120.50")]
    assert bulk.fetch("SELECT account, ledger, amount FROM read_balance WHERE amount <> 0 ORDER BY 1, 2") == [
        ("ana", "opening", Decimal("-120.50")),
        ("ana", "receivable", Decimal("120.50")),
        ("ben", "credit", Decimal("-30.00")),
        ("ben", "opening", Decimal("30.00")),
    ]
    assert_books_hold()


def test_json_lines_with_lists_and_mappings(books: None, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "account": "ana", "plan": "seats", "start": "2026-03-01", "items": ["ticket"], "quantities": {"seat": 2}},
        {"id": 2, "account": "ben", "plan": "basic", "start": "2026-03-01", "skip_phases": True, "prices": {"fee": 9.5}},
        {"id": 3, "account": "ben", "plan": "basic", "colour": "red"},
        {"id": 4, "account": "ben", "plan": "ba\ud800sic"},
        {"id": [5], "account": "ben", "plan": "basic"},
    ]
    path = file(tmp_path, "\n".join(map(json.dumps, rows)), "rows.jsonl")
    status, out, _ = run("contracts", path, "--json")
    answer = json.loads("\n".join(out))
    assert (status, answer["done"], answer["rejected_count"]) == (1, 2, 3)
    assert [(line["line"], line["code"]) for line in answer["rejected"]] == [(3, "unknown_field"), (4, "bad_text"), (5, "wrong_type")]
    assert [total for _, _, total, _ in documents("ben")] == ["11.50"]


def test_a_dry_run_tells_the_same_and_changes_nothing(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, ACCOUNTS + "ben,Ben Ltd,,DE,,reverse charge,,\nben,Benjamin,,DE,,,,\n")
    status, out, _ = run("accounts", path, "--dry-run")
    assert (status, out) == (
        1,
        [
            f"{path}: 2 brought over (tried and undone), 1 known already, 3 put aside",
            "  row 5: account: 'Not An Id' can't be an account: use 1 to 63 of a-z 0-9 . _ -, first a letter or digit [wrong_type]",
            "  row 6: country: 'Spain' is not a country code of two capital letters such as ES [wrong_type]",
            "  row 8: account: the row 'ben' was brought over before and said something else [import_conflict]",
        ],
    )
    assert (journal.stream_ids(), batches(), bulk.fetch("SELECT * FROM vault_person")) == ([], [], [])


FILES: list[tuple[str, bytes, str]] = [
    ("accounts", b"name,email\nAna,a@example.com\n", ":1: columns are missing: account; the first line names the columns [bad_file]\n"),
    ("contracts", b"account,plan\nana,basic\n", ":1: columns are missing: id; the first line names the columns [bad_file]\n"),
    ("balances", "id,account,amount\n".encode("utf-16"), ": this is UTF-16 text; save it as plain UTF-8 text [bad_file]\n"),
    ("balances", b"", ": the file is empty; the first line names the columns [bad_file]\n"),
]


@pytest.mark.parametrize(("kind", "data", "told"), FILES)
def test_a_file_that_is_wrong_as_a_whole_is_refused(db: None, tmp_path: Path, kind: str, data: bytes, told: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    assert run(kind, path) == (2, [], f"{path}{told}")


def test_an_unknown_column_is_told_with_the_closest_one(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, "account,nmae\nana,Ana\n")
    assert run("accounts", path) == (2, [], f"{path}:1: the column 'nmae' is not known here; did you mean 'name'? [bad_file]\n")


def test_a_missing_file_and_wrong_options(db: None, tmp_path: Path) -> None:
    assert run("accounts", tmp_path / "none.csv") == (2, [], f"{tmp_path / 'none.csv'}: No such file or directory\n")
    status, out, _ = run("accounts", tmp_path / "none.csv", "--json")
    assert (status, json.loads("\n".join(out))["error"]["code"]) == (2, "bad_file")
    assert run("accounts", file(tmp_path, ACCOUNTS), "--source", "a/b")[0] == 1
    assert journal.stream_ids() == []


HOSTILE: list[Any] = [None, 1, [], {}, "", "\x00", "9" * 5000, "1e400", "NaN", "-1", "2026-99-99", {"x": {"y": []}}, [[1]], "\ud800"]


@pytest.mark.parametrize("kind", ["accounts", "contracts", "balances"])
def test_any_value_in_any_field_is_a_row_told_or_taken(books: None, tmp_path: Path, kind: str) -> None:
    base = {
        "accounts": {"account": "zoe"},
        "contracts": {"account": "ana", "plan": "basic"},
        "balances": {"account": "ana", "amount": "1"},
    }[kind]
    names = {
        "accounts": "account name currency zone country exempt at seller terms",
        "contracts": "id account plan catalogue version start until quantity quantities items prices anchor paid_through skip_phases at",
        "balances": "id account amount currency due reference at",
    }[kind].split()
    rows = [{"id": f"{name}{i}"} | base | {name: value} for name in names for i, value in enumerate(HOSTILE)]
    if kind == "accounts":
        rows = [{name: value for name, value in row.items() if name != "id"} for row in rows]
    status, out, err = run(kind, file(tmp_path, "\n".join(map(json.dumps, rows)), "rows.jsonl"), "--dry-run", "--json")
    answer = json.loads("\n".join(out))
    assert status == 1
    assert sum(answer[name] for name in ("done", "known", "nothing", "rejected_count")) == len(rows)
    assert "Traceback" not in err
