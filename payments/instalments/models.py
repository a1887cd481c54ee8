"""Read model of payment plans."""

from __future__ import annotations

from typing import Any

from django.db import models

MONEY: dict[str, Any] = {"max_digits": 38, "decimal_places": 6}


class InstalmentPlan(models.Model):
    plan = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    offer = models.TextField(blank=True)
    name = models.TextField()
    currency = models.TextField()
    principal = models.DecimalField(**MONEY)
    method = models.TextField()
    rate = models.DecimalField(max_digits=38, decimal_places=12)
    instalments = models.JSONField()  # {start, due, principal, interest} of each
    invoices = models.JSONField()  # ids of the documents
    tolerance = models.IntegerField()
    tax_category = models.TextField(blank=True)
    catalogue = models.TextField(blank=True)
    version = models.IntegerField(default=0)
    status = models.TextField()  # active completed broken settled cancelled
    agreed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_instalment_plan"
        indexes = [models.Index(fields=["account"], name="read_instalment_plan_account")]

    def __str__(self) -> str:
        return f"{self.plan} {self.principal} {self.currency} {self.status}"
