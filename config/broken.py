"""Text that no database holds: a NUL in an address. Whoever sends it is told so, and nobody is called in the night."""

from __future__ import annotations

from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse

from billing.api.problems import bad_request


class BrokenText:
    """Answers 400 where a view asked the database for such a text."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return bad_request(request, error) if isinstance(error, DataError) and "NUL" in str(error) else None
