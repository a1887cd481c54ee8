"""The description of the API: kept up to date, valid, complete, with examples that are true; and the page to read it on."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from datetime import datetime
from typing import Any

import orjson
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone
from drf_spectacular.validation import validate_schema
from playwright.sync_api import sync_playwright

from accounts.roles import SCOPES
from billing.api import schema, urls
from billing.api.examples import Example, examples
from billing.command import registry
from billing.keys.making import make_key
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
PAGES = {"schema", "docs"}


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture
def administrator() -> Client:
    return staff("administrator")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return dict(yaml.load(schema.path().read_text(), yaml.CSafeLoader))


def test_what_is_kept_is_what_the_code_says(kept: dict[str, Any]) -> None:
    assert schema.path().read_text() == schema.page()
    validate_schema(kept)
    assert kept["openapi"] == "3.1.1"


def test_every_address_is_described(kept: dict[str, Any]) -> None:
    addresses = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(found.pattern)) for found in urls.urlpatterns} - PAGES
    assert {path.removeprefix("/api/v1/") for path in kept["paths"]} == addresses
    assert set(kept["paths"]["/api/v1/events"]) == {"get", "post"}


def test_every_operation_says_how_it_can_be_refused(kept: dict[str, Any]) -> None:
    for path, methods in kept["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "429"} <= set(operation["responses"]), (path, method)
    pay = kept["paths"]["/api/v1/commands/pay"]["post"]["responses"]
    assert set(pay) == {"200", "201", "400", "401", "403", "404", "406", "409", "412", "413", "415", "422", "429"}


def test_the_arguments_of_commands_are_closed(kept: dict[str, Any]) -> None:
    arguments = [found for name, found in kept["components"]["schemas"].items() if name.endswith("Arguments")]
    assert len(arguments) == sum(bool(fields(command.arguments)) for command in registry().values())  # one that takes none has no body
    assert all(found["additionalProperties"] is False for found in arguments)


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"{example.operation}-{example.name}")
def test_examples_are_true(administrator: Client, kept: dict[str, Any], example: Example) -> None:
    address = f"/api/v1/{example.path}"
    if example.body is None:
        answer = administrator.get(address)
    else:  # a program: people would have to ask for what corrects money
        headers = {"Authorization": f"Bearer {make_key('switch', sorted(SCOPES), at=NOW)}"}
        answer = Client().post(address, orjson.dumps(example.body), content_type=example.kind or "application/json", headers=headers)
    assert answer.status_code == example.status, answer.content
    if example.answer is not None:
        assert answer.json() == example.answer
    described = [o for methods in kept["paths"].values() for o in methods.values() if o["operationId"] == example.operation]
    assert example.title in str(described[0])


def test_the_kept_description_is_served(administrator: Client) -> None:
    assert administrator.get("/api/v1/schema").content == schema.path().read_bytes()
    assert Client().get("/api/v1/schema").status_code == 401


def test_the_page_to_read_it_on_has_no_script_and_no_style_of_its_own(administrator: Client) -> None:
    answer = administrator.get("/api/v1/docs")
    page = answer.content.decode()
    assert re.findall(r"<script(?![^>]*src=)", page) == re.findall(r"<style|style=|//", page) == []
    assert len(re.findall(r"<script src=", page)) == 3
    assert "unsafe" not in answer["Content-Security-Policy"]
    script = administrator.get("/api/v1/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema" in script.content.decode()


@pytest.mark.needs("chromium")
def test_the_page_works_in_a_browser_that_reaches_nothing_else(administrator: Client) -> None:
    """Every request of the page is answered by the site itself, with its policy; the console stays silent."""
    asked, said = [], []
    pages = {path: administrator.get(path) for path in ("/api/v1/docs", "/api/v1/docs?script=", "/api/v1/schema")}

    def answer(route: Any, request: Any) -> None:
        path = request.url.removeprefix("http://billing.test")
        asked.append(path)
        if path.startswith("/static/"):
            return route.fulfill(path=finders.find(path.removeprefix("/static/")))
        found = pages[path]
        headers = {name: found[name] for name in ("Content-Type", "Content-Security-Policy")}
        return route.fulfill(headers=headers, body=found.content)

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("**/*", answer)
        page.goto("http://billing.test/api/v1/docs")
        page.wait_for_selector("#operations-accounts-accounts_list", timeout=90_000)
        browser.close()
    assert said == []
    assert all(path.startswith(("/static/", "/api/v1/")) for path in asked)
