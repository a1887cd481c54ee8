"""Read model of late interest."""

from __future__ import annotations

from django.db import models


class LateDocument(models.Model):
    """A document on which something changed after its due date, until its interest is settled: what the clockwork has to look at although
    nothing is open on it."""

    invoice = models.TextField(primary_key=True)
    account = models.TextField()

    class Meta:
        db_table = "read_late_document"
        indexes = [models.Index(fields=["account"], name="read_late_document_account")]

    def __str__(self) -> str:
        return self.invoice
