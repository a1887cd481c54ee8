"""Everything personal that is kept of one customer, for the person who asks for it."""

from __future__ import annotations

from typing import Any

from accounts import vault
from accounts.crm.models import Contact, Interaction, Task
from accounts.models import FrozenParty, Membership


def export(account: str) -> dict[str, Any]:
    """As plain data: the person, contacts, interactions, tasks, who signs in, and what issued documents show."""
    return {
        "account": account,
        "person": vault.person(account),
        "contacts": list(Contact.objects.filter(account=account).order_by("pk").values("name", "email", "phone", "role", "note")),
        "interactions": [
            {"at": row.at.isoformat(), "kind": row.kind, "text": row.text, "files": [file.name for file in row.files.all()]}
            for row in Interaction.objects.filter(account=account).order_by("at", "pk").prefetch_related("files")
        ],
        "tasks": list(Task.objects.filter(account=account).order_by("pk").values("title", "note")),
        "documents_show": list(
            FrozenParty.objects.filter(account=account, details__isnull=False).order_by("hash").values_list("details", flat=True)
        ),
        "who_signs_in": list(Membership.objects.filter(account=account).order_by("pk").values("user__username", "user__email", "role")),
    }
