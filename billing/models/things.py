"""Read models of what accounts share: goods in stock, coupons with a limit."""

from __future__ import annotations

from django.db import models


class Stock(models.Model):
    item = models.TextField(primary_key=True)
    level = models.DecimalField(max_digits=38, decimal_places=12)

    class Meta:
        db_table = "read_stock"
        constraints = [models.CheckConstraint(condition=models.Q(level__gte=0), name="stock_never_negative")]

    def __str__(self) -> str:
        return f"{self.item}: {self.level}"


class CouponUse(models.Model):
    coupon = models.TextField(primary_key=True)
    taken = models.IntegerField()

    class Meta:
        db_table = "read_coupon"

    def __str__(self) -> str:
        return f"{self.coupon}: {self.taken}"
