"""Read models of what accounts share: goods in stock, coupons with a limit."""

from __future__ import annotations

from typing import Any

from django.db import models

from billing.models.read import MONEY

QUANTITY: dict[str, Any] = {"max_digits": 38, "decimal_places": 12}


class Stock(models.Model):
    """What is there of an item at one place."""

    pk = models.CompositePrimaryKey("item", "location")
    item = models.TextField()
    location = models.TextField()
    level = models.DecimalField(**QUANTITY)
    reserved = models.DecimalField(default=0, **QUANTITY)
    value = models.DecimalField(default=0, **MONEY)
    unit_cost = models.DecimalField(null=True, **MONEY)

    class Meta:
        db_table = "read_stock"
        constraints = [
            models.CheckConstraint(condition=models.Q(level__gte=0), name="stock_never_negative"),
            models.CheckConstraint(condition=models.Q(reserved__gte=0), name="stock_reserved_never_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.item} at {self.location}: {self.level}"


class StockMove(models.Model):
    """One movement of goods, for histories and sums over many items; `cause` is the event that it follows from, such as a sale."""

    pk = models.CompositePrimaryKey("item", "sequence")
    item = models.TextField()
    sequence = models.BigIntegerField()
    location = models.TextField()
    at = models.DateTimeField()
    quantity = models.DecimalField(**QUANTITY)
    level = models.DecimalField(**QUANTITY)
    reason = models.TextField()
    account = models.TextField(blank=True)
    cost = models.DecimalField(**MONEY)
    currency = models.TextField(blank=True)
    note = models.TextField(blank=True)
    cause = models.TextField(blank=True)

    class Meta:
        db_table = "read_stock_move"
        indexes = [models.Index(fields=["cause"], name="read_stock_move_cause", condition=~models.Q(cause=""))]

    def __str__(self) -> str:
        return f"{self.quantity} {self.item}: {self.reason}"


class StockReservation(models.Model):
    reservation = models.TextField(primary_key=True)
    item = models.TextField()
    location = models.TextField()
    account = models.TextField()
    quantity = models.DecimalField(**QUANTITY)
    expires = models.DateTimeField(null=True)
    reference = models.TextField(blank=True)
    status = models.TextField()  # open sold released expired

    class Meta:
        db_table = "read_stock_reservation"
        indexes = [models.Index(fields=["account"], name="read_stock_reservation_open", condition=models.Q(status="open"))]

    def __str__(self) -> str:
        return f"{self.quantity} {self.item} for {self.account}"


class Booking(models.Model):
    """A thing that an account has or had for a time. The database refuses live ones of a single thing that overlap (a constraint)."""

    booking = models.TextField(primary_key=True)
    thing = models.TextField()
    unit = models.TextField(blank=True)
    number = models.BigIntegerField(null=True)  # of the single thing: what the constraint compares; none for a pool
    account = models.TextField()
    quantity = models.IntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    status = models.TextField()  # held confirmed started; cancelled expired no_show completed
    due = models.DateTimeField(null=True)  # when a hold expires, or who has not come is a no-show
    stay = models.JSONField()
    currency = models.TextField()
    catalogue = models.TextField()
    version = models.IntegerField()
    sale = models.TextField(blank=True)
    contract = models.TextField(blank=True)
    fee = models.DecimalField(default=0, **MONEY)
    overbooked = models.BooleanField(default=False)
    name = models.TextField(blank=True)
    reference = models.TextField(blank=True)

    class Meta:
        db_table = "read_booking"
        indexes = [
            models.Index(fields=["account", "start"], name="read_booking_account"),
            models.Index(fields=["thing", "start"], name="read_booking_thing"),
            models.Index(fields=["account", "due"], name="read_booking_due", condition=models.Q(status__in=("held", "confirmed"))),
        ]

    def __str__(self) -> str:
        return f"{self.thing} {self.unit}: {self.booking}"


class Capacity(models.Model):
    """How many pieces of a pool are taken in one slot. The database refuses more than the limit."""

    pk = models.CompositePrimaryKey("thing", "slot")
    thing = models.TextField()
    slot = models.DateTimeField()
    taken = models.IntegerField()
    limit = models.IntegerField()

    class Meta:
        db_table = "read_capacity"
        constraints = [
            models.CheckConstraint(condition=models.Q(taken__gte=0), name="capacity_never_negative"),
            models.CheckConstraint(condition=models.Q(taken__lte=models.F("limit")), name="capacity_never_exceeded"),
        ]

    def __str__(self) -> str:
        return f"{self.thing} {self.slot}: {self.taken} of {self.limit}"


class CouponUse(models.Model):
    coupon = models.TextField(primary_key=True)
    taken = models.IntegerField()

    class Meta:
        db_table = "read_coupon"

    def __str__(self) -> str:
        return f"{self.coupon}: {self.taken}"
