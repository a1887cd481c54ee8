"""Requests to correct money and the policy of the house: made from the journal alone."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.read import MONEY


class CorrectionRequest(models.Model):
    """What somebody asked for, and what became of it. Nobody decides his own request: the database refuses it too."""

    request = models.TextField(primary_key=True)
    account = models.TextField()
    seller = models.TextField()
    command = models.TextField()
    code = models.TextField()
    reason = models.TextField(blank=True)
    amount = models.DecimalField(null=True, **MONEY)
    currency = models.TextField(blank=True)
    status = models.TextField()  # pending approved executed rejected withdrawn expired undone
    asked_by = models.TextField()
    asked_role = models.TextField(blank=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.TextField(blank=True)
    decided_role = models.TextField(blank=True)
    decided_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    undoes = models.TextField(blank=True)
    undone_by = models.TextField(blank=True)

    class Meta:
        db_table = "read_request"
        indexes = [
            models.Index(fields=["account"], name="read_request_account"),
            models.Index(fields=["made_at"], name="read_request_waiting", condition=Q(status__in=["pending", "approved"])),
            models.Index(fields=["asked_by", "made_at"], name="read_request_asked"),
            models.Index(fields=["decided_by", "decided_at"], name="read_request_decided"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(decided_by="") | ~Q(decided_by=F("asked_by")), name="request_never_decided_by_who_asked"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "executed", "rejected", "withdrawn", "expired", "undone"]),
                name="request_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request} {self.command} {self.status}"


class PublishedPolicy(models.Model):
    pk = models.CompositePrimaryKey("seller", "version")
    seller = models.TextField()
    version = models.IntegerField()
    effective_at = models.DateTimeField()
    event = models.TextField()
    source = models.TextField()

    class Meta:
        db_table = "read_policy"

    def __str__(self) -> str:
        return f"{self.seller}@{self.version}"
