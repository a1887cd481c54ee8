"""How customers are spoken to: amounts, days and lengths of time in the language of the page, and commands in everyday words."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from typing import Any

from babel.numbers import format_percent
from babel.units import format_unit
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from billing.models import Contract, Invoice
from payments.documents.words import CHANNELS, Speech, speech
from plans import store
from plans.periods import Period

#: command → what a customer reads above its page.
TITLES = {
    "subscribe": lazy("Take a plan"),
    "change_plan": lazy("Change plan"),
    "change_quantity": lazy("Change quantity"),
    "add_item": lazy("Add an extra"),
    "remove_item": lazy("Remove an extra"),
    "pause": lazy("Pause"),
    "resume": lazy("Resume"),
    "cancel": lazy("Cancel"),
    "renew": lazy("Keep the contract"),
    "withdraw_change": lazy("Withdraw a planned change"),
    "apply_coupon": lazy("Use a coupon"),
    "change_details": lazy("Change your details"),
    "apply_credit": lazy("Pay from your credit"),
    "open_checkout": lazy("Pay"),
    "collect": lazy("Pay with a card that is kept"),
    "set_default_method": lazy("Pay with this card"),
    "remove_method": lazy("Remove a card"),
    "set_collection": lazy("Automatic payment"),
    "dispute": lazy("Dispute an invoice"),
    "top_up": lazy("Top up the wallet"),
    "instalments": lazy("Pay in instalments"),
    "request_correction": lazy("Ask for a refund"),
    "add_contact": lazy("Add a contact"),
    "change_contact": lazy("Change a contact"),
    "remove_contact": lazy("Remove a contact"),
    "give_consent": lazy("Agree to be written to"),
    "withdraw_consent": lazy("Do not write to me any more"),
    "set_usage_alert": lazy("Tell me when my usage reaches something"),
    "remove_usage_alert": lazy("Tell me no more"),
    "create_api_key": lazy("Make a key for a program"),
    "rotate_api_key": lazy("Give a key a new secret"),
    "revoke_api_key": lazy("End a key"),
}
#: argument → what a customer reads beside its field.
LABELS = {
    "plan": lazy("Plan"),
    "quantity": lazy("How many"),
    "contract": lazy("Contract"),
    "item": lazy("What"),
    "when": lazy("When"),
    "reason": lazy("Why"),
    "coupon": lazy("Coupon"),
    "name": lazy("Name"),
    "email": lazy("Mail address"),
    "phone": lazy("Telephone"),
    "street": lazy("Street"),
    "postcode": lazy("Postcode"),
    "city": lazy("City"),
    "region": lazy("Region"),
    "country": lazy("Country"),
    "tax_id": lazy("Tax number"),
    "locale": lazy("Language"),
    "invoices": lazy("Invoices"),
    "invoice": lazy("Invoice"),
    "amount": lazy("Amount"),
    "method": lazy("Card"),
    "mode": lazy("How"),
    "lines": lazy("Lines"),
    "change": lazy("Change"),
    "offer": lazy("Offer"),
    "contact": lazy("Contact"),
    "role": lazy("What for"),
    "receives": lazy("Gets mails about"),
    "purpose": lazy("For what"),
    "channel": lazy("By"),
    "threshold": lazy("At how much"),
    "measure": lazy("Counted in"),
    "alert": lazy("Alert"),
    "prefix": lazy("Key"),
    "scopes": lazy("May do"),
    "expires": lazy("Until"),
}
TOPICS = {
    "documents": lazy("invoices and credit notes"),
    "reminders": lazy("reminders of what is due"),
    "payments": lazy("payments that failed or must be confirmed"),
    "contracts": lazy("contracts that end or are renewed"),
    "usage": lazy("alerts on usage"),
}
MEASURES = (("units", lazy("units")), ("amount", lazy("money, before tax")))
SCOPES = (
    ("read", lazy("read everything of this account")),
    ("usage", lazy("send usage")),
    ("entitlements", lazy("ask what may be used")),
)
CONTACT_ROLES = (
    ("main", lazy("everything")),
    ("billing", lazy("invoices and payments")),
    ("technical", lazy("technical matters")),
    ("legal", lazy("contracts")),
    ("other", lazy("other")),
)
#: (command, argument) → what helps to answer.
HINTS = {
    ("change_plan", "quantity"): lazy("Leave it empty to keep the number that you have."),
    ("add_item", "quantity"): lazy("Leave it empty for one."),
    ("subscribe", "quantity"): lazy("Leave it empty for one."),
    ("dispute", "amount"): lazy("Leave it empty for all that is open on the invoice."),
    ("dispute", "reason"): lazy("What is wrong with it? We read this before we decide."),
    ("cancel", "reason"): lazy("If you like, tell us why."),
    ("change_details", "tax_id"): lazy("Of companies: with the letters of the country, as in ESB12345678."),
    ("top_up", "amount"): lazy("It is taken from your credit, which is what you paid beyond your invoices."),
    ("set_usage_alert", "threshold"): lazy("One mail in each period, when it is reached."),
}
ALL_INVOICES = lazy("With none marked, all that is open.")
TRIAL_END = (("trial_end", lazy("at the end of the trial")),)
TERM_END = (("term_end", lazy("at the end of the agreed term")),)
WHEN = (("now", lazy("now")), ("period_end", lazy("at the end of the period")))
MODES = (("automatic", lazy("take what falls due from my card")), ("manual", lazy("I pay myself")))
#: credit status → what the overview says of it.
STANDING = {
    "limited": lazy("You can't take anything more until what is overdue is paid."),
    "suspended": lazy("The service is stopped until what is overdue is paid."),
    "parked": lazy("Something about this account must be looked at by us; nothing is billed meanwhile."),
    "closed": lazy("This account is closed. You can still see and download everything."),
}
#: What banks and gateways say of a card that they decline; what has no words here is `declined`.
DECLINES = {
    "insufficient_funds": lazy("Insufficient funds."),
    "expired_card": lazy("The card has expired."),
    "incorrect_cvc": lazy("The security code is wrong."),
    "incorrect_number": lazy("The number of the card is wrong."),
    "card_not_supported": lazy("The card can't be used for this."),
    "currency_not_supported": lazy("The card can't pay in this currency."),
    "card_velocity_exceeded": lazy("The limit of the card is reached."),
    "withdrawal_count_limit_exceeded": lazy("The limit of the card is reached."),
    "authentication_required": lazy("The bank asks you to confirm the payment."),
    "not_confirmed": lazy("It was not confirmed in time."),
    "processing_error": lazy("The bank could not be reached."),
}
DECLINED = lazy("The bank declined it.")
#: Reasons that policies name often; others are shown as the policy writes them.
REASONS = {
    "goodwill": lazy("goodwill"),
    "mistake": lazy("a mistake"),
    "billing_error": lazy("an error in the bill"),
    "duplicate": lazy("paid or billed twice"),
    "defective": lazy("it did not work"),
    "not_delivered": lazy("not delivered"),
    "cancelled": lazy("cancelled"),
    "complaint": lazy("a complaint"),
    "other": lazy("other"),
}
PER = {
    "minute": lazy("per minute"),
    "hour": lazy("per hour"),
    "day": lazy("per day"),
    "week": lazy("per week"),
    "month": lazy("per month"),
    "year": lazy("per year"),
}
STATES = {
    "active": lazy("running"),
    "paused": lazy("paused"),
    "ended": lazy("ended"),
    "open": lazy("open"),
    "overdue": lazy("overdue"),
    "disputed": lazy("disputed"),
    "void": lazy("cancelled"),
    "credited": lazy("credited"),
    "written_off": lazy("written off"),
    "paid": lazy("paid"),
    "owner": lazy("owner"),
    "billing": lazy("invoices and payments"),
    "viewer": lazy("may look"),
    "invoice": lazy("invoice"),
    "credit_note": lazy("credit note"),
    "debit_note": lazy("debit note"),
    "statement": lazy("statement"),
    "opening": lazy("opening balance"),
    "settled": lazy("paid"),
    "pending": lazy("we are looking at it"),
    "approved": lazy("approved"),
    "executed": lazy("done"),
    "rejected": lazy("rejected"),
    "withdrawn": lazy("withdrawn"),
    "expired": lazy("not decided in time"),
    "undone": lazy("taken back"),
    "failed": lazy("not paid"),
    "processing": lazy("being processed"),
    "confirmation": lazy("waits for you"),
    "requested": lazy("on its way"),
}


def spoken(zone: str = "UTC") -> Speech:
    """The speech of the page's language."""
    return speech(get_language() or "en", zone)


def money(amount: Decimal, currency: str) -> str:
    return spoken().money(amount, currency)


def countries() -> list[tuple[str, str]]:
    """(code, name) of every country, by its name in the language of the page."""
    named = spoken().locale.territories.items()
    found = [(code, name) for code, name in named if len(code) == 2 and code.isalpha() and code not in ("EU", "UN", "ZZ")]
    return sorted(found, key=lambda pair: without_accents(pair[1]))


def without_accents(text: str) -> str:
    """For putting names in order: `Ávila` stands before `Burgos`."""
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()


def percent(value: int | Decimal) -> str:
    """A number of percents: `76%`, `76 %`."""
    return str(format_percent(Decimal(value) / 100, locale=spoken().locale))


def channel(code: str) -> str:
    """How money came, in everyday words; itself where it has none."""
    return str(CHANNELS.get(code, code))


def declined(code: str) -> str:
    """Why a payment was declined, in words."""
    return str(DECLINES.get(code, DECLINED))


def state_of(row: Invoice, today: date) -> str:
    """The state of a document as customers ask for it: what is open is `overdue` after its day, `disputed` where a part is held."""
    if row.document == "credit_note" or row.status != "open":
        return "" if row.document == "credit_note" and row.status != "void" else row.status
    if row.held:
        return "disputed"
    return "overdue" if row.due is not None and row.due < today else "open"


def plain_number(text: str) -> str:
    """A number as it is written in the language of the page, as the engine reads it: `1.234,50` → `1234.50`. What is not written so
    stays, and is refused where it is no number of the engine's either: nobody guesses whether `1,234.5` is many or few."""
    symbols = spoken().locale.number_symbols["latn"]
    point, group = symbols["decimal"], symbols["group"]
    written = "".join(text.split())
    whole = rf"[+-]?(?:[1-9]\d{{0,2}}(?:{re.escape(group)}\d{{3}})+|\d*)"
    if re.fullmatch(rf"{whole}(?:{re.escape(point)}\d*)?", written):
        return written.replace(group, "").replace(point, ".")
    return written


class AmountField(forms.DecimalField):
    """An amount as it is written in the language of the page: as text, because browsers take no separators into a field for numbers."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        return super().to_python(plain_number(value) if isinstance(value, str) else value)


def contract_name(row: Contract) -> str:
    """What the customer calls the contract: its own name, else that of its plan."""
    plan = store.catalogue(row.catalogue, row.version).plans.get(row.plan)
    return row.name or (plan.name if plan else row.plan)


def length(period: Period) -> str:
    """`14 days`, `3 meses`."""
    return format_unit(period.count, f"duration-{period.unit}", locale=spoken().locale)


def per(period: Period | None) -> str:
    """`per month`, `every 3 months`; `once` without a period."""
    if period is None:
        return _("once")
    return str(PER[period.unit]) if period.count == 1 else _("every %(length)s") % {"length": length(period)}
