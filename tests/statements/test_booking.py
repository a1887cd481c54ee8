"""Lines become payments, once, when it is sure whose they are; else they wait with candidates."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from billing import bulk
from payments.documents.references import structured
from payments.statements import booking
from payments.statements.booking import book, doubtful
from payments.statements.camt_file import read_camt
from payments.statements.lines import Read
from payments.transfers.waiting import end_to_end
from plans.errors import Conflict
from tests.alone import alone as alone
from tests.books import balance, do, moment, open_account, owed
from tests.keeping import keeping as keeping
from tests.payments.conftest import ana as ana
from tests.payments.conftest import held_books as held_books
from tests.payments.helpers import postings, refused
from tests.statements.files import CAMT, CSV, camt, detail, entry

pytestmark = pytest.mark.django_db
NOW = moment("2026-02-01")


def brought(*entries: str) -> dict[str, int]:
    return take(read_camt(camt(*entries), own="")).words


def take(read: Read) -> Any:
    return book(read, seller="main", file="test", at=NOW)


def payments(account: str = "ana") -> list[str]:
    return [f"{amount:.2f}" for (amount,) in bulk.fetch("SELECT amount FROM read_payment WHERE account = %s ORDER BY sequence", [account])]


def two_more() -> None:
    """ben and cris owe 24.14 each too: INV-000002 and INV-000003."""
    for name in ("ben", "cris"):
        open_account(name, name=f"{name.title()} Common")
        do("subscribe", account=name, plan="basic")


def test_a_statement_is_booked_once_however_often_it_is_brought(ana: None) -> None:
    first, second = take(read_camt(CAMT, own="")), take(read_camt(CAMT, own=""))
    assert (first.words, first.known) == ({"matched": 1, "put_aside": 1, "fee": 1}, 0)
    assert (second.words, second.known) == ({}, 3)
    assert (owed(), payments()) == (Decimal(0), ["24.14"])
    assert postings("bank.fee_taken") == [("cash:transfer", "-1.50"), ("expense:bank-fees", "1.50")]
    assert balance("unidentified", "suspense-main") == Decimal("-1000")
    cash = bulk.fetch("SELECT sum(amount) FROM read_balance WHERE ledger = 'cash:transfer'")
    assert cash == [(Decimal("1022.64"),)]  # what the bank says that came


def test_a_part_of_a_file_and_another_form_of_it_are_known_too(ana: None, tmp_path: Path) -> None:
    part = read_camt(CAMT, own="")
    take(Read(part.lines[:1]))
    path = tmp_path / "bank.csv"
    path.write_text(CSV)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("import", "bank", str(path), "--bank-account", part.lines[0].own, stdout=out)
    assert ended.value.code == 0
    assert "1 put aside for a person, 1 fees, 1 known already" in out.getvalue()
    assert "1 lines wait for a person:\n  2026-01-06  1000.00 EUR  SOMEBODY: gracias\n" in out.getvalue()
    assert payments() == ["24.14"]


@pytest.mark.parametrize(
    ("line", "word", "reason"),
    [
        ({"text": structured("INV-000001")}, "matched", "its creditor reference is that of INV-000001"),
        (
            {"text": f"pago {structured('INV-000001')} gracias", "amount": "10.00"},
            "matched",
            "its creditor reference is that of INV-000001",
        ),
        ({"text": structured("ana"), "amount": "10.00"}, "matched", "its creditor reference is that of the account"),
        ({"text": "inv 000001 ana"}, "matched", "it names INV-000001"),
        ({"text": "INV-000001", "amount": "24.13"}, "put_aside", ""),
        ({"text": "INV-000001", "amount": "24.13", "name": "ANA"}, "put_aside", ""),
        ({"text": "my bill", "name": "Ana"}, "put_aside", ""),
        ({"text": "INV-000001 INV-000002", "amount": "48.28"}, "put_aside", ""),
        ({"text": "INV-000009"}, "put_aside", ""),
    ],
)
def test_only_what_is_sure_becomes_a_payment(ana: None, line: dict[str, str], word: str, reason: str) -> None:
    two_more()
    amount = line.pop("amount", "24.14")
    assert brought(entry("2026-01-05", amount, details=detail(**line))) == {word: 1}
    assert payments() == ([] if word == "put_aside" else [f"{Decimal(amount):.2f}"])
    rows = bulk.fetch("SELECT reasons->>0 FROM bank_line")
    assert rows[0][0] == (reason or None)


def test_what_is_doubtful_is_shown_with_scores_and_reasons(ana: None) -> None:
    two_more()
    brought(entry("2026-01-05", "48.28", details=detail("INV-000001 INV-000002", name="common, ben")))
    (one,) = doubtful("main")
    assert [(who.account, who.score, who.reasons) for who in one.candidates] == [
        ("ben", 75, ("it names INV-000002", "the name fits")),
        ("ana", 60, ("it names INV-000001",)),
    ]
    do("identify", "2026-01-09", account="ben", receipt=one.receipt, amount="24.14")
    do("identify", "2026-01-09", account="ana", receipt=one.receipt)
    assert doubtful("main") == []
    assert (owed(), owed("ben")) == (0, 0)


def test_an_iban_that_paid_before_is_known_and_an_amount_tells_the_document(ana: None) -> None:
    brought(entry("2026-01-05", "24.14", details=detail(structured("INV-000001"), iban="DE89370400440532013000")))
    do("subscribe", "2026-01-06", account="ana", plan="pro")
    assert owed() == Decimal("60.38")
    assert brought(entry("2026-01-08", "60.38", details=detail("no words", iban="DE89370400440532013000"))) == {"matched": 1}
    assert (owed(), payments()) == (Decimal(0), ["24.14", "60.38"])
    do("subscribe", "2026-01-09", account="ana", plan="pro")
    assert brought(entry("2026-01-10", "60.00", details=detail("no words", iban="DE89370400440532013000"))) == {"put_aside": 1}


def test_two_lines_for_one_invoice_pay_it_once(ana: None) -> None:
    line = detail(structured("INV-000001"))
    assert brought(entry("2026-01-05", "24.14", details=line), entry("2026-01-05", "24.14", details=line)) == {"matched": 1, "put_aside": 1}
    assert (owed(), payments()) == (Decimal(0), ["24.14"])
    (one,) = doubtful("main")
    assert one.line.reasons == ["pay was refused: nothing is open on INV-000001"]


def test_money_that_can_not_even_be_put_aside_is_shown_and_tried_again(ana: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Any, **_: Any) -> Any:
        raise Conflict("busy", f"{request.command} is not possible today")

    statement = entry("2026-01-05", "24.14", details=detail(structured("INV-000001")))
    with monkeypatch.context() as patched:
        patched.setattr(booking, "execute", refuse)
        assert brought(statement) == {"put_aside": 1}
    (one,) = doubtful("main")
    assert (one.line.outcome, one.line.reasons) == ("", ["receive was refused: receive is not possible today"])
    brought(statement)
    (one,) = doubtful("main")
    assert (one.left, balance("unidentified", "suspense-main")) == (Decimal("24.14"), Decimal("-24.14"))
    brought(statement)
    assert balance("unidentified", "suspense-main") == Decimal("-24.14")


def test_a_process_that_died_after_writing_down_goes_on_where_it_was(ana: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(Exception):
        pass

    def dies(*_: Any, **__: Any) -> None:
        raise Died

    for name in ("_do", "_change"):  # before the command, and after it but before its outcome was kept
        with monkeypatch.context() as patch:
            patch.setattr(booking, name, dies)
            with pytest.raises(Died):
                take(read_camt(CAMT, own=""))
    report = take(read_camt(CAMT, own=""))
    assert report.known == 1
    assert payments() == ["24.14"]
    assert bulk.fetch("SELECT count(*) FROM bank_line WHERE outcome = ''") == [(0,)]


def test_a_payout_is_settled_by_its_line_and_fails_by_its_return(ana: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="30.00", reference="E1")
    do("refund", "2026-01-06", account="ana", amount="5.86", channel="transfer", settle="later")
    ((refund,),) = bulk.fetch("SELECT refund FROM read_refund")
    name = end_to_end(refund)
    out = detail("refund", end_to_end=name, side="Cdtr")
    assert brought(entry("2026-01-08", "5.85", sign="DBIT", reference="P0", details=out)) == {"waiting": 1}  # not what was sent
    assert brought(entry("2026-01-08", "5.86", sign="DBIT", reference="P1", details=out)) == {"settled": 1}
    assert (balance("refunds_payable"), balance("credit")) == (Decimal(0), Decimal(0))
    back = detail("AC04", end_to_end=name, extra="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")
    assert brought(entry("2026-01-10", "5.86", reference="P2", details=back)) == {"returned": 1}
    assert balance("credit") == Decimal("-5.86")


def test_a_payment_that_the_bank_takes_back_is_disputed(ana: None) -> None:
    do("pay", "2026-01-05", account="ana", amount="24.14", reference="E1")
    back = detail("devuelto", end_to_end="E1", side="Cdtr")
    assert brought(entry("2026-01-09", "24.14", sign="DBIT", reference="R1", code="UPDD", details=back)) == {"taken_back": 1}
    assert bulk.fetch("SELECT status FROM read_dispute") == [("open",)]
    do("lose_dispute", "2026-01-10", account="ana")
    assert owed() == Decimal("24.14")
    assert brought(entry("2026-01-11", "9.00", sign="DBIT", reference="R2", details=detail("rent", side="Cdtr"))) == {"waiting": 1}
    assert [str(one.line.amount) for one in doubtful("main")] == ["-9.000000"]


def test_bad_lines_are_told_by_number_and_the_others_are_booked(ana: None, tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text(f"date,amount,text\n2026-01-05,24.14,{structured('INV-000001')}\n2026-01-06,much,x\n")
    out = StringIO()
    with pytest.raises(SystemExit) as tried:
        call_command("import", "bank", str(path), "--dry-run", stdout=out)
    assert "(tried and undone)" in out.getvalue()
    assert payments() == []
    with pytest.raises(SystemExit) as ended:
        call_command("import", "bank", str(path), stdout=out)
    assert (tried.value.code, ended.value.code) == (1, 1)
    assert "1 paid, 1 bad\n  line 2: amount: 'much' is not a number" in out.getvalue().replace("''", "'much'")
    assert payments() == ["24.14"]


def test_a_file_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.xml"
    path.write_text("<a/>")
    for name in (str(path), str(tmp_path / "absent")):
        with pytest.raises(SystemExit) as ended:
            call_command("import", "bank", name)
        assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


# --- what a person says of a line -------------------------------------------------------------------------------------------------


def left_alone() -> str:
    """A line of 95.40 that left the account and that nobody can name; answers its id."""
    brought(entry("2026-01-06", "95.40", sign="DBIT", details=detail("CITY PARKING", side="Cdtr")))
    (line,) = bulk.fetch("SELECT line FROM bank_line WHERE word = 'waiting'")[0]
    return str(line)


def test_what_a_person_explains_waits_no_more(ana: None) -> None:
    line = left_alone()
    do("explain_line", NOW, line=line, reason="From one of our accounts to another")
    assert bulk.fetch("SELECT word, outcome FROM bank_line") == [("explained", "suspense-main/2")]
    assert (doubtful("main"), balance("cash:transfer", "suspense-main")) == ([], 0)
    refused("line_done", "explain_line", NOW, line=line, reason="Once more")
    left_alone_again = brought(entry("2026-01-06", "95.40", sign="DBIT", details=detail("CITY PARKING", side="Cdtr")))
    assert left_alone_again == {}  # the same line stays explained


def test_what_was_an_expense_is_in_the_books(ana: None) -> None:
    do("explain_line", NOW, line=left_alone(), reason="Parking of the van", expense=True)
    assert postings("bank.line_explained") == [("cash:transfer", "-95.40"), ("expense:by-bank", "95.40")]


def test_only_a_line_that_waits_is_explained_by_its_own_seller(ana: None) -> None:
    line = left_alone()
    refused("unknown_thing", "explain_line", NOW, line=line, reason="Not ours", seller="other")
    refused("unknown_thing", "explain_line", NOW, line="B-99", reason="Which?")
    refused("missing_field", "explain_line", NOW, line=line)
