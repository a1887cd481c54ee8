"""Documents leave as mail: to a real SMTP server that takes them, refuses them for now or for good, or is not there."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import override_settings

from billing import bulk, delivery
from billing.delivery import Failed, OwedEffect, claim, deliver
from payments.documents import delivery as mails
from payments.documents.mailing import check_address, file_name, message
from plans.errors import Invalid
from tests.books import do, moment
from tests.documents.shop import play, read

pytestmark = pytest.mark.django_db
T0 = moment("2026-03-06")


class Post:
    """A post office that answers as it is told and keeps what it took."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.taken: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if not self.answer.startswith("250"):
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.taken.append(email.message_from_bytes(content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[Post, Controller]]:
    post = Post()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    yield post, controller
    controller.stop()


@pytest.fixture
def post(office: tuple[Post, Controller]) -> Iterator[Post]:
    found, controller = office
    found.__init__()  # type: ignore[misc]
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=controller.port,
        EMAIL_TIMEOUT=5,
        DEFAULT_FROM_EMAIL="Puerto Claro <cuentas@puertoclaro.example>",
    ):
        yield found


def effect(kind: str = "document.send") -> tuple[str, int, str]:
    """(state, failures, words) of the first one."""
    return bulk.fetch("SELECT state, failures, last_error FROM effect WHERE kind = %s ORDER BY sequence LIMIT 1", [kind])[0]


def one_owed(**details: Any) -> str:
    """A single document owed to ana; answers the effect's id."""
    play(**details)
    bulk.fetch("DELETE FROM effect WHERE id NOT IN (SELECT min(id) FROM effect WHERE kind = 'document.send') RETURNING id")
    return str(bulk.fetch("SELECT id FROM effect")[0][0])


def test_an_invoice_arrives_with_text_page_and_pdf(post: Post) -> None:
    owed = one_owed(locale="es")
    assert deliver(until=T0).done == 1
    (mail,) = post.taken
    assert post.recipients == ["ana@customers.example"]
    stream, sequence, kind = owed.split("/")
    assert mail["Message-ID"] == f"<{stream}.{sequence}.{kind}@puertoclaro.example>"
    number = read(f"{stream}/{sequence}").number
    assert mail["Subject"] == f"Factura {number} – Puerto Claro S.L."
    assert mail["Auto-Submitted"] == "auto-generated"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (f"{number}.pdf", "application/pdf")
    assert attached.get_content().startswith(b"%PDF-1.7")
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert text.get_content().startswith("A continuación encontrará su factura")
    assert page is not None
    assert f'<span class="number">{number}</span>' in page.get_content()
    assert effect() == ("done", 0, "")


def test_a_mail_sent_again_has_the_same_id(post: Post) -> None:
    one_owed()
    (first,) = claim("document.send", until=T0)
    assert mails.send(first) == delivery.Done()
    bulk.fetch("UPDATE effect SET leased_until = now() - interval '1 minute' RETURNING id")  # the worker died before its answer was kept
    assert deliver(until=T0).done == 1
    ids = [mail["Message-ID"] for mail in post.taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_refused_for_now_is_tried_again(post: Post) -> None:
    one_owed()
    post.answer = "451 Greylisted, try again later"
    assert deliver(until=T0).later == 1
    assert effect() == ("owed", 1, "the mail server refused: 451 Greylisted, try again later")
    assert deliver(until=T0).attempts == 0  # not before its time
    post.answer = "250 OK"
    assert deliver(until=T0 + timedelta(minutes=1)).done == 1
    assert len(post.taken) == 1


def test_refused_for_good_fails_and_is_seen(post: Post) -> None:
    owed = one_owed()
    post.answer = "550 No such mailbox"
    assert deliver(until=T0).failed == 1
    assert delivery.waiting(until=T0).failed == [(owed, "the mail server refused: 550 No such mailbox")]
    post.answer = "250 OK"
    do("retry_effect", "2026-03-07", effect=owed, reason="address mended")
    assert deliver(until=moment("2026-03-07")).done == 1
    assert len(post.taken) == 1


def test_no_server_is_tried_again(post: Post) -> None:
    one_owed()
    with override_settings(EMAIL_PORT=1):
        assert deliver(until=T0).later == 1
    state, failures, words = effect()
    assert (state, failures) == ("owed", 1)
    assert words.startswith("the mail server does not answer: ConnectionRefusedError")


def test_an_account_without_an_address_is_no_failure(post: Post) -> None:
    one_owed(email="")
    assert deliver(until=T0).done == 1
    assert effect() == ("done", 0, "the account ana has no mail address; nothing was sent")
    assert post.taken == []


@pytest.mark.parametrize(
    "address",
    ["a@b.example\nBcc: c@d.example", "a@b.example\r\nX: y", "a@b.example, c@d.example", "A <a@b.example>", "a b@c.example", "@", "a@", ""],
)
def test_an_address_is_one_address_and_no_header(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_address(address)
    assert caught.value.code == "bad_address"


def test_headers_can_not_be_injected(post: Post) -> None:
    one_owed(email="ana@customers.example\r\nBcc: eve@evil.example")
    assert deliver(until=T0).failed == 1
    assert post.taken == []
    play_name = "Ana\r\nBcc: eve@evil.example"
    document = read("INV-000002")
    seller = document.seller.__class__(**{**vars(document.seller), "name": play_name})
    mail = message(document.__class__(**{**vars(document), "seller": seller}), to=["ana@customers.example"], id="1@x.example")
    mail.send()
    assert [sent["Bcc"] for sent in post.taken] == [None]
    assert post.taken[0]["Subject"].strip() == "Invoice INV-000002 – Ana Bcc: eve@evil.example"


def test_a_file_name_is_one_for_every_system() -> None:
    play()
    document = read("INV-000002")
    for number, wanted in (("../../x y/ñ", "x-y"), ("", "ana-10"), ("...", "document"), ("A/2026-1", "A-2026-1")):
        assert file_name(document.__class__(**{**vars(document), "number": number, "id": "ana/10"})) == wanted


def test_a_document_that_is_not_there_fails_with_words() -> None:
    play()
    owed = OwedEffect("ana/1/document.send", "document.send", "ana", "ana", 1, {"document": "invoice", "id": "ana/1"}, 1, T0)
    assert mails.send(owed) == Failed("document: ana/1 was brought over from elsewhere; its document stands there [no_document]")


def test_a_reminder_is_mailed_for_its_documents_while_they_are_open(post: Post) -> None:
    play("es")
    third = bulk.fetch("SELECT invoice FROM read_invoice WHERE number = 'INV-000003'")[0][0]
    payload = {"text": "friendly", "step": 2, "subject": "ana", "documents": [third]}
    owed = OwedEffect("ana/20/dunning.remind", "dunning.remind", "ana", "ana", 20, payload, 1, moment("2026-03-10"))
    assert mails.told_reminder(owed) == delivery.Done("a story sends no mail")
    assert post.taken == []
    assert mails.remind(owed) == delivery.Done()
    (mail,) = post.taken
    assert mail["Subject"].strip() == "Recordatorio de pago INV-000003 – Puerto Claro S.L."
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Total pendiente" in body.get_content()
    assert "INV-000002" not in body.get_content()
    do("pay", "2026-03-11", account="ana", amount="32.84", invoices=["INV-000003"])
    assert mails.remind(owed) == delivery.Done("nothing to remind of")
    assert len(post.taken) == 1
