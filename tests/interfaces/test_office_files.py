"""Files in the office: brought over after a try that says which rows are wrong; the books of some days looked at and taken away."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from billing.admin import imports
from billing.models import Account, JournalEvent, RejectedRecord, UsageRecord
from payments.models import BankLine
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
IMPORTS, EXPORTS = "/admin/billing/account/imports/", "/admin/billing/account/exports/"
ACCOUNTS = b"account,name,country,currency\nzoe,Zoe,ES,EUR\nzed,Zed,ES,EURO\nzip,Zip,FR,EUR\n"
BANK = b"booked,amount,currency,name,iban,text\n2026-02-10,20.00,EUR,Ana,ES12,INV-000003\n"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content.decode()[-2000:]
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def tried(client: Client, kind: str, content: bytes, name: str = "rows.csv", status: int = 200) -> tuple[str, str]:
    """What the preview says, and the file as it goes on to the confirmation."""
    answer = client.post(IMPORTS, {"kind": kind, "file": SimpleUploadedFile(name, content), "_step": "preview"})
    found = re.search(r'name="_file" value="([^"]+)"', answer.content.decode())
    return text(answer, status), found.group(1) if found else ""


def test_a_file_is_tried_and_then_brought_over_and_its_bad_rows_are_told() -> None:
    clerk = staff("clerk")
    shown, signed = tried(clerk, "accounts", ACCOUNTS)
    for words in ("2 brought over", "1 put aside", "currency", "Nothing was done yet"):
        assert words in shown, words
    assert (Account.objects.filter(account__startswith="z").exists(), RejectedRecord.objects.exists()) == (False, False)
    done = text(clerk.post(IMPORTS, {"_file": signed, "_step": "confirm"}))
    assert "done 2, refused 1" in done
    assert set(Account.objects.filter(account__startswith="z").values_list("account", flat=True)) == {"zoe", "zip"}
    assert "done 0, refused 1" in text(clerk.post(IMPORTS, {"_file": signed, "_step": "confirm"}))  # twice is once
    assert JournalEvent.objects.filter(kind="account.opened", stream="zoe").count() == 1
    assert AccessRecord.objects.filter(action="imported", actor="user:staff-clerk").count() == 2
    [link] = set(re.findall(r'href="(\?batch=[^"]+)"', clerk.get(IMPORTS).content.decode()))
    aside = clerk.get(IMPORTS + html.unescape(link)).content.decode()
    assert (aside.splitlines()[0], "EURO" in aside) == ("line,code,reason,content", True)


def test_use_and_a_statement_of_the_bank_are_tried_and_undone_too() -> None:
    boss = staff("clerk", "finance")
    use = b"id,account,meter,at,value\nx1,ana,calls,2026-02-19T10:00,3\nx2,nobody,calls,2026-02-19T10:00,3\n"
    shown, signed = tried(boss, "usage", use)
    assert ("1 taken" in shown, "there is no account 'nobody'" in shown, UsageRecord.objects.filter(record="x1").exists()) == (
        True,
        True,
        False,
    )
    boss.post(IMPORTS, {"_file": signed, "_step": "confirm"})
    assert UsageRecord.objects.get(record="x1").account == "ana"
    shown, signed = tried(boss, "bank", BANK)
    assert ("Nothing was done yet" in shown, BankLine.objects.exists()) == (True, False)
    boss.post(IMPORTS, {"_file": signed, "_step": "confirm"})
    assert BankLine.objects.count() == 1


def test_what_can_not_be_brought_over_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = staff("clerk")
    assert "choose a file" in text(clerk.post(IMPORTS, {"kind": "usage", "_step": "preview"}), 422)
    assert "expected one of" in tried(clerk, "people", b"x", status=422)[0]
    assert "manage.py import" in tried(clerk, "accounts", b"account\n" + b"a\n" * 1_100, status=422)[0]
    monkeypatch.setattr(imports, "LARGEST", 10)
    assert "more than 10 bytes" in tried(clerk, "accounts", ACCOUNTS, status=422)[0]
    assert "choose the file again" in text(clerk.post(IMPORTS, {"_file": "made up", "_step": "confirm"}), 422)
    assert clerk.get(f"{IMPORTS}?batch=none").status_code == 404
    viewer = staff("viewer")
    assert "Your roles bring nothing over" in text(viewer.get(IMPORTS))
    assert viewer.get(f"{IMPORTS}?batch=rows.csv").status_code == 404
    assert tried(viewer, "usage", b"id\n", status=403)[1] == ""
    assert Client().get(IMPORTS).status_code == 302


def test_the_books_are_looked_at_and_taken_away() -> None:
    fay = staff("finance")
    shown = text(fay.get(EXPORTS, {"what": "trial-balance", "to": "2026-02-28", "seller": "main"}))
    assert "Receivable" in shown or "receivable" in shown
    answer = fay.get(EXPORTS, {"what": "tax", "to": "2026-02", "file": "1"})
    assert answer["Content-Disposition"] == 'attachment; filename="tax.csv"'
    assert b"," in b"".join(answer.streaming_content)
    assert AccessRecord.objects.get(action="exported").what.startswith("tax 2026-01")
    assert "expected one of" in text(fay.get(EXPORTS, {"what": "all", "to": "2026-02"}), 422)
    for day in ("soon", "9999-12-31", "0001-01-01"):
        assert fay.get(EXPORTS, {"what": "tax", "to": day}).status_code == 422, day
    assert staff("clerk").get(EXPORTS).status_code == 403
