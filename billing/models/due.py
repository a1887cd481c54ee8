"""Read model of documents with several due dates."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class DuePart(models.Model):
    """An amount of a document that is due on a day, as set by the event `sequence` and, where `until` is given, ended by `ended`."""

    pk = models.CompositePrimaryKey("account", "sequence", "position")
    account = models.TextField()
    sequence = models.BigIntegerField()
    position = models.IntegerField()
    invoice = models.TextField()
    due = models.DateField()
    amount = models.DecimalField(**MONEY)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    ended = models.BigIntegerField(null=True)

    class Meta:
        db_table = "read_due_part"
        indexes = [models.Index(fields=["invoice"], name="read_due_part_invoice")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.invoice} on {self.due}"
