"""The sandbox gateway: embedded, no network, no money. It does what its test cards say (cards.py), and keeps books of its own.

Its table stands for another company's: it is written outside our transactions, keys are honoured there, and it survives our crash. So
what it charged can be counted against what we recorded. Its webhooks travel as effects of its own (`sandbox.notify`), signed, through the
same door as anybody's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings
from django.urls import reverse

from billing import bulk
from billing.loading import trimmed
from payments.gateways.base import Answer, Asked, BadSignature, Checkout, Disputed, Method, NoAnswer, Notice, Sort, Unsupported
from payments.gateways.cards import CARDS, DAY, TestCard, card_of, outcomes
from plans.errors import Conflict

COLUMNS = "id, kind, key, account, amount, currency, token, parent, state, decline, code, turns_at, turns_to, disputed_at"
NAMES = COLUMNS.split(", ")
TOLERANCE = timedelta(minutes=5)
HEADER = "sandbox-signature"
DISPUTE_FEE = Decimal("15.00")

Row = dict[str, Any]


class SandboxGateway:
    name = "sandbox"
    can = frozenset({"charge", "refund", "payout", "set_up", "checkout", "webhooks"})
    keys_last = timedelta.max

    def method(self, account: str, token: str, customer: str = "") -> Method:
        """What the token stands for. Raises Invalid `unknown_choice`."""
        card = card_of(token)
        return Method(customer=customer or f"customer-{account}", token=token, brand="visa", last4=card.last4, expiry="2099-12")

    def set_up(self, asked: Asked) -> Answer:
        """A card that has no money now, or pays late, is kept all the same; one that was stolen is not."""
        card = card_of(asked.token)
        refused = card.decline in ("hard", "confirmation") or card.state == "confirmation"
        return self._did("set_up", asked, card if refused or card.silent else CARDS["approve"])

    def charge(self, asked: Asked) -> Answer:
        if known := self.find("charge", key=asked.key, at=asked.at):
            return _same(asked, known)
        earlier = _count("SELECT count(*) FROM sandbox_operation WHERE kind = 'charge' AND account = %s AND token = %s", asked)
        card = card_of(asked.token, earlier=earlier)
        if card.lost and not earlier:
            _write("charge", asked, card, state="failed", key=f"{asked.key} (lost)")
            raise NoAnswer("the request did not arrive")
        return self._did("charge", asked, card)

    def refund(self, asked: Asked) -> Answer:
        given = _sum(
            "SELECT sum(amount) FROM sandbox_operation WHERE kind = 'refund' AND parent = %s AND key <> %s", [asked.parent, asked.key]
        )
        charge = _one("id = %s", [asked.parent])
        if charge is None or given + asked.amount > charge["amount"]:
            return Answer("failed", "", asked.amount, asked.currency, asked.key, "hard", "more_than_charged", "more than was charged")
        return self._did("refund", asked, card_of(charge["token"]) if "late" in charge["token"] else TestCard("", ""))

    def pay_out(self, asked: Asked) -> Answer:
        return self._did("payout", asked, card_of(asked.token))

    def _did(self, kind: Sort, asked: Asked, card: TestCard) -> Answer:
        """Do it, or find that it was done under this key; the answer may get lost on its way."""
        reference = _write(kind, asked, card, state=card.state, key=asked.key)
        answer = self.find(kind, key=asked.key, at=asked.at)
        assert answer is not None
        if reference:
            _notify(kind, reference, asked, card)
            if card.silent:
                raise NoAnswer("no answer within the time allowed")
        return _same(asked, answer)

    def checkout(self, asked: Asked, *, return_to: str) -> Checkout:
        card = TestCard("", "", "confirmation", "confirmation", "abandoned", DAY, "failed")
        _write("checkout", asked, card, state="confirmation", key=asked.key, parent=return_to)
        row = _one("kind = 'checkout' AND key = %s", [asked.key])
        assert row is not None
        return Checkout(row["id"], reverse("sandbox-checkout", args=[row["id"]]))

    def pay_checkout(self, checkout: str, token: str, *, at: datetime) -> str:
        """What the page does when the customer chose a card: charge it, close the page, say so. Answers where the customer goes on."""
        outcomes(token)
        row = _one("kind = 'checkout' AND id = %s", [checkout])
        if row is None or self.answer(row, at).state != "confirmation":
            raise Conflict("checkout_closed", "this page was used already, or is too old", at="checkout")
        asked = Asked(row["key"], row["account"], trimmed(row["amount"]), row["currency"], at, "", token)
        answer = Answer("succeeded", "", asked.amount, asked.currency) if not asked.amount else self._charged(asked)
        if answer.state == "confirmation":  # whoever stands before the page confirms there
            _update("UPDATE sandbox_operation SET state = 'succeeded', turns_at = NULL WHERE id = %s RETURNING id", [answer.id])
        state = "failed" if answer.state == "failed" else "processing" if answer.state == "processing" else "succeeded"
        _update(
            "UPDATE sandbox_operation SET state = %s, token = %s, decline = %s, code = %s, turns_at = %s, turns_to = 'succeeded' "
            "WHERE id = %s RETURNING id",
            [state, token, answer.decline, answer.code, at + DAY if state == "processing" else None, checkout],
        )
        _notify("checkout", checkout, asked, card_of(token))
        return str(row["parent"])

    def _charged(self, asked: Asked) -> Answer:
        try:
            return self.charge(asked)
        except NoAnswer:
            found = self.find("charge", key=asked.key, at=asked.at)
            return found or Answer("failed", "", asked.amount, asked.currency, asked.key, "soft", "lost")

    def find(self, sort: Sort, *, key: str = "", reference: str = "", at: datetime, asked: Asked | None = None) -> Answer | None:
        row = _one("kind = %s AND key = %s", [sort, key]) if key else _one("kind = %s AND id = %s", [sort, reference])
        return None if row is None else self.answer(row, at)

    def answer(self, row: Row, at: datetime) -> Answer:
        """What stands of an operation at this moment."""
        turned = row["turns_at"] is not None and row["turns_at"] <= at
        state = row["turns_to"] if turned else row["state"]
        failed = state == "failed"
        url = reverse("sandbox-checkout", args=[row["id"]]) if row["kind"] == "checkout" and state == "confirmation" else ""
        disputed = None
        if row["disputed_at"] is not None and row["disputed_at"] <= at:
            disputed = Disputed(f"dispute-{row['id']}", trimmed(row["amount"]), "fraudulent", "open", DISPUTE_FEE)
        given = row["kind"] == "checkout" and row["token"] and not failed
        kept = given or (row["kind"] == "set_up" and state == "succeeded")
        method = self.method(row["account"], row["token"]) if kept else None
        decline, code = (row["decline"], row["code"]) if failed else ("", "")
        reason = code.replace("_", " ")
        charged = _one("kind = 'charge' AND key = %s", [row["key"]]) if given else None
        reference = charged["id"] if charged else row["id"]
        return Answer(state, reference, trimmed(row["amount"]), row["currency"], row["key"], decline, code, reason, url, disputed, method)

    def read_webhook(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        given = dict(part.partition("=")[::2] for part in headers.get(HEADER, "").split(","))
        stamp = given.get("t", "")
        if not stamp.isdigit() or abs(int(stamp) - int(at.timestamp())) > TOLERANCE.total_seconds():
            raise BadSignature("the time of the signature is missing or more than five minutes away")
        if not any(hmac.compare_digest(signature(secret, stamp, body), given.get("v1", "")) for secret in settings.SANDBOX_WEBHOOK_SECRETS):
            raise BadSignature("the signature is not ours")
        try:
            told = orjson.loads(body)
            return Notice(str(told["id"]), told["about"], str(told["reference"]), str(told.get("said", "")), str(told.get("owner", "")))
        except (ValueError, KeyError, TypeError):
            raise Unsupported("not a notice of the sandbox") from None


def signature(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def signed(body: bytes, at: datetime) -> dict[str, str]:
    """The headers of a webhook that the sandbox sends."""
    stamp = str(int(at.timestamp()))
    return {HEADER: f"t={stamp},v1={signature(settings.SANDBOX_WEBHOOK_SECRETS[0], stamp, body)}"}


def _same(asked: Asked, answer: Answer) -> Answer:
    """Raises Conflict `key_reused` where the key was used to ask for something else."""
    if (asked.amount, asked.currency) != (answer.amount, answer.currency):
        raise Conflict("key_reused", f"the sandbox was asked for {answer.amount} {answer.currency} under this key", at="key")
    return answer


# --- its books --------------------------------------------------------------------------------------------------------------------


def _write(kind: str, asked: Asked, card: TestCard, *, state: str, key: str, parent: str = "") -> str:
    """Write the operation unless the key is known; answers its id, or nothing where it was known."""
    turns_at = None if card.turns_after is None else asked.at + card.turns_after
    disputed_at = None if card.disputed_after is None else asked.at + card.disputed_after
    statement = """
        INSERT INTO sandbox_operation (id, kind, key, account, amount, currency, token, parent, state, decline, code, turns_at, turns_to,
            disputed_at, created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (kind, key) DO NOTHING RETURNING id"""
    reference = f"{kind}-{hashlib.sha256(f'{kind} {key}'.encode()).hexdigest()[:24]}"
    what = [reference, kind, key, asked.account, asked.amount, asked.currency, asked.token, asked.parent or parent]
    rows = bulk.fetch(statement, [*what, state, card.decline, card.code, turns_at, card.turns_to, disputed_at, asked.at])
    return rows[0][0] if rows else ""


def _notify(kind: str, reference: str, asked: Asked, card: TestCard) -> None:
    """Owe the webhooks: now, when it turns, when it is disputed; each as often as the card says."""
    moments = {"now": asked.at}
    if card.turns_after is not None and kind != "checkout":
        moments["turned"] = asked.at + card.turns_after
    if card.disputed_after is not None:
        moments["disputed"] = asked.at + card.disputed_after
    about, what = (kind, reference)
    for said, moment in moments.items():
        if said == "disputed" and kind == "checkout":
            about, what = "charge", f"charge-{hashlib.sha256(f'charge {asked.key}'.encode()).hexdigest()[:24]}"
        for number in range(card.notices):
            told = {"id": f"{what}-{said}", "about": about, "reference": what, "said": said, "owner": asked.account}
            bulk.fetch(
                "INSERT INTO effect (id, kind, account, stream, sequence, payload, state, due_at, attempt, failures, last_error) "
                "VALUES (%s, 'sandbox.notify', %s, 'sandbox:', %s, %s, 'owed', %s, 0, 0, '') ON CONFLICT DO NOTHING RETURNING id",
                [f"sandbox:{what}/{said}/{number}", asked.account, number, orjson.dumps(told).decode(), moment],
            )


def _one(condition: str, parameters: list[Any]) -> Row | None:
    rows = bulk.fetch(f"SELECT {COLUMNS} FROM sandbox_operation WHERE {condition}", parameters)  # noqa: S608 - literals of this module
    return dict(zip(NAMES, rows[0], strict=True)) if rows else None


def _update(statement: str, parameters: list[Any]) -> None:
    bulk.fetch(statement, parameters)


def _count(statement: str, asked: Asked) -> int:
    return int(bulk.fetch(statement, [asked.account, asked.token])[0][0])


def _sum(statement: str, parameters: list[Any]) -> Decimal:
    return bulk.fetch(statement, parameters)[0][0] or Decimal(0)
