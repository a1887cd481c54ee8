"""Mails that came back: whose address does not take mail any more, said in the journal without the address. The mark ends when the address
is changed, or when somebody says that it works again; until then no campaign goes there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream
from billing.crm.contacts import find_contact
from billing.engine import Context, Decision, Request, execute
from billing.events.people import BounceCleared, MailBounced
from billing.journal import Draft
from billing.loading import load_one
from billing.models import Bounce, Campaign
from plans.errors import Invalid, NotFound

CODE = re.compile(r"[245](\.\d{1,3}){2}|[45]\d\d|")


@dataclass(frozen=True)
class RecordBounce:
    account: str
    contact: str = ""  # none: the account's own person
    code: str = ""  # as the mail server says it: 5.1.1, 550
    campaign: str = ""  # whose mail came back, where that is known


def record_bounce(context: Context, args: RecordBounce) -> Decision:
    """Keep that mail to a person came back for good. Said again it adds nothing."""
    load_one(args.account)
    if args.contact:
        find_contact(args.account, args.contact)
    if not CODE.fullmatch(args.code):
        raise Invalid("out_of_range", f"expected a code of a mail server such as 5.1.1 or 550, found {args.code[:20]!r}", at="code")
    if find_bounce(args.account, args.contact) is not None:
        return Decision([])
    event = MailBounced(account=args.account, contact=args.contact, code=args.code, campaign=args.campaign)
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class ClearBounce:
    account: str
    contact: str = ""
    reason: str = ""


def clear_bounce(context: Context, args: ClearBounce) -> Decision:
    """Say that an address takes mail again. Another address clears the mark by itself."""
    load_one(args.account)
    if find_bounce(args.account, args.contact) is None:
        raise NotFound("no_bounce", "no mail to this person came back", at="contact")
    event = BounceCleared(account=args.account, contact=args.contact, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


def find_bounce(account: str, contact: str) -> Bounce | None:
    return Bounce.objects.filter(account=account, contact=contact).first()


def who_has(email: str) -> list[tuple[str, str]]:
    """(account, contact) of everybody with this address, in order; the contact of an account's own person is empty."""
    statement = """
        SELECT account, '' FROM vault_person WHERE email <> '' AND lower(email) = lower(%s)
        UNION ALL SELECT account, contact FROM contact WHERE lower(email) = lower(%s) ORDER BY 1, 2"""
    return [(account, contact) for account, contact in bulk.fetch(statement, [email, email])] if email else []


def came_back(email: str, *, code: str, campaign: str, at: datetime, actor: str, known_at: datetime | None = None) -> Iterator[str]:
    """Mark everybody with this address; answers whom. What is no campaign of ours is not kept: the mail may say anything."""
    campaign = campaign if Campaign.objects.filter(campaign=campaign).exists() else ""
    for account, contact in who_has(email):
        said = {"account": account, "contact": contact, "code": code if CODE.fullmatch(code) else "", "campaign": campaign}
        given = {name: text for name, text in said.items() if text}
        execute(Request("record_bounce", given, at, actor=actor, known_at=known_at))
        yield contact or account


COMMANDS = (
    Command("record_bounce", "Keep that mail to somebody came back", RecordBounce, record_bounce, account_stream),
    Command("clear_bounce", "Say that an address takes mail again", ClearBounce, clear_bounce, account_stream),
)
