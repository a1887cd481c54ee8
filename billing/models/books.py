"""The seller's books: what is still to be earned, and which months are closed. Written by processors, made from the journal alone."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class DeferredCharge(models.Model):
    """What one key was charged in advance and has not earned yet. The row goes when all of it is earned, so that the table does not grow
    with history."""

    pk = models.CompositePrimaryKey("account", "contract", "item", "terms", "period_start", "component", "currency")
    account = models.TextField()
    contract = models.TextField()
    item = models.TextField()
    terms = models.TextField()
    period_start = models.DateTimeField()
    component = models.TextField()
    currency = models.TextField()
    ledger = models.TextField()  # where it is earned
    catalogue = models.TextField(blank=True)
    version = models.IntegerField(default=0)
    start = models.DateTimeField()
    end = models.DateTimeField()
    charged = models.DecimalField(**MONEY)
    recognised = models.DecimalField(**MONEY)
    after = models.DateTimeField()  # the next month end after this counts
    since = models.DateField(null=True)  # a person took a part back: by this day `settled` was earned, the rest is earned from there
    settled = models.DecimalField(**MONEY, default=0)

    class Meta:
        db_table = "read_deferred"

    def __str__(self) -> str:
        return f"{self.contract} {self.item} {self.charged} {self.currency} of {self.start:%Y-%m-%d}"


class ExchangeRate(models.Model):
    """What one `base` was worth in `quote` on the day, as it was published."""

    pk = models.CompositePrimaryKey("seller", "base", "quote", "day", "version")
    seller = models.TextField()
    base = models.TextField()
    quote = models.TextField()
    day = models.DateField()
    version = models.IntegerField()
    rate = models.DecimalField(max_digits=60, decimal_places=30)
    source = models.TextField()
    effective_at = models.DateTimeField()

    class Meta:
        db_table = "read_rate"
        constraints = [models.CheckConstraint(condition=models.Q(rate__gt=0), name="rate_is_positive")]

    def __str__(self) -> str:
        return f"{self.day} {self.base}/{self.quote} {self.rate}"


class Books(models.Model):
    """The last day of a seller's closed months."""

    seller = models.TextField(primary_key=True)
    closed_through = models.DateField()
    event = models.TextField()
    closed_at = models.DateTimeField()

    class Meta:
        db_table = "read_books"

    def __str__(self) -> str:
        return f"{self.seller} closed through {self.closed_through}"
