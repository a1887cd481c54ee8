"""Read model of what documents cost by the day of payment."""

from __future__ import annotations

from django.db import models


class PayBy(models.Model):
    """Who pays the document by `until` pays `percent` more, or less where it is negative; `taken`: somebody did pay it early."""

    pk = models.CompositePrimaryKey("invoice", "until")
    invoice = models.TextField()
    account = models.TextField()
    until = models.DateField()
    percent = models.DecimalField(max_digits=38, decimal_places=12)
    name = models.TextField(blank=True)
    tax_category = models.TextField(blank=True)
    bill = models.TextField()
    catalogue = models.TextField()
    version = models.IntegerField()
    inclusive = models.BooleanField()
    taken = models.BooleanField(default=False)

    class Meta:
        db_table = "read_pay_by"
        indexes = [models.Index(fields=["account"], name="read_pay_by_account")]

    def __str__(self) -> str:
        return f"{self.invoice} by {self.until}"
