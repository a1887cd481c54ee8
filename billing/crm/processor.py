"""Consents and campaigns, as their events say. Said by a person, or one mail at a time: a statement for each will do."""

from __future__ import annotations

from typing import Any

import orjson

from billing import bulk
from billing.events import DetailsChanged
from billing.events.people import (
    AccountMerged,
    BounceCleared,
    CampaignDrafted,
    CampaignFollowed,
    CampaignMailed,
    CampaignSent,
    CampaignSkipped,
    ConsentGiven,
    ConsentWithdrawn,
    ContactChanged,
    ContactMerged,
    ContactRemoved,
    LegalHoldReleased,
    LegalHoldSet,
    MailBounced,
    PersonErased,
)
from billing.journal import Recorded
from billing.pipeline import Batch

KINDS = (
    ConsentGiven,
    ConsentWithdrawn,
    ContactRemoved,
    ContactMerged,
    CampaignDrafted,
    CampaignSent,
    CampaignMailed,
    CampaignSkipped,
    CampaignFollowed,
    LegalHoldSet,
    LegalHoldReleased,
    AccountMerged,
    MailBounced,
)
#: What says something new of an address, or that there is none any more.
NEW_ADDRESS = (BounceCleared, ContactChanged, ContactMerged, ContactRemoved, DetailsChanged, PersonErased)


def process(batch: Batch) -> None:
    """In the order of the events: what a merge moves depends on what was before it."""
    for recorded, event in batch.of(*KINDS, *NEW_ADDRESS):
        if isinstance(event, NEW_ADDRESS):
            _address(event)
        if isinstance(event, KINDS):
            _one(recorded, event)


def _one(recorded: Recorded, event: Any) -> None:
    if isinstance(event, ConsentGiven | ConsentWithdrawn):
        _consent(recorded, event)
    elif isinstance(event, ContactMerged):
        _merged(event)
    elif isinstance(event, ContactRemoved):
        bulk.fetch("DELETE FROM read_consent WHERE account = %s AND contact = %s RETURNING 1", [event.account, event.contact])
    elif isinstance(event, CampaignDrafted):
        _drafted(recorded, event)
    elif isinstance(event, CampaignSent):
        _sent(recorded, event)
    elif isinstance(event, CampaignFollowed):
        _followed(recorded, event)
    elif isinstance(event, LegalHoldSet):
        row = (event.account, event.reason, recorded.effective_at, recorded.actor)
        bulk.copy("read_legal_hold", ["account", "reason", "since", "by"], [row])
    elif isinstance(event, LegalHoldReleased):
        bulk.fetch("DELETE FROM read_legal_hold WHERE account = %s RETURNING 1", [event.account])
    elif isinstance(event, MailBounced):
        _bounced(recorded, event)
    elif isinstance(event, AccountMerged):
        row = (event.account, event.into, recorded.effective_at, event.usage)
        bulk.copy("read_merged", ["account", "into", "since", "usage"], [row])
    else:
        _mail(recorded, event)


def _consent(recorded: Recorded, event: ConsentGiven | ConsentWithdrawn) -> None:
    given = isinstance(event, ConsentGiven)
    version = event.version if isinstance(event, ConsentGiven) else ""
    bulk.fetch(
        """INSERT INTO read_consent (account, contact, purpose, channel, given, since, version, how, by)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (account, contact, purpose, channel) DO UPDATE SET given = excluded.given, since = excluded.since,
                version = CASE WHEN excluded.given THEN excluded.version ELSE read_consent.version END, how = excluded.how, by = excluded.by
            RETURNING 1""",
        [event.account, event.contact, event.purpose, event.channel, given, recorded.effective_at, version, event.how, recorded.actor],
    )
    if isinstance(event, ConsentWithdrawn) and event.campaign:
        bulk.fetch(
            """UPDATE read_campaign_mail SET unsubscribed_at = %s WHERE account = %s AND contact = %s AND campaign = %s RETURNING 1""",
            [recorded.effective_at, event.account, event.contact, event.campaign],
        )


def _bounced(recorded: Recorded, event: MailBounced) -> None:
    row = (event.account, event.contact, recorded.effective_at, event.code, event.campaign)
    bulk.copy("read_bounce", ["account", "contact", "at", "code", "campaign"], [row])
    bulk.fetch(
        "UPDATE read_campaign_mail SET bounced_at = %s WHERE account = %s AND contact = %s AND campaign = %s RETURNING 1",
        [recorded.effective_at, event.account, event.contact, event.campaign],
    )


def _address(event: Any) -> None:
    """The mark of a bounce goes with the address that it was about. `into` of two contacts keeps its own, unless it had no address: then it
    takes the other's, and its own was about none."""
    if isinstance(event, ContactChanged | DetailsChanged) and "email" not in event.fields:
        return
    named = [event.account, None if isinstance(event, PersonErased) else getattr(event, "contact", "")]
    if isinstance(event, ContactMerged) and "email" in event.fields:
        bulk.fetch("DELETE FROM read_bounce WHERE account = %s AND contact = %s RETURNING 1", [event.account, event.into])
        bulk.fetch("UPDATE read_bounce SET contact = %s WHERE account = %s AND contact = %s RETURNING 1", [event.into, *named])
        return
    bulk.fetch("DELETE FROM read_bounce WHERE account = %s AND contact = coalesce(%s, contact) RETURNING 1", named)


def _merged(event: ContactMerged) -> None:
    """Of two statements about one purpose the newer counts."""
    names = [event.account, event.contact, event.into]
    bulk.fetch(
        """DELETE FROM read_consent one USING read_consent other
            WHERE one.account = %s AND other.account = one.account AND one.purpose = other.purpose AND one.channel = other.channel
                AND one.contact = ANY(%s) AND other.contact = ANY(%s) AND one.contact <> other.contact
                AND (one.since, one.contact) < (other.since, other.contact) RETURNING 1""",
        [event.account, names[1:], names[1:]],
    )
    bulk.fetch(
        "UPDATE read_consent SET contact = %s WHERE account = %s AND contact = %s RETURNING 1", [event.into, event.account, event.contact]
    )
    bulk.fetch(
        """UPDATE read_campaign_mail given SET contact = %s WHERE account = %s AND contact = %s AND NOT EXISTS (
            SELECT 1 FROM read_campaign_mail kept
            WHERE kept.account = given.account AND kept.contact = %s AND kept.campaign = given.campaign) RETURNING 1""",
        [event.into, event.account, event.contact, event.into],
    )


def _drafted(recorded: Recorded, event: CampaignDrafted) -> None:
    told = [orjson.dumps(dict(value)).decode() for value in (event.filters, event.subject, event.text)]
    bulk.fetch(
        """INSERT INTO read_campaign
            (campaign, seller, segment, purpose, drafted_at, filters, subject, text, accounts, recipients, left_out, per_minute)
            VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, 0, 0, '{}', 0)
            ON CONFLICT (campaign) DO UPDATE SET seller = excluded.seller, segment = excluded.segment, purpose = excluded.purpose,
                drafted_at = excluded.drafted_at, filters = excluded.filters, subject = excluded.subject, text = excluded.text
            RETURNING 1""",
        [event.campaign, event.seller, event.segment, event.purpose, recorded.effective_at, *told],
    )


def _sent(recorded: Recorded, event: CampaignSent) -> None:
    left_out = orjson.dumps(dict(event.left_out)).decode()
    bulk.fetch(
        """UPDATE read_campaign SET sent_at = %s, accounts = %s, recipients = %s, left_out = %s::jsonb, per_minute = %s
            WHERE campaign = %s RETURNING 1""",
        [recorded.effective_at, event.accounts, event.recipients, left_out, event.per_minute, event.campaign],
    )


def _mail(recorded: Recorded, event: CampaignMailed | CampaignSkipped) -> None:
    state, code = ("sent", "") if isinstance(event, CampaignMailed) else ("skipped", event.code)
    bulk.copy(
        "read_campaign_mail",
        "account contact campaign state code at links".split(),
        [(event.account, event.contact, event.campaign, state, code, recorded.effective_at, "[]")],
    )


def _followed(recorded: Recorded, event: CampaignFollowed) -> None:
    bulk.fetch(
        """UPDATE read_campaign_mail SET followed_at = coalesce(followed_at, %s),
            links = CASE WHEN links ? %s THEN links ELSE links || to_jsonb(%s::text) END
            WHERE account = %s AND contact = %s AND campaign = %s RETURNING 1""",
        [recorded.effective_at, event.link, event.link, event.account, event.contact, event.campaign],
    )
