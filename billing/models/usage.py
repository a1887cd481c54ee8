"""Raw measurements: the journal's high-volume annex. Append-only; corrected only by later records that void or amend.

`usage_key` keeps (source, id) truly unique, whatever the time of the record; it is partitioned by hash and `usage_record` by time
(both made in SQL by the migrations). Ingest also leaves marks; the tick claims them and reads the window again.
"""

from __future__ import annotations

from django.db import models


class UsageKey(models.Model):
    """A record that is known: its time and the digest of its content, so that the same id with other content is a conflict."""

    pk = models.CompositePrimaryKey("source", "record")
    source = models.TextField()
    record = models.TextField()
    at = models.DateTimeField()
    digest = models.BinaryField()

    class Meta:
        db_table = "usage_key"
        managed = False

    def __str__(self) -> str:
        return f"{self.source}:{self.record}"


class UsageRecord(models.Model):
    """One measurement as its source sent it. `until` is set for a use that lasts; `voids` or `amends` names an earlier record."""

    pk = models.CompositePrimaryKey("account", "meter", "at", "source", "record")
    account = models.TextField()
    meter = models.TextField()
    at = models.DateTimeField()
    source = models.TextField()
    record = models.TextField()
    until = models.DateTimeField(null=True)
    value = models.DecimalField(max_digits=60, decimal_places=30, null=True)
    amount = models.DecimalField(max_digits=60, decimal_places=30, null=True)
    dimensions = models.JSONField(default=dict)
    subject = models.TextField(blank=True)
    kind = models.TextField(default="usage")
    estimated = models.BooleanField(default=False)
    voids = models.TextField(blank=True)
    amends = models.TextField(blank=True)  # `source/record` of the earlier one, as `voids`
    initial = models.DecimalField(max_digits=60, decimal_places=30, null=True)  # opening value of a new register
    final = models.DecimalField(max_digits=60, decimal_places=30, null=True)  # closing value of the old one
    sequence = models.BigIntegerField(editable=False)  # order of arrival, given by the database
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "usage_record"
        managed = False

    def __str__(self) -> str:
        return f"{self.account} {self.meter} {self.source}:{self.record}"


class UsageMark(models.Model):
    """Something happened to this meter of this account at or after `at`: the next tick looks again."""

    id = models.BigAutoField(primary_key=True)
    account = models.TextField()
    meter = models.TextField()
    at = models.DateTimeField()  # the earliest time of use
    arrived_at = models.DateTimeField()

    class Meta:
        db_table = "usage_mark"
        indexes = [
            models.Index(fields=["account", "meter"], name="usage_mark_account"),
            models.Index(fields=["arrived_at", "account"], name="usage_mark_arrived"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.meter} from {self.at}"


class RejectedRecord(models.Model):
    """A line that could not be taken, put aside with its number and the reason."""

    id = models.BigAutoField(primary_key=True)
    batch = models.TextField()
    line = models.BigIntegerField()
    code = models.TextField()
    reason = models.TextField()
    content = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "rejected_record"
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="rejected_record_once")]

    def __str__(self) -> str:
        return f"{self.batch}:{self.line} {self.code}"
