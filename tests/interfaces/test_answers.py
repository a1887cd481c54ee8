"""Answers on the command line: the right words, one clear error, the documented exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import tasks
from tests.books import moment
from tests.interfaces.worlds import document, payment

pytestmark = pytest.mark.django_db

AT = "2026-02-20T12:00Z"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """(exit status, standard output, standard error) of a command."""

    def run(name: str, *words: str, **options: Any) -> tuple[int, str, str]:
        code = 0
        try:
            call_command(name, *words, **options)
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.usefixtures("world")
class TestAnswers:
    def test_status_of_all(self, run: Any) -> None:
        code, out, _ = run("status", "--at", AT)
        assert code == 0
        rows = [line.split() for line in out.splitlines()]
        assert rows[1] == ["ana", "overdue", "EUR", "76.25", "76.25", "76.25", "0.00", "76.25", "0.00", "1.00"]
        assert [row[0] for row in rows[1:4]] == ["ana", "eve", "bob"]

    def test_status_of_one_says_what_comes_next(self, run: Any) -> None:
        _, out, _ = run("status", "ana", "--at", AT)
        assert "accrued             7.00 EUR" in out
        assert "invoice of 50.82 EUR at 2026-03-01 00:00Z" in out

    def test_status_as_data(self, run: Any) -> None:
        _, out, _ = run("status", "ana", "--at", AT, "--json")
        body = json.loads(out)
        assert (body["amounts"][0]["owed"], body["next"]["documents"][0]["total"]) == ("76.25", "50.82")

    def test_local_times_are_of_the_account(self, run: Any) -> None:
        _, out, _ = run("status", "ana", "--at", "2026-02-16", "--json")
        assert json.loads(out)["at"] == "2026-02-15T23:00:00.000000Z"

    def test_why(self, run: Any) -> None:
        _, out, _ = run("why", "ana", "INV-000005")
        assert out.splitlines()[0].startswith("       62.11 EUR  Invoice INV-000005")
        assert "step tier = 1.332" in out
        _, out, _ = run("why", "ana", "--json")
        assert json.loads(out)["amount"] == "76.25"

    def test_statement(self, run: Any) -> None:
        _, out, _ = run("statement", "ana", "--from", "2026-02-01", "--to", "2026-03-01")
        assert [line.split()[-1] for line in out.splitlines()[1:]] == [
            "34.14",
            f"[{document('INV-000005')}]",
            f"[{payment('ana')}]",
            "76.25",
        ]

    def test_events(self, run: Any) -> None:
        _, out, _ = run("events", "ana", "--kind", "payment.received", "--json")
        assert [(one["address"], one["data"]["amount"]) for one in json.loads(out)] == [(payment("ana"), "20.00")]
        _, out, _ = run("events", "stock:router", "--last", "1")
        assert out.startswith("stock:router/2")

    def test_verify_and_rebuild(self, run: Any) -> None:
        assert run("verify")[0] == 0
        assert run("rebuild", "--check")[0] == 0
        assert run("rebuild", "ana")[1].startswith("rebuilt 1 streams from ")

    def test_verify_names_the_fault_and_exits_1(self, run: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE read_invoice SET open = 1 WHERE number = 'INV-000005'")
        code, out, _ = run("verify")
        assert (code, "INV-000005 of ana" in out) == (1, True)
        code, out, _ = run("rebuild", "--check")
        assert (code, "read_invoice: only live" in out) == (1, True)

    def test_audit(self, run: Any) -> None:
        assert run("audit", "unbilled", "--at", AT)[0] == 0
        code, out, _ = run("audit", "unbilled", "--at", "2026-03-02")
        assert (code, "[behind]" in out) == (1, True)

    def test_run_advance_bills_what_is_due_and_again_nothing(self, run: Any) -> None:
        _, out, _ = run("run", "advance", "--at", "2026-03-01", "--json")
        body = json.loads(out)
        assert (body["accounts"] > 0, body["parked"]) == (True, [])
        _, out, _ = run("run", "advance", "--at", "2026-03-01", "--json")
        assert json.loads(out)["events"] == 0

    def test_the_task_may_run_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks.timezone, "now", lambda: moment("2026-03-01"))
        monkeypatch.setattr(tasks.share, "delay", tasks.share)
        assert tasks.advance_due()["due"] > 0
        assert tasks.advance_due() == {"due": 0, "shares": 0}


@pytest.mark.parametrize("words", [("verify",), ("rebuild", "--check")])
@pytest.mark.parametrize("count", ["0", "65", "-1", "1.5", "two", "٣", "9999"])
def test_a_number_of_processes_that_makes_no_sense_is_refused(run: Any, words: tuple[str, ...], count: str) -> None:
    with pytest.raises(CommandError, match=f"expected 1 to 64 workers, not {count!r}"):
        run(*words, f"--workers={count}")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("status", "anna"), "error: account: there is no account 'anna'; did you mean 'ana'? [unknown_account]"),
        (("status", "--at", "yesterday"), "error: at: 'yesterday' is not a time"),
        (("status", "--as-of", "2026-02-30"), "error: as_of: '2026-02-30' is not a time"),
        (("status", "a\x00b"), "error: account: 'a\\x00b' holds a NUL"),
        (("status", "\udce9"), "error: account: '\\udce9' holds a NUL or bytes that are not UTF-8 [wrong_type]"),
        (("why", "ana", "INV-9"), "error: what: ana has no document, event, contract or amount 'INV-9'"),
        (("why", "ana", "1e999999999"), "error: what: ana has no document"),
        (("statement", "ana", "--from", "2026-03-01", "--to", "2026-02-01"), "error: to: the statement would end before it starts"),
        (("events", "ana", "--kind", "payment.receive"), "error: kind: there is no kind of event 'payment.receive'; did you mean"),
        (("verify", "nobody"), "error: stream: there is no stream 'nobody'"),
        (("rebuild", "nobody"), "error: stream: there is no stream 'nobody'"),
        (("audit", "unbilled", "--at", "x"), "error: at: 'x' is not a time"),
        (("run", "advance", "--at", "99999-01-01"), "error: at: '99999-01-01' is not a time"),
        (("run", "advance", "--at", "2926-03-01"), "error: at: 2926-03-01 is "),
    ],
)
def test_bad_input_gives_one_clear_error(run: Any, words: tuple[str, ...], message: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err.startswith(message)
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("words", [("run", "advance", "--workers", "0"), ("run", "advance", "--chunk", "0")])
def test_bad_usage_exits_2(run: Any, words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


@pytest.mark.parametrize("words", [("why",), ("audit", "nothing"), ("events", "ana", "--last", "x")])
def test_argparse_answers_for_usage(words: tuple[str, ...]) -> None:
    """From a shell these exit with status 2; called from code they raise."""
    with pytest.raises(CommandError):
        call_command(*words)
