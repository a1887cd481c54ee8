"""Catalogues in the office: a draft is edited as text or field by field, compared, tried, asked for and approved by another person."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from billing.admin import catalogues
from billing.engine import Outcome, Request, execute
from billing.models import CorrectionRequest, JournalEvent
from billing.publications import kept, stories
from billing.publications.commands import expire_overdue
from billing.scenario.world import NoDatabase
from billing.verification import verify
from plans import store
from plans.errors import Conflict, NotAllowed, NotFound
from plans.models import CatalogueStory
from tests.books import CATALOGUE, do
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
DRAFTS = "/admin/plans/catalogueversion/drafts/"
PAGE = f"{DRAFTS}test/"
DEARER = CATALOGUE.replace('amount: "19.95"', 'amount: "21.95"')
STORY = """scenario: One month
catalogue: draft.yaml
accounts:
  ana: {name: Ana, country: ES}
story:
  - {at: 2026-01-01, do: subscribe, account: ana, plan: basic}
  - {at: 2026-01-02, expect: {ana: {unbilled: "0.00", balance: "26.56"}}}
"""


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.status_code
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def press(client: Client, what: str, *, show: str = "edit", status: int = 200, **fields: str) -> str:
    """A button of the draft's page, and the page that comes after it."""
    return text(client.post(f"{PAGE}?show={show}", {"_do": what, "_key": f"{what}-{len(fields)}-{show}", **fields}, follow=True), status)


@pytest.fixture
def cora() -> Client:
    """A catalogue manager with a draft in hand."""
    client = staff("catalogue_manager")
    press(client, "start")
    return client


def test_every_catalogue_with_its_newest_version_and_its_draft(cora: Client) -> None:
    shown = text(cora.get(DRAFTS))
    assert "test 1 2026-01-01" in shown
    assert "user:staff-catalogue_manager" in shown
    answer = cora.post(DRAFTS, {"name": "gym"}, follow=True)
    assert "gym: draft" in text(answer)
    assert "small letters" in text(cora.post(DRAFTS, {"name": "No Good"}, follow=True))
    assert text(cora.get("/admin/plans/catalogueversion/")).count("test@1") == 1
    [link] = re.findall(
        r'href="(/admin/plans/catalogueversion/\d+/change/[^"]*)"', cora.get("/admin/plans/catalogueversion/").content.decode()
    )
    assert "Basic fee" in text(cora.get(html.unescape(link)))


def test_mistakes_are_said_with_line_remedy_and_form(cora: Client) -> None:
    said = press(cora, "save", source=CATALOGUE.replace('amount: "19.95"', "amount: many").replace("terms: net-14", "term: net-14", 1))
    line = CATALOGUE[: CATALOGUE.index('"19.95"')].count("\n") + 1
    assert f" {line} plans.basic.items.fee.price.amount " in said
    assert "Write a plain number, such as 12.50. open the form" in said
    assert "which keep it from being published" in said
    form = cora.get(f"{PAGE}part/", {"at": "plans/basic/items/fee"})
    assert "Write a plain number" in text(form)
    assert "Asked for" not in press(cora, "ask", show="publish", status=422, reason="x")


def test_a_text_that_is_no_yaml_is_kept_to_be_mended(cora: Client) -> None:
    said = press(cora, "save", source=CATALOGUE + "plans: [\n")
    assert "this is not YAML" in said or "stands twice" in said
    assert "Mend the text at this line" in said or "Keep one of the two" in said
    assert text(cora.get(f"{PAGE}part/?at=plans/basic"), 404)


def test_a_field_with_its_help_is_changed_in_its_place(cora: Client) -> None:
    form = text(cora.get(f"{PAGE}part/", {"at": "plans/basic/items/fee"}))
    assert "advance : at the period's start; arrears : at its close" in form
    assert "where it is empty: none" in form
    seen = store.draft("test").digest
    given = {"_do": "save", "seen": seen, "f-name": "Basic fee", "f-price": '{model: flat, amount: "21.95"}', "f-included": ""}
    assert "The draft is kept." in text(cora.post(f"{PAGE}part/?at=plans/basic/items/fee", given, follow=True))
    assert store.draft("test").source.strip() == DEARER.strip()
    stale = cora.post(f"{PAGE}part/?at=plans/basic/items/fee", given | {"f-name": "Other"})
    assert "meanwhile" in text(stale, 409)
    broken = cora.post(f"{PAGE}part/?at=plans/basic/items/fee", given | {"seen": store.draft("test").digest, "f-name": "{no"})
    assert "this is not YAML" in text(broken, 422)


def test_something_is_added_and_taken_out(cora: Client) -> None:
    given = {
        "_do": "add",
        "section": "items",
        "code": "support",
        "fragment": '{name: Support, price: "2.00"}',
        "seen": store.draft("test").digest,
    }
    cora.post(f"{PAGE}part/?at=plans/basic", given)
    assert '      support: {name: Support, price: "2.00"}\n' in store.draft("test").source
    cora.post(f"{PAGE}part/?at=plans/basic/items/support", {"_do": "remove", "seen": store.draft("test").digest})
    assert store.draft("test").source.strip() == CATALOGUE.strip()
    cora.post(f"{PAGE}part/?at=", given | {"section": "features", "code": "sso", "fragment": "", "seen": store.draft("test").digest})
    assert "features: {sso: {}}" in store.draft("test").source
    assert cora.post(f"{PAGE}part/?at=plans/basic", given | {"section": "seller"}).status_code == 404


def test_the_difference_reads_plan_item_from_to(cora: Client) -> None:
    press(cora, "save", source=DEARER.replace("  ticket: {", "  concert: {"))
    shown = text(cora.get(f"{PAGE}?show=difference"))
    assert "plan basic · item fee price amount 19.95 21.95" in shown
    assert "item ticket" in shown
    assert "taken away" in shown


def test_examples_are_priced_one_by_one(cora: Client) -> None:
    worked = DEARER.replace(
        'amount: "21.95"}, tax', 'amount: "21.95"}, examples: [{quantity: 1, amount: "21.95"}, {quantity: 1, amount: "20.00"}], tax'
    )
    press(cora, "save", source=worked)
    shown = text(cora.get(f"{PAGE}?show=examples"))
    assert "{amount: 21.95} {amount: 21.95} yes" in shown
    assert "{amount: 20.00} {amount: 21.95} no" in shown


def test_a_story_is_played_with_the_draft(cora: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the test's own transaction, because a database of its own takes long to make."""
    told = catalogues.told
    monkeypatch.setattr(catalogues, "told", lambda story, draft: told(story, draft, isolation="rollback"))
    press(cora, "save", source=DEARER)
    fresh = STORY.replace("ana", "zoe")
    assert "Every expectation holds." in press(cora, "story", show="examples", source=fresh)
    assert "Not everything came out" in press(cora, "story", show="examples", source=fresh.replace("26.56", "24.14"))
    said = press(cora, "story", show="examples", status=422, source=fresh.replace("do: subscribe", "do: nothing"))
    assert "story.yaml:6" in said
    assert "say 'catalogue: draft.yaml'" in press(cora, "story", show="examples", status=422, source="scenario: x\n")


def approve() -> Outcome:
    return execute(Request("approve_publication", {"by": "somebody", "role": "finance"}, NOW, actor="command line", known_at=NOW))


def test_a_kept_story_is_played_again_before_its_draft_is_published(cora: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ISOLATION", "rollback")
    press(cora, "save", source=DEARER)
    fresh = STORY.replace("ana", "zoe")
    assert "Kept." in press(cora, "keep", show="examples", story="first-month", source=fresh)
    assert "first-month user:staff-catalogue_manager not yet" in text(cora.get(f"{PAGE}?show=examples"))
    with pytest.raises(Conflict, match="first-month was not played with this text"):
        do("request_publication", NOW, catalogue="test", reason="x")
    assert "Played." in press(cora, "play", show="examples")
    do("keep_story", NOW, catalogue="test", story="wrong", source=fresh.replace("26.56", "24.14"))
    refused = press(cora, "ask", show="publish", status=409, reason="Costs went up")
    assert "the story wrong does not come out as it says" in refused
    do("drop_story", NOW, catalogue="test", story="wrong")
    assert "Asked for." in press(cora, "ask", show="publish", reason="Costs went up, really")
    do("keep_story", NOW, catalogue="test", story="wrong", source="no story")
    with pytest.raises(Conflict, match="wrong was not played"):
        approve()
    assert do("play_stories", NOW, catalogue="test").made == {"played": 2, "failed": ["wrong"]}
    do("drop_story", NOW, catalogue="test", story="wrong")
    assert approve().made["version"] == 2
    assert CatalogueStory.objects.get().name == "first-month"
    do("draft_catalogue", NOW, catalogue="test")
    with pytest.raises(NotFound, match="did you mean 'first-month'"):
        do("drop_story", NOW, catalogue="test", story="first-mont")


def test_where_no_databases_may_be_made_the_refusal_says_how_to_publish(cora: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NoDatabase("permission denied to create database")

    monkeypatch.setattr(stories, "own_database", refused)
    press(cora, "save", source=DEARER)
    do("keep_story", NOW, catalogue="test", story="first", source=STORY)
    with pytest.raises(NotAllowed, match=r'ALTER ROLE ".+" CREATEDB, then play again; or .+ drop it here') as told:
        do("play_stories", NOW, catalogue="test")
    assert (told.value.code, CatalogueStory.objects.get().played) == ("no_database", "")
    assert "drop_story" in press(cora, "play", show="examples", status=403)
    do("drop_story", NOW, catalogue="test", story="first")
    do("request_publication", NOW, catalogue="test", reason="played elsewhere")
    assert approve().made["version"] == 2


def test_what_a_play_found_is_not_said_of_a_story_that_took_its_place(cora: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    press(cora, "save", source=DEARER)
    do("keep_story", NOW, catalogue="test", story="first", source="a story that holds")

    def replaced(source: str, draft: str, *, isolation: str) -> tuple[bool, str]:
        do("keep_story", NOW, catalogue="test", story="first", source="another")
        return True, ""

    monkeypatch.setattr(kept, "told", replaced)
    assert do("play_stories", NOW, catalogue="test").made["failed"] == ["first"]


def test_a_request_to_publish_that_nobody_decided_ends_with_an_event(cora: Client) -> None:
    press(cora, "save", source=DEARER)
    do("request_publication", NOW, catalogue="test", reason="x")
    request = CorrectionRequest.objects.get()
    expire_overdue(at=request.expires_at - timedelta(seconds=1), actor="clockwork")
    assert CorrectionRequest.objects.get().status == "pending"
    expire_overdue(at=request.expires_at, actor="clockwork")
    expire_overdue(at=request.expires_at, actor="clockwork")
    event = JournalEvent.objects.get(kind="request.expired", stream="house:catalogue")
    assert (event.data["request"], CorrectionRequest.objects.get().status) == (request.request, "expired")
    assert verify(["house:catalogue"]).faults == []


def test_a_back_test_shows_who_pays_more_and_leads_to_their_lines(cora: Client) -> None:
    press(cora, "save", source=DEARER)
    assert "was not tried yet" in text(cora.get(f"{PAGE}?show=backtest"))
    shown = press(cora, "backtest", show="backtest", months="3", sample="10", moved="everybody")
    assert "on 3 of 3 accounts" in shown
    assert "bob 119.90 123.90 4.00 EUR +3.3" in shown
    page = cora.get(f"{PAGE}?show=backtest").content.decode()
    [link] = re.findall(r'href="([^"]+/account/bob/[^"]*)"', page)
    lines = text(cora.get(html.unescape(link)))
    assert "Basic fee 2026-01-01 – 2026-02-01 1 19.95 EUR 21.95 EUR 2.00 EUR" in lines
    assert "expected 1 to 36" in press(cora, "backtest", show="backtest", status=422, months="99")


def test_one_asks_and_another_approves(cora: Client) -> None:
    press(cora, "save", source=DEARER)
    assert "Asked for." in press(cora, "ask", show="publish", reason="Costs went up")
    mine = text(cora.get(f"{PAGE}?show=publish"))
    assert "You asked for it: somebody else must decide." in mine
    assert "Approve and publish" not in mine
    row = CorrectionRequest.objects.get()
    assert "somebody else must decide" in press(cora, "approve", show="publish", status=403, request=row.request)
    fay = staff("finance", "catalogue_manager")
    seen = text(fay.get("/admin/billing/account/work/approvals/"))
    assert "publish_draft" in seen
    request = fay.get(f"/admin/billing/correctionrequest/{row.request.replace(':', '_3A').replace('/', '_2F')}/change/")
    assert "Look at the draft and decide" in text(request)
    shown = text(fay.get(f"{PAGE}?show=publish"))
    assert "plan basic · item fee price amount 19.95 21.95" in shown
    assert "was not back-tested" in shown
    assert "Approved and published." in press(fay, "approve", show="publish", request=row.request)
    assert store.published("test").version == 2
    assert "Nobody works on the next version." in text(fay.get(PAGE))


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("clerk", 403), ("catalogue_manager", 200)])
def test_who_may_write_a_draft(role: str, status: int) -> None:
    client = staff(role)
    assert client.get(PAGE).status_code == 200
    press(client, "start", status=status)
    assert (store.find_draft("test") is not None) == (status == 200)
    assert AccessRecord.objects.filter(action="refused", what="draft_catalogue").exists() == (status == 403)


@pytest.mark.parametrize("page", [DRAFTS, PAGE, f"{PAGE}part/?at=plans/basic", f"{PAGE}account/ana/"])
def test_three_people(page: str, cora: Client) -> None:
    assert Client().get(page).status_code == 302
    assert staff().get(page).status_code == 403
    assert cora.get(page).status_code == 200


@pytest.mark.parametrize(
    "page", [f"{DRAFTS}gym/", f"{PAGE}?show=x", f"{PAGE}part/?at=plans/nobody", f"{PAGE}account/nobody/", f"{PAGE}account/%00/"]
)
def test_what_is_not_there(page: str, cora: Client) -> None:
    assert cora.get(page).status_code == 404
    assert cora.post(PAGE, {"_do": "steal"}).status_code == 404
