"""The protocol of a gateway: what it can be asked, in plain values. docs/gateways.md says how to write one.

Nothing here touches our books. A gateway is called with no transaction open; whatever it is asked has a `key`, and asking again with the
same key must not do it again. Where no answer comes (`NoAnswer`) the outcome is unknown: `find` asks for the truth by the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

State = Literal["succeeded", "failed", "processing", "confirmation"]
Decline = Literal["", "soft", "hard", "confirmation"]
Sort = Literal["charge", "refund", "payout", "checkout", "set_up"]


class NoAnswer(Exception):
    """The gateway may or may not have done it: time-out, a broken connection, an error on its side."""


class BadSignature(Exception):
    """A webhook that the gateway did not sign, or signed too long ago."""


class Unsupported(Exception):
    """This gateway can't do that; the message says what to do instead."""


@dataclass(frozen=True)
class Asked:
    """Money to move: from a customer's method (`token`), back to the payer of `parent`, or out to `token`. `at` is now, for gateways that
    live in stories."""

    key: str
    account: str
    amount: Decimal
    currency: str
    at: datetime
    customer: str = ""
    token: str = ""
    parent: str = ""  # refunds: the gateway's id of the charge


@dataclass(frozen=True)
class Answer:
    """What stands at the gateway. `id` is its name for it. A failure has a decline class: soft (may work later), hard (this method will not
    do) or confirmation (the customer must confirm). `url` is where the customer confirms."""

    state: State
    id: str
    amount: Decimal
    currency: str
    key: str = ""
    decline: Decline = ""
    code: str = ""
    message: str = ""
    url: str = ""
    disputed: Disputed | None = None
    method: Method | None = None  # of a set-up or a checkout: what the customer gave


@dataclass(frozen=True)
class Disputed:
    """The payer's bank took the money of a charge back, or asks."""

    id: str
    amount: Decimal
    reason: str
    state: Literal["inquiry", "open", "won", "lost"]
    fee: Decimal = Decimal(0)


@dataclass(frozen=True)
class Method:
    """A method as the gateway describes it. `expiry` is `YYYY-MM`; never a card number."""

    customer: str
    token: str
    brand: str = ""
    last4: str = ""
    expiry: str = ""


@dataclass(frozen=True)
class Checkout:
    """A page of the gateway where the customer pays or gives a method."""

    id: str
    url: str


@dataclass(frozen=True)
class Notice:
    """A webhook, read: that something happened to `reference`. What happened is asked of the gateway."""

    id: str
    about: Sort
    reference: str
    said: str = ""
    owner: str = ""  # our account, where the gateway says so


class Gateway(Protocol):
    name: str
    can: frozenset[str]  # charge refund payout set_up checkout webhooks
    keys_last: timedelta  # how long the gateway remembers a key; after that nothing is asked twice

    def set_up(self, asked: Asked) -> Answer:
        """Make what the customer gave chargeable when he is not there. `token` is what the gateway's own page or script gave us, `customer`
        the gateway's name of the account where it has one already; the amount is 0. What succeeded has the `method`."""

    def charge(self, asked: Asked) -> Answer: ...

    def refund(self, asked: Asked) -> Answer: ...

    def pay_out(self, asked: Asked) -> Answer: ...

    def checkout(self, asked: Asked, *, return_to: str) -> Checkout:
        """A page where the customer pays the amount; with the amount 0 only a method is given. Afterwards he goes to `return_to`, a path
        of ours."""

    def find(self, sort: Sort, *, key: str = "", reference: str = "", at: datetime, asked: Asked | None = None) -> Answer | None:
        """The truth about what was asked, by its key or the gateway's id; None where the gateway knows of nothing. `asked`,
        where it is at hand, says where to look. Raises NoAnswer."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Notice:
        """Verify over the raw bytes, then read. Raises BadSignature; Unsupported for a sort of notice that is none of our business."""
