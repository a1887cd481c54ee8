"""What the database itself refuses of money, also to whoever writes past all commands as the application does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from billing import bulk
from tests.books import do

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def money(ana: None) -> None:
    """An invoice of 24.14, paid with 5.86 too much; a deposit, and a receipt of nobody."""
    do("pay", "2026-01-02", account="ana", amount="30.00")
    do("refund", "2026-01-02", account="ana", payment="1", amount="2.00")
    do("take_deposit", "2026-01-02", account="ana", amount="100.00")
    do("receive", "2026-01-02", amount="7.00")


def test_it_speaks_as_the_application_does() -> None:
    assert bulk.fetch("SELECT current_user <> session_user, pg_has_role(current_user, 'pg_write_all_data', 'USAGE')") == [(True, False)]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE read_payment SET refunded = amount + 0.01", "payment_refunded_at_most_paid"),
        ("UPDATE read_payment SET refunded = -0.01", "payment_taken_back_never_negative"),
        ("UPDATE read_payment SET disputed = amount - refunded + 0.01", "payment_refunded_at_most_paid"),
        ("UPDATE read_invoice SET credited = total + 0.01", "invoice_credited_at_most_its_total"),
        ("UPDATE read_invoice SET open = -0.01", "invoice_open_never_negative"),
        ("UPDATE read_invoice SET held = -0.01", "invoice_held_never_negative"),
        ("UPDATE read_invoice SET recovered = written_off + 0.01", "invoice_recovered_at_most_what_was_written_off"),
        ('UPDATE read_deposit SET "left" = -0.01', "deposit_used_at_most_taken"),
        ('UPDATE read_receipt SET "left" = -0.01', "receipt_identified_at_most_received"),
        ("UPDATE read_balance SET amount = 0.01 WHERE ledger = 'credit'", "balance_of_others_money_never_overdrawn"),
    ],
)
def test_no_more_goes_back_than_came(statement: str, constraint: str) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert constraint in str(caught.value)
