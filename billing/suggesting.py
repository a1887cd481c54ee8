"""What stands beside the fields of a command's form: what each argument wants, and what may be typed there for an account.

An argument is explained by the words behind it in the source, else by its name (HELP).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache

from accounts.crm.models import Contact, Segment
from billing import bulk
from billing.command import Command
from billing.house.policy import HousePolicy, read_policy
from billing.house.published import newest
from billing.models import Account, Campaign, Contract, DiscountRow, Hold, Invoice, Payment
from payments.models import Deposit, Dispute, Receipt
from plans import store
from plans.catalogue import Catalogue

MOST_SUGGESTED = 200
Suggestion = tuple[str, str]  # what is typed, and what it means

#: What an argument wants, where its name alone does not say it.
HELP = {
    "account": "the account's id",
    "amount": "with a point, as in 12.50",
    "attributes": "name: value, one to a line",
    "anchor": "the day from which periods are counted, where it is not the start",
    "billing_day": "keep, or move to the day of the change",
    "catalogue": "which one, where several have it",
    "channel": "how the money came or goes: cash, transfer, card …",
    "charge": "when a difference is on a document: now, or next_invoice; else as the plan says",
    "code": "the reason in a word, as the policy has it",
    "contract": "the contract's id; may stay empty where only one runs",
    "credit_unused": "whether what was charged for the time that is not used is credited",
    "currency": "three letters; the account's own where nothing is said",
    "expires": "until when it may be used or decided",
    "external_id": "what another program calls the account",
    "invoices": "the documents, one to a line: INV-000001, or INV-000001: 20.00 for a part",
    "items": "one to a line",
    "iban": "where money goes that is owed to the customer",
    "lasts": "for how long, such as 30 days or 2 hours",
    "locale": "the language of documents and mails, such as en or es",
    "location": "the store, where there are several",
    "method": "the way to pay; the usual one where nothing is said",
    "lines": "one to a line",
    "on_conflict": "what to do where a scheduled change contradicts this one",
    "price": "a price as the catalogue writes it: {model: unit, amount: '1.50'}",
    "prices": "item: price, one to a line",
    "quantities": "item: number, one to a line",
    "into": "what stays, and takes the other one over",
    "percent": "10 for ten per cent",
    "purpose": "as the policy names it: news, offers …",
    "reason": "why, for whoever reads the journal later; facts, no personal details: the journal is kept for ever",
    "receives": "topics of mails, one to a line: documents, reminders, payments, contracts, usage",
    "restock": "whether the goods go back on the shelf",
    "sale": "the event that sold it, such as ana/12",
    "seller": "the seller's code; main where there is one",
    "settle": "what the money is set against: first what is open on the document",
    "subject": "what is measured: a line, a meter, a site",
    "tax_id": "VAT or other number of the buyer, as it stands on documents",
    "terms": "when documents are due, such as net-14",
    "to": "where it goes",
    "until": "the day or time at which it ends",
    "unit": "a currency, or the units that the wallet holds",
    "waive": "whether what the contract asks for an early end is left out",
    "reference": "what the bank statement or receipt says",
    "version": "of the catalogue; the newest where nothing is said",
    "zone": "time zone, such as Europe/Madrid",
    "when": "now, period_end, trial_end, term_end, or a date",
}
WHEN = ("now", "period_end", "trial_end", "term_end")
CHANNELS = ("cash", "transfer", "card", "direct_debit", "cheque")
CONFLICT = ("refuse", "replace", "after", "before", "rebase")

SOURCE_COMMENT = re.compile(r"^\s+(\w+): .*?\s#\s(.+)$", re.MULTILINE)


@cache
def explained(command: Command) -> dict[str, str]:
    """What each argument of the command wants."""
    found: dict[str, str] = {name: HELP[name] for name in (one.name for one in fields(command.arguments)) if name in HELP}
    for cls in reversed(command.arguments.__mro__[:-1]):
        said = SOURCE_COMMENT.findall(inspect.getsource(cls))
        found |= {name: text for name, text in said if not text.startswith(("noqa", "type:")) and name not in KNOWN_BETTER}
    return found


#: Arguments whose comment is for whoever reads the source: HELP says it to a person.
KNOWN_BETTER = ("digest", "invoices", "on_conflict", "receives", "seen")


# --- what may be typed --------------------------------------------------------------------------------------------------------------

#: argument → of an account, what may be typed and what it means.
OF_ACCOUNT = {
    "alert": "SELECT alert, item || ' ' || trim_scale(threshold) FROM read_usage_alert WHERE account = %s",
    "booking": """SELECT booking, thing || ', ' || to_char(start, 'YYYY-MM-DD') FROM read_booking
        WHERE account = %s AND status IN ('held', 'confirmed', 'started') ORDER BY start""",
    "change": """SELECT change, command || ', ' || to_char(moment, 'YYYY-MM-DD') FROM read_change
        WHERE account = %s AND status IN ('scheduled', 'questioned') ORDER BY moment""",
    "collection": """SELECT collection, trim_scale(amount) || ' ' || currency || ', ' || status FROM read_collection
        WHERE account = %s ORDER BY sequence DESC""",
    "currency": "SELECT currency, 'the account''s own' FROM read_account WHERE account = %s",
    "grant": """SELECT lot, trim_scale("left") || ' ' || unit || ' left' FROM read_wallet_lot
        WHERE account = %s AND "left" > 0 ORDER BY lot""",
    "method": """SELECT method, brand || ' ' || last4 || ' ' || expiry FROM read_payment_method
        WHERE account = %s AND status = 'active' ORDER BY sequence""",
    "refund": """SELECT refund, trim_scale(amount) || ' ' || currency || ', ' || status FROM read_refund
        WHERE account = %s ORDER BY sequence DESC""",
    "request": """SELECT request, command || ' ' || coalesce(trim_scale(amount)::text, '') || ', ' || status FROM read_request
        WHERE account = %s AND status IN ('pending', 'approved', 'executed') ORDER BY made_at DESC""",
    "reservation": """SELECT reservation, trim_scale(quantity) || ' ' || item FROM read_stock_reservation
        WHERE account = %s AND status = 'open' ORDER BY reservation""",
    "sale": """SELECT account || '/' || sequence, name || ', ' || trim_scale(amount) || ' ' || currency FROM read_charge
        WHERE account = %s AND kind = 'sale' ORDER BY sequence DESC""",
    "unit": "SELECT unit, '' FROM read_wallet WHERE account = %s ORDER BY unit",
}


def _of_account(statement: str) -> Callable[[str], list[Suggestion]]:
    return lambda account: [(one, about) for one, about in bulk.fetch(f"{statement} LIMIT {MOST_SUGGESTED}", [account])] if account else []


def _contracts(account: str) -> list[Suggestion]:
    rows = Contract.objects.filter(account=account).exclude(status="ended").order_by("start")[:MOST_SUGGESTED]
    return [(row.contract, f"{row.name or row.plan}, since {row.start:%Y-%m-%d}") for row in rows]


def _invoices(account: str) -> list[Suggestion]:
    rows = Invoice.objects.filter(account=account).exclude(document="credit_note").order_by("-sequence")[:MOST_SUGGESTED]
    return [(row.number or row.invoice, f"{row.total.normalize():f} {row.currency}, {row.status}") for row in rows]


def _payments(account: str) -> list[Suggestion]:
    rows = Payment.objects.filter(account=account).order_by("-sequence")[:MOST_SUGGESTED]
    return [(row.payment, f"{row.amount.normalize():f} {row.currency}, {row.received_at:%Y-%m-%d}") for row in rows]


def _catalogues(account: str) -> list[Catalogue]:
    """The newest of each catalogue that the account's seller has; of every one where no account is named."""
    held = Account.objects.filter(account=account).values_list("seller", flat=True).first()
    return [one for one in map(store.newest, store.names()) if held in (None, one.seller["code"])]


def _plans(account: str) -> list[Suggestion]:
    return [(plan.code, f"{plan.name} ({one.name})") for one in _catalogues(account) for plan in one.plans.values()]


def _items(account: str) -> list[Suggestion]:
    found: dict[str, str] = {}
    for catalogue in _catalogues(account):
        for items in (catalogue.items, *(plan.items for plan in catalogue.plans.values())):
            found |= {code: item.name for code, item in items.items()}
    return sorted(found.items())[:MOST_SUGGESTED]


def _stated(section: str) -> Callable[[str], list[Suggestion]]:
    """What stands in a section of the catalogues: coupons, discounts, resources."""
    return lambda account: [(code, one.name) for one in _catalogues(account) for code in getattr(one, section)][:MOST_SUGGESTED]


def _purposes(account: str) -> list[Suggestion]:
    seller = Account.objects.filter(account=account).values_list("seller", flat=True).first() or "main"
    _, source = newest(seller)
    return [(name, one.words("en")) for name, one in (read_policy(source) if source else HousePolicy()).consents.items()]


def _disputes(account: str) -> list[Suggestion]:
    held = [(row.hold, f"part of {row.number}") for row in Hold.objects.filter(account=account, status="open")[:MOST_SUGGESTED]]
    banks = Dispute.objects.filter(account=account).order_by("-sequence")[:MOST_SUGGESTED]
    return held + [(row.dispute, f"{row.amount.normalize():f} {row.currency}, {row.status}") for row in banks]


def _deposits(account: str) -> list[Suggestion]:
    return [(row.deposit, f"{row.left.normalize():f} {row.currency} left") for row in Deposit.objects.filter(account=account, left__gt=0)]


def _receipts(account: str) -> list[Suggestion]:
    rows = Receipt.objects.filter(left__gt=0).order_by("-received_at")[:MOST_SUGGESTED]
    return [(row.receipt, f"{row.left.normalize():f} {row.currency}, {row.reference}") for row in rows]


def _discounts(account: str) -> list[Suggestion]:
    return [(row.attachment, row.name) for row in DiscountRow.objects.filter(account=account, end=None)[:MOST_SUGGESTED]]


def _people(account: str) -> list[Suggestion]:
    rows = Contact.objects.filter(account=account).order_by("name")[:MOST_SUGGESTED]
    return [(row.contact, f"{row.name}, {row.role}") for row in rows]


def _campaigns(account: str) -> list[Suggestion]:
    return [(row.campaign, row.segment) for row in Campaign.objects.order_by("-drafted_at")[:MOST_SUGGESTED]]


def _segments(account: str) -> list[Suggestion]:
    return [(row.name, row.note) for row in Segment.objects.order_by("name")[:MOST_SUGGESTED]]


#: argument → what may be suggested for it, for an account.
SUGGESTIONS: dict[str, Callable[[str], list[Suggestion]]] = {
    **{name: _of_account(statement) for name, statement in OF_ACCOUNT.items()},
    "catalogue": lambda account: [(one.name, "") for one in _catalogues(account)],
    "coupon": _stated("coupons"),
    "thing": _stated("resources"),
    "purpose": _purposes,
    "channel": lambda account: [(word, "") for word in CHANNELS],
    "charge": lambda account: [("now", ""), ("next_invoice", "")],
    "contact": _people,
    "campaign": _campaigns,
    "segment": _segments,
    "contract": _contracts,
    "invoice": _invoices,
    "payment": _payments,
    "plan": _plans,
    "item": _items,
    "dispute": _disputes,
    "deposit": _deposits,
    "receipt": _receipts,
    "attachment": _discounts,
    "when": lambda account: [(word, "") for word in WHEN],
    "on_conflict": lambda account: [(word, "") for word in CONFLICT],
    "billing_day": lambda account: [("keep", ""), ("move", "")],
}
