"""Balances of the past: what each month moved."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class MonthMove(models.Model):
    """What an account's postings moved in one month (UTC, by when they count), of the ledgers that say who owes: a balance as of any
    day is the months before it and the postings of its own month."""

    pk = models.CompositePrimaryKey("account", "ledger", "currency", "month")
    account = models.TextField()
    ledger = models.TextField()
    currency = models.TextField()
    month = models.DateField()
    amount = models.DecimalField(**MONEY)

    class Meta:
        db_table = "read_month_move"

    def __str__(self) -> str:
        return f"{self.account} {self.ledger} {self.month:%Y-%m} {self.amount} {self.currency}"
