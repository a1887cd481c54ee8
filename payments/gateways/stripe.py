"""Stripe, by its official SDK: methods set up and charged off session, refunds, disputes, its hosted checkout, signed webhooks.

Our key is Stripe's idempotency key and stands in the metadata of what it makes, so that the truth is found by it: among the payment
intents of the customer, or the refunds of the charge. Amounts go in the smallest unit of their currency. No card number passes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urljoin

import stripe
from django.conf import settings

from payments.gateways.base import (
    Answer,
    Asked,
    BadSignature,
    Checkout,
    Decline,
    Disputed,
    Method,
    NoAnswer,
    Notice,
    Sort,
    State,
    Unsupported,
)
from plans.money import decimals

T = TypeVar("T")
ZERO = Decimal(0)
TOLERANCE = 300  # seconds
#: What trying again will not mend; the rest may work another day.
HARD = frozenset(
    """lost_card stolen_card pickup_card fraudulent expired_card invalid_account restricted_card revocation_of_authorization
    revocation_of_all_authorizations card_not_supported invalid_number incorrect_number do_not_try_again stop_payment_order
    transaction_not_allowed security_violation no_action_taken not_permitted""".split()
)
STATES: dict[str, State] = {
    "succeeded": "succeeded",
    "processing": "processing",
    "pending": "processing",
    "requires_capture": "processing",
    "requires_action": "confirmation",
    "requires_confirmation": "confirmation",
    "canceled": "failed",
    "failed": "failed",
    "requires_payment_method": "failed",
}
#: Currencies whose smallest unit is another at Stripe than by ISO 4217.
UNITS = {"ISK": 2, "UGX": 2}


def smallest(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(UNITS.get(currency, decimals(currency))))


def amount_of(units: int, currency: str) -> Decimal:
    return Decimal(units).scaleb(-UNITS.get(currency.upper(), decimals(currency.upper())))


def decline_of(code: str) -> Decline:
    """The class of a decline code."""
    if code in ("authentication_required", "authentication_not_handled", "payment_intent_authentication_failure"):
        return "confirmation"
    return "hard" if code in HARD else "soft"


class StripeGateway:
    name = "stripe"
    can = frozenset({"charge", "refund", "set_up", "checkout", "webhooks"})
    keys_last = timedelta(hours=23)

    def client(self) -> Any:
        """Retries are ours to decide, so the SDK makes none."""
        bases = {"api": settings.STRIPE_API_BASE} if settings.STRIPE_API_BASE else None
        return stripe.StripeClient(settings.STRIPE_SECRET_KEY, base_addresses=bases, max_network_retries=0).v1  # type: ignore[arg-type]

    def set_up(self, asked: Asked) -> Answer:
        """By a set-up intent, confirmed for use off session; the bank may want the customer to confirm it."""
        client, keyed = self.client(), {"key": asked.key, "account": asked.account}
        try:
            kind = told(lambda: client.payment_methods.retrieve(asked.token)).type
            customer = (
                asked.customer
                or told(
                    lambda: client.customers.create({"metadata": {"account": asked.account}}, {"idempotency_key": f"{asked.key}/customer"})
                ).id
            )
            wanted = {"customer": customer, "usage": "off_session", "payment_method_types": [kind], "metadata": keyed}
            made = told(lambda: client.setup_intents.create(wanted, {"idempotency_key": asked.key}))
            given = {"payment_method": asked.token}
            told(lambda: client.setup_intents.confirm(made.id, given, {"idempotency_key": f"{asked.key}/confirm"}))
            return self._set_up(client, made.id, asked)
        except stripe.CardError as error:
            return declined(error, asked)
        except stripe.InvalidRequestError as error:
            return refused(error, asked)

    def _set_up(self, client: Any, reference: str, asked: Asked | None) -> Answer:
        """What stands of a set-up intent. The method of one that succeeded belongs to the customer, so that it can be charged."""
        intent = told(lambda: client.setup_intents.retrieve(reference))
        key = read(read(intent, "metadata"), "key") or ""
        currency = asked.currency if asked else ""
        state = STATES.get(intent.status, "processing")
        if state == "failed":
            error = read(intent, "last_setup_error")
            code = read(error, "decline_code") or read(error, "code") or intent.status
            return Answer("failed", intent.id, ZERO, currency, key, decline_of(code), code, read(error, "message") or "")
        if state != "succeeded":
            action = read(read(intent, "next_action"), "redirect_to_url")
            return Answer(state, intent.id, ZERO, currency, key, url=(read(action, "url") if state == "confirmation" else "") or "")
        method = told(lambda: client.payment_methods.retrieve(intent.payment_method))
        if not read(method, "customer"):
            method = told(lambda: client.payment_methods.attach(method.id, {"customer": intent.customer}))
        return Answer("succeeded", intent.id, ZERO, currency, key, method=method_of(method, intent.customer))

    def charge(self, asked: Asked) -> Answer:
        wanted: dict[str, Any] = {
            "amount": smallest(asked.amount, asked.currency),
            "currency": asked.currency.lower(),
            "customer": asked.customer,
            "payment_method": asked.token,
            "off_session": True,
            "confirm": True,
            "metadata": {"key": asked.key, "account": asked.account},
        }
        client = self.client()
        try:
            wanted["payment_method_types"] = [told(lambda: client.payment_methods.retrieve(asked.token)).type]
            return intent_answer(told(lambda: client.payment_intents.create(wanted, {"idempotency_key": asked.key})), asked.key)
        except stripe.CardError as error:
            return declined(error, asked)
        except stripe.InvalidRequestError as error:
            return refused(error, asked)

    def refund(self, asked: Asked) -> Answer:
        wanted = {
            "payment_intent": asked.parent,
            "amount": smallest(asked.amount, asked.currency),
            "metadata": {"key": asked.key, "account": asked.account},
        }
        client = self.client()
        try:
            return refund_answer(told(lambda: client.refunds.create(wanted, {"idempotency_key": asked.key})), asked.key)
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            return refused(error, asked)

    def pay_out(self, asked: Asked) -> Answer:
        return Answer(
            "failed", "", asked.amount, asked.currency, asked.key, "hard", "unsupported", "Stripe pays nobody for us; pay by hand"
        )

    def checkout(self, asked: Asked, *, return_to: str) -> Checkout:
        back = urljoin(settings.PAYMENT_RETURN_URL, return_to)
        metadata = {"key": asked.key, "account": asked.account}
        wanted: dict[str, Any] = {"metadata": metadata, "success_url": back, "cancel_url": back, "customer_creation": "always"}
        if asked.amount:
            product = {"product_data": {"name": asked.account}, "currency": asked.currency.lower()}
            price = product | {"unit_amount": smallest(asked.amount, asked.currency)}
            wanted |= {"mode": "payment", "line_items": [{"price_data": price, "quantity": 1}]}
            wanted["payment_intent_data"] = {"setup_future_usage": "off_session", "metadata": metadata}
        else:
            wanted |= {"mode": "setup", "currency": asked.currency.lower(), "setup_intent_data": {"metadata": metadata}}
        client = self.client()
        session = told(lambda: client.checkout.sessions.create(wanted, {"idempotency_key": asked.key}))
        return Checkout(session.id, session.url)

    def find(self, sort: Sort, *, key: str = "", reference: str = "", at: datetime, asked: Asked | None = None) -> Answer | None:
        client = self.client()
        try:
            if sort == "charge":
                found = self._intent(client, key, reference, asked)
                return self._with_dispute(client, found, intent_answer(found, key)) if found is not None else None
            if sort == "refund":
                found = self._refund(client, key, reference, asked)
                return refund_answer(found, key) if found is not None else None
            if sort == "set_up":
                known = reference or read(self._set_up_of(client, key, asked), "id")
                return self._set_up(client, known, asked) if known else None
            if sort == "checkout" and reference:
                return self._checkout(client, reference)
        except stripe.InvalidRequestError as error:
            if error.http_status != 404:
                raise
        return None

    def _intent(self, client: Any, key: str, reference: str, asked: Asked | None) -> Any:
        if reference:
            return told(lambda: client.payment_intents.retrieve(reference))
        if asked is None or not asked.customer:
            return None
        return with_key(told(lambda: client.payment_intents.list({"customer": asked.customer, "limit": 100})), key)

    def _set_up_of(self, client: Any, key: str, asked: Asked | None) -> Any:
        if asked is None or not asked.customer:
            return None
        return with_key(told(lambda: client.setup_intents.list({"customer": asked.customer, "limit": 100})), key)

    def _refund(self, client: Any, key: str, reference: str, asked: Asked | None) -> Any:
        if reference:
            return told(lambda: client.refunds.retrieve(reference))
        if asked is None:
            return None
        return with_key(told(lambda: client.refunds.list({"payment_intent": asked.parent, "limit": 100})), key)

    def _with_dispute(self, client: Any, intent: Any, answer: Answer) -> Answer:
        charge = read(intent, "latest_charge")
        if isinstance(charge, str):
            charge = told(lambda: client.charges.retrieve(charge))
        if not read(charge, "disputed"):
            return answer
        listed = told(lambda: client.disputes.list({"payment_intent": intent.id, "limit": 1})).data
        return Answer(**{**answer.__dict__, "disputed": dispute_of(listed[0])}) if listed else answer

    def _checkout(self, client: Any, reference: str) -> Answer:
        session = told(lambda: client.checkout.sessions.retrieve(reference))
        key, amount = read(session.metadata, "key") or "", amount_of(session.amount_total or 0, session.currency)
        currency = session.currency.upper()
        intent = read(session, "payment_intent")
        if session.status == "expired":
            return Answer("failed", session.id, amount, currency, key, "confirmation", "abandoned", "the page was not used")
        given = read(session, "setup_intent")
        if session.status == "open" or not (intent or given):
            return Answer("confirmation", session.id, amount, currency, key, url=session.url or "")
        if given:
            made = told(lambda: client.setup_intents.retrieve(given, {"expand": ["payment_method"]}))
            return Answer("succeeded", session.id, amount, currency, key, method=method_of(made.payment_method, made.customer))
        paid = told(lambda: client.payment_intents.retrieve(intent, {"expand": ["payment_method"]}))
        return Answer(**{**intent_answer(paid, key).__dict__, "method": method_of(paid.payment_method, paid.customer)})

    def read_webhook(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        event = self._verified(body, headers.get("stripe-signature", ""))
        thing = event["data"]["object"]
        kind, owner = thing.get("object", ""), (thing.get("metadata") or {}).get("account", "")
        if kind == "payment_intent":
            return Notice(event["id"], "charge", thing["id"], event["type"], owner)
        if kind in ("charge", "dispute") and thing.get("payment_intent"):
            return Notice(event["id"], "charge", thing["payment_intent"], event["type"], owner)
        if kind == "setup_intent":
            return Notice(event["id"], "set_up", thing["id"], event["type"], owner)
        if kind == "refund":
            return Notice(event["id"], "refund", thing["id"], event["type"], owner)
        if kind == "checkout.session":
            return Notice(event["id"], "checkout", thing["id"], event["type"], owner)
        raise Unsupported(f"{event['type']} is none of our business")

    def _verified(self, body: bytes, signature: str) -> Any:
        for secret in settings.STRIPE_WEBHOOK_SECRETS:
            try:
                return stripe.Webhook.construct_event(body, signature, secret, tolerance=TOLERANCE).to_dict()  # type: ignore[no-untyped-call]
            except stripe.SignatureVerificationError:
                continue
            except (ValueError, KeyError, TypeError):
                raise Unsupported("not a notice of Stripe") from None
        raise BadSignature("the signature is not one of Stripe's for us, or too old")


def method_of(method: Any, customer: str | None) -> Method:
    """A payment method as we keep it: what is no card has its kind for a brand."""
    card = read(method, "card")
    expiry = f"{read(card, 'exp_year'):04d}-{read(card, 'exp_month'):02d}" if card else ""
    return Method(customer or "", method.id, read(card, "brand") or method.type, read(card, "last4") or "", expiry)


# --- reading what Stripe says -----------------------------------------------------------------------------------------------------


def told(call: Callable[[], T]) -> T:
    """What Stripe answers. Silence, a broken connection, an error on its side or of our key: no answer."""
    try:
        return call()
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
        raise NoAnswer(type(error).__name__) from error
    except stripe.IdempotencyError as error:
        raise NoAnswer("the same key is being answered") from error
    except (stripe.CardError, stripe.InvalidRequestError):
        raise
    except stripe.StripeError as error:
        raise NoAnswer(type(error).__name__) from error


def read(thing: Any, name: str) -> Any:
    """A field that may not be there."""
    return None if thing is None else getattr(thing, name, None)


def with_key(listed: Any, key: str) -> Any:
    """Of all pages, what was made under our key."""
    return next((one for one in listed.auto_paging_iter() if read(read(one, "metadata"), "key") == key), None)


def intent_answer(intent: Any, key: str) -> Answer:
    """What stands of a payment intent."""
    currency = intent.currency.upper()
    state = STATES.get(intent.status, "processing")
    amount = amount_of(intent.amount, intent.currency)
    known = key or read(read(intent, "metadata"), "key") or ""
    if state == "failed":
        error = read(intent, "last_payment_error")
        code = read(error, "decline_code") or read(error, "code") or intent.status
        return Answer("failed", intent.id, amount, currency, known, decline_of(code), code, read(error, "message") or "")
    action = read(read(intent, "next_action"), "redirect_to_url")
    url = read(action, "url") if state == "confirmation" else ""
    return Answer(state, intent.id, amount, currency, known, url=url or "")


def refund_answer(refund: Any, key: str) -> Answer:
    known = key or read(read(refund, "metadata"), "key") or ""
    reason = read(refund, "failure_reason") or ""
    amount, currency = amount_of(refund.amount, refund.currency), refund.currency.upper()
    state = STATES.get(refund.status, "processing")
    if state == "failed":
        return Answer("failed", refund.id, amount, currency, known, "hard", reason or "failed", reason)
    return Answer(state, refund.id, amount, currency, known)


def declined(error: stripe.CardError, asked: Asked) -> Answer:
    """A refusal of the card; the intent that it left behind is named where Stripe says so."""
    body = error.error
    code = str(read(body, "decline_code") or error.code or "declined")
    intent = read(read(body, "payment_intent") or read(body, "setup_intent"), "id") or ""
    return Answer("failed", intent, asked.amount, asked.currency, asked.key, decline_of(code), code, error.user_message or "")


def refused(error: stripe.StripeError, asked: Asked) -> Answer:
    """Stripe did not take the request: nothing moved, and asking the same again would not help."""
    return Answer("failed", "", asked.amount, asked.currency, asked.key, "hard", error.code or "refused", error.user_message or str(error))


def dispute_of(dispute: Any) -> Disputed:
    ended = {"won": "won", "lost": "lost", "warning_closed": "won"}
    state: Any = ended.get(dispute.status) or ("inquiry" if dispute.status.startswith("warning") else "open")
    fees = [read(one, "fee") or 0 for one in read(dispute, "balance_transactions") or []]
    currency = dispute.currency
    return Disputed(dispute.id, amount_of(dispute.amount, currency), dispute.reason, state, amount_of(max(fees, default=0), currency))
