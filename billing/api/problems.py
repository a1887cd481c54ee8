"""Errors as RFC 9457 problems: one form for refusals, for the framework's own errors, and for addresses that do not exist."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
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
        facts = {name: str(value) for name, value in error.facts.items()}
        body = problem(error.status, error.code, error.message, at=error.at, facts=facts)
        headers = waiting(error)
    elif isinstance(error, SuspiciousOperation):
        body = problem(400, "bad_request", str(error)[:200] or "the request can't be read")
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


def waiting(error: Refusal) -> dict[str, str]:
    """The header that says when to call again, where the refusal knows it."""
    return {"Retry-After": str(error.facts["retry_after"])} if "retry_after" in error.facts else {}


def nothing_here(request: HttpRequest, path: str = "") -> JsonResponse:
    """Every address below /api/ that is none."""
    body = problem(404, "not_found", f"there is nothing at {request.path[:200]}; see /api/v1/docs")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)
