"""Read model of contracts that are kept off documents."""

from __future__ import annotations

from django.db import models


class InvoicingHold(models.Model):
    """One item of a contract ("" for all of them) whose charges go on no document, `until` somebody said otherwise."""

    pk = models.CompositePrimaryKey("account", "contract", "item")
    account = models.TextField()
    contract = models.TextField()
    item = models.TextField(blank=True)
    event = models.TextField()  # address of the event that held it
    actor = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "read_invoicing_hold"

    def __str__(self) -> str:
        return f"{self.contract} {self.item}".strip()
