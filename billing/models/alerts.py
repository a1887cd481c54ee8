"""Alerts on usage, as their events say."""

from __future__ import annotations

from django.db import models


class UsageAlert(models.Model):
    """What a customer wants to be told of the use of one item. `told_for` is the start of the last period for which it was."""

    alert = models.TextField(primary_key=True)
    account = models.TextField()
    contract = models.TextField()
    item = models.TextField()
    measure = models.TextField()  # units amount
    threshold = models.DecimalField(max_digits=60, decimal_places=30)
    currency = models.TextField()
    set_at = models.DateTimeField()
    told_for = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_usage_alert"
        indexes = [models.Index(fields=["account"], name="read_usage_alert_account")]

    def __str__(self) -> str:
        return f"{self.alert}: {self.item} {self.threshold.normalize():f}"
