"""Correction sets and their items: made from the sets' own events."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.read import MONEY


class CorrectionSet(models.Model):
    """Nobody approves a set that he asked for: the database refuses it too."""

    name = models.TextField(primary_key=True)
    seller = models.TextField()
    command = models.TextField()
    code = models.TextField()
    reason = models.TextField(blank=True)
    asked_by = models.TextField()
    made_at = models.DateTimeField()
    items = models.IntegerField()
    status = models.TextField()  # draft approved reverting
    decided_by = models.TextField(blank=True)
    approval = models.TextField(blank=True)  # the address of the event: the cause of what is done

    class Meta:
        db_table = "read_correction_set"
        constraints = [
            models.CheckConstraint(condition=Q(decided_by="") | ~Q(decided_by=F("asked_by")), name="corrections_never_decided_by_who_asked")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


class CorrectionItem(models.Model):
    pk = models.CompositePrimaryKey("name", "position")
    name = models.TextField()
    position = models.IntegerField()
    account = models.TextField()
    arguments = models.TextField()
    state = models.TextField()  # new previewed refused applied not_applied reverted not_reverted
    amount = models.DecimalField(null=True, **MONEY)
    currency = models.TextField(blank=True)
    preview = models.TextField(blank=True)  # JSON
    refusal = models.TextField(blank=True)

    class Meta:
        db_table = "read_correction_item"
        indexes = [models.Index(fields=["name", "state", "position"], name="read_correction_item_state")]

    def __str__(self) -> str:
        return f"{self.name}#{self.position} {self.account} {self.state}"
