"""Everything personal that the office keeps of one customer: for the person who asks for it, and erased when it may be.

What stands elsewhere is known to others (`PERSONAL_DATA` in the settings lists all of them): each exports and erases its own part.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from accounts import vault
from accounts.crm.models import Contact, Interaction, Task
from accounts.models import ApiKey, FrozenParty, Invitation, Membership, Person
from accounts.roles import STAFF_ROLES

SHORTEST = 6  # letters; shorter texts stand in too many other places to be searched for


def export(account: str) -> dict[str, Any]:
    """As plain data: the person, contacts, interactions, tasks, who signs in, and what issued documents show."""
    return {
        "account": account,
        "person": vault.person(account),
        "contacts": list(
            Contact.objects.filter(account=account).order_by("pk").values("contact", "name", "email", "phone", "role", "receives", "note")
        ),
        "interactions": [
            {"at": row.at.isoformat(), "kind": row.kind, "text": row.text, "files": [file.name for file in row.files.all()]}
            for row in Interaction.objects.filter(account=account).order_by("at", "pk").prefetch_related("files")
        ],
        "tasks": list(Task.objects.filter(account=account).order_by("pk").values("title", "note")),
        "documents_show": list(
            FrozenParty.objects.filter(account=account, details__isnull=False).order_by("hash").values_list("details", flat=True)
        ),
        "who_signs_in": list(Membership.objects.filter(account=account).order_by("pk").values("user__username", "user__email", "role")),
        "invited": list(Invitation.objects.filter(account=account).order_by("pk").values("email", "role")),
    }


def known(account: str) -> list[str]:
    """The texts by which the people of an account are known: names, addresses, numbers. Longest first, for whoever looks for them."""
    person = vault.person(account)
    found = {person.get(name, "") for name in ("name", "email", "phone", "street", "iban")}
    for row in Contact.objects.filter(account=account):
        found |= {row.name, row.email, row.phone}
    found |= set(Invitation.objects.filter(account=account).values_list("email", flat=True))
    for user in _only_here(account):
        found |= {user.email, user.get_full_name()}
    return sorted((text for text in found if len(text) >= SHORTEST), key=lambda text: (-len(text), text))


def erase(account: str, texts: Collection[str], kept: Collection[str]) -> dict[str, int]:
    """Erase what is kept of the people of an account, but the frozen rows whose hashes are `kept`. Answers how many rows of each sort."""
    users = list(_only_here(account))
    counts = {
        "person": Person.objects.filter(account=account).delete()[0],
        "contacts": Contact.objects.filter(account=account).delete()[0],
        "interactions": Interaction.objects.filter(account=account).delete()[0],
        "tasks": Task.objects.filter(account=account).delete()[0],
        "invitations": Invitation.objects.filter(account=account).delete()[0],
        "memberships": Membership.objects.filter(account=account).delete()[0],
        "keys": ApiKey.objects.filter(account=account).exclude(name="erased").update(name="erased"),
        "documents": FrozenParty.objects.filter(account=account, details__isnull=False).exclude(hash__in=kept).update(details=None),
        "sign_ins": _forget(users),
        "notes_of_changes": _log(texts),
    }
    return {name: count for name, count in counts.items() if count}


def _only_here(account: str) -> QuerySet[Any]:
    """The customers who sign in for this account and for no other."""
    users = get_user_model().objects.filter(is_staff=False, memberships__account=account)
    return users.exclude(memberships__in=Membership.objects.exclude(account=account)).exclude(groups__name__in=list(STAFF_ROLES))


def _forget(users: Collection[Any]) -> int:
    """Nobody signs in as these any more; their names in the journal are codes that say nothing."""
    for user in users:
        EmailAddress.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user).delete()
        user.set_unusable_password()
        user.email = user.first_name = user.last_name = ""
        user.is_active = False
        user.save()
    return len(users)


def _log(texts: Collection[str]) -> int:
    """The admin's own notes of changes hold the names of what was changed."""
    wanted = Q()
    for text in texts:
        wanted |= Q(object_repr__icontains=text) | Q(change_message__icontains=text)
    return LogEntry.objects.filter(wanted).update(object_repr="erased", change_message="") if texts else 0
