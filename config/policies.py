"""Which content policy a page has: the strict one of the settings, but for pages made by others that can't live with it.

The admin's theme evaluates expressions in attributes (Alpine) and sets styles inline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

ADMIN = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}
BY_PATH: tuple[tuple[str, dict[str, list[str]]], ...] = (("/admin/", ADMIN),)


class PolicyByPath:
    """Stands inside of the middleware that writes the header."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: Any = self.answer(request)
        for path, looser in BY_PATH:
            if request.path.startswith(path) and not hasattr(response, "_csp_replace"):
                response._csp_replace = looser
        answered: HttpResponse = response
        return answered
