"""The page about the API tells the truth: its curl commands are run in order, and each answer holds what the page shows of it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from billing.keys.making import make_key
from tests.interfaces.worlds import NOW

PAGE = Path(settings.BASE_DIR) / "docs" / "api.md"


def steps() -> list[tuple[str, str]]:
    """(command, what is answered), in the order of the page."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(command, answer) for block in blocks for command, answer in re.findall(r"^\$ (.*)\n(.*)$", block, re.MULTILINE)]


def call(command: str, key: str, token: str) -> Any:
    """`token` is that of the last preview."""
    words = shlex.split(command.replace("$API", "/api/v1").replace("$KEY", key).replace("$TOKEN", token))
    assert words[:2] == ["curl", "-s"], command
    address, options = words[2], words[3:]
    headers = dict(value.split(": ", 1) for name, value in zip(options[::2], options[1::2], strict=True) if name == "-H")
    body = next((value for name, value in zip(options[::2], options[1::2], strict=True) if name == "-d"), None)
    if body is None:
        return Client().get(address, headers=headers)
    return Client().post(address, body, content_type=headers.pop("Content-Type"), headers=headers)


def holds(answer: Any, shown: Any) -> bool:
    """Whether everything shown is in the answer; lists are shown whole."""
    if isinstance(shown, dict):
        return isinstance(answer, dict) and all(name in answer and holds(answer[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return isinstance(answer, list) and len(answer) == len(shown) and all(map(holds, answer, shown))
    return bool(answer == shown)


def test_every_command_of_the_page_answers_what_it_shows(world: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    key, token = make_key("docs", ["read", "usage", "money", "wallets", "webhooks", "books"], at=NOW), ""
    found = steps()
    assert len(found) >= 15
    wrong = []
    for command, shown in found:
        status, _, body = shown.partition(" ")
        answer = call(command, key, token)
        token = answer.json()["preview"]["token"] if '"preview"' in shown else token
        if answer.status_code != int(status) or (body and not holds(answer.json(), json.loads(body))):
            wrong.append((command, answer.status_code, answer.getvalue().decode()[:500]))
    assert not wrong, "\n".join(map(str, wrong))


def test_what_is_not_in_an_answer_is_missed() -> None:
    assert not holds({"a": "1"}, {"a": "2"})
    assert not holds({"a": ["1", "2"]}, {"a": ["1"]})
    assert not holds({}, {"a": None})
