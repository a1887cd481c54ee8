"""API keys: a readable prefix and a secret, of which only the digest is kept. `Authorization: Bearer bea_<prefix>_<secret>`.

A key is shown once, when it is made. It is random, so a plain SHA-256 protects it: there is nothing to guess by trying words.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.access import Caller
from accounts.models import ApiKey
from accounts.roles import AREAS, SCOPES
from billing.models import Account
from plans.errors import Invalid, NotAllowed
from plans.fields import suggestion

SCHEME, MARK = "Bearer", "bea"
USED_EVERY = timedelta(minutes=1)  # how exactly `last_used_at` is kept: a row that every call writes would be a queue


class BadKey(NotAllowed):
    """No key, or none that holds. Nothing says which part of it was wrong."""

    status = 401


@dataclass(frozen=True)
class Key:
    """A key that holds, as views and commands see it."""

    prefix: str
    name: str
    scopes: frozenset[str]
    account: str = ""
    seller: str = ""

    is_authenticated = True
    is_active = True

    @property
    def actor(self) -> str:
        return f"key:{self.prefix}"

    def must(self, scope: str) -> None:
        """Raises NotAllowed `no_right` where the key was not given the scope."""
        if scope not in self.scopes:
            raise NotAllowed("no_right", f"the key {self.prefix} was not given the scope {scope!r}", at="authorization")

    def as_caller(self) -> Caller:
        """Where it may do what its scopes say: in its account, in the accounts of its seller, or everywhere."""
        areas = self.scopes & frozenset(AREAS)
        if self.account:
            return Caller(actor=self.actor, accounts={self.account: frozenset()}, areas=areas)
        if self.seller:
            return Caller(actor=self.actor, within=Account.objects.filter(seller=self.seller).values("account"), areas=areas)
        return Caller(actor=self.actor, everything=True, areas=areas)


def make_key(
    name: str, scopes: Collection[str], *, at: datetime, account: str = "", seller: str = "", expires_at: datetime | None = None
) -> str:
    """A new key; answers its text, which is kept nowhere. Raises Invalid for an unknown scope, or a limit to both account and seller."""
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid("unknown_choice", f"there is no scope {scope!r}{suggestion(scope, sorted(SCOPES))}", at="scopes")
    if account and seller:
        raise Invalid("conflict", "a key is limited to an account or to a seller, not both", at="seller")
    prefix = secrets.token_hex(6)
    text = f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    ApiKey.objects.create(
        prefix=prefix,
        digest=_digest(text),
        name=name,
        scopes=sorted(set(scopes)),
        account=account,
        seller=seller,
        made_at=at,
        expires_at=expires_at,
    )
    return text


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def find_key(text: str, *, at: datetime) -> Key:
    """The key that is written so, if it holds at the moment. Raises BadKey."""
    mark, _, rest = text.partition("_")
    row = ApiKey.objects.filter(prefix=rest.partition("_")[0]).first() if mark == MARK and len(text) < 200 and "\x00" not in text else None
    known = row is not None and secrets.compare_digest(bytes(row.digest), _digest(text))
    if row is None or not known or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        raise BadKey("bad_key", "the API key is not known, or holds no longer", at="authorization")
    if row.last_used_at is None or row.last_used_at <= at - USED_EVERY:
        ApiKey.objects.filter(prefix=row.prefix).update(last_used_at=at)
    return Key(row.prefix, row.name, frozenset(row.scopes), row.account, row.seller)


def key_of(request: HttpRequest | Request, *, at: datetime) -> Key | None:
    """The key that the request calls with; None where it names none. Raises BadKey."""
    scheme, _, text = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return find_key(text.strip(), at=at) if scheme == SCHEME else None


class KeySignIn(BaseAuthentication):
    """Programs, by their key."""

    def authenticate(self, request: Request) -> tuple[Any, Key] | None:
        try:
            key = key_of(request, at=timezone.now())
        except BadKey as error:
            raise exceptions.AuthenticationFailed(error.message) from error
        return None if key is None else (key, key)

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
