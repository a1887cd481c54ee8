"""Effect `contract.remind`: a mail that says when a contract ends or is renewed, and until when the customer can say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.crm.contacts import addresses
from billing import bulk
from billing.delivery import Answer, Done, Failed, OwedEffect
from payments.documents.delivery import hand_over, message_id
from payments.documents.mailing import check_address
from payments.documents.words import speech
from plans.errors import Invalid
from plans.periods import local_date


@dataclass(frozen=True)
class Notice:
    """The words of one reminder, in the language of the account."""

    subject: str
    body: str


def notice(effect: OwedEffect) -> Notice | None:
    """None where the contract meanwhile ends, or goes on, at another time than the reminder says."""
    statement = """
        SELECT contract.cancelled, contract."end", account.locale, account.zone FROM read_contract contract
        JOIN read_account account USING (account) WHERE contract.contract = %s"""
    rows = bulk.fetch(statement, [effect.payload["contract"]])
    end = datetime.fromisoformat(str(effect.payload["end"]))
    if not rows or rows[0][0] or rows[0][1] != end:
        return None
    voice, zone = speech(rows[0][2], rows[0][3]), rows[0][3]
    deadline = datetime.fromisoformat(str(effect.payload["deadline"]))
    with override(voice.language):
        words = {
            "name": effect.payload["name"],
            "contract": effect.payload["contract"],
            "end": voice.day(local_date(end, zone)),
            "deadline": voice.day(local_date(deadline, zone)),
        }
        if effect.payload["renews"]:
            said = _("Your contract %(name)s (%(contract)s) runs until %(end)s and is renewed then. You can cancel it until %(deadline)s.")
            return Notice(_("Your contract %(name)s will be renewed") % words, said % words)
        said = _("Your contract %(name)s (%(contract)s) ends on %(end)s. If you want to go on, tell us before that day.")
        return Notice(_("Your contract %(name)s will end") % words, said % words)


def remind(effect: OwedEffect) -> Answer:
    """Handler of `contract.remind`."""
    found = notice(effect)
    if found is None:
        return Done("the contract ends at another time by now; nothing was sent")
    receivers = addresses(effect.account, "contracts")
    if not receivers:
        return Done(f"the account {effect.account} has no mail address; nothing was sent")
    try:
        mail = EmailMultiAlternatives(
            subject=found.subject,
            body=found.body,
            from_email=settings.DEFAULT_FROM_EMAIL,
            to=[check_address(one) for one in receivers],
            headers={"Message-ID": f"<{message_id(effect.id)}>", "Auto-Submitted": "auto-generated"},
            connection=get_connection(),
        )
    except Invalid as refusal:
        return Failed(str(refusal))
    return hand_over(mail)


def told(effect: OwedEffect) -> Answer:
    """Handler of `contract.remind` in stories: put into words, and not sent."""
    notice(effect)
    return Done("a story sends no mail")
