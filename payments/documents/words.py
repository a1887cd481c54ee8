"""The words of documents, and how amounts, numbers and days look in a locale.

Words are translated where a translation exists (payments/locale), else English; numbers and days follow the locale in any case. Only
the formatting rounds nothing: every digit that an amount has is shown, and at least as many decimals as its currency has.
"""

from __future__ import annotations

import copy
import decimal
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates
from django.utils.translation import gettext_lazy as _

from plans.money import decimals

TITLES = {
    "invoice": _("Invoice"),
    "debit_note": _("Debit note"),
    "credit_note": _("Credit note"),
    "statement": _("Self-billed invoice"),
    "receipt": _("Receipt"),
    "account_statement": _("Statement of account"),
    "payment_plan": _("Payment plan"),
    "reminder": _("Payment reminder"),
    "declined": _("Your payment was declined"),
    "confirmation": _("Please confirm your payment"),
}
#: What a mail begins with.
GREETINGS = {
    "invoice": _("Please find your invoice below, and attached as a PDF."),
    "debit_note": _("Please find your debit note below, and attached as a PDF."),
    "credit_note": _("Please find your credit note below, and attached as a PDF."),
    "statement": _("Please find the invoice that we wrote on your behalf below, and attached as a PDF."),
    "receipt": _("Thank you for your payment. Your receipt is below, and attached as a PDF."),
    "account_statement": _("Please find the statement of your account below, and attached as a PDF."),
    "payment_plan": _("Please find your payment plan below, and attached as a PDF."),
    "reminder": _("The following is still open. If you paid in the meantime, please disregard this message."),
    "declined": _("Your payment method was declined. Please give us another one, or pay the following yourself."),
    "confirmation": _("Your bank asks you to confirm the payment of the following before it is made."),
}
FACTS = {
    "account": _("Account"),
    "issued": _("Date"),
    "due": _("Due"),
    "span": _("Period"),
    "corrects": _("Corrects"),
    "reason": _("Reason"),
    "channel": _("Paid by"),
    "reference": _("Reference"),
    "number": _("Number"),
    "level": _("Reminder no."),
    "plan_of": _("For"),
}
COLUMNS = {
    "description": _("Description"),
    "quantity": _("Quantity"),
    "unit_price": _("Unit price"),
    "tax": _("Tax"),
    "amount": _("Amount"),
    "rate": _("Rate"),
    "base": _("Taxable amount"),
    "date": _("Date"),
    "document": _("Document"),
    "balance": _("Balance"),
    "position": _("No."),
    "due": _("Due"),
    "principal": _("Principal"),
    "interest": _("Interest"),
    "open": _("Open"),
    "issued": _("Date"),
    "overdue": _("Days overdue"),
    "until": _("Paid until"),
}
SUMS = {
    "net": _("Net amount"),
    "tax": _("Tax total"),
    "total": _("Total"),
    "credit_applied": _("Paid from your credit"),
    "due": _("Amount due"),
    "owed_to_you": _("Amount owed to you"),
    "applied": _("Taken off the open amount of the invoice"),
    "credited": _("Added to your credit"),
    "received": _("Amount received"),
    "unapplied": _("Added to your credit"),
    "opening": _("Opening balance"),
    "closing": _("Closing balance"),
    "planned": _("Sum of the instalments"),
    "overdue": _("Total open"),
    "fee": _("Reminder fee"),
}
MOVEMENTS = {
    "invoice.issued": _("Invoice"),
    "credit_note.issued": _("Credit note"),
    "invoice.voided": _("Invoice cancelled"),
    "payment.received": _("Payment"),
    "payment.identified": _("Payment"),
    "payment.collected": _("Payment"),
    "wallet.topped_up": _("Put into the wallet"),
    "wallet.paid": _("Paid from the wallet"),
    "credit.sent": _("Credit sent to another account"),
    "credit.received": _("Credit received from another account"),
    "write_off.recovered": _("Payment of a written-off amount"),
    "invoice.written_off": _("Written off"),
    "invoice.reinstated": _("Open again"),
    "refund.requested": _("Refund"),
    "refund.failed": _("Refund that could not be made"),
    "balance.opened": _("Balance brought forward"),
    "deposit.applied": _("Paid from your deposit"),
    "dispute.opened": _("Payment taken back by the bank"),
    "dispute.lost": _("Payment taken back by the bank"),
    "dispute.won": _("Payment returned by the bank"),
}
CHANNELS = {
    "cash": _("Cash"),
    "transfer": _("Bank transfer"),
    "cheque": _("Cheque"),
    "card": _("Card"),
    "other": _("Other"),
    "sandbox": _("Card"),  # gateways, by which cards are charged
    "stripe": _("Card"),
}
WORDS = {
    "from": _("From"),
    "to": _("To"),
    "supplier": _("Supplier"),
    "customer": _("Customer"),
    "tax_id": _("Tax ID"),
    "erased": _("Personal details were erased."),
    "taxes": _("Tax summary"),
    "lines": _("What it is for"),
    "shares": _("What it paid"),
    "movements": _("Movements"),
    "instalments": _("Instalments"),
    "claims": _("Open documents"),
    "by_day": _("What it costs by the day of payment"),
    "plus_tax": _("plus tax on the surcharge"),
    "inclusive": _("Amounts include tax."),
    "discount": _("Discount"),
    "on": _("Corrects"),
    "void": _("Cancelled"),
    "preview": _("Preview"),
    "pay": _("How to pay"),
    "pay_online": _("Pay online"),
    "scan": _("Scan to pay"),
    "scan_transfer": _("Scan with your banking app"),
    "iban": _("IBAN"),
    "bic": _("BIC"),
    "recipient": _("Recipient"),
    "payment_reference": _("Payment reference"),
    "other_balance": _("Other movement"),
    "due_by": _("Please pay by %(day)s"),
    "page": _("Page"),
    "of": _("of"),
    "reverse_charge": _("Reverse charge: the customer owes the tax."),
    "self_billing": _("Self-billing: the customer wrote this invoice on the supplier's behalf."),
    "nothing": _("Nothing happened in this period."),
    "details_erased": _("Details erased"),
}

#: A code such as KWD keeps its distance from the digits (Unicode's rule of currency spacing, which Babel leaves out).
_LETTER_BESIDE_DIGIT = re.compile(r"([A-Za-z])(\d)")


@dataclass(frozen=True)
class Speech:
    """How one reader is spoken to."""

    locale: Locale
    zone: ZoneInfo

    @property
    def language(self) -> str:
        return str(self.locale.language)

    def money(self, amount: Decimal, currency: str) -> str:
        """`€1,234.50`: never fewer decimals than the currency has, never fewer than the amount has."""
        pattern = copy.copy(self.locale.currency_formats["standard"])
        places = max(decimals(currency), _places(amount))
        pattern.frac_prec = (places, places)
        with decimal.localcontext(prec=60):
            said = str(pattern.apply(amount, self.locale, currency=currency, currency_digits=False))
        return _LETTER_BESIDE_DIGIT.sub("\\1\u00a0\\2", said)

    def number(self, value: Decimal) -> str:
        """As many decimals as it has."""
        pattern = copy.copy(self.locale.decimal_formats[None])
        places = _places(value)
        pattern.frac_prec = (places, places)
        with decimal.localcontext(prec=60):
            return str(pattern.apply(value, self.locale))

    def rate(self, percent: str) -> str:
        return f"{self.number(Decimal(percent))} %" if percent else ""

    def unit_price(self, text: str, currency: str) -> str:
        """An exact price of one unit; of one without a finite decimal form (`10/3`) ten digits and `…`."""
        if not text:
            return ""
        if "/" not in text:
            return self.money(Decimal(text), currency)
        above, _, below = text.partition("/")
        with decimal.localcontext(prec=60):
            rounded = (Decimal(above) / Decimal(below)).quantize(Decimal("1E-10"), rounding=decimal.ROUND_DOWN)
        return f"{self.money(rounded, currency)} …"

    def day(self, value: date) -> str:
        return str(dates.format_date(value, "medium", locale=self.locale))

    def span(self, start: datetime, end: datetime) -> str:
        """The half-open span as days, the last one included; an instant as its day. Times are shown only of spans shorter than two
        days that do not begin and end at midnight."""
        first, last = start.astimezone(self.zone), end.astimezone(self.zone)
        if first >= last:
            return self.day(first.date())
        if _midnight(first) and _midnight(last):
            until = last.date() - timedelta(days=1)
            return self.day(first.date()) if until == first.date() else f"{self.day(first.date())} – {self.day(until)}"
        if last - first >= timedelta(days=2):
            return f"{self.day(first.date())} – {self.day((last - timedelta(microseconds=1)).date())}"
        return f"{self._moment(first)} – {self._moment(last)}"

    def moment(self, value: datetime) -> str:
        """A day and the time on it, in the reader's zone."""
        return self._moment(value.astimezone(self.zone))

    def _moment(self, value: datetime) -> str:
        return f"{self.day(value.date())} {dates.format_time(value.timetz(), 'short', locale=self.locale)}"

    def local_day(self, value: datetime) -> str:
        return self.day(value.astimezone(self.zone).date())

    def country(self, code: str) -> str:
        return str(self.locale.territories.get(code, code))


def speech(locale: str, zone: str) -> Speech:
    """The speech of a locale such as `es`, `es-AR`, `en_GB`; English for one that nobody knows."""
    for name in (locale.replace("-", "_"), locale.replace("-", "_").partition("_")[0], "en"):
        try:
            return Speech(Locale.parse(name), ZoneInfo(zone))
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    raise AssertionError("English is always known")


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -int(exponent))


def _midnight(value: datetime) -> bool:
    return value.time() == value.time().min
