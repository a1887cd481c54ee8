"""Contacts of a customer: who they are stands in the vault, what they receive in the event too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.crm import contacts
from accounts.crm.models import Contact
from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.engine import Context, Decision
from billing.events.people import ContactAdded, ContactChanged, ContactMerged, ContactRemoved
from billing.journal import Draft
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion

MOST = 200  # contacts of one account
CLEARABLE = ("email", "phone", "note")


@dataclass(frozen=True)
class AddContact:
    account: str
    name: str
    email: str = ""
    phone: str = ""
    role: str = "main"  # main billing technical legal other
    receives: tuple[str, ...] | None = None  # topics; none: as the role says
    note: str = ""


def add_contact(context: Context, args: AddContact) -> Decision:
    """Add a person to an account, with a role and the topics of mails that go to them."""
    open_state(args.account)
    if Contact.objects.filter(account=args.account).count() >= MOST:
        raise Conflict("too_many", f"the account has {MOST} contacts already; remove one first", at="account", most=MOST)
    values = _personal(args)
    contact, receives = context.next_address(args.account), _receives(args.role, args.receives)
    contacts.write(args.account, contact, values, role=args.role, receives=receives, at=context.at)
    event = ContactAdded(account=args.account, contact=contact, role=args.role, receives=receives, fields=_names(values))
    return Decision([Draft(args.account, event, context.at)], {"contact": contact})


@dataclass(frozen=True)
class ChangeContact:
    account: str
    contact: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str = ""
    receives: tuple[str, ...] | None = None
    note: str | None = None
    clear: tuple[str, ...] = ()  # fields that are emptied: email, phone, note


def change_contact(context: Context, args: ChangeContact) -> Decision:
    """Change what is known of a contact, or which mails go to them. Another role with no topics named brings that role's topics."""
    open_state(args.account)
    held = find_contact(args.account, args.contact)
    for name in args.clear:
        if name not in CLEARABLE:
            raise Invalid("unknown_choice", f"expected fields among {', '.join(CLEARABLE)}; found {name[:40]!r}", at="clear")
    values = dict.fromkeys(args.clear, "") | _personal(args)
    role = args.role or held.role
    receives = _receives(role, args.receives) if args.receives is not None or role != held.role else tuple(held.receives)
    changed = {name: value for name, value in values.items() if value != getattr(held, name)}
    if not changed and role == held.role and receives == tuple(held.receives):
        raise Invalid("nothing_to_change", "this is what stands already; name at least one other value", at="contact")
    contacts.write(args.account, args.contact, changed, role=role, receives=receives, at=context.at)
    event = ContactChanged(account=args.account, contact=args.contact, role=role, receives=receives, fields=_names(changed))
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class RemoveContact:
    account: str
    contact: str
    reason: str = ""


def remove_contact(context: Context, args: RemoveContact) -> Decision:
    """Remove a contact: their name and addresses are erased at once. What they agreed to stays in the journal, without a name."""
    open_state(args.account)
    find_contact(args.account, args.contact)
    contacts.remove(args.account, args.contact)
    event = ContactRemoved(account=args.account, contact=args.contact, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class MergeContacts:
    account: str
    contact: str  # the one that goes
    into: str


def merge_contacts(context: Context, args: MergeContacts) -> Decision:
    """Make one of two contacts that are the same person: `into` stays, with what only the other one had. The newer of what they said about
    a purpose counts."""
    open_state(args.account)
    if args.contact == args.into:
        raise Invalid("same_contact", "these are one contact already; name two", at="into")
    gone, kept = find_contact(args.account, args.contact), find_contact(args.account, args.into, at="into")
    taken = {name: getattr(gone, name) for name in contacts.FIELDS if getattr(gone, name) and not getattr(kept, name)}
    receives = tuple(topic for topic in contacts.TOPICS if topic in (*kept.receives, *gone.receives))
    contacts.write(args.account, args.into, taken, role=kept.role, receives=receives, at=context.at)
    contacts.merge(args.account, args.contact, args.into)
    event = ContactMerged(account=args.account, contact=args.contact, into=args.into, receives=receives, fields=_names(taken))
    return Decision([Draft(args.account, event, context.at)])


def find_contact(account: str, contact: str, *, at: str = "contact") -> Contact:
    """Raises NotFound `unknown_contact`."""
    found = contacts.find(account, contact)
    if found is None:
        known = list(Contact.objects.filter(account=account).values_list("contact", flat=True)[:MOST])
        raise NotFound("unknown_contact", f"the account has no contact {contact[:80]!r}{suggestion(contact, known)}", at=at)
    return found


def _personal(args: Any) -> dict[str, str]:
    """The personal fields that were given. Raises Invalid `bad_address`."""
    given = {name: getattr(args, name).strip() for name in contacts.FIELDS if getattr(args, name) is not None}
    if given.get("email"):
        try:
            validate_email(given["email"])
        except ValidationError:
            raise Invalid("bad_address", f"{given['email'][:80]!r} is not one mail address", at="email") from None
    return given


def _receives(role: str, topics: tuple[str, ...] | None) -> tuple[str, ...]:
    if role not in contacts.ROLES:
        raise Invalid("unknown_role", f"expected one of {', '.join(contacts.ROLES)}; found {role[:40]!r}", at="role")
    if topics is None:
        return contacts.RECEIVES[role]
    for topic in topics:
        if topic not in contacts.TOPICS:
            known = ", ".join(contacts.TOPICS)
            raise Invalid("unknown_topic", f"expected topics among {known}; found {topic[:40]!r}", at="receives")
    return tuple(topic for topic in contacts.TOPICS if topic in topics)


def _names(values: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name, value in values.items() if value))


COMMANDS = (
    Command("add_contact", "Add a contact", AddContact, add_contact, account_stream),
    Command("change_contact", "Change a contact, or which mails they get", ChangeContact, change_contact, account_stream),
    Command("remove_contact", "Remove a contact and what is known of them", RemoveContact, remove_contact, account_stream),
    Command("merge_contacts", "Make one of two contacts that are the same person", MergeContacts, merge_contacts, account_stream),
)
