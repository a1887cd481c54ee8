"""Two accounts of one customer become one: `into` goes on, the other one is closed and points to it. Nothing of either's books is moved or
rewritten: contracts, money and open documents must be brought over by their own commands first (transfer_contracts, transfer_credit,
transfer_wallet, pay, refund), which leave their own traces. Only new use goes on to the other account, where the merge says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import vault
from accounts.crm import contacts
from accounts.crm.models import Contact, Interaction, Task
from accounts.models import Membership
from accounts.roles import ACCOUNT_ROLES
from billing.command import Command
from billing.commands.accounts import unsettled
from billing.commands.common import open_state
from billing.crm.erasing import find_hold
from billing.engine import Context, Decision
from billing.events import AccountClosed, Event
from billing.events.people import (
    AccountMerged,
    AccountTookOver,
    ConsentGiven,
    ConsentWithdrawn,
    ContactAdded,
    ContactRemoved,
)
from billing.journal import Draft
from billing.keys.commands import end_keys
from billing.models import Consent
from billing.state import AccountState
from plans.errors import Conflict, Invalid, NotAllowed


@dataclass(frozen=True)
class MergeAccounts:
    account: str  # the one that is closed
    into: str
    reason: str = ""
    usage: str = "refuse"  # redirect: use that is sent to the closed account from now on is counted in the other one


def merge_accounts(context: Context, args: MergeAccounts) -> Decision:
    """Close a settled second account of a customer, end its keys, point it to the one that goes on. People, contacts, consents, notes and
    tasks go over; the documents and the journal of both stay where they are, and who signs in for the first goes on to see it."""
    if args.account == args.into:
        raise Invalid("same_account", "these are one account already; name two", at="into")
    gone, kept = open_state(args.account), open_state(args.into)
    if gone.seller != kept.seller:
        raise Conflict("other_seller", f"{args.account} belongs to the seller {gone.seller}, {args.into} to {kept.seller}", at="into")
    if (hold := find_hold(args.account)) is not None:
        raise NotAllowed("legal_hold", f"a legal hold of {hold.since:%Y-%m-%d} stands: {hold.reason}; release it first", at="account")
    if args.usage not in ("refuse", "redirect"):
        raise Invalid("unknown_choice", f"expected refuse or redirect, found {args.usage[:40]!r}", at="usage")
    _check_settled(gone, args.into)
    there, here = _people(context, args)
    fields = _person(args, context.at)
    _notes(args, context.at)
    old: list[Event] = [*there, _merged(args)]
    old.append(AccountClosed(account=args.account, reason=args.reason or f"merged into {args.into}"))
    new: list[Event] = [*here, AccountTookOver(account=args.into, merged=args.account, fields=fields)]
    ended = end_keys(context, args.account, f"the account goes on as {args.into}")
    drafts = ended + [Draft(args.account, event, context.at) for event in old] + [Draft(args.into, event, context.at) for event in new]
    return Decision(drafts, {"account": args.into})


def _merged(args: MergeAccounts) -> AccountMerged:
    return AccountMerged(account=args.account, into=args.into, reason=args.reason, usage=args.usage == "redirect")


def _check_settled(gone: AccountState, into: str) -> None:
    """Raises Conflict with all that stands against it at once, each contract by its name, and what brings it over."""
    found = list(unsettled(gone))
    if not found:
        return
    running = [str(one.facts["contract"]) for one in found if one.code == "contract_running"]
    said = [one.message for one in found if one.code != "contract_running"]
    if running:
        which = f"the contract {running[0]} runs" if len(running) == 1 else f"the contracts {', '.join(running)} run"
        said.insert(0, f"{which}: hand over by transfer_contracts to {into}, or cancel")
    if any(one.code == "balance_open" for one in found):
        said.append("transfer_credit and transfer_wallet bring money over, pay and refund settle what is open")
    raise Conflict(found[0].code, "; ".join(said), at="account", contracts=tuple(running))


def _person(args: MergeAccounts, at: datetime) -> tuple[str, ...]:
    """What the account that goes on does not know of its person."""
    theirs, ours = vault.person(args.account), vault.person(args.into)
    missing = {name: value for name, value in theirs.items() if value and not ours.get(name)}
    return tuple(vault.write(args.into, missing, at=at)) if missing else ()


def _people(context: Context, args: MergeAccounts) -> tuple[list[Event], list[Event]]:
    """The contacts leave one account and come to the other, with what they said; the account's own person speaks for both, and where the
    two said different things the newer counts."""
    left: list[Event] = []
    came: list[Event] = []
    for row in Contact.objects.filter(account=args.account).order_by("pk"):
        name, receives = context.next_address(args.into, after=len(came)), tuple(row.receives)
        fields = tuple(sorted(field for field in contacts.FIELDS if getattr(row, field)))
        left.append(ContactRemoved(account=args.account, contact=row.contact, reason=f"goes on as {name}"))
        came.append(ContactAdded(account=args.into, contact=name, role=row.role, receives=receives, fields=fields))
        came += _said(args, row.contact, name)
        Interaction.objects.filter(account=args.account, contact=row).update(account=args.into)
        Contact.objects.filter(pk=row.pk).update(contact=name, account=args.into)
    return left, came + _said(args, "", "")


def _said(args: MergeAccounts, contact: str, name: str) -> list[Event]:
    """What the person said there, said again here; nothing older than what stands here."""
    here = {(row.purpose, row.channel): row for row in Consent.objects.filter(account=args.into, contact=name)}
    found: list[Event] = []
    for row in Consent.objects.filter(account=args.account, contact=contact).order_by("purpose", "channel"):
        standing = here.get((row.purpose, row.channel))
        if standing is not None and (standing.since >= row.since or standing.given == row.given):
            continue
        how = f"{row.how or row.by}, said to {args.account}"
        said: dict[str, Any] = {"account": args.into, "contact": name, "purpose": row.purpose, "channel": row.channel, "how": how}
        found.append(ConsentGiven(**said, version=row.version) if row.given else ConsentWithdrawn(**said))
    return found


def _notes(args: MergeAccounts, at: datetime) -> None:
    """Notes and tasks go over; who signs in sees both, with the better role of the two in the one that goes on."""
    Interaction.objects.filter(account=args.account).update(account=args.into)
    Task.objects.filter(account=args.account, done_at=None).update(account=args.into)
    order = list(ACCOUNT_ROLES)
    for row in Membership.objects.filter(account=args.account):
        held, made = Membership.objects.get_or_create(user=row.user, account=args.into, defaults={"role": row.role, "since": at})
        if not made and order.index(row.role) < order.index(held.role):
            Membership.objects.filter(pk=held.pk).update(role=row.role)


def _streams(args: MergeAccounts) -> list[str]:
    return [args.account, args.into]


COMMANDS = (Command("merge_accounts", "Make one of two accounts of a customer", MergeAccounts, merge_accounts, _streams),)
