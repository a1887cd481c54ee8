"""Links that we sign into mails: to say no to a purpose, and to follow what a campaign points at. Nobody can make one up, and none says
more than ids."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.urls import reverse

from plans.errors import NotFound

SALT = "billing.crm.links"


@dataclass(frozen=True)
class Signed:
    """Whose mail it was, for which purpose, of which campaign; `link` is the language of the text and the place of a link in it, as in
    `en:0`."""

    account: str
    contact: str
    purpose: str
    campaign: str
    link: str = ""


def token(signed: Signed) -> str:
    parts = [signed.account, signed.contact, signed.purpose, signed.campaign, signed.link]
    return signing.dumps(parts, salt=SALT)


def opened(text: str) -> Signed:
    """Raises NotFound `unknown_link`. A link never grows too old: saying no must always work."""
    try:
        account, contact, purpose, campaign, link = signing.loads(text, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound("unknown_link", "this link is not one of ours, or was cut off; copy all of it") from None
    return Signed(account, contact, purpose, campaign, link)


def address(name: str, signed: Signed) -> str:
    """The whole address of the page `name` on this site."""
    return settings.SITE_URL.rstrip("/") + reverse(name, args=[token(signed)])
