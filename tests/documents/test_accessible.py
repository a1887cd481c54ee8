"""The page of a document in a browser: no finding of axe, in the light and in the dark; wide words scroll inside their table."""

from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from payments.documents import faces
from payments.documents.shown import shown
from tests.documents.shop import play, read

pytestmark = [pytest.mark.django_db, pytest.mark.needs("chromium")]


def test_nobody_is_kept_from_reading_a_document() -> None:
    play("es")
    pages = {name: faces.page(shown(read(name))) for name in ("INV-000004", "statement")}
    found, wide = [], []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme=scheme)
            for name, content in pages.items():
                page.set_content(content)
                violations = Axe().run(page).response["violations"]
                found += [(scheme, name, one["id"], one["nodes"][0]["html"][:120]) for one in violations]
                wide.append(page.evaluate("document.documentElement.scrollWidth"))
        browser.close()
    assert found == []
    assert max(wide) <= 360
