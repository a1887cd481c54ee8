"""Read models of dunning."""

from __future__ import annotations

from django.db import models


class DunningCase(models.Model):
    """The steps that hold for an account (subject "") or one of its documents. A case that is over has no row."""

    pk = models.CompositePrimaryKey("account", "subject")
    account = models.TextField()
    subject = models.TextField(blank=True)
    sequence = models.BigIntegerField()  # of the event that changed it last
    base = models.DateField()
    taken = models.JSONField()
    overdue = models.BooleanField()
    collection = models.BooleanField(default=False)
    last_at = models.DateTimeField()

    class Meta:
        db_table = "read_dunning_case"
        indexes = [models.Index(fields=["base"], name="read_dunning_collection", condition=models.Q(collection=True))]

    def __str__(self) -> str:
        return f"{self.account} {self.subject}"


class DunningPause(models.Model):
    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()
    since = models.DateField()
    until = models.DateField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        db_table = "read_dunning_pause"

    def __str__(self) -> str:
        return f"{self.account} {self.since}"


class DunningChoice(models.Model):
    """The policy that was set for an account."""

    account = models.TextField(primary_key=True)
    policy = models.TextField()
    catalogue = models.TextField()
    version = models.IntegerField()
    since = models.DateField()

    class Meta:
        db_table = "read_dunning_choice"

    def __str__(self) -> str:
        return f"{self.account} {self.policy}"


class Reopened(models.Model):
    """A document on which something came to be open again, the last time at `at`."""

    invoice = models.TextField(primary_key=True)
    account = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "read_reopened"
        indexes = [models.Index(fields=["account"], name="read_reopened_account")]

    def __str__(self) -> str:
        return self.invoice
