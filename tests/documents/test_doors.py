"""Where documents are asked for: the command line and the page; and where wrong numbers are kept out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from payments.documents.faces import page_policy
from plans.errors import Invalid
from tests.books import do, publish
from tests.documents.shop import CATALOGUE, play
from tests.payments.helpers import refused

pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    out = StringIO()
    call_command("document", *words, stdout=out)
    return out.getvalue()


def test_the_command_writes_every_face(tmp_path: Path) -> None:
    play("es")
    assert "Factura INV-000002" in run("ana", "INV-000002")
    assert "Invoice INV-000002" in run("ana", "INV-000002", "--locale", "en")
    assert run("ana", "INV-000002", "--as", "html").startswith("<!doctype html>")
    data = json.loads(run("ana", "INV-000002", "--as", "json"))
    assert (data["number"], data["sums"][-1], data["lines"][0]["unit_price"]) == (
        "INV-000002",
        {"label": "total", "amount": "2987.49", "strong": True, "detail": ""},
        "1234.5",
    )
    target = tmp_path / "invoice.pdf"
    assert run("ana", "INV-000002", "--as", "pdf", "--output", str(target)).startswith(f"wrote {target}, ")
    assert target.read_bytes().startswith(b"%PDF-1.7")
    assert "Recibo" in run("ana", "R-77")
    assert "Saldo inicial" in run("ana", "statement", "--from", "2026-02-01", "--to", "2026-03-01")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nobody", "INV-000002"], "unknown_account"),
        (["ana", "INV-999999"], "unknown_document"),
        (["ana", "statement", "--currency", "USD"], "unknown_choice"),
        (["ana", "statement", "--from", "2026-02-01", "--to", "2026-01-01"], "out_of_range"),
        (["ana", "INV-000002", "--output", "/nowhere/at/all.txt"], "bad_file"),
    ],
)
def test_the_command_refuses_in_one_line(words: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    play()
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert f"[{code}]" in told
    assert "Traceback" not in told


# --- the page ---------------------------------------------------------------------------------------------------------------------


def signed_in(name: str, **kind: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(name, **kind))
    return client


def test_staff_and_the_people_of_the_account_see_it_and_strangers_do_not() -> None:
    play()
    path = "/documents/ana/INV-000002"
    assert Client().get(path).headers["Location"] == f"/admin/login/?next={path}"
    clerk, owner, stranger = signed_in("clerk", is_staff=True), signed_in("owner"), signed_in("stranger")
    Membership.objects.create(user=User.objects.get(username="owner"), account="ana", role="viewer", since=timezone.now())
    for seen in (clerk.get(path), owner.get(path)):
        assert seen.status_code == 200
        assert "INV-000002" in seen.content.decode()
        assert seen.headers["Content-Security-Policy"] == page_policy()
        assert seen.headers["Cache-Control"] == "private, no-store"
    hidden, absent = stranger.get(path), stranger.get("/documents/nobody/INV-000002")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert clerk.get("/documents/ana/INV-999999").status_code == 404
    printed = owner.get(path, {"as": "pdf"})
    assert printed.headers["Content-Type"] == "application/pdf"
    assert printed.headers["Content-Disposition"] == 'inline; filename="INV-000002.pdf"'
    assert owner.post(path).status_code == 405


def test_the_policy_allows_the_style_of_the_page_and_no_script() -> None:
    play()
    page = signed_in("clerk", is_staff=True).get("/documents/ana/INV-000002").content.decode()
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page_policy()
    assert "default-src 'none'" in page_policy()
    assert "<script" not in page
    assert " style=" not in page


# --- wrong numbers stay out ---------------------------------------------------------------------------------------------------------


def test_a_wrong_tax_id_opens_no_account_and_changes_none() -> None:
    play()
    refused("bad_tax_id", "open_account", account="ben", country="ES", tax_id="ESB12345678")
    do("open_account", account="ben", country="ES", tax_id="ESB12345674")
    refused("bad_tax_id", "change_details", "2026-03-01", account="ben", country="DE")
    refused("bad_tax_id", "change_details", "2026-03-01", account="ben", tax_id="ESB12345675")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("B12345674", "B12345675", "bad_tax_id"),
        ("0005 1332", "0005 1333", "bad_iban"),
        ("CAIXESBBXXX", "CAIX", "bad_bic"),
        ("documents: [invoice]", "documents: [invoices]", "unknown_choice"),
        ('{text: "Gracias."', '{txt: "Gracias."', "missing_field"),
        ("    documents: [invoice]", "    documents: [invoice]\n    until: 2026-01-01", "unknown_field"),
    ],
)
def test_a_catalogue_with_a_wrong_number_or_mention_is_not_published(old: str, new: str, code: str) -> None:
    assert CATALOGUE.count(old) == 1
    with pytest.raises(Invalid) as caught:
        publish(CATALOGUE.replace(old, new))
    assert caught.value.code == code
