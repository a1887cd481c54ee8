"""Calling gateways: what the events of payments owe to them, and the handlers that ask and settle by commands.

The request stands in the journal before anything is called. The id of the effect is the gateway's idempotency key. After an answer that
never came, and on every later attempt, the gateway is first asked what it knows under the key; only what it does not know is asked again,
under the same key, and only as long as the gateway remembers keys. So nothing is done twice, and nothing done is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.urls import reverse

from billing import bulk, journal
from billing.delivery import Answer as Delivered
from billing.delivery import Done, Failed, Later, OwedEffect
from billing.effects import Owed, owed_of
from billing.engine import Request, execute
from billing.events import Event
from billing.journal import Recorded
from payments import gateways
from payments.events import DepositReleased, RefundRequested
from payments.gateway_events import CollectionRequested, NoticeReceived, PaymentCollected, PayoutRequested
from payments.gateways.base import Answer, Asked, Gateway, NoAnswer, Sort
from payments.paying import CHANNELS
from plans.errors import Conflict

ACTOR = "gateway"
SET_UP = "set_up"  # trigger of a collection of nothing: a method is made chargeable
POLL, POLL_MOST, GIVE_UP = timedelta(hours=1), timedelta(days=1), timedelta(days=30)


@owed_of(CollectionRequested, RefundRequested, PayoutRequested, NoticeReceived)
def owed_by(event: Event) -> list[Owed]:
    """What is to be asked of a gateway. What goes by hand owes nothing."""
    if isinstance(event, CollectionRequested):
        return [(_asks(event), {"collection": event.collection})]
    if isinstance(event, RefundRequested) and event.channel not in CHANNELS:
        return [("gateway.refund", {"refund": event.refund})]
    if isinstance(event, PayoutRequested) and event.channel not in CHANNELS:
        return [("gateway.payout", {"payout": event.payout})]
    if isinstance(event, NoticeReceived):
        return [("gateway.digest", {"account": event.owner} if event.owner else {})]
    return []


def _asks(event: CollectionRequested) -> str:
    if event.trigger == SET_UP:
        return "gateway.set_up"
    return "gateway.charge" if event.method else "gateway.checkout"


# --- asking -----------------------------------------------------------------------------------------------------------------------


def ask(gateway: Gateway, sort: Sort, call: Callable[[Asked], Answer], asked: Asked, effect: OwedEffect) -> Answer | Later | Failed:
    """What stands at the gateway after this attempt."""
    try:
        if effect.attempt > 1 and (found := gateway.find(sort, key=asked.key, at=effect.at, asked=asked)):
            return found
        if effect.at - recorded(effect).effective_at > gateway.keys_last:
            return Failed("the gateway knows nothing of it and may not remember the key any more; ask again by a new request")
        return call(asked)
    except NoAnswer as silence:
        try:
            found = gateway.find(sort, key=asked.key, at=effect.at, asked=asked)
        except NoAnswer:
            found = None
        return found or Later(f"no answer: {silence}")


def recorded(effect: OwedEffect) -> Recorded:
    found = journal.one(effect.stream, effect.sequence)
    assert found is not None
    return found


def run(effect: OwedEffect, command: str, **arguments: Any) -> None:
    """A command of what the gateway said, at the moment of the attempt."""
    execute(Request(command, arguments, effect.at, ACTOR, known_at=effect.known_at))


def waits(effect: OwedEffect, reason: str) -> Delivered:
    """Ask again later, in growing steps; a webhook may be faster. After a month a person must look."""
    if effect.at - recorded(effect).effective_at > GIVE_UP:
        return Failed(f"still {reason} after {GIVE_UP.days} days")
    return Later(reason, effect.at + min(POLL * 2 ** min(effect.attempt - 1, 10), POLL_MOST))


# --- charges ----------------------------------------------------------------------------------------------------------------------


def charge(effect: OwedEffect) -> Delivered:
    """Charge the method of a collection; settle, fail or await the collection by what the gateway says."""
    event: Any = recorded(effect).event
    if _status("read_collection", "collection", event.collection) in ("settled", "failed"):
        return Done()
    gateway = gateways.named(event.gateway)
    asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at, event.customer, event.token)
    answer = ask(gateway, "charge", gateway.charge, asked, effect)
    return settle_charge(effect, event, answer) if isinstance(answer, Answer) else answer


def set_up(effect: OwedEffect) -> Delivered:
    """Make a method chargeable; once it is, the account has it."""
    event: Any = recorded(effect).event
    if _status("read_collection", "collection", event.collection) in ("settled", "failed"):
        return Done()
    gateway = gateways.named(event.gateway)
    asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at, event.customer, event.token)
    answer = ask(gateway, "set_up", gateway.set_up, asked, effect)
    return settle_charge(effect, event, answer) if isinstance(answer, Answer) else answer


def checkout(effect: OwedEffect) -> Delivered:
    """Open a page of the gateway for a collection, and look what became of it."""
    event: Any = recorded(effect).event
    if _status("read_collection", "collection", event.collection) in ("settled", "failed"):
        return Done()
    gateway = gateways.named(event.gateway)
    try:
        (page_id,) = bulk.fetch("SELECT reference FROM read_collection WHERE collection = %s", [event.collection])[0]
        known = {"reference": page_id} if page_id else {"key": effect.id}
        answer = gateway.find("checkout", **known, at=effect.at)
        if answer is None:
            asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at)
            page = gateway.checkout(asked, return_to=reverse("portal-payment", args=[event.account, effect.sequence]))
            answer = Answer("confirmation", page.id, event.amount, event.currency, effect.id, url=page.url)
    except NoAnswer as silence:
        return Later(f"no answer: {silence}")
    return settle_charge(effect, event, answer)


def settle_charge(effect: OwedEffect, event: CollectionRequested, answer: Answer) -> Delivered:
    """Record what the gateway says of a collection; commands that were given before change nothing."""
    named = {"account": event.account, "collection": event.collection}
    if answer.method is not None:
        _keep_method(effect, event, answer)
    if answer.state == "succeeded":
        run(effect, "settle_collection", **named, reference=answer.id, amount=answer.amount)
        return _dispute(effect, event, answer)
    if answer.state == "failed":
        told = {"code": answer.code, "message": answer.message, "reference": answer.id}
        run(effect, "fail_collection", **named, decline=answer.decline or "hard", **{name: text for name, text in told.items() if text})
        return Done()
    pages = {"url": answer.url} if answer.url else {}
    run(effect, "await_collection", **named, waiting=answer.state, reference=answer.id, **pages)
    return waits(effect, answer.state)


def _keep_method(effect: OwedEffect, event: CollectionRequested, answer: Answer) -> None:
    """What the customer gave on the gateway's page can be charged from now on."""
    method = answer.method
    assert method is not None
    shown = {"brand": method.brand, "last4": method.last4, "expiry": method.expiry, "customer": method.customer}
    given = {name: text for name, text in shown.items() if text}
    try:
        actor = "scenario" if effect.known_at else ACTOR
        arguments = {"account": event.account, "gateway": event.gateway, "gateway_token": method.token, **given}
        execute(Request("add_method", arguments, effect.at, actor, known_at=effect.known_at))
    except Conflict as conflict:
        if conflict.code != "method_known":
            raise


def _dispute(effect: OwedEffect, event: CollectionRequested, answer: Answer) -> Delivered:
    """A charge that the payer's bank took back, or asks about: into the commands of disputes, each step once."""
    disputed = answer.disputed
    if disputed is None:
        return Done()
    payment = bulk.fetch("SELECT payment FROM read_collection WHERE collection = %s", [event.collection])[0][0]
    statement = "SELECT dispute, status FROM read_dispute WHERE account = %s AND reference = %s ORDER BY sequence DESC LIMIT 1"
    rows = bulk.fetch(statement, [event.account, disputed.id])
    if not rows or (rows[0][1] == "inquiry" and disputed.state != "inquiry"):
        what = {"amount": disputed.amount, "reason": disputed.reason, "reference": disputed.id, "fee": disputed.fee}
        run(effect, "open_dispute", account=event.account, payment=payment, inquiry=disputed.state == "inquiry", **what)
        rows = bulk.fetch(statement, [event.account, disputed.id])
    if disputed.state in ("won", "lost") and rows[0][1] in ("open", "under_review"):
        run(effect, "win_dispute" if disputed.state == "won" else "lose_dispute", account=event.account, dispute=rows[0][0])
    return Done()


def _status(table: str, column: str, name: str) -> str:
    rows = bulk.fetch(f"SELECT status FROM {table} WHERE {column} = %s", [name])  # noqa: S608 - literals of this module
    return str(rows[0][0])


def top_up(effect: OwedEffect) -> Delivered:
    """A wallet ran low: ask for the collection, once for the effect; or let the command say why not."""
    asked = {"account": effect.account, "unit": effect.payload["unit"], "amount": effect.payload["amount"]}
    execute(Request("top_up_low", asked, effect.at, ACTOR, key=effect.id, known_at=effect.known_at))
    return Done()


# --- money out --------------------------------------------------------------------------------------------------------------------


def refund(effect: OwedEffect) -> Delivered:
    """Give back through the gateway that took it; a deposit is paid out to the customer's method."""
    event: Any = recorded(effect).event
    if _status("read_refund", "refund", event.refund) != "requested":
        return Done()
    if isinstance(event, DepositReleased):
        return _released(effect, event)
    taken = journal.one(*journal.split_address(event.payment)) if event.payment else None
    if taken is None or not isinstance(taken.event, PaymentCollected):
        return Failed("no payment of this gateway is named: settle or fail the refund by hand")
    gateway = gateways.named(event.channel)
    asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at, parent=taken.event.reference)
    answer = ask(gateway, "refund", gateway.refund, asked, effect)
    return settle_refund(effect, event, answer) if isinstance(answer, Answer) else answer


def _released(effect: OwedEffect, event: DepositReleased) -> Delivered:
    gateway = gateways.named(event.channel)
    asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at, token=event.destination)
    answer = ask(gateway, "payout", gateway.pay_out, asked, effect)
    return settle_refund(effect, event, answer) if isinstance(answer, Answer) else answer


def settle_refund(effect: OwedEffect, event: RefundRequested, answer: Answer) -> Delivered:
    return _settle_out(effect, event.account, ("refund", event.refund), answer)


def pay_out(effect: OwedEffect) -> Delivered:
    """Send money through the gateway."""
    event: Any = recorded(effect).event
    if _status("read_payout", "payout", event.payout) != "requested":
        return Done()
    gateway = gateways.named(event.channel)
    asked = Asked(effect.id, event.account, event.amount, event.currency, effect.at, token=event.destination)
    answer = ask(gateway, "payout", gateway.pay_out, asked, effect)
    return settle_payout(effect, event, answer) if isinstance(answer, Answer) else answer


def settle_payout(effect: OwedEffect, event: PayoutRequested, answer: Answer) -> Delivered:
    return _settle_out(effect, event.account, ("payout", event.payout), answer)


def _settle_out(effect: OwedEffect, account: str, what: tuple[str, str], answer: Answer) -> Delivered:
    """Settle or fail money that goes out; what is closed already stays as it is, but a failure after it left brings it back."""
    word, name = what
    named = {"account": account, word: name}
    try:
        if answer.state == "succeeded":
            run(effect, f"settle_{word}", **named, **({"reference": answer.id} if answer.id else {}))
        elif answer.state == "failed":
            run(effect, f"fail_{word}", **named, reason=answer.message or answer.code or "the gateway refused")
        else:
            return waits(effect, answer.state)
    except Conflict as conflict:
        if conflict.code != f"{word}_closed":
            raise
    return Done()
