"""Endpoints that are told of events, their secrets, and the log of what was sent."""

from __future__ import annotations

from django.db import models


class Webhook(models.Model):
    """An endpoint as its events say."""

    endpoint = models.TextField(primary_key=True)
    url = models.TextField()
    kinds = models.JSONField(default=list)
    account = models.TextField(blank=True)
    status = models.TextField()  # active disabled
    reason = models.TextField(blank=True)
    since = models.DateTimeField()

    class Meta:
        db_table = "read_webhook"

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.url}"


class WebhookSecret(models.Model):
    """What messages are signed with. Kept apart from events, which nobody can ever take back."""

    endpoint = models.TextField()
    secret = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)  # of a secret that was replaced: how long it signs too

    class Meta:
        db_table = "webhook_secret"
        indexes = [models.Index(fields=["endpoint", "since"], name="webhook_secret_endpoint")]

    def __str__(self) -> str:
        return f"secret of {self.endpoint} since {self.since:%Y-%m-%d}"


class WebhookAttempt(models.Model):
    """One message sent, or tried: what the receiver answered. What it said is not kept."""

    endpoint = models.TextField()
    message = models.TextField()
    event = models.TextField()
    kind = models.TextField()
    at = models.DateTimeField()
    status = models.IntegerField(null=True)
    milliseconds = models.IntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "webhook_attempt"
        indexes = [
            models.Index(fields=["endpoint", "at"], name="webhook_attempt_endpoint"),
            models.Index(fields=["event"], name="webhook_attempt_event"),
        ]

    def __str__(self) -> str:
        return f"{self.message} {self.status or self.error}"
