"""API keys in their table: `bea_<prefix>_<secret>`. Only the digest of the whole is kept; the text is shown once, when it is made.

The secret is random, so a plain SHA-256 protects it: there is nothing to guess by trying words.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

from accounts.models import ApiKey
from accounts.roles import SCOPES
from plans.errors import Invalid
from plans.fields import suggestion

MARK = "bea"


def make_key(
    name: str,
    scopes: Collection[str],
    *,
    at: datetime,
    account: str = "",
    seller: str = "",
    expires_at: datetime | None = None,
    prefix: str = "",
) -> str:
    """Write a new key; answers its text, which is kept nowhere. Raises Invalid for an unknown scope, or a limit to both account and
    seller."""
    check_scopes(scopes)
    if account and seller:
        raise Invalid("conflict", "a key is limited to an account or to a seller, not both", at="seller")
    prefix = prefix or secrets.token_hex(6)
    text = new_text(prefix)
    ApiKey.objects.create(
        prefix=prefix,
        digest=digest(text),
        name=name,
        scopes=sorted(set(scopes)),
        account=account,
        seller=seller,
        made_at=at,
        expires_at=expires_at,
    )
    return text


def check_scopes(scopes: Collection[str]) -> None:
    """Raises Invalid `unknown_choice`."""
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid("unknown_choice", f"there is no scope {scope!r}{suggestion(scope, sorted(SCOPES))}", at="scopes")


def new_text(prefix: str) -> str:
    return f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}"


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
