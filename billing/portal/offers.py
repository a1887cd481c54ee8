"""What a visitor may do with a contract, as links to the pages that do it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from billing.models import Contract
from billing.portal.guard import Visit

#: command → what customers call it; for a contract that runs, and for one that is paused.
RUNNING = (
    ("change_plan", _("Change plan")),
    ("change_quantity", _("Change quantity")),
    ("add_item", _("Add an extra")),
    ("pause", _("Pause")),
    ("cancel", _("Cancel")),
)
PAUSED = (("resume", _("Resume")), ("cancel", _("Cancel")))


@dataclass(frozen=True)
class Offer:
    title: str
    address: str


def changes_of(visit: Visit, contract: Contract) -> list[Offer]:
    """The changes that the visitor may make to the contract; none for who may only look, and for one that has ended."""
    account = visit.account.account
    listed = {"active": RUNNING, "paused": PAUSED}.get(contract.status, ())
    asked = urlencode({"contract": contract.contract})
    return [
        Offer(str(title), f"{reverse('portal-do', args=[account, command])}?{asked}")
        for command, title in listed
        if visit.caller.may_run(command, account)
    ]
