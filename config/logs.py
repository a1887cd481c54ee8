"""What every line of the log goes through."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from plans.card_numbers import masked


class WithoutCardNumbers(logging.Filter):
    """Masks card numbers in what is logged, with the text of an error too: nothing that is kept may hold one."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        clean = masked(text)
        if clean != text:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        return True


#: The request that is answered in this thread of work: its id goes into every line that is logged meanwhile.
request_id: ContextVar[str] = ContextVar("request_id", default="")
KNOWN = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName", "request", "server_time"}
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, the request's id, and what the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if found := request_id.get():
            told["request"] = found
        told |= {name: str(value) for name, value in record.__dict__.items() if name not in KNOWN}
        if record.exc_text or record.exc_info:
            told["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return json.dumps(told, ensure_ascii=False)


class RequestIds:
    """Each request has an id: the one that a proxy gave it, or a new one; it goes back in the answer and into the log."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identity = given if SAFE_ID.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(identity)
        try:
            response = self.answer(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identity
        return response
