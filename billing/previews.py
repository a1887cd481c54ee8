"""Preview is execution: what a dry run found, and a token with which exactly that is done, or nothing.

The token (RULES 35) holds the request's digest, the moment of the preview, how far each stream had come, and a digest of the events without
their numbers and known time; it is signed, so that nobody can choose a moment. Executing with it counts at the moment of the preview.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.core.signing import BadSignature, Signer

from billing import bulk, ledgers
from billing.codec import canonical, encode, time_text
from billing.events import CreditNoteIssued, InvoiceIssued
from billing.journal import Recorded
from plans.errors import Conflict, Invalid, Outdated

LONGEST = timedelta(days=1)
SHOWN = 5  # events of others that a refusal names
Balances = Mapping[tuple[str, str], Decimal]  # (account, currency) → owed − credit


@dataclass(frozen=True)
class Preview:
    """What would happen: the documents with their lines, the balances before and after, the effects that would be owed, and the token."""

    token: str
    documents: tuple[InvoiceIssued | CreditNoteIssued, ...]
    before: Balances
    after: Balances
    effects: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Token:
    """What a token says."""

    request: str
    at: datetime
    heads: Mapping[str, int]
    events: str


def balances(streams: Collection[str]) -> Balances:
    """What each account owes less what it has in credit; nothing where that is 0."""
    statement = """
        SELECT account, currency, sum(amount) FROM read_balance WHERE account = ANY(%s) AND ledger = ANY(%s)
        GROUP BY account, currency HAVING sum(amount) <> 0 ORDER BY account, currency"""
    rows = bulk.fetch(statement, [list(streams), [ledgers.RECEIVABLE, ledgers.CREDIT]])
    return {(account, currency): amount.normalize() + 0 for account, currency, amount in rows}


def previewed(request: bytes, at: datetime, heads: Mapping[str, int], events: Sequence[Recorded], before: Balances) -> Preview:
    """The preview of what was recorded just now and will be undone. `heads` and `before` are from before it."""
    effects = bulk.fetch(
        "SELECT kind, payload::text FROM effect JOIN unnest(%s::text[], %s::bigint[]) AS given(stream, sequence) USING (stream, sequence) "
        "ORDER BY stream, sequence, kind",
        [[one.stream for one in events], [one.sequence for one in events]],
    )
    content = {"of": request.hex(), "at": time_text(at), "heads": dict(heads), "events": digest(events)}
    return Preview(
        token=Signer(salt="preview").sign_object(content, compress=True),
        documents=tuple(replace(one.event, number="") for one in events if isinstance(one.event, InvoiceIssued | CreditNoteIssued)),
        before=before,
        after=balances(list(heads)),
        effects=tuple((kind, orjson.loads(payload)) for kind, payload in effects),
    )


def digest(events: Sequence[Recorded]) -> str:
    """Of all that the events say, without the numbers of documents and the time at which they became known."""
    said = [
        [one.stream, one.sequence, one.event.kind, time_text(one.effective_at), one.cause, _without_numbers(encode(one.event))]
        for one in events
    ]
    return hashlib.sha256(canonical(said)).hexdigest()


def _without_numbers(value: Any, name: str = "") -> Any:
    if name in ("number", "invoice_number", "corrects_number"):
        return ""
    if isinstance(value, str):
        return value.rpartition("#")[2] if name == "corrects" else value
    if isinstance(value, dict):
        return {field: _without_numbers(one, field) for field, one in value.items()}
    return [_without_numbers(one) for one in value] if isinstance(value, list) else value


def opened(token: str, *, request: bytes, at: datetime) -> Token:
    """What the token says. Raises Invalid `wrong_token` for one that is not ours or of another request, Conflict `stale_preview` for one
    that is more than a day old or of a later moment."""
    try:
        content = Signer(salt="preview").unsign_object(token)
    except (BadSignature, ValueError):
        raise Invalid("wrong_token", "this is no token of a preview; ask for a preview and use its token", at="token") from None
    found = Token(content["of"], datetime.fromisoformat(content["at"]), content["heads"], content["events"])
    if found.request != request.hex():
        raise Invalid("wrong_token", "the token is of another command or other arguments; ask for a preview of these", at="token")
    if not timedelta(0) <= at - found.at <= LONGEST:
        message = f"the preview was for {found.at:%Y-%m-%d %H:%M} UTC, which is not within the last day; ask for a new one"
        raise Conflict("stale_preview", message, at="token", previewed_at=found.at)
    return found


def check_heads(token: Token, heads: Mapping[str, int]) -> None:
    """Raises Conflict `stale_preview` that names what was recorded since the preview."""
    since = [(stream, heads[stream], token.heads.get(stream, 0)) for stream in heads if heads[stream] != token.heads.get(stream, 0)]
    if not since:
        return
    stream, now, then = since[0]
    statement = "SELECT kind, actor, stream || '/' || sequence FROM journal WHERE stream = %s AND sequence > %s ORDER BY sequence LIMIT %s"
    rows = bulk.fetch(statement, [stream, then, SHOWN])
    named = ", ".join(f"{kind} by {actor} ({address})" for kind, actor, address in rows)
    more = f" and {now - then - len(rows)} more" if now - then > len(rows) else ""
    message = f"since the preview {named}{more} was recorded; look at a new preview"
    raise Conflict("stale_preview", message, at="token", events=[address for _, _, address in rows])


def check_seen(seen: Collection[str], heads: Mapping[str, int]) -> None:
    """Raises Outdated `moved_on` where none of these is the address of the last event of a locked stream."""
    known = {f"{stream}/{sequence}" for stream, sequence in heads.items()}
    if not known & set(seen):
        message = f"it has moved on: it stands at {', '.join(sorted(known))} now, not at {', '.join(seen)[:200]}; look again, then decide"
        raise Outdated("moved_on", message, at="If-Match", heads=" ".join(sorted(known)))


def check_events(token: Token, events: Sequence[Recorded]) -> None:
    """Raises Conflict `stale_preview` where something outside the streams has changed: policy, measurements, shared things."""
    if digest(events) != token.events:
        kinds = ", ".join(dict.fromkeys(one.event.kind for one in events)) or "nothing"
        message = f"something that this depends on has changed since the preview; now it would record {kinds}; look at a new preview"
        raise Conflict("stale_preview", message, at="token")
