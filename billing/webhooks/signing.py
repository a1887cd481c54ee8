"""Signatures of messages by the Standard Webhooks scheme. Pure.

signature = "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body)); several, apart by spaces, while secrets change.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret of 256 random bits, in the form that receivers configure."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signatures(message: str, timestamp: int, body: bytes, keys: Sequence[str]) -> str:
    """The value of `webhook-signature`: one signature for each secret, newest first."""
    signed = f"{message}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.new(_key(key), signed, hashlib.sha256).digest()).decode()}" for key in keys)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))
