"""Read model of scheduled changes."""

from __future__ import annotations

from django.db import models

SCHEDULED, QUESTIONED = "scheduled", "questioned"


class ScheduledChange(models.Model):
    """A change for a later moment. `change` is the address of the event that scheduled it, `decided` that of the last event about it."""

    change = models.TextField(primary_key=True)
    account = models.TextField()
    command = models.TextField()
    arguments = models.JSONField()
    moment = models.DateTimeField()
    rule = models.TextField(blank=True)  # period_end trial_end term_end; "" for a date
    contract = models.TextField(blank=True)
    order = models.IntegerField()
    status = models.TextField()  # scheduled questioned applied withdrawn
    actor = models.TextField()
    asked_at = models.DateTimeField()
    reason = models.TextField(blank=True)
    code = models.TextField(blank=True)  # why a person must look
    message = models.TextField(blank=True)
    decided = models.TextField(blank=True)

    class Meta:
        db_table = "read_change"
        indexes = [
            models.Index(
                fields=["account"], name="read_change_pending", condition=models.Q(status="scheduled") | models.Q(status="questioned")
            ),
            models.Index(fields=["asked_at"], name="read_change_questioned", condition=models.Q(status="questioned")),
        ]

    def __str__(self) -> str:
        return f"{self.change} {self.command}"
