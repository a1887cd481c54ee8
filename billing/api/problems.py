"""Errors as RFC 9457 problems: one form for refusals, for the framework's own errors, and for addresses that do not exist."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from plans.errors import Refusal

CONTENT_TYPE = "application/problem+json"


def problem(status: int, code: str, detail: str, *, at: str = "", facts: dict[str, str] | None = None) -> dict[str, Any]:
    """The members of a problem; `code` is stable, `at` names the offending input, `facts` are values a program may use."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    return body | ({"at": at} if at else {}) | ({"facts": facts} if facts else {})


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an error raised in a view; None for what is nobody's fault but ours (it becomes a 500)."""
    headers: dict[str, str] = {}
    if isinstance(error, Refusal):
        facts = {name: _as_text(value) for name, value in error.facts.items()}
        body = problem(error.status, error.code, error.message, at=error.at, facts=facts)
        headers = waiting(error)
    elif isinstance(error, RequestDataTooBig):
        body = problem(413, "too_large", f"the body is longer than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes", at="body")
    elif isinstance(error, SuspiciousOperation):
        said = "there are too many parameters" if isinstance(error, TooManyFieldsSent) else "the request can't be read"
        body = problem(400, "bad_request", said)
    elif isinstance(error, Http404):
        body = problem(404, "not_found", "there is nothing at this address")
    elif isinstance(error, exceptions.APIException):
        if wanted := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = wanted
        body = problem(error.status_code, error.default_code, str(error.detail))
    else:
        return None
    set_rollback()
    if request := context.get("request"):  # also where the view answers something else than JSON
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def waiting(error: Refusal) -> dict[str, str]:
    """The headers that say when to call again, where the refusal knows it."""
    if "retry_after" not in error.facts:
        return {}
    wait = str(error.facts["retry_after"])
    spent = {"RateLimit-Limit": str(error.facts.get("limit", "")), "RateLimit-Remaining": "0", "RateLimit-Reset": wait}
    return {"Retry-After": wait} | (spent if "limit" in error.facts else {})


@csrf_exempt
def nothing_here(request: HttpRequest, path: str = "") -> JsonResponse:
    """Every address below /api/ that is none."""
    body = problem(404, "not_found", f"there is nothing at {request.path[:200]}; see /api/v1/docs")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


# --- what no view answers -----------------------------------------------------------------------------------------------------------


def _told(status: int, code: str, detail: str, otherwise: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What the site answers where no view did: a problem below /api/, the site's own page elsewhere."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return otherwise(request, *args, **kwargs)
        return JsonResponse(problem(status, code, detail), status=status, content_type=CONTENT_TYPE)

    return answer


bad_request = _told(400, "bad_request", "the request can't be read", defaults.bad_request)
not_found = _told(404, "not_found", "there is nothing at this address; see /api/v1/docs", defaults.page_not_found)
failed = _told(500, "internal", "this is our fault; the X-Request-Id of this answer leads to it in the log", defaults.server_error)
