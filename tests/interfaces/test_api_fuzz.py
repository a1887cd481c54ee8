"""Every operation of the description, called by three roles with what it allows and with what it forbids: no 5xx, no answer that is not
described, no bad data taken. Deterministic; two good requests for an operation, one of them about an account that exists, and a bad one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import hypothesis
import pytest
import schemathesis
import yaml
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import Client
from django.utils import timezone
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import checks

from billing.api import schema
from billing.keys.making import make_key
from tests.interfaces.callers import customer, staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
WANTED = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
EXAMPLES = {GenerationMode.POSITIVE: 2, GenerationMode.NEGATIVE: 1}
PARTS = 2
CSRF = "c" * 32
TAKES_EVENTS = "POST /api/v1/events"


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The requests of a test are part of its transaction. Thousands of refusals are not worth a line of log each."""
    logging.disable(logging.ERROR)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    logging.disable(logging.NOTSET)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    text = yaml.load(schema.path().read_text(), yaml.CSafeLoader)
    for methods in text["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)  # who calls is said below
    api = schemathesis.openapi.from_dict(text)
    api.app = get_wsgi_application()
    return [found.ok() for found in api.get_all_operations()]


def signed_in(client: Client) -> dict[str, str]:
    return {"sessionid": client.cookies["sessionid"].value, "csrftoken": CSRF}


@pytest.fixture
def callers() -> dict[str, dict[str, str]]:
    administrator = Client()
    administrator.force_login(User.objects.create_user("root", is_staff=True, is_superuser=True))
    people = {"owner": customer("olga", "ana", "owner"), "clerk": staff("clerk"), "administrator": administrator}
    return {role: signed_in(client) for role, client in people.items()}


def cases(operation: Any, mode: GenerationMode) -> Iterator[Any]:
    """A few cases, the same in every run."""
    found: list[Any] = []

    @hypothesis.seed(5)
    @hypothesis.settings(
        max_examples=EXAMPLES[mode],
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # an address without parameters can't be asked wrongly
        collect()
    yield from found


def about_ana(case: Any) -> None:
    """Half of the valid requests are about an account that exists: they come as far as the rules of the command."""
    events = case.body if isinstance(case.body, list) else [case.body]
    for part in (case.path_parameters, *events):
        for name in ("account", "subject"):
            if isinstance(part, dict) and name in part:
                part[name] = "ana"


def findings(case: Any, cookies: dict[str, str], key: str) -> tuple[int, list[str]]:
    """The status that is answered, and what is wrong with the answer. Whatever the request did is undone. Events are sent with the key."""
    sent = {"headers": {"Authorization": key}} if case.operation.label == TAKES_EVENTS else {"headers": {"X-CSRFToken": CSRF}}
    with transaction.atomic():
        response = case.call(cookies=cookies, **sent)
        transaction.set_rollback(True)
    try:
        case.validate_response(response, checks=WANTED)
    except FailureGroup as group:
        wrong = [f"{one.title}: {one.message}" for one in group.exceptions if isinstance(one, Failure)]
        return response.status_code, [f"{case.as_curl_command()[:300]} -> {response.status_code} {one}" for one in wrong]
    return response.status_code, []


@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation_keeps_to_its_description(operations: list[Any], callers: dict[str, dict[str, str]], part: int) -> None:
    key = f"Bearer {make_key('switch', ['usage'], at=NOW)}"
    seen: dict[str, set[int]] = {}
    wrong = []
    for operation in operations[part::PARTS]:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            valid = mode is GenerationMode.POSITIVE
            for number, case in enumerate(cases(operation, mode)):
                if valid and number % 2:
                    about_ana(case)
                for role in callers if valid else ["administrator"]:  # who may do everything is refused nothing but for what is wrong
                    status, found = findings(case, callers[role], key)
                    seen.setdefault(operation.label, set()).add(status)
                    wrong += [f"{role} {one}" for one in found]
    assert not wrong, "\n".join(wrong)
    asked = {operation.label for operation in operations[part::PARTS]}
    assert (set(seen), len(asked) > 100) == (asked, True)
    assert [label for label, statuses in seen.items() if statuses <= {401, 403}] == []  # nothing was kept from everybody
    assert set().union(*seen.values()) >= {200, 403, 404, 422}
