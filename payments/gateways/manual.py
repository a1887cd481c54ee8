"""No gateway at all: cash, cheques, bank transfers. A person says what came (`pay`, `receive`) and what left (`settle_refund`,
`settle_payout`).

It answers every request with `processing`, so that whatever is asked of it waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from payments.gateways.base import Answer, Asked, BadSignature, Checkout, Sort, Unsupported


class ManualGateway:
    name = "manual"
    can: frozenset[str] = frozenset()
    keys_last = timedelta.max

    def set_up(self, asked: Asked) -> Answer:
        raise Unsupported("what is paid by hand needs no method")

    def charge(self, asked: Asked) -> Answer:
        return Answer("processing", asked.key, asked.amount, asked.currency, asked.key)

    def refund(self, asked: Asked) -> Answer:
        return self.charge(asked)

    def pay_out(self, asked: Asked) -> Answer:
        return self.charge(asked)

    def checkout(self, asked: Asked, *, return_to: str) -> Checkout:
        raise Unsupported("there is no page to pay by hand")

    def find(self, sort: Sort, *, key: str = "", reference: str = "", at: datetime, asked: Asked | None = None) -> None:
        return None

    def read_webhook(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> None:
        raise BadSignature("nobody sends webhooks for what is done by hand")
