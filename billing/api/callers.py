"""Who calls: a signed-in person. Other ways to sign in are further classes of REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]; each sets a
user from which the caller is known."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.access import NOBODY, Caller, caller_of_user


def caller_of(request: Request) -> Caller:
    """The caller of the request, found once. A key says itself who it is (`as_caller`); a person is known by groups and memberships."""
    found: Caller | None = getattr(request, "_caller", None)
    if found is None:
        found = request.auth.as_caller() if hasattr(request.auth, "as_caller") else caller_of_user(request.user)
        request._caller = found  # type: ignore[attr-defined]
    return found


class SessionSignIn(SessionAuthentication):
    """People who signed in on the site. Says how to sign in, so that nobody is answered 401 and not 403."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="api"'


class IsSomebody(BasePermission):
    """Everybody who sees at least something; what exactly, each query says."""

    message = "sign in, or send an API key"

    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request) != NOBODY and request.user.is_authenticated


class HasScope(BasePermission):
    """A key reads what it was given a scope for: `read`, or one that the view names. What a command needs is checked where it runs."""

    message = "the key was not given the scope to read this"

    def has_permission(self, request: Request, view: Any) -> bool:
        scopes: frozenset[str] | None = getattr(request.auth, "scopes", None)
        return scopes is None or request.method == "POST" or bool(scopes & {"read", *getattr(view, "scopes", ())})


class IsStaff(BasePermission):
    """Those who see every account."""

    message = "this is for the office"

    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request).everything
