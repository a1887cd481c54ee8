"""Effect `usage.alert`: a mail that says what was used, to the contacts that receive alerts on usage."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.crm.contacts import addresses
from billing import journal
from billing.delivery import Answer, Done, Failed, OwedEffect
from billing.models import Account
from payments.documents.delivery import hand_over, message_id
from payments.documents.mailing import check_address
from payments.documents.words import speech
from plans.errors import Invalid


def alert(effect: OwedEffect) -> Answer:
    """Handler of `usage.alert`."""
    subject, body = written(effect)
    receivers = addresses(effect.account, "usage")
    if not receivers:
        return Done(f"the account {effect.account} has no mail address; nothing was sent")
    try:
        mail = EmailMessage(
            subject=subject,
            body=body,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[check_address(one) for one in receivers],
            headers={"Message-ID": f"<{message_id(effect.id)}>", "Auto-Submitted": "auto-generated"},
        )
    except Invalid as refusal:
        return Failed(str(refusal))
    return hand_over(mail)


def told(effect: OwedEffect) -> Answer:
    """Handler of `usage.alert` in stories: put into words, and not sent."""
    written(effect)
    return Done("a story sends no mail")


def written(effect: OwedEffect) -> tuple[str, str]:
    """Subject and text, in the language of the account."""
    recorded = journal.one(effect.stream, effect.sequence)
    assert recorded is not None
    event: Any = recorded.event
    row = Account.objects.get(account=event.account)
    voice = speech(row.locale, row.zone)
    with override(voice.language):
        units = f"{voice.number(event.quantity)} {event.unit}".strip()
        amount = voice.money(event.amount, event.currency)
        limit = (
            voice.money(event.threshold, event.currency) if event.measure == "amount" else f"{voice.number(event.threshold)} {event.unit}"
        )
        words = {"name": event.name, "units": units, "amount": amount, "limit": limit.strip(), "span": voice.span(event.start, event.end)}
        subject = _("%(name)s has reached %(limit)s") % words
        body = _(
            "In the period %(span)s you have used %(units)s of %(name)s so far: %(amount)s before tax. You asked to be told at %(limit)s."
        )
        return " ".join(subject.split()), f"{body % words}\n"
