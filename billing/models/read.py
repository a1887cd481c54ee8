"""What processors write: tables made from the journal alone, dropped and made again at will.

Ids of rows come from events: a contract, document or payment is named by the address (`account/sequence`) of the event that made it.
There are no foreign keys to the journal (they cost 20 % of a run); `rebuild --check` proves the rows instead.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from billing import ledgers

MONEY: dict[str, Any] = {"max_digits": 38, "decimal_places": 6}


class Account(models.Model):
    account = models.TextField(primary_key=True)
    seller = models.TextField()
    currency = models.TextField()
    zone = models.TextField()
    locale = models.TextField()
    terms = models.TextField(blank=True)
    status = models.TextField()  # open parked closed
    reason = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    external_id = models.TextField(blank=True)

    class Meta:
        db_table = "read_account"
        indexes = [
            models.Index(fields=["seller", "account"], name="read_account_seller"),
            models.Index(fields=["external_id"], name="read_account_external"),
        ]

    def __str__(self) -> str:
        return self.account


class AccountPlace(models.Model):
    """Where the account is taxed from `effective_at` on."""

    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()
    effective_at = models.DateTimeField()
    place = models.JSONField()

    class Meta:
        db_table = "read_account_place"

    def __str__(self) -> str:
        return f"{self.account} from {self.effective_at}"


class Charge(models.Model):
    """One accrued difference, one sale or one adjustment. `invoice` names the document that digested it."""

    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()
    kind = models.TextField()  # accrual sale adjustment
    contract = models.TextField(blank=True)
    item = models.TextField(blank=True)
    terms = models.TextField(blank=True)
    component = models.TextField(blank=True)
    period_start = models.DateTimeField(null=True)
    name = models.TextField()
    currency = models.TextField()
    amount = models.DecimalField(**MONEY)
    quantity = models.DecimalField(max_digits=60, decimal_places=30)
    unit_price = models.TextField(blank=True)
    unit = models.TextField(blank=True)
    start = models.DateTimeField()
    end = models.DateTimeField()
    effective_at = models.DateTimeField()
    supply_date = models.DateField()
    tax_category = models.TextField(blank=True)
    inclusive = models.BooleanField(default=False)
    catalogue = models.TextField(blank=True)
    version = models.IntegerField(default=0)
    invoice_when = models.TextField()
    attributes = models.JSONField(default=dict)
    invoice = models.TextField(blank=True)

    class Meta:
        db_table = "read_charge"
        indexes = [
            models.Index(fields=["account", "contract", "item", "period_start"], name="read_charge_key"),
            models.Index(fields=["account", "contract"], name="read_charge_adjustment", condition=models.Q(kind="adjustment")),
            BrinIndex(fields=["effective_at"], name="read_charge_effective"),  # costs writers next to nothing
        ]

    def __str__(self) -> str:
        return f"{self.account}/{self.sequence} {self.item} {self.amount} {self.currency}"


class OpenCharge(models.Model):
    """A charge on no issued document. The row goes when a document digests it: cheaper than a flag under an index."""

    pk = models.CompositePrimaryKey("account", "sequence")
    account = models.TextField()
    sequence = models.BigIntegerField()

    class Meta:
        db_table = "read_open_charge"

    def __str__(self) -> str:
        return f"{self.account}/{self.sequence}"


class Invoice(models.Model):
    """An issued document: invoice, debit note, statement (we owe), opening balance or credit note. `open` is what is still to be paid.

    `written_off` stays when money arrives after all (`recovered`); `held` is the part that the customer disputes.
    """

    invoice = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    document = models.TextField()  # invoice debit_note statement opening credit_note
    seller = models.TextField()
    series = models.TextField()
    number = models.TextField()
    currency = models.TextField()
    issued = models.DateField()
    issued_at = models.DateTimeField()
    due = models.DateField(null=True)
    net = models.DecimalField(**MONEY)
    tax = models.DecimalField(**MONEY)
    total = models.DecimalField(**MONEY)
    open = models.DecimalField(**MONEY)
    credited = models.DecimalField(**MONEY)  # total of its credit notes
    written_off = models.DecimalField(default=0, **MONEY)
    recovered = models.DecimalField(default=0, **MONEY)
    held = models.DecimalField(default=0, **MONEY)
    status = models.TextField()  # open paid void credited written_off
    corrects = models.TextField(blank=True)  # credit note, debit note: the id of its invoice

    class Meta:
        db_table = "read_invoice"
        indexes = [
            models.Index(fields=["account", "sequence"], name="read_invoice_account"),
            models.Index(fields=["account", "due"], name="read_invoice_open", condition=models.Q(open__gt=0)),
            models.Index(
                fields=["account"], name="read_invoice_corrected", condition=models.Q(document="credit_note") | models.Q(status="void")
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["seller", "series", "number"], name="invoice_number_once", condition=~models.Q(number="")),
            models.CheckConstraint(condition=models.Q(open__gte=0), name="invoice_open_never_negative"),
            models.CheckConstraint(condition=models.Q(credited__lte=models.F("total")), name="invoice_credited_at_most_its_total"),
            models.CheckConstraint(condition=models.Q(held__gte=0), name="invoice_held_never_negative"),
            models.CheckConstraint(
                condition=models.Q(recovered__gte=0, recovered__lte=models.F("written_off")),
                name="invoice_recovered_at_most_what_was_written_off",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.invoice


class InvoiceLine(models.Model):
    pk = models.CompositePrimaryKey("invoice", "line")
    invoice = models.TextField()
    account = models.TextField()
    line = models.IntegerField()
    item = models.TextField(blank=True)
    name = models.TextField()
    contract = models.TextField(blank=True)
    component = models.TextField(blank=True)
    quantity = models.DecimalField(max_digits=60, decimal_places=30)
    unit = models.TextField(blank=True)
    unit_price = models.TextField(blank=True)
    amount = models.DecimalField(**MONEY)
    net = models.DecimalField(**MONEY)
    tax = models.DecimalField(**MONEY)
    discount = models.DecimalField(**MONEY)
    start = models.DateTimeField()
    end = models.DateTimeField()
    tax_category = models.TextField(blank=True)
    detail = models.JSONField(default=dict)  # taxes, charges, what it corrects

    class Meta:
        db_table = "read_invoice_line"
        indexes = [models.Index(fields=["account"], name="read_invoice_line_account")]

    def __str__(self) -> str:
        return f"{self.invoice}#{self.line} {self.name}"


class PostingRow(models.Model):
    """One leg of an entry. The legs of one event sum to zero per currency: a trigger of the database refuses anything else."""

    pk = models.CompositePrimaryKey("account", "sequence", "leg")
    account = models.TextField()
    sequence = models.BigIntegerField()
    leg = models.SmallIntegerField()
    seller = models.TextField()
    ledger = models.TextField()
    currency = models.TextField()
    amount = models.DecimalField(**MONEY)
    invoice = models.TextField(blank=True)
    effective_at = models.DateTimeField()
    accounting_date = models.DateField()
    corrects = models.DateField(null=True)  # the day of a closed month that it belongs to by its nature

    class Meta:
        db_table = "read_posting"
        indexes = [
            models.Index(
                fields=["account", "ledger", "effective_at"], name="read_posting_ledger", condition=models.Q(ledger__in=ledgers.WHO_OWES)
            ),
            models.Index(fields=["seller", "accounting_date"], name="read_posting_books"),
        ]

    def __str__(self) -> str:
        return f"{self.ledger} {self.amount} {self.currency}"


class Balance(models.Model):
    """The sum of an account's postings per ledger and currency."""

    pk = models.CompositePrimaryKey("account", "ledger", "currency")
    account = models.TextField()
    ledger = models.TextField()
    currency = models.TextField()
    amount = models.DecimalField(**MONEY)

    class Meta:
        db_table = "read_balance"
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(ledger__in=["credit", "credit_held", "deposits", "refunds_payable", "unidentified"])
                | models.Q(amount__lte=0),
                name="balance_of_others_money_never_overdrawn",
            ),
            models.CheckConstraint(condition=~models.Q(ledger="prepaid") | models.Q(amount__lte=0), name="balance_prepaid_never_overdrawn"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.ledger} {self.amount} {self.currency}"


class Payment(models.Model):
    payment = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    channel = models.TextField()
    reference = models.TextField(blank=True)
    received_at = models.DateTimeField()
    status = models.TextField()  # received refunded_in_part refunded disputed charged_back
    refunded = models.DecimalField(default=0, **MONEY)  # asked for or settled, not failed
    disputed = models.DecimalField(default=0, **MONEY)  # taken back by the bank: disputes open or lost

    class Meta:
        db_table = "read_payment"
        indexes = [models.Index(fields=["account", "sequence"], name="read_payment_account")]
        constraints = [
            models.CheckConstraint(condition=models.Q(refunded__gte=0, disputed__gte=0), name="payment_taken_back_never_negative"),
            models.CheckConstraint(
                condition=models.Q(amount__gte=models.F("refunded") + models.F("disputed")), name="payment_refunded_at_most_paid"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment} {self.amount} {self.currency}"


class AllocationRow(models.Model):
    """What one event (a payment, a credit, a credit note) took from one invoice; a negative amount opened it again."""

    pk = models.CompositePrimaryKey("account", "sequence", "invoice")
    account = models.TextField()
    sequence = models.BigIntegerField()
    invoice = models.TextField()
    amount = models.DecimalField(**MONEY)
    kind = models.TextField()  # payment credit credit_note write_off chargeback deposit
    payment = models.TextField(blank=True)  # whose money it is, where it is a payment's

    class Meta:
        db_table = "read_allocation"
        indexes = [models.Index(fields=["invoice"], name="read_allocation_invoice")]

    def __str__(self) -> str:
        return f"{self.amount} on {self.invoice}"


class Hold(models.Model):
    """A billing dispute: the part of a document that the customer does not agree to, from `opened_at` to `closed_at`."""

    hold = models.TextField(primary_key=True)
    account = models.TextField()
    sequence = models.BigIntegerField()
    invoice = models.TextField()
    number = models.TextField(blank=True)
    amount = models.DecimalField(**MONEY)
    currency = models.TextField()
    lines = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    status = models.TextField()  # open upheld rejected
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "read_hold"
        indexes = [models.Index(fields=["account"], name="read_hold_account")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} of {self.number or self.invoice}"


class DiscountRow(models.Model):
    """A discount that an account holds, and how much of it has been used."""

    attachment = models.TextField(primary_key=True)
    account = models.TextField()
    contract = models.TextField(blank=True)
    discount = models.TextField()
    name = models.TextField()
    level = models.TextField()
    terms = models.JSONField()
    currency = models.TextField()
    start = models.DateTimeField()
    end = models.DateTimeField(null=True)
    remainder = models.DecimalField(null=True, **MONEY)
    uses = models.IntegerField(default=0)
    coupon = models.TextField(blank=True)

    class Meta:
        db_table = "read_discount"
        indexes = [models.Index(fields=["account"], name="read_discount_account")]

    def __str__(self) -> str:
        return f"{self.name} for {self.account}"
