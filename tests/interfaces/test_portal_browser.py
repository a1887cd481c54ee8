"""A real browser plays what a customer does, from signing up to cancelling: without JavaScript, then by keyboard, on a phone, in the dark.

`PICTURES=docs/img` keeps pictures of the main pages there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.models import Membership
from billing.usage import ingest
from tests import books

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery"
PAGES = ("", "why", "documents", "pay", "cards", "usage", "plans", "contracts", "people", "do/subscribe", "do/change_details")
OUTSIDE = ("account/login/", "account/signup/", "account/password/reset/", "my/open")


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=ROOT / folder / f"portal-{name}.png")


def press(page: Page, name: str) -> None:
    """The button or link of that name."""
    main = page.get_by_role("main")
    main.get_by_role("button", name=name, exact=True).or_(main.get_by_role("link", name=name, exact=True)).first.click()


def signed_up(page: Page, base: str) -> None:
    page.goto(f"{base}/account/signup/")
    page.fill("[name=email]", "nia@example.com")
    page.fill("[name=password1]", SECRET)
    page.fill("[name=password2]", SECRET)
    page.locator("main button").last.click()
    link = re.search(r"https?://\S+?(/account/confirm-email/\S+)", str(mail.outbox[-1].body))
    assert link is not None
    page.goto(base + link.group(1))
    page.locator("main button").last.click()
    page.goto(f"{base}/account/login/")
    page.fill("[name=login]", "nia@example.com")
    page.fill("[name=password]", SECRET)
    page.locator("main button").first.click()
    page.wait_for_url("**/my/open")


def opened(page: Page) -> str:
    """Open an account; answers its name."""
    page.fill("[name=name]", "Nia Bevan")
    page.select_option("[name=country]", "ES")
    press(page, "Open the account")
    page.wait_for_url("**/plans")
    return page.url.split("/")[-2]


def used(account: str) -> None:
    now = timezone.now()
    rows = [{"account": account, "meter": "calls", "id": "1", "at": now.isoformat(), "value": "640"}]
    ingest(rows, source="test", arrived_at=now)


def paid_with(page: Page, card: str) -> None:
    press(page, "Pay")
    page.check(f"[name=card][value={card}]")
    press(page, "Pay")


def test_a_customer_signs_up_upgrades_pays_and_cancels_without_javascript(live_server: Any, browser: Browser) -> None:
    books.publish((ROOT / "examples/saas/catalogue.yaml").read_text())
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1000, "height": 760})
    context.set_default_timeout(15_000)
    page = context.new_page()
    signed_up(page, live_server.url)
    account = opened(page)
    my = f"{live_server.url}/my/{account}"

    expect(page.get_by_text("free for 14 days")).to_be_visible()
    picture(page, "plans")
    press(page, "Take Team")
    page.fill("[name=quantity]", "2")
    press(page, "See what it costs")
    expect(page.get_by_text("It costs nothing now.")).to_be_visible()
    press(page, "Confirm")

    page.goto(f"{my}/contracts")
    press(page, "Change plan Team")
    page.select_option("[name=plan]", "business")
    press(page, "See what it costs")
    expect(page.get_by_text("This is exactly what will happen when you confirm.")).to_be_visible()
    promised = page.locator("strong").first.inner_text()
    picture(page, "preview")
    press(page, "Confirm")
    expect(page.locator(".figure").first).to_have_text(promised)

    used(account)
    page.goto(f"{my}/")
    picture(page, "overview")
    press(page, "Pay now")
    picture(page, "pay")
    paid_with(page, "decline_soft")
    expect(page.get_by_role("alert")).to_contain_text("Not paid. Insufficient funds")
    press(page, "Try again")
    paid_with(page, "approve")
    expect(page.get_by_role("status")).to_contain_text("Paid. Thank you.")
    page.goto(f"{my}/documents")
    address = page.get_by_role("link", name="PDF").first.get_attribute("href")
    pdf = context.request.get(f"{live_server.url}{address}")
    assert (pdf.headers["content-type"], pdf.body()[:5]) == ("application/pdf", b"%PDF-")

    page.goto(f"{my}/contracts")
    press(page, "Cancel Business")
    page.select_option("[name=when]", "period_end")
    press(page, "See what it costs")
    press(page, "Confirm")
    page.goto(f"{my}/contracts")
    expect(page.get_by_role("link", name="Keep it after all Business")).to_be_visible()
    assert Membership.objects.get(account=account).role == "owner"

    scripted = browser.new_context(storage_state=context.storage_state(), viewport={"width": 360, "height": 740})
    scripted.set_default_timeout(15_000)
    by_keyboard(scripted.new_page(), my)
    for_everybody(scripted.new_page(), live_server.url, my)


def by_keyboard(page: Page, my: str) -> None:
    """Past the navigation, to the reason of a balance, with nothing but keys; and what has the focus is seen to have it."""
    page.goto(f"{my}/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Why?")
    assert page.locator(":focus").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/why")


def for_everybody(page: Page, base: str, my: str) -> None:
    """Every page on a phone, light and dark: nothing serious for axe, nothing wider than the screen, nothing from elsewhere."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    found = {}
    for name in (*[f"{my}/{name}" for name in PAGES], *[f"{base}/{name}" for name in OUTSIDE]):
        page.emulate_media(color_scheme="light")
        page.goto(name)
        found[name] = serious(page) + wider(page)
        page.emulate_media(color_scheme="dark")
        found[f"{name} in the dark"] = serious(page, only="color-contrast")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert [url for url in asked if not url.startswith((base, "data:"))] == []
    pictures(page, my)


def serious(page: Page, *, only: str = "") -> list[str]:
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    listed = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in listed if one["impact"] in ("serious", "critical") for node in one["nodes"]]


def wider(page: Page) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} pixels wide"] if width > 360 else []


def pictures(page: Page, my: str) -> None:
    if "PICTURES" not in os.environ:
        return
    page.goto(f"{my}/documents")
    picture(page, "phone-dark")
    page.set_viewport_size({"width": 1000, "height": 760})
    for name in ("usage", "people", "plans", "contracts"):
        page.emulate_media(color_scheme="light")
        page.goto(f"{my}/{name}")
        picture(page, name)
        page.emulate_media(color_scheme="dark")
        picture(page, f"{name}-dark")
