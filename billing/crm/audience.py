"""Who gets a campaign: everybody of the segment's accounts who agreed to its purpose and has an address; and who is left out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing import bulk
from billing.crm.segments import members

#: Why an account of the segment gets no mail; the first that fits is said.
REASONS: Mapping[str, str] = {
    "withdrawn": "somebody there said no, and nobody yes",
    "no_consent": "nobody there agreed to the purpose",
    "no_address": "who agreed has no mail address",
    "bounced": "mail to who agreed came back",
    "same_address": "the address gets the mail for another account",
}


@dataclass(frozen=True)
class Recipient:
    account: str
    contact: str  # "" is the account's own person
    email: str


@dataclass(frozen=True)
class Said:
    """What one person said of the purpose, and the address by which they are reached."""

    contact: str
    given: bool
    email: str
    bounced: bool

    @property
    def reached(self) -> bool:
        return self.given and bool(self.email) and not self.bounced


@dataclass(frozen=True)
class Audience:
    """`left_out`: reason → accounts, in order. Each address is in `recipients` once, whatever the number of accounts it belongs to."""

    accounts: int
    recipients: tuple[Recipient, ...]
    left_out: Mapping[str, tuple[str, ...]]

    @property
    def counts(self) -> dict[str, int]:
        return {reason: len(accounts) for reason, accounts in self.left_out.items()}


def audience(filters: Mapping[str, Any], *, purpose: str, seller: str, at: datetime) -> Audience:
    """As things stand at this moment. Raises what the filter of a segment raises."""
    accounts = members(dict(filters) | {"seller": seller}, at=at)
    said: dict[str, list[Said]] = {}
    for account, *one in bulk.fetch(SAID, [purpose, accounts]):
        said.setdefault(account, []).append(Said(*one))
    seen: set[str] = set()
    recipients: list[Recipient] = []
    left_out: dict[str, list[str]] = {}
    for account in accounts:
        found = _of_account(account, said.get(account, []), seen)
        recipients += found
        if not found:
            left_out.setdefault(_reason(said.get(account, [])), []).append(account)
    ordered = {reason: tuple(left_out[reason]) for reason in REASONS if reason in left_out}
    return Audience(len(accounts), tuple(recipients), ordered)


SAID = """
    SELECT c.account, c.contact, c.given, coalesce(CASE WHEN c.contact = '' THEN p.email ELSE k.email END, ''), b.at IS NOT NULL
    FROM read_consent c
    LEFT JOIN vault_person p ON c.contact = '' AND p.account = c.account
    LEFT JOIN contact k ON k.account = c.account AND k.contact = c.contact
    LEFT JOIN read_bounce b ON b.account = c.account AND b.contact = c.contact
    WHERE c.purpose = %s AND c.channel = 'mail' AND c.account = ANY(%s) ORDER BY c.account, c.contact"""


def _of_account(account: str, said: Sequence[Said], seen: set[str]) -> list[Recipient]:
    found = []
    for one in said:
        if one.reached and one.email.casefold() not in seen:
            seen.add(one.email.casefold())
            found.append(Recipient(account, one.contact, one.email))
    return found


def _reason(said: Sequence[Said]) -> str:
    agreed = [one for one in said if one.given]
    if not agreed:
        return "withdrawn" if said else "no_consent"
    if any(one.reached for one in agreed):
        return "same_address"
    return "bounced" if any(one.email for one in agreed) else "no_address"
