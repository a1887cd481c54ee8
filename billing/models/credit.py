"""The credit status of accounts that are, or were, not in good standing."""

from __future__ import annotations

from django.db import models


class CreditStatus(models.Model):
    """An account without a row is `good`, and always was."""

    account = models.TextField(primary_key=True)
    sequence = models.BigIntegerField()  # of the event that set it
    status = models.TextField()  # good grace limited suspended
    reason = models.TextField(blank=True)
    set_by = models.TextField()  # person dunning
    cause = models.TextField(blank=True)  # address of the event that led there
    since = models.DateTimeField()

    class Meta:
        db_table = "read_credit_status"
        indexes = [models.Index(fields=["status", "since"], name="read_credit_status_work", condition=~models.Q(status="good"))]

    def __str__(self) -> str:
        return f"{self.account} {self.status}"


class SuspendedService(models.Model):
    """A contract whose service is stopped; `charging` says whether its charges go on meanwhile."""

    contract = models.TextField(primary_key=True)
    account = models.TextField()
    charging = models.BooleanField()
    since = models.DateTimeField()

    class Meta:
        db_table = "read_suspended_service"
        indexes = [models.Index(fields=["account"], name="read_suspended_account")]

    def __str__(self) -> str:
        return self.contract


class CreditLimit(models.Model):
    """How much an account may owe; one without a row may owe any amount."""

    account = models.TextField(primary_key=True)
    sequence = models.BigIntegerField()  # of the event that set it
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    currency = models.TextField()
    actor = models.TextField()
    since = models.DateTimeField()

    class Meta:
        db_table = "read_credit_limit"
        constraints = [models.CheckConstraint(condition=models.Q(amount__gte=0), name="credit_limit_not_negative")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount} {self.currency}"
