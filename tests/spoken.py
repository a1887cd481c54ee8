"""What goes to the database, trip by trip, however it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from billing import together
from billing.together import Line


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The statements of each trip, as they are written; savepoints of the test's own transaction aside. What begins and ends a transaction
    is not named, though a trip in which nothing else goes is one. Statements are prepared when they are first used, so that a second time
    they may go together."""
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", 0)
    seen: list[list[str]] = []
    waiting: list[str] = []
    _count_cursors(monkeypatch, seen)
    say, exchange = Line.say, together.exchange

    def said(line: Line, statement: bytes, parameters: Any) -> Any:
        answer = say(line, statement, parameters)
        if answer is not None:
            waiting.append(statement.decode())
        return answer

    def exchanged(held: Any, calls: Any) -> Any:
        seen.append(list(waiting))
        waiting.clear()
        return exchange(held, calls)

    monkeypatch.setattr(Line, "say", said)
    monkeypatch.setattr(together, "exchange", exchanged)
    return seen


def _count_cursors(monkeypatch: pytest.MonkeyPatch, seen: list[list[str]]) -> None:
    for name in ("execute", "copy", "executemany"):
        real = getattr(psycopg.Cursor, name)

        def counted(cursor: object, query: object, *rest: object, real: Callable[..., object] = real, **more: object) -> object:
            text = query.decode() if isinstance(query, bytes) else query if isinstance(query, str) else repr(query)
            if "SAVEPOINT" not in text:
                seen.append([text])
            return real(cursor, query, *rest, **more)

        monkeypatch.setattr(psycopg.Cursor, name, counted)
