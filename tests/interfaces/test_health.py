"""Health, metrics, logs and secrets: what those who run the system look at."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from config.logs import JsonLines, request_id
from tests.books import advance, do, open_account, publish

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_process_lives_without_asking_anybody() -> None:
    assert Client().get("/health/live").json() == {"status": "live"}


@pytest.mark.django_db
def test_supervisors_ask_by_address_and_without_tls(settings: Any) -> None:
    """As in earnest: behind a name of its own, everything else sent to https. Others who come by address are refused."""
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["billing.example"], True
    client = Client(headers={"host": "10.0.0.7:8000"})
    assert [client.get(path).status_code for path in ("/health/live", "/health/ready", "/")] == [200, 200, 400]
    assert client.post("/health/live").status_code == 405


@pytest.mark.django_db
def test_it_is_ready_when_the_database_and_its_tables_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Client().get("/health/ready").status_code, Client().get("/health/ready").json()) == (200, {"status": "ready"})

    def dead(*args: Any, **given: Any) -> Any:
        raise DatabaseError("the server closed the connection of anna@example.com")

    monkeypatch.setattr(connection, "cursor", dead)
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer: DatabaseError")


@pytest.mark.django_db
def test_it_is_not_ready_while_migrations_are_to_be_made() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'billing')")
    assert Client().get("/health/ready").json()["reason"].endswith("migrations are to be made; run 'manage.py migrate'")


@pytest.mark.django_db
def test_metrics_count_and_name_nobody(settings: Any) -> None:
    publish()
    open_account("ana", name="Ana Ruiz")
    do("subscribe", account="ana", plan="basic")
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "t0ken"
    assert Client().get("/metrics", headers={"authorization": "Bearer other"}).status_code == 404
    told = Client().get("/metrics", headers={"authorization": "Bearer t0ken"}).content.decode()
    assert 'billing_accounts{status="open"} 1.0' in told
    assert 'billing_open_amount{currency="EUR",document="invoice"} 24.14' in told
    assert "billing_due_accounts 1.0" in told
    assert "ana" not in told.lower().replace("manage", "")
    advance("2026-01-15")


def test_an_answer_bears_the_id_of_its_request() -> None:
    assert Client().get("/health/live", headers={"x-request-id": "abc-1"})["X-Request-ID"] == "abc-1"
    for odd in ("a b", "x" * 65, "a\nb"):
        assert Client().get("/health/live", headers={"x-request-id": odd})["X-Request-ID"] != odd


def test_a_line_of_the_log_is_one_json_object_with_the_request() -> None:
    record = logging.LogRecord("billing", logging.ERROR, "x.py", 1, "run %d\nfailed", (7,), None)
    record.account = "ana"
    token = request_id.set("abc-1")
    try:
        told = json.loads(JsonLines().format(record))
    finally:
        request_id.reset(token)
    assert {name: told[name] for name in ("level", "message", "request", "account")} == {
        "level": "ERROR",
        "message": "run 7\nfailed",
        "request": "abc-1",
        "account": "ana",
    }


def test_secrets_may_be_files_and_a_deployment_passes_djangos_own_check(tmp_path: Path) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text("k" * 30 + "".join(chr(33 + i) for i in range(40)) + "\n")
    given = {"DEBUG": "false", "SECRET_KEY_FILE": str(secret), "ALLOWED_HOSTS": "billing.example", "PATH": os.environ["PATH"]}
    given |= {"SECURE_HSTS_SECONDS": "31536000", "DATABASE_URL": os.environ.get("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")}
    words = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(words, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
