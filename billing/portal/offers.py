"""What a visitor may do with a contract, as links to the pages that do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.access import is_customer
from billing.loading import load_one, policy
from billing.models.changes import QUESTIONED, SCHEDULED
from billing.portal.guard import Visit
from billing.portal.holding import Held
from billing.portal.telling import said
from billing.portal.words import TITLES, spoken
from billing.scheduling.pending import Pending, load_pending
from billing.state import AccountState
from plans.errors import Conflict

#: command → what customers call it; for a contract that runs, and for one that is paused.
RUNNING = (
    ("change_plan", _("Change plan")),
    ("change_quantity", _("Change quantity")),
    ("add_item", _("Add an extra")),
    ("remove_item", _("Remove an extra")),
    ("apply_coupon", _("Use a coupon")),
    ("pause", _("Pause")),
    ("cancel", _("Cancel")),
)
PAUSED = (("resume", _("Resume")), ("cancel", _("Cancel")))
SAID = ("plan", "item", "quantity", "coupon", "name")  # arguments that tell one planned change from another


@dataclass(frozen=True)
class Offer:
    title: str
    address: str


@dataclass(frozen=True)
class Planned:
    """A change that lies ahead; `withdraw` is the page that takes it back, for who may."""

    at: datetime
    title: str
    arguments: str
    waits: str  # why a person must look at it first
    withdraw: str


def planned(visit: Visit) -> list[Planned]:
    account = visit.account.account
    found = load_pending([account], statuses=(SCHEDULED, QUESTIONED)).get(account, [])
    may = visit.caller.may_run("withdraw_change", account)
    state = load_one(account)
    address = reverse("portal-do", args=[account, "withdraw_change"])
    return [
        Planned(
            at=one.moment,
            title=str(TITLES.get(one.command, one.command.replace("_", " "))),
            arguments=_in_words(one, state),
            waits=said(Conflict(one.code, one.message)) if one.status == QUESTIONED else "",
            withdraw=f"{address}?{urlencode({'change': one.address})}" if may and is_customer(one.by) else "",
        )
        for one in found
    ]


def _in_words(change: Pending, state: AccountState) -> str:
    """What tells the change from others: `Seat, 9`."""
    contract = state.contracts.get(change.contract)
    terms = contract.timeline[-1].terms if contract is not None else None
    words = []
    for name in SAID:
        value = str(change.arguments.get(name) or "")
        if value and terms is not None and name in ("plan", "item"):
            catalogue = policy().catalogue(terms.catalogue, terms.version)
            plan = catalogue.plans.get(terms.plan)
            known = (
                catalogue.plans.get(value) if name == "plan" else ((plan.items if plan else {}).get(value) or catalogue.items.get(value))
            )
            value = known.name if known else value
        words += [spoken().number(Decimal(value)) if name == "quantity" and value else value]
    return ", ".join(word for word in words if word)


def changes_of(visit: Visit, held: Held) -> list[Offer]:
    """The changes that the visitor may make to the contract; none for who may only look, and for one that has ended. What would find
    nothing to choose among is not offered."""
    account, contract = visit.account.account, held.row
    listed = {"active": RUNNING, "paused": PAUSED}.get(contract.status, ())
    if contract.end is not None and listed:
        listed = (("renew", _("Keep it after all")), *(pair for pair in listed if pair[0] != "cancel"))
    choices = {"add_item": held.more, "remove_item": held.optional, "change_quantity": held.counted}
    asked = urlencode({"contract": contract.contract})
    return [
        Offer(str(title), f"{reverse('portal-do', args=[account, command])}?{asked}")
        for command, title in listed
        if choices.get(command, True) and visit.caller.may_run(command, account)
    ]
