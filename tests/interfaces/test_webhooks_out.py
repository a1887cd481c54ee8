"""Messages about events: signed so that the public library accepts them, sent until accepted, never to an inner address."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from billing import delivery
from billing.delivery import DELAYS
from billing.models import Webhook, WebhookAttempt
from billing.rebuilding import compare
from billing.webhooks import guard, sending, signing
from billing.webhooks.owing import chosen
from plans.errors import Conflict, Invalid, NotFound
from tests.books import do, moment, open_account

pytestmark = pytest.mark.django_db
DAY = moment("2026-03-01")


@dataclass
class Receiver:
    """A real server: keeps what it got, answers the statuses it was told, then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_INNER_NETWORKS = [ip_network("127.0.0.0/8")]
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = told.answers.pop(0) if told.answers else 200
            self.send_response(status)
            if status == 302:
                self.send_header("location", told.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def add(receiver: Receiver, *kinds: str, **more: Any) -> str:
    outcome = do("add_webhook", DAY, endpoint="crm", url=receiver.url, kinds=kinds or ("account.opened",), **more)
    return str(outcome.shown_once["secret"])


def send(until: Any = DAY) -> None:
    delivery.deliver(until=until)


def test_a_message_says_what_happened_and_is_signed(receiver: Receiver) -> None:
    secret = add(receiver)
    open_account("ana", at=DAY)
    send()
    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert (told["type"], told["data"]["address"], told["data"]["event"]["account"]) == ("account.opened", "ana/1", "ana")
    assert headers["webhook-timestamp"] == str(int(DAY.timestamp()))
    good = signing.signatures(headers["webhook-id"], int(DAY.timestamp()), body, [secret])
    assert headers["webhook-signature"] == good


def test_the_public_library_verifies_a_fresh_message_and_refuses_a_changed_one() -> None:
    secret, now = signing.new_secret(), int(datetime.now(UTC).timestamp())
    body = b'{"type":"account.opened"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": signing.signatures("msg_1", now, body, [signing.new_secret(), secret]),
    }
    assert Verifier(secret).verify(body.decode(), headers) == {"type": "account.opened"}
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body.decode().replace("opened", "closed"), headers)


def test_only_chosen_kinds_and_accounts_are_told(receiver: Receiver) -> None:
    open_account("bea", at=DAY)
    add(receiver, "account.*", account="bea")
    open_account("ana", at=DAY)
    do("change_details", DAY, account="bea", city="Soria")
    send()
    assert receiver.kinds == ["account.details_changed"]


def test_it_is_sent_again_with_growing_delays_under_the_same_id(receiver: Receiver) -> None:
    add(receiver)
    receiver.answers = [500, 503]
    open_account("ana", at=DAY)
    send()
    send(DAY + DELAYS[0] - timedelta(seconds=1))
    assert len(receiver.got) == 1
    send(DAY + DELAYS[0])
    send(DAY + DELAYS[0] + DELAYS[1])
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert list(WebhookAttempt.objects.order_by("id").values_list("status", flat=True)) == [500, 503, 200]


def test_a_receiver_that_is_gone_is_sent_nothing_more(receiver: Receiver) -> None:
    add(receiver)
    receiver.answers = [410]
    open_account("ana", at=DAY)
    send()
    open_account("bea", at=DAY)
    send(DAY + timedelta(days=9))
    assert len(receiver.got) == 1
    assert Webhook.objects.get().reason == "the receiver answered 410: gone"


def test_a_receiver_that_fails_for_days_is_disabled(receiver: Receiver) -> None:
    add(receiver)
    receiver.answers = [500] * 20
    open_account("ana", at=DAY)
    at = DAY
    for delay in (*DELAYS, timedelta(days=9)):
        send(at)
        at += delay
    send(at)
    assert len(receiver.got) == sending.MOST_ATTEMPTS
    assert (Webhook.objects.get().status, Webhook.objects.get().reason) == ("disabled", "the receiver answered 500, 10 times")


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    add(receiver)
    receiver.answers = [302]
    open_account("ana", at=DAY)
    send()
    assert [headers["host"] for headers, _ in receiver.got] == [receiver.url.split("/")[2]]
    assert WebhookAttempt.objects.get().status == 302


def test_replay_sends_again_under_the_first_id(receiver: Receiver) -> None:
    add(receiver)
    open_account("ana", at=DAY)
    send()
    do("replay_webhook", DAY, endpoint="crm", events=["ana/1"])
    send()
    (first, body), (second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)


def test_both_secrets_sign_for_a_day_after_a_rotation(receiver: Receiver) -> None:
    old = add(receiver)
    new = str(do("rotate_webhook_secret", DAY, endpoint="crm").shown_once["secret"])
    for i, at in enumerate((DAY, DAY + timedelta(days=2))):
        open_account(f"a{i}", at=at)
        send(at)
    soon, later = (headers["webhook-signature"].split() for headers, _ in receiver.got)
    (headers, body), _ = receiver.got
    expected = signing.signatures(headers["webhook-id"], int(DAY.timestamp()), body, [new, old])
    assert (soon, len(later)) == (expected.split(), 1)


def test_what_is_wrong_with_an_endpoint_is_said(receiver: Receiver) -> None:
    add(receiver)
    for arguments, error, at in (
        ({"endpoint": "crm"}, Conflict, "endpoint"),
        ({"endpoint": "a b"}, Invalid, "endpoint"),
        ({"endpoint": "b", "kinds": ["invoice.isued"]}, NotFound, "kinds"),
        ({"endpoint": "b", "url": "ftp://example.com"}, Invalid, "url"),
        ({"endpoint": "b", "account": "nobody"}, NotFound, "account"),
    ):
        with pytest.raises(error) as refused:
            do("add_webhook", DAY, **({"url": receiver.url} | arguments))
        assert refused.value.at == at
    with pytest.raises(NotFound):
        do("replay_webhook", DAY, endpoint="crm", events=["nobody/1"])
    with pytest.raises(Conflict):
        do("enable_webhook", DAY, endpoint="crm")


def test_endpoints_are_rebuilt_from_their_events(receiver: Receiver) -> None:
    add(receiver)
    do("change_webhook", DAY, endpoint="crm", kinds=["*"])
    do("disable_webhook", DAY, endpoint="crm", reason="moving")
    assert compare(["webhook:crm"]) == []


def test_kinds_are_chosen_by_name_by_beginning_or_all() -> None:
    assert chosen("invoice.issued", ["invoice.issued"])
    assert chosen("invoice.issued", ["invoice.*"])
    assert chosen("invoice.issued", ["*"])
    assert not chosen("invoices.x", ["invoice.*"])
    assert not chosen("invoice.issued", ["invoice.voided"])


INNER = """
http://example.com/ https://user@example.com/ https://example.com:22/ https://example.com/#x ftp://example.com/ https:///x https://
https://127.0.0.1/ https://127.1/ https://2130706433/ https://0x7f000001/ https://0177.0.0.1/ https://0/ https://10.0.0.1/
https://172.16.0.1/ https://192.168.1.1/ https://169.254.169.254/latest/meta-data https://100.64.0.1/ https://224.0.0.1/
https://255.255.255.255/ https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:a00:1]/ https://[fe80::1]/
https://[fc00::1]/ https://[fec0::1]/ https://[::7f00:1]/ https://[2001:0:7f00:1::]/ https://[64:ff9b:1::a00:1]/
https://[64:ff9b::7f00:1]/ https://[64:ff9b::a00:1]/ https://[2002:7f00:1::]/ https://[ff02::1]/
https://example.com:0/ https://example.com:99999/ https://exa\tmple.com/ https://example.com\\@127.0.0.1/ https://[::1
""".split(" ")


@pytest.mark.parametrize("url", sorted({part for one in INNER for part in one.split("\n") if part}))
def test_inner_and_odd_addresses_are_refused_when_they_are_given(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        guard.checked_url(url)
    assert refused.value.code == "bad_url"


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:192.168.0.1"], []])
def test_names_that_lead_inside_are_refused_when_they_are_called(answer: list[str]) -> None:
    with pytest.raises(Invalid):
        guard.resolve("https://example.com/hook", lookup=lambda host, port: answer)


def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    """A name that changes its meaning after the check leads nowhere else: it is asked once."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    target = guard.resolve("https://example.com/hook?x=1", lookup=lambda host, port: next(answers))
    assert (target.address, target.host, target.port, target.path) == ("93.184.216.34", "example.com", 443, "/hook?x=1")
    assert next(answers) == ["127.0.0.1"]


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX-Long: "])
def test_a_receiver_that_drips_is_left_after_a_while(settings: Any, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Each byte comes in time; the whole answer never does."""
    settings.WEBHOOK_INNER_NETWORKS = [ip_network("127.0.0.0/8")]
    monkeypatch.setattr(sending, "SECONDS", 0.5)
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(begun)
            while not over.wait(0.05):
                if begun:
                    connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=[listening])
        thread.start()
        reply = sending.send(f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, b"{}")
        over.set()
        thread.join()
    assert (reply.status, reply.milliseconds < 2000) == (None, True)
    assert "within" in reply.error or "timed out" in reply.error


def test_an_inner_address_gets_no_connection_without_the_setting(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_INNER_NETWORKS = []
    reply = sending.send(receiver.url, {}, b"{}")
    assert (reply.status, receiver.got) == (None, [])
    assert "not a public address" in reply.error
