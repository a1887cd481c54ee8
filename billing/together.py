"""Statements that go to the database together: one trip for many, where nobody looks at an answer in between.

A trip costs more than what most statements of a single command do there. Inside `gathering` what is written waits, and goes with the next
question, or with the COMMIT. The server does the statements one after the other, and each sees what those before it did, as if it had come
alone; what one of them breaks is raised by the question or the end that they went with, and none after it is done.

Only statements that the connection has prepared wait. Whatever else goes over the connection, a savepoint, a COPY, a cursor of Django's,
is sent after what was gathered before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Any, cast

import psycopg
from django.db import connection
from psycopg import errors
from psycopg._queries import _query2pg  # the driver's register of what is prepared goes by these bytes
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.waiting import Wait

Row = tuple[Any, ...]
Rows = list[Row]
_BROKEN = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED})


class Answer:
    """What a statement is answered, once it was sent: asking for the rows sends it."""

    __slots__ = ("_line", "_result", "_rows")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._result: Any = None
        self._rows: Rows | None = None

    def rows(self) -> Rows:
        if self._rows is None:
            if self._result is None:
                self._line.send()
            transformer, result = self._line.transformer, self._result
            transformer.set_pgresult(result)
            self._rows = transformer.load_rows(0, result.ntuples, tuple)
        return self._rows


class Line:
    """What waits to be sent over one connection."""

    def __init__(self, wrapper: Any) -> None:
        held: psycopg.Connection[Any] = wrapper.connection
        self.connection = held
        self.errors = wrapper.wrap_database_errors  # Django's: those of the driver by its own names
        self.transformer = Transformer(held)
        self.waiting: list[tuple[Answer, Callable[..., None], tuple[Any, ...]]] = []
        self.foreseen: dict[Any, tuple[Answer, bool]] = {}  # asked already, for who is going to ask it; and whether it lasts

    def say(self, statement: bytes, parameters: Any) -> Answer | None:
        """Let a statement wait. None where the connection has not prepared it: it is for a cursor."""
        query, formats, order = _read(statement)
        given = cast("Sequence[Any]", parameters) if order is None else [parameters[name] for name in order]
        with self.errors:
            values = self.transformer.dump_sequence(given, formats)
        names = self.connection._prepared._names
        key = query, self.transformer.types or ()
        name = names.get(key)
        if name is None:
            return None
        names.move_to_end(key)
        return self._wait(self.connection.pgconn.send_query_prepared, name, values, self.transformer.formats, Format.BINARY)

    def _wait(self, call: Callable[..., None], *given: Any) -> Answer:
        answer = Answer(self)
        self.waiting.append((answer, call, given))
        return answer

    def send(self, *, commit: bool = False) -> None:
        """Send what waits, and take the answers; with `commit` the transaction ends with it. Raises what the first that failed says."""
        if not self.waiting and not commit:
            return
        held = self.connection
        if held.pgconn.transaction_status == TransactionStatus.IDLE and not held.autocommit:
            self._wait(held.pgconn.send_query_params, held._get_tx_start_command(), None)
            self.waiting.insert(0, self.waiting.pop())  # first of all
        if commit:
            self._wait(held.pgconn.send_query_params, b"COMMIT", None)
        said, self.waiting = self.waiting, []
        with self.errors:
            results = exchange(held, [(call, given) for _, call, given in said])
            for result in results:
                if result.status in _BROKEN:
                    raise errors.error_from_result(result)
            if commit and results[-1].command_status != b"COMMIT":
                raise errors.InFailedSqlTransaction("the transaction had failed before, and was undone")
        for (answer, _, _), result in zip(said, results, strict=True):
            answer._result = result

    def forget(self) -> None:
        """What waits, and what was answered ahead, is undone."""
        self.waiting.clear()
        self.foreseen.clear()

    def come_first(self) -> None:
        """From now on, whatever the driver is to do with the connection is done after what waits."""
        held: Any = self.connection
        held.wait = self._after_what_waits

    def _after_what_waits(self, *given: Any, **more: Any) -> Any:
        self.send()
        return type(self.connection).wait(self.connection, *given, **more)

    def step_back(self) -> None:
        held: Any = self.connection
        del held.wait


def exchange(held: psycopg.Connection[Any], calls: Sequence[tuple[Callable[..., None], tuple[Any, ...]]]) -> list[Any]:
    """One trip: a result for each call."""
    server = held.pgconn
    server.enter_pipeline_mode()
    try:
        for call, given in calls:
            call(*given)
        server.pipeline_sync()
        return type(held).wait(held, _answers(held))
    finally:
        try:
            server.exit_pipeline_mode()
        except psycopg.OperationalError:  # in the middle of it, or gone: nobody could go on with it
            held.close()


def _answers(held: psycopg.Connection[Any]) -> Generator[Wait, Any, list[Any]]:
    """The results up to the end of the trip, as the driver waits for them: other threads go on meanwhile."""
    server = held.pgconn
    while server.flush():
        yield Wait.RW
        server.consume_input()
    results: list[Any] = []
    while True:
        while server.is_busy():
            yield Wait.R
            server.consume_input()
        result = server.get_result()
        if result is None:
            continue  # the end of one statement's
        if result.status == ExecStatus.PIPELINE_SYNC:
            return results
        results.append(result)


@lru_cache(maxsize=2_000)
def _read(statement: bytes) -> tuple[bytes, list[PyFormat], list[str] | None]:
    """The statement as the server reads it, the forms of its values, and their names where they have such."""
    query, formats, order, _ = _query2pg(statement, "utf-8")
    return query, formats, order


class _Here(threading.local):
    line: Line | None = None


_here = _Here()


def line_here() -> Line | None:
    """The line on which this thread gathers, if it does."""
    return _here.line


def gathering(*, ends: Callable[[], bool] = bool) -> _Gathering:
    """Inside, what is written waits for the next question or for the end. `ends` says at the end whether the transaction does too: then its
    COMMIT goes along, and Django's, which follows, finds it done. What still waits when something is raised is forgotten: whoever catches
    it undoes the transaction, or goes back to a savepoint that was made before."""
    return _Gathering(ends)


class _Gathering:
    __slots__ = ("_ends", "_line", "_outer")

    def __init__(self, ends: Callable[[], bool]) -> None:
        self._ends = ends

    def __enter__(self) -> None:
        self._outer = _here.line
        self._line = self._outer or _line()
        _here.line = self._line
        if self._outer is None:
            self._line.come_first()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._line.send(commit=self._outer is None and self._ends())
        finally:
            self._line.waiting.clear()
            if kind is not None or self._outer is None:
                self._line.foreseen.clear()
            if self._outer is None:
                self._line.step_back()
            _here.line = self._outer


def _line() -> Line:
    """That of the connection, one for each: it remembers how values of the types that it has met are written and read."""
    connection.ensure_connection()
    found: Line | None = getattr(connection, "line", None)
    if found is None or found.connection is not connection.connection:
        found = Line(connection)
        connection.line = found  # type: ignore[attr-defined]
    return found
