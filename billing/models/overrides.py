"""Read model of changes of drafts."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class Override(models.Model):
    """What a person put in place of what is counted for one key."""

    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()
    contract = models.TextField()
    item = models.TextField()
    terms = models.TextField()
    component = models.TextField()
    period_start = models.DateTimeField()
    amount = models.DecimalField(**MONEY)
    quantity = models.DecimalField(max_digits=60, decimal_places=30)
    unit_price = models.TextField(blank=True)
    reason = models.TextField()

    class Meta:
        db_table = "read_override"

    def __str__(self) -> str:
        return f"{self.item} {self.amount}"
