"""What docs/deploy/ says is held to the program: files, commands, queues, settings, and how long a worker may take to end."""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from granian.cli import cli as granian

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPILED = re.findall(r"compileall -q (.+)$", CONTAINERFILE, re.MULTILINE)[0].split()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = {path.stem.removeprefix("billing-"): path.read_text() for path in sorted((DEPLOY / "systemd").iterdir())}
PROGRAMS = ("web", "urgent", "bulk", "beat")


def steps(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", CONTAINERFILE, re.MULTILINE)


def in_unit(name: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.+)$", UNITS[name], re.MULTILINE)


def in_compose(name: str) -> list[str]:
    command: list[str] = COMPOSE["services"][name].get("command") or json.loads(steps("CMD")[0])
    return command


def ignored(path: str) -> bool:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return any(fnmatch(path, line.removeprefix("**/")) for line in lines if line and not line.startswith("#"))


# --- the image ---------------------------------------------------------------------------------------------------------------------------


def test_what_is_copied_is_there_and_what_is_secret_is_not() -> None:
    copied = [word for step in steps("COPY") if "--from" not in step for word in step.split()[:-1] if not word.startswith("--")]
    assert copied == ["requirements.lock", "."]
    needed = {"requirements.lock", "manage.py", "templates", "locale", "examples", *COMPILED}
    assert [name for name in sorted(needed) if not (ROOT / name).exists() or ignored(name)] == []
    kept_out = [".env", ".git", ".venv", "var", "docs/deploy/secrets", "docs/deploy/billing.env", "staticfiles"]
    assert [name for name in kept_out if not ignored(name)] == []


def test_every_package_of_the_program_is_compiled() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert set(COMPILED) == packages


def test_it_is_not_run_by_root_and_can_write_to_var_alone() -> None:
    assert steps("USER") == ["billing"]
    assert "--chown" not in CONTAINERFILE
    assert re.findall(r"install -d -o billing -g billing (\S+)", CONTAINERFILE) == ["var"]
    assert (COMPOSE["x-billing"]["read_only"], COMPOSE["x-billing"]["volumes"]) == (True, ["var:/app/var"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_units_and_services_start_the_same_programs(name: str) -> None:
    unit = shlex.split(in_unit(name, "ExecStart")[0])
    assert Path(unit[0]).parent == Path("/srv/billing/.venv/bin")
    mine, theirs = [Path(unit[0]).name, *unit[1:]], in_compose(name)
    where = {"--loglevel", "INFO", "--hostname", f"{name}@%h", "--host", "127.0.0.1", "0.0.0.0"}
    assert [word for word in mine if word not in where] == [word for word in theirs if word not in where]


def test_the_web_server_understands_its_command() -> None:
    for words in (json.loads(steps("CMD")[0]), shlex.split(in_unit("web", "ExecStart")[0])):
        assert words[1:3] == ["-m", "granian"]
        context = granian.make_context("granian", words[3:])
        assert (context.params["app"], str(context.params["interface"])) == ("config.wsgi:application", "wsgi")
    with pytest.raises(Exception, match="No such option"):
        granian.make_context("granian", ["--no-such-thing", "config.wsgi:application"])


def test_health_is_asked_where_it_is_answered() -> None:
    asked = re.findall(r"http://127\.0\.0\.1:(\d+)(/[a-z/]+)", " ".join(COMPOSE["services"]["web"]["healthcheck"]["test"]))
    assert asked == [(steps("EXPOSE")[0], "/health/live")]
    assert Client().get(asked[0][1], headers={"host": "127.0.0.1"}).status_code == 200


# --- workers -----------------------------------------------------------------------------------------------------------------------------


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_workers_may_end_what_they_do() -> None:
    """systemd's own way sends SIGTERM to every process: those that hold a task die of it at once."""
    assert {name: in_unit(name, "KillMode") for name in UNITS} == {name: ["mixed"] for name in PROGRAMS}
    share = settings.RUN_SHARE_SECONDS
    assert seconds(in_unit("bulk", "TimeoutStopSec")[0]) > share
    assert seconds(COMPOSE["services"]["bulk"]["stop_grace_period"]) > share


def test_queues_applications_settings_and_secrets_are_there() -> None:
    commands = [" ".join(in_compose(name)) for name in PROGRAMS] + [in_unit(name, "ExecStart")[0] for name in UNITS]
    queues = {name for text in commands for name in re.findall(r"--queues[ =]([a-z,]+)", text)}
    assert queues == {queue.name for queue in settings.CELERY_TASK_QUEUES}
    assert {name for text in commands for name in re.findall(r"-A ([a-z.]+)", text)} == {"config.celery"}
    documented = (ROOT / "docs" / "operations.md").read_text()
    shared: dict[str, Any] = COMPOSE["x-billing"]
    assert [name for name in shared["environment"] if f"`{name.removesuffix('_FILE')}`" not in documented] == []
    named = {value.rsplit("/", 1)[1] for name, value in shared["environment"].items() if name.endswith("_FILE")}
    assert named == set(shared["secrets"]) <= set(COMPOSE["secrets"])
