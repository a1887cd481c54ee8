"""The page of an account: all that the office asks about one customer. Its number of statements does not grow with the account's past,
and none of them reads more of it than the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Prefetch
from django.urls import reverse

from accounts import vault
from accounts.crm.models import Attachment, Contact, Interaction, Task
from billing import bulk
from billing.admin.base import STATES, caller_of, money
from billing.admin.charts import Stretch, TimeLine, time_line
from billing.admin.doing import asks, buttons
from billing.closed import goes_on_as
from billing.crm.bounces import who_has
from billing.entitlements.checking import check_all
from billing.loading import trimmed
from billing.models import (
    Account,
    AccountPlace,
    Booking,
    Bounce,
    Consent,
    Contract,
    CorrectionRequest,
    Hold,
    Invoice,
    LegalHold,
    Merged,
    Payment,
    StockReservation,
)
from billing.queries.credit import CreditLimit, credit_limit, credit_statuses
from billing.queries.forecast import Ahead, timeline
from billing.queries.history import Filter, events, summary
from billing.queries.status import Status, money_text
from billing.queries.why import why
from billing.templatetags.billing_links import list_of, page_of
from billing.wallets.loading import load_wallets
from payments.models import Collection, Deposit, Dispute, PaymentMethod, Refund
from plans.errors import Refusal
from plans.money import plain

MOST_ROWS = 20
SEEN_BEFORE, SEEN_AFTER = timedelta(days=90), timedelta(days=365)
#: What is done most, shown without opening the list of all commands.
OFTEN = ("pay", "sell", "subscribe", "change_plan", "change_quantity", "cancel", "top_up", "change_details")


def sections(request: Any, stand: Status, at: datetime) -> dict[str, Any]:
    """What the page's template shows."""
    account = stand.account.account
    listed = buttons(caller_of(request), account)
    ahead, problem = _asked(lambda: timeline(account, at=at))
    tree, no_tree = _asked(lambda: why(account, at=at))
    return (
        {
            "cards": [*_cards(stand), *_limit_cards(credit_limit(account))],
            "person": _person(account),
            "credit": credit_statuses([account])[account],
            "tree": tree,
            "problem": problem or no_tree,
            "buttons": listed,
            "often": [one for wanted in OFTEN for area in listed.values() for one in area if one.name == wanted],
            "asks": asks(caller_of(request), account),
            "contracts": _contracts(account),
            "ahead": (ahead or [])[:MOST_ROWS],
            "line": _line(account, ahead or [], at),
            "unbilled": _unbilled(account),
            "documents": _documents(account),
            "payments": Payment.objects.filter(account=account).order_by("-sequence")[:MOST_ROWS],
            "requests": CorrectionRequest.objects.filter(account=account).order_by("-made_at", "-request")[:MOST_ROWS],
            "events": [(recorded, summary(recorded.event)) for recorded in reversed(events(account, Filter(limit=MOST_ROWS)))],
            "all_documents": list_of("invoice", account=account),
            "all_payments": list_of("payment", account=account),
            "all_events": list_of("journalevent", stream=account),
        }
        | _holdings(account, at)
        | _customer(account)
    )


def _asked(ask: Any) -> tuple[Any, str]:
    """The answer, or why there is none: a catalogue that is gone leaves the sums to stand."""
    try:
        return ask(), ""
    except Refusal as refusal:
        return None, str(refusal)


def _cards(stand: Status) -> list[dict[str, str]]:
    """One card for each amount that matters, in each currency."""
    names = ("balance", "owed", "overdue", "credit", "unbilled", "payable")
    return [
        {
            "title": name,
            "text": money_text(getattr(one, name), one.currency),
            "currency": one.currency,
            "alarm": "yes" if name == "overdue" else "",
        }
        for one in stand.amounts
        for name in names
        if getattr(one, name) or name in ("balance", "owed")
    ]


def _limit_cards(limit: CreditLimit | None) -> list[dict[str, str]]:
    """The credit limit and what is left of it; below 0, more is owed than that. None: it may owe any amount."""
    if limit is None:
        return []
    sums = (("credit limit", limit.amount, ""), ("left of it", limit.left, "yes" if limit.left < 0 else ""))
    return [
        {"title": title, "text": money_text(amount, limit.currency), "currency": limit.currency, "alarm": alarm}
        for title, amount, alarm in sums
    ]


def _person(account: str) -> list[tuple[str, str]]:
    """Who they are, as known now; what is empty is left out."""
    place: Mapping[str, Any] = (
        AccountPlace.objects.filter(account=account).order_by("-effective_at", "-sequence").values_list("place", flat=True).first() or {}
    )
    known = vault.person(account)
    return [(name.replace("_", " "), str(value)) for name, value in {**known, **place}.items() if value]


def _contracts(account: str) -> list[dict[str, Any]]:
    rows = Contract.objects.filter(account=account).order_by(F("end").desc(nulls_first=True), "-start", "contract")[:MOST_ROWS]
    return [{"row": row, "variant": STATES.get(row.status, "default")} for row in rows]


def _line(account: str, ahead: list[Ahead], at: datetime) -> TimeLine | None:
    """The contracts as bars, from a quarter ago to a year ahead, and what is known to happen as marks."""
    start, end = at - SEEN_BEFORE, at + SEEN_AFTER
    rows = Contract.objects.filter(account=account, start__lt=end).order_by("start", "contract")[:200]
    stretches = [Stretch(f"{row.name or row.plan} ({row.contract})", row.start, row.end, page_of("contract", row.contract)) for row in rows]
    marks = [(one.at, f"{one.at:%Y-%m-%d}: {one.what}") for one in ahead if one.kind in ("change", "waiting", "end", "phase", "due")]
    drawn = time_line(stretches, marks, start=start, end=end, now=at)
    return drawn if drawn.lanes else None


def _unbilled(account: str) -> list[dict[str, Any]]:
    statement = """
        SELECT c.account || '/' || c.sequence, c.name, c.component, c.start, c."end", c.quantity, c.unit, c.amount, c.currency
        FROM read_open_charge JOIN read_charge c USING (account, sequence) WHERE account = %s ORDER BY c.sequence DESC LIMIT %s"""
    names = ("address", "name", "component", "start", "end", "quantity", "unit", "amount", "currency")
    return [dict(zip(names, row, strict=True)) for row in bulk.fetch(statement, [account, MOST_ROWS])]


def _documents(account: str) -> list[dict[str, Any]]:
    rows = Invoice.objects.filter(account=account).order_by("-sequence")[:MOST_ROWS]
    return [
        {
            "row": row,
            "total": money_text(row.total, row.currency),
            "open": money(row.open, row.currency),
            "variant": STATES.get(row.status, "default"),
            "pdf": f"{reverse('document', args=[account, row.number or row.invoice])}?as=pdf",
        }
        for row in rows
    ]


def _customer(account: str) -> dict[str, Any]:
    """The office's own notes: contacts, open tasks, and what was said last."""
    said = (
        Interaction.objects.filter(account=account)
        .order_by("-at", "-pk")
        .prefetch_related(Prefetch("files", Attachment.objects.defer("content")))
    )
    contacts = list(Contact.objects.filter(account=account).order_by("role", "name", "pk")[:MOST_ROWS])
    names = {row.contact: row.name for row in contacts}
    email = vault.person(account).get("email", "")
    bounces = {row.contact: row for row in Bounce.objects.filter(account=account)}
    return {
        "contacts": [(row, bounces.get(row.contact)) for row in contacts],
        "bounce": bounces.get(""),
        "twins": _twins(account, email),
        "goes_on_as": goes_on_as(account),
        "merged": list(Merged.objects.filter(into=account).order_by("since").values_list("account", flat=True)[:MOST_ROWS]),
        "hold": LegalHold.objects.filter(account=account).first(),
        "consents": [
            {"given": row.given, "purpose": row.purpose, "since": row.since, "version": row.version, "how": row.how, "by": row.by}
            | {"who": names.get(row.contact, row.contact)}
            for row in Consent.objects.filter(account=account).order_by("contact", "purpose")[:MOST_ROWS]
        ],
        "interactions": said[:MOST_ROWS],
        "tasks": Task.objects.filter(account=account, done_at=None).order_by("due", "pk")[:MOST_ROWS],
    }


def _twins(account: str, email: str) -> list[str]:
    """Other accounts, not closed, where somebody has this mail address."""
    others = {other for other, _ in who_has(email)} - {account}
    if not others:
        return []
    live = Account.objects.filter(account__in=others).exclude(status="closed").order_by("account")
    return list(live.values_list("account", flat=True)[:MOST_ROWS])


# --- what they hold ---------------------------------------------------------------------------------------------------------------


def _holdings(account: str, at: datetime) -> dict[str, Any]:
    """Wallets, entitlements, goods and times that are kept for them, ways to pay, and money on its way."""
    entitled, _ = _asked(lambda: check_all(account, at=at))
    return {
        "wallets": _wallets(account, at),
        "entitled": entitled or [],
        "reservations": StockReservation.objects.filter(account=account, status="open").order_by("item", "reservation")[:MOST_ROWS],
        "bookings": Booking.objects.filter(account=account).order_by("-start")[:MOST_ROWS],
        "methods": PaymentMethod.objects.filter(account=account, status="active").order_by("sequence")[:MOST_ROWS],
        "deposits": Deposit.objects.filter(account=account, left__gt=0).order_by("sequence")[:MOST_ROWS],
        "trouble": _trouble(account),
    }


def _wallets(account: str, at: datetime) -> list[dict[str, Any]]:
    def said(amount: Any, wallet: Any) -> str:
        return money_text(amount, wallet.currency) if wallet.unit == wallet.currency else plain(trimmed(amount))

    return [
        {
            "unit": wallet.unit,
            "spendable": said(wallet.spendable(at=at), wallet),
            "reserved": said(wallet.reserved, wallet) if wallet.reserved else "",
            "owed": said(wallet.owed, wallet) if wallet.owed else "",
            "lots": [(said(lot.left, wallet), lot.expires, ", ".join(lot.items)) for lot in wallet.lots[:MOST_ROWS]],
        }
        for wallet in load_wallets([account])[account].values()
    ]


def _trouble(account: str) -> list[tuple[str, str, str, Any]]:
    """(what, how much, why, since) of collections that failed last, refunds on their way, disputes and questioned documents."""
    found: list[tuple[str, str, str, Any]] = []
    last = Collection.objects.filter(account=account).order_by("-sequence").first()
    if last is not None and last.status in ("failed", "confirmation"):
        found.append((f"collection {last.status}", money(last.amount, last.currency), last.message or last.code, last.requested_at))
    refunds = Refund.objects.filter(account=account, status="requested").order_by("sequence")[:MOST_ROWS]
    found += [("refund on its way", money(row.amount, row.currency), row.reason, row.requested_at) for row in refunds]
    disputes = Dispute.objects.filter(account=account, status__in=("inquiry", "open", "under_review")).order_by("sequence")[:MOST_ROWS]
    found += [(f"dispute: {row.status}", money(row.amount, row.currency), row.reason, row.opened_at) for row in disputes]
    holds = Hold.objects.filter(account=account, status="open").order_by("sequence")[:MOST_ROWS]
    return found + [(f"{row.number} is questioned", money(row.amount, row.currency), row.reason, row.opened_at) for row in holds]
