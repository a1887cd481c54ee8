"""Read models of payments: made from the journal alone, and made again by a rebuild (billing/rebuilding.py names the tables)."""

from __future__ import annotations

from typing import Any

from django.db import models

from payments.dunning.models import DunningCase, DunningChoice, DunningPause, Reopened
from payments.instalments.models import InstalmentPlan
from payments.interest.models import LateDocument
from payments.settlement.models import PayBy

__all__ = [
    "Deposit",
    "Dispute",
    "DunningCase",
    "DunningChoice",
    "DunningPause",
    "InstalmentPlan",
    "LateDocument",
    "PayBy",
    "Receipt",
    "Refund",
    "Reopened",
]

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


class PaymentMethod(models.Model):
    """A way to charge the customer: the gateway's token, and what a person may see of a card."""

    method = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    gateway = models.TextField()
    customer = models.TextField()
    token = models.TextField()
    brand = models.TextField(blank=True)
    last4 = models.TextField(blank=True)
    expiry = models.TextField(blank=True)  # YYYY-MM
    status = models.TextField()  # active removed
    is_default = models.BooleanField()
    default_since = models.DateTimeField(null=True)
    added_at = models.DateTimeField()

    class Meta:
        db_table = "read_payment_method"
        indexes = [models.Index(fields=["account", "sequence"], name="read_payment_method_account")]
        constraints = [
            models.UniqueConstraint(fields=["account"], name="one_default_method", condition=models.Q(is_default=True)),
            models.CheckConstraint(condition=models.Q(last4__regex=r"^[0-9]{0,4}$"), name="method_shows_four_digits_at_most"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.brand} {self.last4}"


class CollectionMode(models.Model):
    """Whether an account is collected from; where it never said, its catalogue does."""

    account = models.TextField(primary_key=True)
    mode = models.TextField()  # automatic manual
    since = models.DateTimeField()

    class Meta:
        db_table = "read_collection_mode"

    def __str__(self) -> str:
        return f"{self.account} {self.mode}"


class Collection(models.Model):
    """What a gateway was asked to charge, and what became of it."""

    collection = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    method = models.TextField()
    gateway = models.TextField()
    attempt = models.IntegerField()
    trigger = models.TextField()
    status = models.TextField()  # requested processing confirmation settled failed
    decline = models.TextField(blank=True)  # soft hard confirmation
    code = models.TextField(blank=True)
    message = models.TextField(blank=True)
    reference = models.TextField(blank=True)
    url = models.TextField(blank=True)  # where the customer confirms
    payment = models.TextField(blank=True)
    requested_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_collection"
        indexes = [models.Index(fields=["account", "sequence"], name="read_collection_account")]

    def __str__(self) -> str:
        return f"{self.collection} {self.amount} {self.currency} {self.status}"


class CollectionPart(models.Model):
    """What of a collection is for which document."""

    pk = models.CompositePrimaryKey("account", "invoice", "collection")
    account = models.TextField()
    invoice = models.TextField()
    collection = models.TextField()
    number = models.TextField()
    amount = models.DecimalField(**MONEY)

    class Meta:
        db_table = "read_collection_part"

    def __str__(self) -> str:
        return f"{self.collection} {self.number} {self.amount}"


class Payout(models.Model):
    """Money on its way to somebody whom we owe."""

    payout = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    channel = models.TextField()
    reference = models.TextField(blank=True)
    status = models.TextField()  # requested settled failed
    requested_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_payout"
        indexes = [models.Index(fields=["account", "sequence"], name="read_payout_account")]

    def __str__(self) -> str:
        return f"{self.payout} {self.amount} {self.currency}"


# --- the other side of the sandbox: not made from events, never rebuilt -----------------------------------------------------------


class SandboxOperation(models.Model):
    """What the sandbox gateway was asked to do, as the gateway itself knows it. It stands for another company's books: it is written
    outside our transactions and survives our crash."""

    id = models.TextField(primary_key=True)
    kind = models.TextField()  # charge refund payout checkout
    key = models.TextField()
    account = models.TextField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    token = models.TextField(blank=True)
    parent = models.TextField(blank=True)  # the charge that a refund gives back; where a checkout returns to
    state = models.TextField()  # succeeded failed processing confirmation open
    decline = models.TextField(blank=True)
    code = models.TextField(blank=True)
    turns_at = models.DateTimeField(null=True)  # from then on the state is `turns_to`
    turns_to = models.TextField(blank=True)
    disputed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "sandbox_operation"
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="sandbox_one_operation_per_key")]

    def __str__(self) -> str:
        return f"{self.id} {self.amount} {self.currency} {self.state}"


class BankLine(models.Model):
    """A line of a bank statement as it was brought in, and what became of it. Not made from events: it stays in a rebuild, and the person
    in it (name, IBAN, text) can be erased."""

    line = models.TextField(primary_key=True)  # digest of what tells it from every other line
    seller = models.TextField()
    own = models.TextField(blank=True)  # the account that the statement is of
    booked = models.DateField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    name = models.TextField(blank=True)
    iban = models.TextField(blank=True)
    text = models.TextField(blank=True)
    reference = models.TextField(blank=True)
    end_to_end = models.TextField(blank=True)
    kind = models.TextField(blank=True)
    file = models.TextField()
    number = models.IntegerField()
    word = models.TextField()  # what it was taken for: matched put_aside settled returned taken_back fee waiting explained
    command = models.TextField(blank=True)
    arguments = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    account = models.TextField(blank=True)
    outcome = models.TextField(blank=True)  # what the command made, or the address of its event; "": not done yet
    imported_at = models.DateTimeField()

    class Meta:
        db_table = "bank_line"
        indexes = [
            models.Index(fields=["seller", "word"], name="bank_line_word"),
            models.Index(fields=["iban"], name="bank_line_iban"),
            models.Index(fields=["outcome"], name="bank_line_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.booked} {self.amount} {self.currency} {self.word}"


class Transfer(models.Model):
    """A refund or payout that stands in a file for the bank."""

    transfer = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    file = models.TextField()
    end_to_end = models.TextField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    destination = models.TextField()  # hash of the frozen vault row
    text = models.TextField(blank=True)
    sent_at = models.DateTimeField()

    class Meta:
        db_table = "read_transfer"
        indexes = [
            models.Index(fields=["file"], name="read_transfer_file"),
            models.Index(fields=["account", "sequence"], name="read_transfer_account"),
        ]

    def __str__(self) -> str:
        return f"{self.transfer} {self.amount} {self.currency} in {self.file}"
