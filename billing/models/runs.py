"""Runs as people watch them: operational rows, made and changed by whoever runs, never by events."""

from __future__ import annotations

from django.db import models

RUNNING, STOPPED, DONE, FAILED = "running", "stopped", "done", "failed"


class Run(models.Model):
    """One run of some kind of work up to a moment. Several workers may share it; each adds what it did after each chunk."""

    kind = models.TextField()  # advance effects verify
    until = models.DateTimeField()
    dry_run = models.BooleanField(default=False)
    status = models.TextField(default=RUNNING)
    started_at = models.DateTimeField()
    started_by = models.TextField()
    seen_at = models.DateTimeField()  # when somebody last worked on it
    finished_at = models.DateTimeField(null=True)
    expected = models.IntegerField(default=0)  # accounts or effects that were due when it started
    done = models.IntegerField(default=0)
    events = models.IntegerField(default=0)
    parked = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    stop_asked = models.BooleanField(default=False)
    note = models.TextField(blank=True)

    class Meta:
        db_table = "run"
        indexes = [models.Index(fields=["-started_at"], name="run_newest")]

    def __str__(self) -> str:
        return f"{self.kind} to {self.until:%Y-%m-%d %H:%M}: {self.status}"
