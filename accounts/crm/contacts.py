"""The contacts of a customer in the vault, and which mails go to whom.

A mail has a topic. It goes to every contact that receives the topic, and to the account's own address where none does.
Rows are written by commands, inside their transaction, so that the row and the event stand or fall together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from accounts import vault
from accounts.crm.models import Contact, Interaction

#: topic → what it means, for forms and docs.
TOPICS: Mapping[str, str] = {
    "documents": "invoices, credit notes and statements",
    "reminders": "reminders of what is due",
    "payments": "payments that failed or wait to be confirmed",
    "contracts": "contracts that end or are renewed",
    "usage": "alerts on usage",
}
#: role → what a new contact receives where nothing is said.
RECEIVES: Mapping[str, tuple[str, ...]] = {
    "main": tuple(TOPICS),
    "billing": ("documents", "reminders", "payments"),
    "technical": ("usage",),
    "legal": ("contracts",),
    "other": (),
}
ROLES = tuple(RECEIVES)
FIELDS = ("name", "email", "phone", "note")


def addresses(account: str, topic: str) -> list[str]:
    """Where a mail of the topic goes; empty where nobody of the account has an address."""
    rows = Contact.objects.filter(account=account, receives__contains=[topic]).exclude(email="").order_by("pk")
    found = list(dict.fromkeys(rows.values_list("email", flat=True)))
    own = vault.person(account).get("email", "")
    return found or ([own] if own else [])


def find(account: str, contact: str) -> Contact | None:
    return Contact.objects.filter(account=account, contact=contact).first()


def write(account: str, contact: str, values: Mapping[str, str], *, role: str, receives: tuple[str, ...], at: datetime) -> None:
    """Add the contact, or set what is given of it."""
    given = {name: values[name] for name in FIELDS if name in values}
    settings = {**given, "role": role, "receives": list(receives), "changed_at": at}
    Contact.objects.update_or_create(contact=contact, defaults={"account": account, **settings})


def remove(account: str, contact: str) -> None:
    """Delete the row; what was said with this contact stays with the account."""
    Contact.objects.filter(account=account, contact=contact).delete()


def merge(account: str, contact: str, into: str) -> None:
    """What was noted with `contact` was noted with `into`; the row of `contact` goes."""
    kept = Contact.objects.get(account=account, contact=into)
    Interaction.objects.filter(contact__contact=contact, contact__account=account).update(contact=kept)
    remove(account, contact)
