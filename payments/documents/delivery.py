"""Effect `document.send`: the document goes to the contacts of the account that receive documents, else to the account's own
address, as they are known when the mail leaves.

The Message-ID is made of the effect's id, so a mail that is sent again (the process died before the answer was kept) can be recognised
by whoever receives it. What a mail server refuses for good is a failure that a person sees; anything else is tried again.
"""

from __future__ import annotations

import re
import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.crm.contacts import addresses
from billing import bulk
from billing.delivery import Answer, Done, Failed, Later, OwedEffect
from billing.queries.accounts import find_account
from payments.documents.mailing import message
from payments.documents.reading import issued, reminder
from payments.documents.shown import shown
from payments.documents.values import Document
from payments.dunning.effects import superseded
from plans.errors import Invalid, Refusal
from plans.periods import local_date

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
PERMANENT = range(500, 600)


def send(effect: OwedEffect) -> Answer:
    """Handler of `document.send`."""
    try:
        document = issued(str(effect.payload["id"]))
    except Refusal as refusal:
        return Failed(str(refusal))
    return post(document, effect.id)


def told(effect: OwedEffect) -> Answer:
    """Handler of `document.send` in stories: the document is put into words, and no mail leaves the house."""
    shown(issued(str(effect.payload["id"])))
    return Done("a story sends no mail")


def remind(effect: OwedEffect) -> Answer:
    """Handler of `dunning.remind`: one mail for each currency that is open on its documents; none where a newer reminder is owed."""
    answers = [post(document, f"{effect.id}/{document.currency}", topic="reminders") for document in reminders(effect)]
    return next((answer for answer in answers if not isinstance(answer, Done)), answers[0] if answers else Done("nothing to remind of"))


def told_reminder(effect: OwedEffect) -> Answer:
    """Handler of `dunning.remind` in stories: put into words, and not sent."""
    for document in reminders(effect):
        shown(document)
    return Done("a story sends no mail")


def reminders(effect: OwedEffect) -> list[Document]:
    if superseded(effect):
        return []
    documents = list(effect.payload["documents"])
    currencies = bulk.fetch(
        """SELECT DISTINCT currency FROM read_invoice
            WHERE account = %s AND invoice = ANY(%s) AND open > held AND status = 'open' ORDER BY currency""",
        [effect.account, documents],
    )
    day = local_date(effect.at, find_account(effect.account).zone)
    step = str(effect.payload["step"])
    return [
        reminder(effect.account, id=effect.id, currency=currency, level=step, day=day, at=effect.at, documents=documents)
        for (currency,) in currencies
    ]


def post(document: Document, effect: str, *, topic: str = "documents") -> Answer:
    """Mail any document to whoever of its account receives the topic. Nobody can be written to without an address: that is no failure,
    and says so."""
    found = addresses(document.account, topic)
    if not found:
        return Done(f"the account {document.account} has no mail address; nothing was sent")
    try:
        mail = message(document, to=found, id=message_id(effect))
    except Invalid as refusal:
        return Failed(str(refusal))
    return hand_over(mail)


def message_id(effect: str) -> str:
    """`ana.17.document.send@our.host`: the same for the same effect, and different for another."""
    local = ".".join(_UNSAFE.sub("-", part) for part in effect.split("/"))
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return f"{local}@{host}"


def hand_over(mail: EmailMessage) -> Answer:
    """Give a mail to the server; what becomes of the effect."""
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refused:
        return _refused(*next(iter(refused.recipients.values())))
    except smtplib.SMTPResponseException as refused:
        return _refused(refused.smtp_code, refused.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        return Later(f"the mail server does not answer: {type(error).__name__}: {error}")
    return Done()


def _refused(code: int, words: Any) -> Answer:
    said = f"the mail server refused: {code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    return Failed(said) if code in PERMANENT else Later(said)
