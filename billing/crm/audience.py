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
    "same_address": "the address gets the mail for another account",
}


@dataclass(frozen=True)
class Recipient:
    account: str
    contact: str  # "" is the account's own person
    email: str


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
    said: dict[str, list[tuple[str, bool, str]]] = {}
    for account, contact, given, email in bulk.fetch(SAID, [purpose, accounts]):
        said.setdefault(account, []).append((contact, given, email or ""))
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
    SELECT c.account, c.contact, c.given, CASE WHEN c.contact = '' THEN p.email ELSE k.email END FROM read_consent c
    LEFT JOIN vault_person p ON c.contact = '' AND p.account = c.account
    LEFT JOIN contact k ON k.account = c.account AND k.contact = c.contact
    WHERE c.purpose = %s AND c.channel = 'mail' AND c.account = ANY(%s) ORDER BY c.account, c.contact"""


def _of_account(account: str, said: Sequence[tuple[str, bool, str]], seen: set[str]) -> list[Recipient]:
    found = []
    for contact, given, email in said:
        if given and email and email.casefold() not in seen:
            seen.add(email.casefold())
            found.append(Recipient(account, contact, email))
    return found


def _reason(said: Sequence[tuple[str, bool, str]]) -> str:
    agreed = [email for _, given, email in said if given]
    if not agreed:
        return "withdrawn" if said else "no_consent"
    return "same_address" if any(agreed) else "no_address"
