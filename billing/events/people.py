"""People of an account: contacts, what they agreed to, campaigns that reach them. Names and addresses are in the vault, never here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class ContactAdded(Event):
    """`fields` says which personal fields were written to the vault; `receives` the topics of mails that go to this contact."""

    kind: ClassVar[str] = "contact.added"
    account: str
    contact: str
    role: str
    receives: tuple[str, ...]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContactChanged(Event):
    kind: ClassVar[str] = "contact.changed"
    account: str
    contact: str
    role: str
    receives: tuple[str, ...]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ContactRemoved(Event):
    """The vault's row is gone, and what stood in it."""

    kind: ClassVar[str] = "contact.removed"
    account: str
    contact: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ContactMerged(Event):
    """`contact` was the same person as `into`: what was noted of it belongs to `into` from now on."""

    kind: ClassVar[str] = "contact.merged"
    account: str
    contact: str
    into: str
    receives: tuple[str, ...]
    fields: tuple[str, ...] = ()  # taken over where `into` had none


@dataclass(frozen=True, kw_only=True)
class ConsentGiven(Event):
    """The account's own person (`contact` empty) or a contact agrees to be written to for a purpose; `words` are those agreed to."""

    kind: ClassVar[str] = "consent.given"
    account: str
    contact: str
    purpose: str
    channel: str
    how: str
    version: str
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(Event):
    kind: ClassVar[str] = "consent.withdrawn"
    account: str
    contact: str
    purpose: str
    channel: str
    how: str
    campaign: str = ""  # the one whose link was followed


@dataclass(frozen=True, kw_only=True)
class CampaignDrafted(Event):
    """What would be sent to whom. A later draft of the same campaign takes the place of the one before, until it is sent."""

    kind: ClassVar[str] = "campaign.drafted"
    campaign: str
    seller: str
    segment: str
    filters: Mapping[str, str]
    purpose: str
    subject: Mapping[str, str]  # by language
    text: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CampaignSent(Event):
    """One mail is owed to each of `recipients` people; `left_out` counts accounts of the segment that get none, by reason."""

    kind: ClassVar[str] = "campaign.sent"
    campaign: str
    seller: str
    purpose: str
    accounts: int
    recipients: int
    left_out: Mapping[str, int]
    per_minute: int = 0  # mails at most; 0: no bound


@dataclass(frozen=True, kw_only=True)
class CampaignMailed(Event):
    """The mail server took the campaign's mail to this person."""

    kind: ClassVar[str] = "campaign.mailed"
    account: str
    contact: str
    campaign: str


@dataclass(frozen=True, kw_only=True)
class CampaignSkipped(Event):
    """The mail was owed, and not sent: the consent was withdrawn meanwhile, there is no address any more, or the server refuses it."""

    kind: ClassVar[str] = "campaign.skipped"
    account: str
    contact: str
    campaign: str
    code: str


@dataclass(frozen=True, kw_only=True)
class CampaignFollowed(Event):
    """Somebody opened a link of the mail that went to this person."""

    kind: ClassVar[str] = "campaign.followed"
    account: str
    contact: str
    campaign: str
    link: str


@dataclass(frozen=True, kw_only=True)
class PersonErased(Event):
    """Who stood behind the account is forgotten: `erased` counts rows by sort. What `kept` documents must show goes on `kept_until`."""

    kind: ClassVar[str] = "person.erased"
    account: str
    reason: str
    erased: Mapping[str, int]
    kept: int = 0
    kept_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class LegalHoldSet(Event):
    """Nothing of the account may be erased."""

    kind: ClassVar[str] = "legal_hold.set"
    account: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LegalHoldReleased(Event):
    kind: ClassVar[str] = "legal_hold.released"
    account: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class MailBounced(Event):
    """Mail to the account's own person (`contact` empty) or a contact came back for good. The address is in the vault, not here."""

    kind: ClassVar[str] = "mail.bounced"
    account: str
    contact: str
    code: str = ""
    campaign: str = ""  # whose mail it was, where that is known


@dataclass(frozen=True, kw_only=True)
class BounceCleared(Event):
    """The address takes mail again."""

    kind: ClassVar[str] = "bounce.cleared"
    account: str
    contact: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountMerged(Event):
    """The account was a second one of the same customer: `into` goes on for it. Its books stay its own."""

    kind: ClassVar[str] = "account.merged"
    account: str
    into: str
    reason: str = ""
    usage: bool = False  # new use that is sent to the account is counted in `into`


@dataclass(frozen=True, kw_only=True)
class AccountTookOver(Event):
    """The account goes on for `merged`, a second one of the same customer."""

    kind: ClassVar[str] = "account.took_over"
    account: str
    merged: str
    fields: tuple[str, ...] = ()  # personal fields that the account had not, taken over in the vault
