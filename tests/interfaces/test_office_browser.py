"""A real browser plays what the office does: a refund that one asks for and another approves, a price that is published after a back-test.
Then every main page of the office is looked at, light and dark: nothing serious for axe, nothing loaded from elsewhere, no policy broken.

One world and one server for all of it. `PICTURES=docs/img` keeps pictures of the main pages there, of a larger world.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import Membership
from billing.models import CorrectionRequest, Invoice
from payments.models import Refund
from plans import store
from tests.books import CATALOGUE, advance, do, open_account, publish, use

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
POLICY = """currency: EUR
limits:
  clerk: {refund: {each: 5}}
  supervisor: {any: {each: 100, day: 500}}
  catalogue_manager: {publish_draft: unlimited}
request: {expires: 7 days, reasons: [goodwill, mistake]}
"""
#: Pictures are kept small.
SCALE = 0.75 if "PICTURES" in os.environ else 1
OFFICE = "/admin/billing"
DRAFT = "/admin/plans/catalogueversion/drafts/test"


def play(now: datetime, *, accounts: int, days: int) -> None:
    """Some months until today: ana has paid more than she owes, bob less, the others nothing or all."""
    start = now - timedelta(days=days)
    publish(CATALOGUE.replace('amount: "19.95"}', 'amount: "19.95"}, examples: [{quantity: 1, amount: "19.95"}]'), start)
    do("publish_policy", start, source=POLICY)
    do("restock", start, item="router", quantity="50")
    names = ["ana", "bob", "eve", *(f"customer-{i:02}" for i in range(1, accounts - 2))]
    plans = ("basic", "metered", "seats", "pro")
    for i, name in enumerate(names):
        since = start + timedelta(days=1 + 7 * i % (days // 2))
        open_account(name, since, name={"ana": "Ana Ruiz", "bob": "Bob Ochs", "eve": "Eve Roux"}.get(name, f"Customer {i}"))
        do("subscribe", since, account=name, plan=plans[i % 4])
        use(
            name,
            "calls",
            arrived=now - timedelta(days=2),
            records=[{"id": name, "at": (now - timedelta(days=40)).isoformat(), "value": str(9 + i)}],
        )
    do("sell", now - timedelta(days=9), account="bob", item="router", quantity="1")
    advance(now - timedelta(days=8))
    for i, name in enumerate(names):
        amount = {"ana": "400.00", "bob": "20.00", "eve": ""}.get(name, "60.00" if i % 3 else "")
        if amount:
            do("pay", now - timedelta(days=7 + i), account=name, amount=amount, channel="transfer", reference=f"R-{i}")
    if accounts > 5:
        do("cancel", now - timedelta(days=6), account=names[-1], when="now")
    advance(now)


def signed_in(browser: Browser, base: str, name: str, *roles: str) -> Page:
    """A page of somebody who is signed in: staff with roles, or a customer."""
    user = User.objects.create_user(name, is_staff=bool(roles))
    user.groups.add(*Group.objects.filter(name__in=roles))
    client = Client()
    client.force_login(user)
    context = browser.new_context(viewport={"width": 1280, "height": 860}, device_scale_factor=SCALE)
    context.set_default_timeout(20_000)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base}])
    page = context.new_page()
    watched(context, page)
    return page


PROBLEMS: list[str] = []
ASKED: list[str] = []


def watched(context: BrowserContext, page: Page) -> None:
    """Keep what the browser complains of (a broken policy, a script that fails) and all that it loads."""
    page.on("console", lambda said: PROBLEMS.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: PROBLEMS.append(f"{page.url}: {error}"))
    context.on("request", lambda request: ASKED.append(request.url))


def press(page: Page, name: str) -> None:
    main = page.locator("#content, main").first
    main.get_by_role("button", name=name, exact=True).or_(main.get_by_role("link", name=name, exact=True)).first.click()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=ROOT / folder / f"office-{name}.png")


def test_what_the_office_does(live_server: Any, browser: Browser) -> None:
    now = timezone.now()
    play(now, accounts=14 if "PICTURES" in os.environ else 3, days=330 if "PICTURES" in os.environ else 75)
    PROBLEMS.clear()
    ASKED.clear()
    base = live_server.url
    refunded(browser, base)
    published(browser, base)
    for_everybody(browser, base)
    assert [url for url in ASKED if not url.startswith((base, "data:"))] == []
    assert PROBLEMS == []


def refunded(browser: Browser, base: str) -> None:
    """carla asks for more than she may decide, sam approves it, ana sees it."""
    carla, sam = signed_in(browser, base, "carla", "clerk"), signed_in(browser, base, "sam", "supervisor")
    ana = signed_in(browser, base, "ana@example.com")
    Membership.objects.create(user=User.objects.get(username="ana@example.com"), account="ana", role="owner", since=timezone.now())
    carla.goto(f"{base}{OFFICE}/account/ana/change/")
    carla.get_by_role("link", name="refund", exact=True).click()
    carla.fill("[name=amount]", "25.50")
    carla.fill("[name=channel]", "transfer")
    carla.select_option("[name=code]", "goodwill")
    carla.fill("[name=reason]", "Was without service for a week")
    press(carla, "Preview")
    expect(carla.get_by_text("it waits until somebody else approves it")).to_be_visible()
    press(carla, "Confirm")
    expect(carla.get_by_text("Somebody else must approve it before it is done.")).to_be_visible()
    assert not Refund.objects.exists()

    sam.goto(f"{base}{OFFICE}/account/work/approvals/")
    picture(sam, "approvals")
    sam.get_by_role("link", name="ana/", exact=False).click()
    press(sam, "Approve")
    press(sam, "Preview")
    press(sam, "Confirm")
    assert Refund.objects.get().amount == CorrectionRequest.objects.get().amount == 25.5
    assert (CorrectionRequest.objects.get().asked_by, CorrectionRequest.objects.get().decided_by) == ("user:carla", "user:sam")

    ana.goto(f"{base}/my/ana/documents")
    row = ana.get_by_role("row").filter(has_text="paid back")
    expect(row).to_contain_text("25.50")


def published(browser: Browser, base: str) -> None:
    """cora makes the basic plan dearer, looks who would have paid more, and asks; carl approves."""
    cora, carl = signed_in(browser, base, "cora", "catalogue_manager"), signed_in(browser, base, "carl", "catalogue_manager")
    cora.goto(f"{base}/admin/")
    cora.get_by_role("link", name="Catalogues").first.click()
    cora.get_by_role("link", name="test", exact=True).click()
    press(cora, "Start a draft from version 1")
    cora.locator("a[href*='plans/basic/items/fee']").click()
    cora.fill("[name=f-price]", '{model: flat, amount: "21.95"}')
    press(cora, "Keep")
    expect(cora.get_by_text("The draft is kept.")).to_be_visible()
    cora.goto(f"{base}{DRAFT}/")
    expect(cora.get_by_text("1 mistake: it can't be published like this")).to_be_visible()
    expect(cora.get_by_text("amount expected 19.95, found 21.95")).to_be_visible()
    picture(cora, "catalogue")
    cora.get_by_role("link", name="open the form").click()
    cora.fill("[name=f-examples]", '[{quantity: 1, amount: "21.95"}]')
    picture(cora, "catalogue-field")
    press(cora, "Keep")
    cora.goto(f"{base}{DRAFT}/?show=difference")
    expect(cora.get_by_role("row").filter(has_text="price amount")).to_contain_text("19.95")
    picture(cora, "catalogue-difference")
    press(cora, "Back-test")
    cora.get_by_role("button", name="Back-test").click()
    expect(cora.get_by_text("Most moved")).to_be_visible()
    cora.get_by_role("heading", name="What it would have cost").evaluate("heading => heading.scrollIntoView()")
    picture(cora, "catalogue-backtest")
    movers = cora.locator("#movers")
    expect(movers.get_by_role("row").filter(has_text="ana")).to_contain_text("+10.0")
    movers.get_by_role("link", name="ana").click()
    expect(cora.get_by_role("row").filter(has_text="2.00 EUR").first).to_contain_text("21.95 EUR")
    cora.goto(f"{base}{DRAFT}/?show=publish")
    expect(cora.get_by_role("button", name="Approve and publish")).to_have_count(0)
    cora.fill("[name=reason]", "What it costs us went up by a tenth")
    press(cora, "Ask for approval")
    expect(cora.get_by_text("You asked for it: somebody else must decide.")).to_be_visible()

    carl.goto(f"{base}{DRAFT}/?show=publish")
    expect(carl.get_by_text("What it costs us went up by a tenth")).to_be_visible()
    picture(carl, "catalogue-publish")
    press(carl, "Approve and publish")
    expect(carl.get_by_text("Approved and published.")).to_be_visible()
    assert (store.published("test").version, store.published("test").published_by) == (2, "user:carl")


def pages() -> Iterator[tuple[str, bool]]:
    """One page of each make, and whether its colours are looked at in the dark too."""
    invoice = Invoice.objects.filter(account="bob").order_by("sequence")[0].invoice.replace("/", "_2F")
    request = CorrectionRequest.objects.get(account="ana", status="pending").request.replace("/", "_2F")
    yield from ((address, True) for address in ("/admin/", f"{OFFICE}/account/bob/change/", f"{OFFICE}/account/work/approvals/"))
    yield from ((address, True) for address in (f"{OFFICE}/account/do/pay/?account=bob", f"{OFFICE}/journalevent/at/bob/2/"))
    yield from ((f"{DRAFT}/?show={tab}", tab in ("edit", "difference")) for tab in ("edit", "difference", "examples"))
    yield from ((address, False) for address in (f"{OFFICE}/account/", f"{OFFICE}/journalevent/", f"{OFFICE}/invoice/{invoice}/change/"))
    yield from ((f"{OFFICE}/account/{name}/", False) for name in ("imports", "exports", "work/win-back", "work/ending-trials"))
    yield from ((f"{OFFICE}/{name}/", False) for name in ("run", "contract", "contract/bob_2F2/change", "payment", "campaign"))
    yield from ((f"/admin/accounts/{name}/", False) for name in ("segment/add", "contact", "task"))
    yield from (
        (address, False) for address in (f"{OFFICE}/correctionrequest/{request}/change/", f"{OFFICE}/account/ask/refund/?account=ana")
    )
    yield from (
        (address, False) for address in ("/admin/plans/catalogueversion/drafts/", f"{DRAFT}/?show=backtest", f"{DRAFT}/?show=publish")
    )
    yield from ((address, False) for address in (f"{DRAFT}/part/?at=plans/basic/items/fee", f"{DRAFT}/account/ana/"))


def for_everybody(browser: Browser, base: str) -> None:
    page = signed_in(browser, base, "boss", *Group.objects.values_list("name", flat=True))
    do("draft_catalogue", timezone.now(), catalogue="test")
    do("backtest_catalogue", timezone.now(), catalogue="test", months="3")
    do("request_correction", timezone.now(), account="ana", wanted="refund", arguments={"amount": "9"}, code="mistake", reason="Twice")
    found = {}
    for address, dark in pages():
        page.emulate_media(color_scheme="light")
        answer = page.goto(base + address)
        assert answer is not None
        assert answer.ok, address
        found[address] = serious(page)
        if dark:
            page.emulate_media(color_scheme="dark")
            found[f"{address} in the dark"] = serious(page, only="color-contrast")
    page.emulate_media(color_scheme="light")
    page.goto(f"{base}{OFFICE}/account/do/pay/?account=bob")
    page.fill("[name=amount]", "5")
    page.fill("[name=channel]", "cash")
    press(page, "Preview")
    found["preview"] = serious(page)
    pictures(page, base)
    assert [f"{name}: {one}" for name, wrong in found.items() for one in wrong] == []


def serious(page: Page, *, only: str = "") -> list[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    listed = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in listed if one["impact"] in ("serious", "critical") for node in one["nodes"]]


def pictures(page: Page, base: str) -> None:
    if "PICTURES" not in os.environ:
        return
    for scheme, suffix in (("light", ""), ("dark", "-dark")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, address in (("dashboard", "/admin/"), ("account", f"{OFFICE}/account/bob/change/")):
            page.goto(base + address)
            picture(page, f"{name}{suffix}")
    page.goto(f"{base}{DRAFT}/")
    picture(page, "catalogue-dark")
