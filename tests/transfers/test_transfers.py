"""Money out by bank file: each refund and payout once, settled by the statement, made again as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.core.management import call_command
from django.db import connection

from billing import bulk
from payments.statements.booking import book
from payments.statements.camt_file import read_camt
from payments.transfers import sending
from payments.transfers.pain import NAMESPACE, Payer, Transfer, latin, pain001
from payments.transfers.sending import Sent, again, request_due, send
from payments.transfers.waiting import end_to_end, payouts_of
from plans.errors import Conflict, NotFound
from tests.alone import alone as alone
from tests.books import advance, balance, do, moment, open_account, publish
from tests.keeping import keeping as keeping
from tests.payments.conftest import held_books as held_books
from tests.payments.helpers import refused
from tests.statements.files import camt, detail, entry

pytestmark = pytest.mark.django_db
NOW = moment("2026-01-20")
IBAN, OTHER = "DE89370400440532013000", "ES9121000418450200051332"
CATALOGUE = """
catalogue: house
currency: EUR
zone: UTC
seller: {name: "Puerto Claro & Sons", country: ES, iban: ES91 2100 0418 4502 0005 1332, bic: CAIXESBBXXX}
terms: {net-10: 10}
items:
  ticket: {name: Ticket, price: {model: unit, amount: "9.50"}}
  share: {name: Your share, owes: us, charge: sale, price: {model: unit, amount: "12.34"}}
"""


@pytest.fixture
def three(db: None) -> None:
    """A refund of ana (5.00), a released deposit of ben (80.00), a statement to eva (24.68, due on the 15th); cris has no IBAN."""
    publish(CATALOGUE)
    for name, iban in (("ana", IBAN), ("ben", OTHER), ("eva", IBAN), ("cris", None)):
        open_account(name, **({"iban": iban} if iban else {}))
    do("pay", "2026-01-02", account="ana", amount="5.00")
    do("refund", "2026-01-03", account="ana", amount="5.00", channel="transfer", settle="later", reason="Zu viel bezahlt: Ñ")
    do("take_deposit", "2026-01-02", account="ben", amount="80.00")
    do("release_deposit", "2026-01-04", account="ben", settle="later")
    do("sell", "2026-01-05", account="eva", item="share", quantity="2")
    do("pay", "2026-01-02", account="cris", amount="1.00")
    do("refund", "2026-01-03", account="cris", amount="1.00", channel="transfer", settle="later")
    advance("2026-01-06")


def found(content: bytes, path: str) -> list[str]:
    root = ElementTree.fromstring(content)
    return [element.text or "" for element in root.iterfind("/".join(["."] + [f"{{{NAMESPACE}}}{name}" for name in path.split("/")]))]


PAYMENT = "CstmrCdtTrfInitn/PmtInf"


def test_everything_that_waits_leaves_once_and_the_statement_settles_it(three: None) -> None:
    assert request_due("main", date(2026, 1, 20), NOW) == {}
    assert request_due("main", date(2026, 1, 20), NOW) == {}
    sent = send("main", at=NOW)
    assert sent.count == 3
    assert list(sent.refused.values()) == ["account: the account cris gave no IBAN; set it by change_details [no_iban]"]
    assert found(sent.content, f"{PAYMENT}/CdtTrfTxInf/Amt/InstdAmt") == ["5.00", "80.00", "24.68"]
    assert found(sent.content, f"{PAYMENT}/CdtTrfTxInf/CdtrAcct/Id/IBAN") == [IBAN, OTHER, IBAN]
    assert found(sent.content, f"{PAYMENT}/CtrlSum") == found(sent.content, "CstmrCdtTrfInitn/GrpHdr/CtrlSum") == ["109.68"]
    names = found(sent.content, f"{PAYMENT}/CdtTrfTxInf/PmtId/EndToEndId")
    assert balance("refunds_payable") == Decimal(-5)  # a file moves no money
    with pytest.raises(Conflict) as empty:
        send("main", at=moment("2026-01-21"))
    assert empty.value.code == "nothing_waits"
    left = [
        entry("2026-01-21", amount, sign="DBIT", reference=f"X{i}", details=detail("out", end_to_end=name, side="Cdtr"))
        for i, (amount, name) in enumerate(zip(("5.00", "80.00", "24.68"), names, strict=True))
    ]
    assert book(read_camt(camt(*left), own=""), seller="main", file="f", at=moment("2026-01-22")).words == {"settled": 3}
    assert [balance("refunds_payable", name) for name in ("ana", "ben")] == [0, 0]
    assert (balance("payouts_payable", "eva"), balance("payable", "eva"), balance("cash:transfer", "eva")) == (0, 0, Decimal("-24.68"))
    back = entry(
        "2026-01-25", "24.68", reference="Y", details=detail(end_to_end=names[2], extra="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")
    )
    assert book(read_camt(camt(back), own=""), seller="main", file="g", at=moment("2026-01-26")).words == {"returned": 1}
    assert balance("payable", "eva") == Decimal("-24.68")  # owed again


def test_the_file_is_made_again_as_it_was(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(sending, "pain001", dies)
        with pytest.raises(RuntimeError):
            send("main", at=NOW)
    ((file,),) = bulk.fetch("SELECT DISTINCT file FROM read_transfer")
    first = again(Sent(file), "main").content
    do("change_details", "2026-01-21", account="ana", name="Ana Other", iban=OTHER)
    assert again(Sent(file), "main").content == first
    assert (IBAN in first.decode(), "Ana Other" in first.decode()) == (True, False)
    with pytest.raises(NotFound):
        again(Sent("nothing"), "main")


def test_a_transfer_is_in_one_file_only(three: None) -> None:
    ((refund,),) = bulk.fetch("SELECT refund FROM read_refund WHERE account = 'ana'")
    do("send_transfer", "2026-01-20", account="ana", transfer=refund, file="F-1")
    assert refused("already_sent", "send_transfer", "2026-01-20", account="ana", transfer=refund, file="F-2").facts == {"file": "F-1"}
    assert refund not in [one.id for one in payouts_of("main", waiting=True)]
    ((deposit,),) = bulk.fetch("SELECT refund FROM read_refund WHERE account = 'ben'")
    refused("wrong_type", "send_transfer", "2026-01-20", account="ben", transfer=deposit, file="F 2/")
    refused("unknown_thing", "send_transfer", "2026-01-20", account="ben", transfer=refund, file="F-2")
    do("settle_refund", "2026-01-20", account="ben")
    refused("payout_closed", "send_transfer", "2026-01-20", account="ben", transfer=deposit, file="F-2")
    do("pay", "2026-01-20", account="ben", amount="3.00", currency="USD")
    do("refund", "2026-01-20", account="ben", amount="3.00", currency="USD", channel="transfer", settle="later")
    ((dollars,),) = bulk.fetch("SELECT refund FROM read_refund WHERE currency = 'USD'")
    refused("currency", "send_transfer", "2026-01-20", account="ben", transfer=dollars, file="F-2")


def test_an_iban_is_no_part_of_any_event(three: None) -> None:
    send("main", at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM journal WHERE data::text LIKE %s AND stream <> 'house:catalogue'", [f"%{IBAN}%"])
        assert cursor.fetchone() == (0,)
    refused("bad_iban", "open_account", account="dora", iban="DE89370400440532013001")


def test_the_command_shows_what_waits_and_writes_the_file(three: None, tmp_path: Path) -> None:
    out, target = StringIO(), tmp_path / "out.xml"
    call_command("transfers", stdout=out)
    assert out.getvalue().splitlines()[-1] == "3 wait for a transfer"
    with pytest.raises(SystemExit) as ended:
        call_command("transfers", "--output", str(target), "--due", stdout=out)
    assert ended.value.code == 1  # cris was left out
    assert ": 3 transfers in the file " in out.getvalue()
    assert len(found(target.read_bytes(), f"{PAYMENT}/CdtTrfTxInf")) == 3
    name = found(target.read_bytes(), "CstmrCdtTrfInitn/GrpHdr/MsgId")[0]
    call_command("transfers", "--output", str(tmp_path / "again.xml"), "--again", name, stdout=out)
    assert (tmp_path / "again.xml").read_bytes() == target.read_bytes()


def test_the_file_says_what_the_guideline_wants() -> None:
    transfers = [
        Transfer("ana/3", "Ana Peña <&> Ñandú", IBAN, Decimal("5"), "Zurück – 5 €"),
        Transfer("b/1", "李", OTHER, Decimal("0.1"), ""),
    ]
    content = pain001("F1", Payer("Puerto Claro & Sons", OTHER), transfers, created=datetime(2026, 1, 1, tzinfo=UTC), day=date(2026, 1, 2))
    assert content == pain001(
        "F1", Payer("Puerto Claro & Sons", OTHER), transfers, created=datetime(2026, 1, 1, tzinfo=UTC), day=date(2026, 1, 2)
    )
    order = [element.tag.rpartition("}")[2] for element in next(iter(ElementTree.fromstring(content)))[1]]
    assert order == [
        *"PmtInfId PmtMtd NbOfTxs CtrlSum PmtTpInf ReqdExctnDt Dbtr DbtrAcct DbtrAgt ChrgBr".split(),
        "CdtTrfTxInf",
        "CdtTrfTxInf",
    ]
    assert found(content, f"{PAYMENT}/CdtTrfTxInf/Cdtr/Nm") == ["Ana Pena Nandu", "NOTPROVIDED"]
    assert found(content, f"{PAYMENT}/Dbtr/Nm") == ["Puerto Claro Sons"]
    assert found(content, f"{PAYMENT}/DbtrAgt/FinInstnId/Othr/Id") == ["NOTPROVIDED"]
    assert latin("x" * 80, 70) == "x" * 70


def test_a_reference_is_one_that_banks_carry() -> None:
    assert end_to_end("ana/12") == "ana/12"
    for id in ("with_underscore/3", f"{'a' * 40}/3"):
        reference = end_to_end(id)
        assert len(reference) <= 35
        assert reference.isalnum()
