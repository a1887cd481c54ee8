"""What became of an account's money, as rows for pages, the API and reports. Amounts are exact; every list is in its order.

The facts of stories read the same tables (billing/scenario/facts.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.loading import trimmed
from payments.standing import PaymentStanding, payments_of

Row = Mapping[str, Any]

REFUND_FIELDS = "refund payment deposit amount currency channel reference reason status requested_at closed_at"
DISPUTE_FIELDS = "dispute payment amount currency fee reason reference evidence_due status opened_at closed_at"
HOLD_FIELDS = "hold invoice number amount currency lines reason status opened_at closed_at"
DEPOSIT_FIELDS = "deposit amount left currency channel reference name taken_at"
RECEIPT_FIELDS = "receipt amount left currency channel reference received_at"


def _rows(table: str, fields: str, condition: str, values: list[Any]) -> list[Row]:
    names = fields.split()
    columns = ", ".join(f'"{name}"' for name in names)
    statement = f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY sequence"  # noqa: S608 - literals of this module
    found = bulk.fetch(statement, values)
    return [
        {name: trimmed(value) if isinstance(value, Decimal) else value for name, value in zip(names, row, strict=True)} for row in found
    ]


def payments(account: str) -> list[PaymentStanding]:
    """The account's payments, with what each pays now and what of it went back."""
    return payments_of(account)


def refunds(account: str) -> list[Row]:
    """Money that went back, or will: of payments, of credit, of deposits."""
    return _rows("read_refund", REFUND_FIELDS, "account = %s", [account])


def disputes(account: str) -> list[Row]:
    """What the bank asked about or took back."""
    return _rows("read_dispute", DISPUTE_FIELDS, "account = %s", [account])


def open_disputes() -> list[Row]:
    """What has to be answered, of all accounts: the evidence that is due first comes first."""
    found = _rows("read_dispute", f"account {DISPUTE_FIELDS}", "status IN ('inquiry', 'open')", [])
    return sorted(found, key=lambda row: (row["evidence_due"] is None, row["evidence_due"], row["opened_at"]))


def holds(account: str) -> list[Row]:
    """What the customer disputed of its documents; `lines` are positions, none where an amount was disputed."""
    return _rows("read_hold", HOLD_FIELDS, "account = %s", [account])


def deposits(account: str) -> list[Row]:
    """The account's deposits with what is left of them."""
    return _rows("read_deposit", DEPOSIT_FIELDS, "account = %s", [account])


def unidentified(seller: str = "main") -> list[Row]:
    """Money of the seller whose payer is not known yet: the work list of whoever matches payments."""
    account = f"suspense-{seller}"
    return _rows("read_receipt", RECEIPT_FIELDS, 'account = %s AND "left" > 0', [account])


def unsettled_refunds() -> list[Row]:
    """Refunds that were asked for and neither settled nor failed, of all accounts, the oldest first."""
    found = _rows("read_refund", f"account {REFUND_FIELDS}", "status = 'requested'", [])
    return sorted(found, key=lambda row: row["requested_at"])
