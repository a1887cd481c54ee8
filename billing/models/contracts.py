"""Read models of contracts: what holds, the terms over time, and the billing periods. Made by processors alone."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class Contract(models.Model):
    contract = models.TextField(primary_key=True)
    account = models.TextField()
    plan = models.TextField()
    catalogue = models.TextField()
    version = models.IntegerField()
    currency = models.TextField()
    name = models.TextField(blank=True)
    start = models.DateTimeField()
    end = models.DateTimeField(null=True)
    keep_unused = models.BooleanField(default=False)  # cancelled without credit for what was charged in advance
    ended_early = models.BooleanField(default=False)
    paid_through = models.DateTimeField(null=True)
    status = models.TextField()  # active paused ended
    settled = models.BooleanField(default=False)  # ended, every period closed: the clockwork need not load it
    taken_over = models.TextField(blank=True, default="")  # the contract of another payer that it goes on with
    agreed_end = models.DateTimeField(null=True)  # of a cancelled contract: what had been agreed before
    early_fee = models.DecimalField(default=0, **MONEY)  # what was charged for leaving early
    cancelled = models.BooleanField(default=False)  # it ends for good: nothing renews it
    renewed_from = models.DateTimeField(null=True)  # renewed with the newest terms, which are set then
    reminded = models.DateTimeField(null=True)  # the last reminder of its end

    class Meta:
        db_table = "read_contract"
        indexes = [models.Index(fields=["account"], name="read_contract_account")]

    def __str__(self) -> str:
        return f"{self.contract} {self.plan}"


class ContractTerms(models.Model):
    """The terms of a contract from `effective_at` on; of two at one moment the later sequence counts."""

    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()
    contract = models.TextField()
    effective_at = models.DateTimeField()
    kind = models.TextField()
    terms = models.JSONField()

    class Meta:
        db_table = "read_contract_terms"
        indexes = [models.Index(fields=["account", "contract"], name="read_contract_terms_contract")]

    def __str__(self) -> str:
        return f"{self.contract} from {self.effective_at}"


class Period(models.Model):
    """Of each item one live row, the newest, or more while older ones are open: those stand in `read_live_period`, a table that inherits of
    this one, so that whoever reads this one sees them as well. The next period takes the row of the one that it follows; of its columns the
    account alone has an index there, so a month writes none anew."""

    pk = models.CompositePrimaryKey("account", "contract", "item", "start")
    account = models.TextField()
    contract = models.TextField()
    item = models.TextField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    full_start = models.DateTimeField()
    full_end = models.DateTimeField()
    closed = models.BooleanField(default=False)
    last = models.BooleanField(default=True)  # the newest of its item

    class Meta:
        db_table = "read_period"

    def __str__(self) -> str:
        return f"{self.contract} {self.item} {self.start}"
