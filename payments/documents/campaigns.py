"""Effect `campaign.mail`: one person's mail of a campaign, with a way to say no by one click (RFC 8058).

Consent is asked again at the moment of sending. What became of the mail is an event of the account, under the effect's id as key, so that
a second attempt after a crash records nothing twice.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import vault
from accounts.crm import contacts
from billing.crm import links
from billing.crm.bounces import came_back, find_bounce
from billing.crm.campaigns import LINK, find_campaign, full, links_of, mail_of
from billing.crm.consents import standing
from billing.crm.links import Signed
from billing.crm.returned import CAMPAIGN
from billing.delivery import Answer, Done, Failed, Later, OwedEffect
from billing.engine import Request, execute
from billing.models import Account, Campaign
from payments.documents.delivery import hand_over, message_id
from payments.documents.mailing import check_address
from plans.errors import Invalid, Refusal

PACE = timedelta(minutes=1)
REFUSED = re.compile(r"\b5\d\d\b")


@dataclass(frozen=True)
class Letter:
    """The words of one mail."""

    to: str
    subject: str
    text: str
    page: str
    unsubscribe: str


def mail(effect: OwedEffect) -> Answer:
    """Handler of `campaign.mail`."""
    account, contact = str(effect.payload["account"]), str(effect.payload["contact"])
    campaign = find_campaign(str(effect.payload["campaign"]))
    if mail_of(campaign.campaign, account, contact) is not None:
        return Done("what became of it is known already")
    held = standing(account, contact, campaign.purpose, "mail")
    if held is None or not held.given:
        return _skipped(effect, "no_consent", "the consent was withdrawn meanwhile; nothing was sent")
    if find_bounce(account, contact) is not None:
        return _skipped(effect, "bounced", "mail to this address came back meanwhile; nothing was sent")
    if full(campaign, effect.at):
        return Later("the campaign has sent what it may in a minute", at=effect.at + PACE)
    try:
        letter = written(campaign, account, contact)
        answer = hand_over(_message(letter, effect))
    except Invalid as refusal:
        return _skipped(effect, refusal.code, refusal.message)
    if isinstance(answer, Done):
        _keep(effect, "")
    elif isinstance(answer, Failed):
        _keep(effect, "refused")
        code = next(iter(REFUSED.findall(answer.reason)), "")
        list(came_back(letter.to, code=code, campaign=campaign.campaign, at=effect.at, actor="campaigns", known_at=effect.known_at))
    return answer


def told(effect: OwedEffect) -> Answer:
    """Handler of `campaign.mail` in stories: put into words, and not sent."""
    payload = effect.payload
    written(find_campaign(str(payload["campaign"])), str(payload["account"]), str(payload["contact"]))
    _keep(effect, "")
    return Done("a story sends no mail")


def written(campaign: Campaign, account: str, contact: str) -> Letter:
    """The mail in the language of the account. Raises Invalid `no_address`."""
    name, address = _person(account, contact)
    if not address:
        raise Invalid("no_address", "there is no mail address any more; nothing was sent", at="email")
    locale = Account.objects.get(account=account).locale[:2]
    language = next((one for one in (locale, "en") if one in campaign.text), next(iter(campaign.text)))
    subject = " ".join(campaign.subject[language].replace("{name}", name).split())
    body = campaign.text[language].replace("{name}", name)
    signed = Signed(account, contact, campaign.purpose, campaign.campaign)
    no = links.address("portal-unsubscribe", signed)
    ours = {
        link: links.address("portal-follow", Signed(account, contact, campaign.purpose, campaign.campaign, f"{language}:{number}"))
        for number, link in enumerate(links_of(campaign.text[language]))
    }
    with override(language):
        footer = _("You get this mail because you agreed to it. To get no more of them:")
    text = f"{LINK.sub(lambda found: ours.get(found.group(), found.group()), body)}\n\n-- \n{footer}\n{no}\n"
    return Letter(address, subject, text, _page(body, ours, footer, no), no)


def _page(body: str, ours: dict[str, str], footer: str, no: str) -> str:
    """The same as HTML: paragraphs, and links that read as what they lead to."""

    def linked(part: str) -> str:
        ends = [0, *(end for found in LINK.finditer(part) for end in found.span()), len(part)]
        pieces = [part[start:end] for start, end in itertools.pairwise(ends)]
        return "".join(
            f'<a href="{escape(ours.get(piece, piece))}">{escape(piece)}</a>' if number % 2 else escape(piece).replace("\n", "<br>")
            for number, piece in enumerate(pieces)
        )

    paragraphs = "".join(f"<p>{linked(part.strip())}</p>" for part in body.split("\n\n") if part.strip())
    return f'{paragraphs}<p><small>{escape(footer)} <a href="{escape(no)}">{escape(no.split("?")[0][:60])}</a></small></p>'


def _person(account: str, contact: str) -> tuple[str, str]:
    """Name and address as they are known now; empty where there is nobody any more."""
    if contact:
        held = contacts.find(account, contact)
        return (held.name, held.email) if held else ("", "")
    known = vault.person(account)
    return known.get("name", ""), known.get("email", "")


def _message(letter: Letter, effect: OwedEffect) -> EmailMultiAlternatives:
    found = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[check_address(letter.to)],
        headers={
            "Message-ID": f"<{message_id(effect.id)}>",
            "List-Unsubscribe": f"<{letter.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
            CAMPAIGN: str(effect.payload["campaign"]),
        },
        connection=get_connection(),
    )
    found.attach_alternative(letter.page, "text/html")
    return found


def _skipped(effect: OwedEffect, code: str, note: str) -> Answer:
    _keep(effect, code)
    return Done(note)


def _keep(effect: OwedEffect, code: str) -> None:
    asked = {name: str(effect.payload[name]) for name in ("account", "campaign", "contact") if effect.payload[name]}
    arguments = asked | ({"code": code} if code else {})
    try:
        execute(Request("record_campaign_mail", arguments, effect.at, actor="campaigns", key=effect.id, known_at=effect.known_at))
    except Refusal as refusal:
        if refusal.code != "campaign_mailed":
            raise
