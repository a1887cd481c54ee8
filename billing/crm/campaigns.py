"""Campaigns: a mail to a segment, drafted, looked at, sent. Each mail is an effect; what becomes of it is an event of the account.

draft_campaign ──► send_campaign ──► an effect `campaign.mail` for each recipient ──► campaign.mailed or campaign.skipped
                                                                                 └──► campaign.followed, consent.withdrawn
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.crm.models import Segment
from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream
from billing.crm.audience import audience
from billing.effects import OwedOfBatch
from billing.engine import Context, Decision
from billing.events.people import CampaignDrafted, CampaignFollowed, CampaignMailed, CampaignSent, CampaignSkipped
from billing.house.published import house_policy
from billing.journal import Draft, Recorded
from billing.models import Campaign, CampaignMail
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion

KIND = "campaign.mail"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
KNOWN = ("name",)
LONGEST_TEXT = 20_000
FASTEST = 100_000  # mails a minute
LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True)
class DraftCampaign:
    campaign: str
    segment: str
    purpose: str
    subject: str
    text: str = field(metadata={"longest": LONGEST_TEXT})  # {name} is the recipient's; links that it holds are followed through us
    language: str = "en"
    seller: str = "main"


def draft_campaign(context: Context, args: DraftCampaign) -> Decision:
    """Write what a campaign says, in one language, to which segment and for which purpose. Said again in another language it is added, in
    the same one it takes the place of what was said. A draft sends nothing."""
    if not NAME.fullmatch(args.campaign):
        raise Invalid("out_of_range", "expected a name of small letters, digits, dots and dashes, at most 60", at="campaign")
    segment = Segment.objects.filter(name=args.segment).first()
    if segment is None:
        known = list(Segment.objects.order_by("name").values_list("name", flat=True)[:500])
        raise NotFound("unknown_segment", f"there is no segment {args.segment[:80]!r}{suggestion(args.segment, known)}", at="segment")
    purposes = house_policy(args.seller, at=context.at).consents
    if args.purpose not in purposes:
        hint = suggestion(args.purpose, list(purposes))
        raise NotFound("unknown_purpose", f"the policy knows no purpose {args.purpose[:80]!r}{hint}", at="purpose")
    if not LANGUAGE.fullmatch(args.language):
        raise Invalid("wrong_type", f"expected a language of two small letters such as en, found {args.language[:20]!r}", at="language")
    if "\n" in args.subject or len(args.subject) > 200:
        raise Invalid("out_of_range", "expected a subject of one line, at most 200 characters", at="subject")
    for name in (word for text in (args.subject, args.text) for word in PLACEHOLDER.findall(text)):
        if name not in KNOWN:
            raise Invalid("unknown_placeholder", f"the text may say {{name}}; it says {{{name[:40]}}}", at="text")
    held = Campaign.objects.filter(campaign=args.campaign).first()
    if held is not None and held.sent_at is not None:
        raise Conflict("campaign_sent", f"the campaign {args.campaign!r} was sent; draft another one", at="campaign")
    audience(segment.filters, purpose=args.purpose, seller=args.seller, at=context.at)
    event = CampaignDrafted(
        campaign=args.campaign,
        seller=args.seller,
        segment=segment.name,
        filters={str(word): str(value) for word, value in segment.filters.items()},
        purpose=args.purpose,
        subject={**(held.subject if held else {}), args.language: args.subject},
        text={**(held.text if held else {}), args.language: args.text},
    )
    return Decision([Draft(_stream(args)[0], event, context.at)], {"campaign": args.campaign})


@dataclass(frozen=True)
class SendCampaign:
    campaign: str
    per_minute: int | None = None  # mails at most; none: as the settings say (CAMPAIGN_MAILS_A_MINUTE), 0: as fast as they go


def send_campaign(context: Context, args: SendCampaign) -> Decision:
    """Owe one mail to everybody of the segment, as it is now, who agreed to the purpose, so many a minute. Sent once; what became of each
    mail stands on the campaign's page and in the journal of the account."""
    held = find_campaign(args.campaign)
    pace = settings.CAMPAIGN_MAILS_A_MINUTE if args.per_minute is None else args.per_minute
    if not 0 <= pace <= FASTEST:
        raise Invalid("out_of_range", f"expected 0 to {FASTEST} mails a minute, found {pace}", at="per_minute")
    if held.sent_at is not None:
        raise Conflict("campaign_sent", f"the campaign {args.campaign!r} was sent on {held.sent_at:%Y-%m-%d}", at="campaign")
    found = audience(held.filters, purpose=held.purpose, seller=held.seller, at=context.at)
    if not found.recipients:
        why = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in found.counts.items()) or "the segment is empty"
        raise Conflict("nobody_to_mail", f"nobody would get it: {why}", at="campaign")
    event = CampaignSent(
        campaign=args.campaign,
        seller=held.seller,
        purpose=held.purpose,
        accounts=found.accounts,
        recipients=len(found.recipients),
        left_out=found.counts,
        per_minute=pace,
    )
    return Decision([Draft(_stream(args)[0], event, context.at)], {"recipients": len(found.recipients)})


def owed(batch: Sequence[Recorded]) -> list[OwedOfBatch]:
    """One mail for each recipient of a campaign that is sent, in the transaction that counted them; no more of them due in a minute than
    the campaign may send."""
    found: list[OwedOfBatch] = []
    for recorded in batch:
        event = recorded.event
        if isinstance(event, CampaignSent):
            held = find_campaign(event.campaign)
            people = audience(held.filters, purpose=event.purpose, seller=event.seller, at=recorded.effective_at).recipients
            found += [
                OwedOfBatch(
                    recorded,
                    KIND,
                    f":{one.account}:{one.contact}",
                    {"campaign": event.campaign, "account": one.account, "contact": one.contact},
                    after=timedelta(minutes=number // event.per_minute if event.per_minute else 0),
                )
                for number, one in enumerate(people)
            ]
    return found


# --- what becomes of a mail: said by whoever delivers it, or follows a link ---------------------------------------------------------


@dataclass(frozen=True)
class RecordCampaignMail:
    account: str
    campaign: str
    contact: str = ""
    code: str = ""  # why it was not sent; none: it was


def record_campaign_mail(context: Context, args: RecordCampaignMail) -> Decision:
    """Keep that a mail of a campaign was handed to the mail server, or why it was not."""
    find_campaign(args.campaign)
    if mail_of(args.campaign, args.account, args.contact) is not None:
        raise Conflict("campaign_mailed", f"what became of {args.campaign} to {args.account} is known already", at="campaign")
    named: dict[str, Any] = {"account": args.account, "contact": args.contact, "campaign": args.campaign}
    event = CampaignSkipped(**named, code=args.code) if args.code else CampaignMailed(**named)
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class RecordCampaignLink:
    account: str
    campaign: str
    link: str
    contact: str = ""


def record_campaign_link(context: Context, args: RecordCampaignLink) -> Decision:
    """Keep that a link of a campaign's mail was opened; a second time adds nothing."""
    held = mail_of(args.campaign, args.account, args.contact)
    if held is None or args.link in held.links:
        return Decision([])
    event = CampaignFollowed(account=args.account, contact=args.contact, campaign=args.campaign, link=args.link)
    return Decision([Draft(args.account, event, context.at)])


def find_campaign(campaign: str) -> Campaign:
    """Raises NotFound `unknown_campaign`."""
    found = Campaign.objects.filter(campaign=campaign).first()
    if found is None:
        known = list(Campaign.objects.order_by("campaign").values_list("campaign", flat=True)[:500])
        raise NotFound("unknown_campaign", f"there is no campaign {campaign[:80]!r}{suggestion(campaign, known)}", at="campaign")
    return found


def mail_of(campaign: str, account: str, contact: str) -> CampaignMail | None:
    return CampaignMail.objects.filter(account=account, contact=contact, campaign=campaign).first()


def full(campaign: Campaign, at: datetime) -> bool:
    """Whether the campaign has sent what it may in the minute before: mails that are late must not go all at once either."""
    sent = CampaignMail.objects.filter(campaign=campaign.campaign, state="sent", at__gt=at - timedelta(minutes=1))
    return bool(campaign.per_minute) and sent[: campaign.per_minute].count() >= campaign.per_minute


def links_of(text: str) -> list[str]:
    """The addresses that a text leads to, each once, in order."""
    return list(dict.fromkeys(LINK.findall(text)))


def mails(campaign: str, *, limit: int) -> list[dict[str, Any]]:
    """What is known of each recipient: the effect that owed the mail, and what became of it."""
    statement = """
        SELECT e.payload->>'account', e.payload->>'contact', coalesce(m.state, e.state), coalesce(m.code, ''), m.at, m.followed_at,
            m.unsubscribed_at, m.bounced_at, coalesce(b.code, ''), e.last_error
        FROM effect e LEFT JOIN read_campaign_mail m
            ON m.campaign = %s AND m.account = e.payload->>'account' AND m.contact = e.payload->>'contact'
        LEFT JOIN read_bounce b ON m.bounced_at IS NOT NULL AND b.account = m.account AND b.contact = m.contact
        WHERE e.stream = %s AND e.kind = %s ORDER BY 1, 2 LIMIT %s"""
    names = "account contact state code at followed_at unsubscribed_at bounced_at bounce error".split()
    rows = bulk.fetch(statement, [campaign, f"campaign:{campaign}", KIND, limit])
    return [dict(zip(names, row, strict=True)) for row in rows]


def _stream(args: Any) -> list[str]:
    return [f"campaign:{args.campaign}"]


COMMANDS = (
    Command("draft_campaign", "Write what a campaign says, and to whom", DraftCampaign, draft_campaign, _stream),
    Command("send_campaign", "Send a campaign", SendCampaign, send_campaign, _stream),
    Command("record_campaign_mail", "Keep what became of a campaign's mail", RecordCampaignMail, record_campaign_mail, account_stream),
    Command("record_campaign_link", "Keep that a link was followed", RecordCampaignLink, record_campaign_link, account_stream),
)
