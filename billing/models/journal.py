"""The journal and what belongs to writing it. The database refuses to change or remove an event (see the migrations)."""

from __future__ import annotations

from django.db import models


class Stream(models.Model):
    """The head of one stream: the row that a writer locks. No other column and no other index, so that locking stays cheap."""

    id = models.TextField(primary_key=True)
    last_sequence = models.BigIntegerField(default=0)
    last_hash = models.BinaryField(default=b"")

    class Meta:
        db_table = "stream"

    def __str__(self) -> str:
        return f"{self.id} at {self.last_sequence}"


#: What every tick writes, by the thousand: looked up by stream or along the positions, never by kind over all streams.
EVERYDAY = ("charge.accrued", "period.closed", "period.opened")


class JournalEvent(models.Model):
    """One fact. `position` is an address, not an order; (stream, sequence) is how events are named everywhere."""

    position = models.BigAutoField(primary_key=True)
    stream = models.TextField()
    sequence = models.BigIntegerField()
    kind = models.TextField()
    version = models.SmallIntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor = models.TextField()
    command = models.TextField()
    cause = models.TextField(blank=True)
    key = models.TextField(blank=True)
    data = models.JSONField()
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        db_table = "journal"
        constraints = [
            models.UniqueConstraint(fields=["stream", "sequence"], name="journal_one_event_per_sequence"),
            models.CheckConstraint(condition=models.Q(sequence__gt=0), name="journal_sequence_counts_from_one"),
        ]
        indexes = [models.Index(fields=["kind", "stream"], name="journal_kind", condition=~models.Q(kind__in=EVERYDAY))]

    def __str__(self) -> str:
        return f"{self.stream}/{self.sequence} {self.kind}"


class IdempotencyKey(models.Model):
    """A key that a caller gave, with the digest of what was asked and the first answer. Inserted first, so that a second caller waits."""

    scope = models.TextField()
    key = models.TextField()
    digest = models.BinaryField()
    answer = models.JSONField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_key"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.scope}:{self.key}"


class Effect(models.Model):
    """One thing owed to the outside world, by the event that owes it. Claimed, called and settled outside of the writing transaction."""

    id = models.TextField(primary_key=True)  # stream/sequence/kind: also the key that the outside may deduplicate by
    kind = models.TextField()
    account = models.TextField()
    stream = models.TextField()
    sequence = models.BigIntegerField()
    payload = models.JSONField()
    state = models.TextField(default="owed")  # owed claimed done failed
    due_at = models.DateTimeField()
    attempt = models.IntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0, db_default=0)  # of the attempts, those after which a delay was waited for
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "effect"
        indexes = [
            models.Index(fields=["kind", "due_at"], name="effect_waiting", condition=models.Q(state__in=["owed", "claimed"])),
            models.Index(fields=["due_at", "id"], name="effect_failed", condition=models.Q(state="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Counter(models.Model):
    """The last number drawn of one series of one seller: locked last, so that numbers have no gap."""

    seller = models.TextField()
    series = models.TextField()
    value = models.BigIntegerField(default=0)

    class Meta:
        db_table = "counter"
        constraints = [models.UniqueConstraint(fields=["seller", "series"], name="counter_once")]

    def __str__(self) -> str:
        return f"{self.seller} {self.series}: {self.value}"


class Due(models.Model):
    """When an account next needs the clockwork. Narrow, so that claiming is cheap; made from the read models, not from events."""

    account = models.TextField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "due"
        indexes = [models.Index(fields=["at", "account"], name="due_next")]

    def __str__(self) -> str:
        return f"{self.account} at {self.at:%Y-%m-%d %H:%M}"
