"""A document as a mail: text, page and PDF in one message, whose id is the effect's, so that a mail sent again can be recognised."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email

from payments.documents import faces
from payments.documents.shown import shown
from payments.documents.values import Document
from plans.errors import Invalid

_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def message(document: Document, *, to: Sequence[str], id: str) -> EmailMultiAlternatives:
    """One mail to the addresses `to`. `id` becomes its Message-ID. Raises Invalid `bad_address`."""
    words = shown(document)
    mail = EmailMultiAlternatives(
        subject=words.subject,
        body=f"{words.greeting}\n\n{faces.text(words)}",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[check_address(one) for one in to],
        headers={"Message-ID": f"<{id}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    mail.attach_alternative(faces.mail_page(words), "text/html")
    mail.attach(f"{file_name(document)}.pdf", faces.pdf(document, words), "application/pdf")
    return mail


def file_name(document: Document) -> str:
    """The number as a name that every system takes."""
    return _FILE_NAME.sub("-", document.number or document.id).strip("-.") or "document"


def check_address(text: str) -> str:
    """One address and nothing else: no second one, no header. Raises Invalid `bad_address`."""
    try:
        validate_email(text)
    except ValidationError:
        raise Invalid("bad_address", f"{text[:80]!r} is not one mail address", at="email") from None
    return text
