"""What people agree to: one statement for each purpose and channel, with its history in the journal. Nobody without consent is mailed a
campaign; documents, reminders and what else a contract needs go out whatever was said here."""

from __future__ import annotations

from dataclasses import dataclass

from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.crm.contacts import find_contact
from billing.engine import Context, Decision
from billing.events.people import ConsentGiven, ConsentWithdrawn
from billing.house.published import house_policy
from billing.house.purposes import Purpose
from billing.journal import Draft
from billing.loading import load_one
from billing.models import Account, Consent
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion


@dataclass(frozen=True)
class GiveConsent:
    account: str
    purpose: str
    contact: str = ""  # none: the account's own person
    channel: str = "mail"
    how: str = ""  # where it was said: on paper, on the phone, on our pages …
    version: str = ""  # of the words agreed to, where they were not those of now


def give_consent(context: Context, args: GiveConsent) -> Decision:
    """Keep that a person agrees to be written to for a purpose. The words that the policy has now are kept with it. Nobody agrees on a
    closed account: no campaign reaches it, and its people may be erased already."""
    state = open_state(args.account)
    if args.contact:
        find_contact(args.account, args.contact)
    purpose = _purpose(state.seller, args.purpose, args.channel, context)
    version = args.version or purpose.version
    held = standing(args.account, args.contact, args.purpose, args.channel)
    if held is not None and held.given and held.version == version:
        raise Conflict("consent_stands", f"they agreed to {args.purpose} already, to these words", at="purpose")
    words = purpose.words(Account.objects.get(account=args.account).locale) if version == purpose.version else ""
    event = ConsentGiven(
        account=args.account,
        contact=args.contact,
        purpose=args.purpose,
        channel=args.channel,
        how=args.how,
        version=version,
        words=words,
    )
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class WithdrawConsent:
    account: str
    purpose: str
    contact: str = ""
    channel: str = "mail"
    how: str = ""
    campaign: str = ""  # the one whose link was followed


def withdraw_consent(context: Context, args: WithdrawConsent) -> Decision:
    """Keep that a person does not want to be written to for a purpose any more. Possible always, also on a closed account."""
    load_one(args.account)
    held = standing(args.account, args.contact, args.purpose, args.channel)
    if held is None:
        raise NotFound("unknown_consent", f"nothing was said about {args.purpose[:80]!r} by {args.channel[:40]}", at="purpose")
    if not held.given:
        raise Conflict("consent_withdrawn", f"they said no to {args.purpose} already", at="purpose")
    event = ConsentWithdrawn(
        account=args.account,
        contact=args.contact,
        purpose=args.purpose,
        channel=args.channel,
        how=args.how,
        campaign=args.campaign,
    )
    return Decision([Draft(args.account, event, context.at)])


def standing(account: str, contact: str, purpose: str, channel: str) -> Consent | None:
    return Consent.objects.filter(account=account, contact=contact, purpose=purpose, channel=channel).first()


def same_address(account: str, contact: str, purpose: str) -> list[tuple[str, str]]:
    """The person, and everybody with the same mail address who agreed to the purpose: whoever reads that mail means all of them."""
    statement = """
        WITH people AS (
            SELECT account, '' AS contact, lower(email) AS email FROM vault_person
            UNION ALL SELECT account, contact, lower(email) FROM contact)
        SELECT c.account, c.contact FROM read_consent c JOIN people other USING (account, contact)
            JOIN people me ON me.account = %s AND me.contact = %s AND me.email = other.email AND me.email <> ''
        WHERE c.purpose = %s AND c.channel = 'mail' AND c.given ORDER BY 1, 2"""
    found = [(one, of) for one, of in bulk.fetch(statement, [account, contact, purpose])]
    return found or [(account, contact)]


def _purpose(seller: str, name: str, channel: str, context: Context) -> Purpose:
    known = house_policy(seller, at=context.at).consents
    if name not in known:
        raise NotFound("unknown_purpose", f"the policy knows no purpose {name[:80]!r}{suggestion(name, list(known))}", at="purpose")
    if channel not in known[name].channels:
        raise Invalid("unknown_channel", f"expected one of {', '.join(known[name].channels)}; found {channel[:40]!r}", at="channel")
    return known[name]


COMMANDS = (
    Command("give_consent", "Keep that somebody agrees to be written to", GiveConsent, give_consent, account_stream),
    Command("withdraw_consent", "Keep that somebody does not want to be written to", WithdrawConsent, withdraw_consent, account_stream),
)
