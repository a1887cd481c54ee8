"""Contacts, interactions with files, tasks, segments, and a person's data for the person who asks."""

from __future__ import annotations

import html
import io
import json
import zipfile
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.crm.models import Attachment, Interaction, Segment, Task
from accounts.models import AccessRecord
from billing import bulk
from billing.crm.segments import counts, members
from plans.errors import Invalid
from tests.books import do
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def test_a_call_with_a_file_stands_on_the_account() -> None:
    clerk = staff("clerk")
    sheet = SimpleUploadedFile("../offer <1>.pdf", b"%PDF-1.7 offer")
    answer = clerk.post(
        "/admin/accounts/interaction/add/?account=ana", {"account": "ana", "kind": "call", "text": "wants an offer", "file": sheet}
    )
    assert answer["Location"] == "/admin/billing/account/ana/change/"
    row, file = Interaction.objects.get(), Attachment.objects.get()
    assert (row.by, row.at, bytes(file.content)) == ("user:staff-clerk", NOW, b"%PDF-1.7 offer")
    do("add_contact", NOW, account="ana", name="Ben", email="ben@example.com", role="billing")
    clerk.post("/admin/accounts/task/add/", {"account": "ana", "title": "send the offer", "due": "2026-02-22", "assigned": "staff-clerk"})
    shown = clerk.get("/admin/billing/account/ana/change/").content.decode()
    for words in ("wants an offer", "Ben", "send the offer", f"/admin/accounts/interaction/file/{file.pk}/"):
        assert words in shown, words
    download = clerk.get(f"/admin/accounts/interaction/file/{file.pk}/")
    assert (download.content, download["Content-Disposition"]) == (b"%PDF-1.7 offer", f'attachment; filename="{file.name}"')
    assert "<" not in file.name
    assert AccessRecord.objects.filter(action="looked", account="ana", what=f"file {file.pk}").exists()


def test_what_is_wrong_is_said_and_nothing_is_kept() -> None:
    clerk = staff("clerk")
    assert (
        b"There is no account" in clerk.post("/admin/accounts/task/add/", {"account": "nobody", "title": "x", "due": "2026-02-22"}).content
    )
    large = SimpleUploadedFile("large.bin", b"x" * 5_000_001)
    answer = clerk.post("/admin/accounts/interaction/add/", {"account": "ana", "kind": "note", "text": "x", "file": large})
    assert b"larger than 5 MB" in answer.content
    assert (Task.objects.count(), Interaction.objects.count()) == (0, 0)


@pytest.mark.parametrize("model", ["interaction", "task", "segment"])
def test_every_role_looks_and_few_write(model: str) -> None:
    assert staff("viewer").get(f"/admin/accounts/{model}/").status_code == 200
    assert staff("viewer", "finance").get(f"/admin/accounts/{model}/add/").status_code == 403
    assert staff().get(f"/admin/accounts/{model}/").status_code == 403
    assert staff("administrator").get(f"/admin/accounts/{model}/add/").status_code == 200


def test_tasks_are_done_by_many_and_wait_on_their_list() -> None:
    for title in ("one", "two"):
        Task.objects.create(account="ana", title=title, due=NOW.date(), made_by="x")
    clerk = staff("clerk")
    assert b"two" in clerk.get("/admin/billing/account/work/tasks/").content
    clerk.post("/admin/accounts/task/", {"action": "finish", "_selected_action": [row.pk for row in Task.objects.all()]})
    assert set(Task.objects.values_list("done_by", flat=True)) == {"user:staff-clerk"}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["ana", "bob", "eve"]),
        ({"plan": "seats"}, ["ana"]),
        ({"without_plan": "seats"}, ["bob", "eve"]),
        ({"country": "FR"}, ["eve"]),
        ({"overdue": "yes"}, ["ana", "eve"]),
        ({"overdue": "no", "currency": "EUR"}, ["bob"]),
        ({"opened_from": "2026-01-02"}, []),
        ({"status": "closed"}, []),
    ],
)
def test_segments_are_filters(filters: dict[str, str], found: list[str]) -> None:
    assert members(filters, at=NOW) == found


@pytest.mark.parametrize("filters", [{"plans": "x"}, {"opened_from": "soon"}, {"overdue": "maybe"}, {"plan": "\x00"}])
def test_a_filter_that_means_nothing_is_refused(filters: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        members(filters, at=NOW)
    assert [str(one) for one in counts([filters, {}], at=NOW)][1] == "3"
    if "plans" not in filters:  # the form has no such field
        answer = staff("clerk").post("/admin/accounts/segment/add/", {"name": "s"} | filters)
        assert (answer.status_code, Segment.objects.count()) == (200, 0)


def test_a_segment_is_made_by_its_fields_and_chosen_in_the_list_of_accounts() -> None:
    clerk = staff("clerk")
    clerk.post("/admin/accounts/segment/add/", {"name": "late in Spain", "country": "ES", "overdue": "yes", "opened_from": "2025-12-31"})
    row = Segment.objects.get()
    assert row.filters == {"country": "ES", "opened_from": "2025-12-31", "overdue": "yes"}
    Segment.objects.create(name="bad", filters={"plans": "x"})
    page = clerk.get("/admin/accounts/segment/").content.decode()
    for words in ("country ES, opened from 2025-12-31, overdue yes", "a segment knows no"):
        assert words in page
    assert ">ana<" in clerk.get(f"/admin/accounts/segment/{row.pk}/change/").content.decode()
    found = clerk.get("/admin/billing/account/", {"segment": "late in Spain"})
    assert [one.account for one in found.context["cl"].result_list] == ["ana"]
    for name, count in (("bad", 0), ("nobody", 3)):
        assert clerk.get("/admin/billing/account/", {"segment": name}).context["cl"].result_count == count


def test_the_export_is_kept_in_the_record() -> None:
    do("give_consent", NOW, account="ana", purpose="news", how="phone")
    said = Interaction.objects.create(account="ana", kind="call", at=NOW, text="asked", by="x")
    file = Attachment.objects.create(interaction=said, name="a.txt", size=1, content=b"hers")
    answer = staff("clerk").get("/admin/accounts/interaction/export/ana/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as packed:
        told = json.loads(packed.read("account.json"))
        assert packed.read(f"files/{file.pk}-a.txt") == b"hers"
        assert "documents/INV-000003.html" in packed.namelist()
    assert (told["person"]["name"], told["interactions"][0]["text"], told["consents"][0]["how"]) == ("Ana Ruiz", "asked", "phone")
    assert AccessRecord.objects.get(action="exported").account == "ana"
    assert staff("viewer").get("/admin/accounts/interaction/export/ana/").status_code == 403


def test_who_has_the_same_address_is_shown_to_be_merged() -> None:
    do("change_details", NOW, account="ana", email="one@example.com")
    do("change_details", NOW, account="bob", email="ONE@example.com")
    do("add_contact", NOW, account="eve", name="E", email="one@example.com")
    page = html.unescape(staff("clerk").get("/admin/billing/account/ana/change/").content.decode())
    for other in ("bob", "eve"):
        assert f"ask/merge_accounts/?account={other}&into=ana" in page
    bulk.fetch("UPDATE read_account SET status = 'closed' WHERE account = 'bob' RETURNING 1")
    assert "account=bob&into" not in html.unescape(staff("supervisor").get("/admin/billing/account/ana/change/").content.decode())
    assert "the same mail address" not in staff("viewer").get("/admin/billing/account/eve/change/").content.decode()
