"""Published policy and drafts of it. A published version never changes: the database refuses (see the migrations)."""

from __future__ import annotations

from django.db import models


class CatalogueVersion(models.Model):
    """One published version of a catalogue, as the event `catalogue.published` says. `digest`: SHA-256 of `source`, in hexadecimal."""

    name = models.TextField()
    version = models.IntegerField()
    digest = models.TextField()
    source = models.TextField()
    effective = models.DateField(null=True)  # the day from which new contracts take it; null: at once
    seller = models.TextField()
    published_at = models.DateTimeField()
    published_by = models.TextField()
    event = models.TextField()  # address of the event, `stream/sequence`

    class Meta:
        db_table = "catalogue_version"
        ordering = ["name", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "version"],
                name="catalogue_version_once",
                violation_error_message="this version of the catalogue is published already",
            ),
            models.CheckConstraint(
                condition=models.Q(version__gt=0),
                name="catalogue_version_counts_from_one",
                violation_error_message="versions count from 1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class CatalogueDraft(models.Model):
    """A catalogue that is being worked on: the only one that may be edited. Nothing is priced by it."""

    name = models.TextField(primary_key=True)
    source = models.TextField()
    digest = models.TextField(default="")  # of the source: what a request to publish it is bound to
    based_on = models.IntegerField(null=True)  # the version that it was taken from; null: none was published
    changed_at = models.DateTimeField()
    changed_by = models.TextField()

    class Meta:
        db_table = "catalogue_draft"
        ordering = ["name"]

    def __str__(self) -> str:
        return f"draft of {self.name}"


class CatalogueStory(models.Model):
    """A story kept with a catalogue: every draft is played with it before it is published. What came of it is that of the text `played`."""

    catalogue = models.TextField()
    name = models.TextField()
    source = models.TextField()
    kept_at = models.DateTimeField()
    kept_by = models.TextField()
    played = models.TextField(blank=True)  # the digest of the draft
    holds = models.BooleanField(default=False)
    said = models.TextField(blank=True)
    played_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "catalogue_story"
        ordering = ["catalogue", "name"]
        constraints = [models.UniqueConstraint(fields=["catalogue", "name"], name="catalogue_story_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.catalogue}"


class CatalogueBacktest(models.Model):
    """What a draft would have cost the accounts in the last months: kept for whoever approves it, by the digest of the text."""

    catalogue = models.TextField()
    digest = models.TextField()
    at = models.DateTimeField()
    by = models.TextField()
    result = models.TextField()  # JSON, amounts as text

    class Meta:
        db_table = "catalogue_backtest"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["catalogue", "-at"], name="catalogue_backtest_newest")]

    def __str__(self) -> str:
        return f"back-test of {self.catalogue}, {self.digest[:12]}"
