"""Effects for the people of the house, as a plain mail to `STAFF_EMAIL`: an account that was parked, goods that run out, a service to be
switched off or on, debts for the collection agency.

Without that address they have no handler: they stay owed, `run effects` counts them, and another system may take the same facts by webhook.
"""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage

from billing import bulk
from billing.delivery import Answer, Done, OwedEffect
from payments.documents.delivery import hand_over, message_id

SUBJECTS = {
    "staff.notify": "Needs a person",
    "stock.low": "Runs out",
    "service.switch": "Switch services",
    "collection.hand_over": "For collection",
}


def tell(effect: OwedEffect) -> Answer:
    """Handler of the kinds in SUBJECTS where STAFF_EMAIL is set."""
    mail = EmailMessage(
        subject=f"{SUBJECTS[effect.kind]}: {effect.account}",
        body="\n".join([f"account: {effect.account}", *_lines(effect), f"event: {effect.stream}/{effect.sequence}", ""]),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[settings.STAFF_EMAIL],
        headers={"Message-ID": f"<{message_id(effect.id)}>", "Auto-Submitted": "auto-generated"},
    )
    return hand_over(mail)


def told(effect: OwedEffect) -> Answer:
    """Handler of the same kinds in stories: put into words, and not sent."""
    _lines(effect)
    return Done("a story sends no mail")


def _lines(effect: OwedEffect) -> list[str]:
    """What the effect says, one thing a line; documents with what is open on them now."""
    found = []
    for name, value in effect.payload.items():
        if name == "documents":
            found += _documents(list(value))
        elif value:
            found.append(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    return found


def _documents(names: list[str]) -> list[str]:
    statement = "SELECT number, invoice, open, currency, due FROM read_invoice WHERE invoice = ANY(%s) ORDER BY due, sequence"
    return [
        f"document: {number or invoice}, {open_amount.normalize():f} {currency} open, due {due}"
        for number, invoice, open_amount, currency, due in bulk.fetch(statement, [names])
    ]
