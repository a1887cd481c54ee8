"""Read models of payments: made from the journal alone, and made again by a rebuild (billing/rebuilding.py names the tables)."""

from __future__ import annotations

from typing import Any

from django.db import models

MONEY: dict[str, Any] = {"max_digits": 38, "decimal_places": 6}


class Refund(models.Model):
    refund = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    payment = models.TextField(blank=True)
    deposit = models.TextField(blank=True)
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    channel = models.TextField()
    reference = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    status = models.TextField()  # requested settled failed
    requested_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_refund"
        indexes = [models.Index(fields=["account", "sequence"], name="read_refund_account")]

    def __str__(self) -> str:
        return f"{self.refund} {self.amount} {self.currency}"


class Dispute(models.Model):
    """A payment that the bank asks about (`inquiry`) or took back (`open`, with evidence `under_review`), until it is won or lost."""

    dispute = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    payment = models.TextField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    fee = models.DecimalField(**MONEY)
    from_credit = models.DecimalField(**MONEY)
    reason = models.TextField(blank=True)
    reference = models.TextField(blank=True)
    evidence_due = models.DateField(null=True)
    status = models.TextField()  # inquiry open under_review won lost closed escalated
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_dispute"
        indexes = [models.Index(fields=["account", "sequence"], name="read_dispute_account")]

    def __str__(self) -> str:
        return f"{self.dispute} {self.amount} {self.currency} {self.status}"


class Receipt(models.Model):
    """Money whose payer is not known; `left` is what still is not."""

    receipt = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    amount = models.DecimalField(**MONEY)
    left = models.DecimalField(**MONEY)
    currency = models.TextField()
    channel = models.TextField()
    reference = models.TextField(blank=True)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "read_receipt"
        indexes = [models.Index(fields=["account", "sequence"], name="read_receipt_account")]
        constraints = [models.CheckConstraint(condition=models.Q(left__gte=0), name="receipt_identified_at_most_received")]

    def __str__(self) -> str:
        return f"{self.receipt} {self.amount} {self.currency}"


class Deposit(models.Model):
    deposit = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    amount = models.DecimalField(**MONEY)
    left = models.DecimalField(**MONEY)
    currency = models.TextField()
    channel = models.TextField()
    reference = models.TextField(blank=True)
    name = models.TextField(blank=True)
    taken_at = models.DateTimeField()

    class Meta:
        db_table = "read_deposit"
        indexes = [models.Index(fields=["account", "sequence"], name="read_deposit_account")]
        constraints = [models.CheckConstraint(condition=models.Q(left__gte=0), name="deposit_used_at_most_taken")]

    def __str__(self) -> str:
        return f"{self.deposit} {self.amount} {self.currency}"
