"""A small world for tests of faces: three accounts, usage, a change, documents and payments, all by commands."""

from __future__ import annotations

from billing.models import Charge, Invoice, Payment
from tests.books import advance, do, moment, open_account, publish, use

NOW = moment("2026-02-20")


def play(*, advanced: str = "2026-02-20") -> None:
    """ana owes 76.25, all of it overdue, and 1.00 of late usage waits for the next document; bob has 154.92 in credit; eve owes 7.00."""
    publish()
    open_account("ana", name="Ana Ruiz", zone="Europe/Madrid")
    open_account("bob")
    open_account("eve", country="FR")
    do("subscribe", account="ana", plan="seats", quantities={"seat": "3"})
    do("subscribe", account="bob", plan="basic")
    do("subscribe", account="eve", plan="metered")
    do("restock", "2026-01-02", item="router", quantity="5")
    use("ana", "calls", arrived="2026-01-20", records=[{"id": f"c{i}", "at": f"2026-01-{10 + i}T10:00", "value": "4"} for i in range(6)])
    use("eve", "calls", arrived="2026-01-20", records=[{"id": f"e{i}", "at": f"2026-01-{10 + i}T10:00", "value": "7"} for i in range(2)])
    do("change_quantity", "2026-01-16", account="ana", item="seat", quantity="5")
    do("sell", "2026-01-17", account="bob", item="router", quantity="1")
    advance("2026-02-15")
    do("pay", "2026-02-16", account="ana", amount="20", channel="cash")
    do("pay", "2026-02-16", account="bob", amount="300", channel="transfer", reference="R-1")
    late = [{"id": "late1", "at": "2026-01-25T10:00", "value": "3"}, {"id": "f1", "at": "2026-02-10T10:00", "value": "6"}]
    use("ana", "calls", arrived="2026-02-18", records=late)
    advance(advanced)


def document(number: str) -> str:
    """The id of a document, by its number: the address of its event."""
    return Invoice.objects.get(number=number).invoice


def payment(account: str) -> str:
    """The address of the account's only payment."""
    return Payment.objects.get(account=account).payment


def charge(account: str, amount: str) -> str:
    """The address of the account's only charge of this amount."""
    return f"{account}/{Charge.objects.get(account=account, amount=amount).sequence}"
