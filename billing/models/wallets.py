"""Read models of prepaid wallets."""

from __future__ import annotations

from django.db import models

from billing.models.read import MONEY


class Wallet(models.Model):
    """What an account agreed on its money or units of one kind, and what it owes beyond them."""

    pk = models.CompositePrimaryKey("account", "unit")
    account = models.TextField()
    unit = models.TextField()  # a currency, or the name of the units
    currency = models.TextField()
    owed = models.DecimalField(default=0, **MONEY)
    overdraft = models.DecimalField(default=0, **MONEY)
    threshold = models.DecimalField(null=True, **MONEY)
    top_up_to = models.DecimalField(null=True, **MONEY)
    top_up_least = models.DecimalField(null=True, **MONEY)
    top_up_most = models.DecimalField(null=True, **MONEY)  # in a day
    pays_invoices = models.BooleanField(default=False)
    asked = models.BooleanField(default=False)  # for a top-up, since the last lot came
    ask_from = models.DateTimeField(null=True)  # a top-up was declined: when the next one may be asked for
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "read_wallet"

    def __str__(self) -> str:
        return f"{self.account} {self.unit}"


class WalletLot(models.Model):
    """One top-up or grant and what is left of it."""

    lot = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    unit = models.TextField()
    currency = models.TextField()
    amount = models.DecimalField(**MONEY)
    left = models.DecimalField(**MONEY)
    paid = models.DecimalField(**MONEY)
    paid_left = models.DecimalField(**MONEY)
    priority = models.IntegerField()
    start = models.DateTimeField()
    expires = models.DateTimeField(null=True)
    items = models.JSONField(default=list)
    rollover_most = models.DecimalField(null=True, **MONEY)
    rollover_for = models.TextField(blank=True)
    rollover_least = models.DecimalField(null=True, **MONEY)
    contract = models.TextField(blank=True, default="")  # whose plan gave it
    grant = models.TextField(blank=True, default="")  # as the plan calls it
    reference = models.TextField(blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "read_wallet_lot"
        indexes = [models.Index(fields=["account"], name="read_wallet_lot_account")]
        constraints = [
            models.CheckConstraint(condition=models.Q(left__gte=0, paid_left__gte=0), name="wallet_lot_never_negative"),
            models.CheckConstraint(
                condition=models.Q(left__lte=models.F("amount"), paid_left__lte=models.F("paid")), name="wallet_lot_at_most_what_it_was"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lot}: {self.left} of {self.amount} {self.unit}"


class WalletUse(models.Model):
    """What one event took of a lot, or beyond all lots, for which item and period: so that less use opens the same lots again."""

    pk = models.CompositePrimaryKey("account", "sequence", "line")
    account = models.TextField()
    sequence = models.BigIntegerField()
    line = models.SmallIntegerField()
    unit = models.TextField()
    lot = models.TextField(blank=True)
    kind = models.TextField()  # paid promotional owed free
    amount = models.DecimalField(**MONEY)
    paid = models.DecimalField(**MONEY)
    debt = models.BooleanField(default=False)
    cause = models.TextField()  # drawn settled consumed expired refunded sent
    contract = models.TextField(blank=True)
    item = models.TextField(blank=True)
    period_start = models.DateTimeField(null=True)
    invoice = models.TextField(blank=True, default="")  # the document that it paid

    class Meta:
        db_table = "read_wallet_use"
        indexes = [
            models.Index(fields=["account", "contract", "item", "period_start"], name="read_wallet_use_key"),
            models.Index(fields=["invoice"], name="read_wallet_use_invoice", condition=~models.Q(invoice="")),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} of {self.lot or self.kind}"


class WalletReservation(models.Model):
    reservation = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    unit = models.TextField()
    amount = models.DecimalField(**MONEY)
    item = models.TextField(blank=True)
    expires = models.DateTimeField(null=True)
    reference = models.TextField(blank=True)
    status = models.TextField()  # open committed released expired

    class Meta:
        db_table = "read_wallet_reservation"
        indexes = [models.Index(fields=["account"], name="read_wallet_reservation_open", condition=models.Q(status="open"))]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} for {self.reservation}"
