"""Finding what a document says: from its event and the frozen person, so that it reads the same for ever.

What has no event of its own (a statement of account, a receipt's parties) is read from the read models as they are now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from django.conf import settings

from accounts import vault
from billing import bulk, journal
from billing.events import CreditNoteIssued, InvoiceIssued, InvoiceVoided, PaymentReceived, Place
from billing.journal import Recorded
from billing.models import Account as AccountRow
from billing.models import AccountPlace
from billing.queries.accounts import find_account
from billing.queries.invoices import find_invoice
from billing.queries.statement import Statement, statement
from payments.documents.values import Bank, Claim, Document, Fact, Instalment, Movement, Party, Share, Sum
from payments.instalments.events import InstalmentsAgreed
from payments.models import Collection
from payments.standing import find_payment
from plans import store
from plans.errors import Conflict, Invalid, NotFound, Refusal
from plans.money import round_money
from plans.periods import local_date

ZERO = Decimal(0)


# --- found by a name ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """What a statement of account covers; None: from the beginning, until now."""

    start: datetime | None = None
    end: datetime | None = None
    currency: str = ""


def find_document(account: str, name: str, *, at: datetime, span: Span | None = None) -> Document:
    """The document of the account that a person named: a number or an id; `statement`; or a payment (its id or reference) for a receipt.

    Raises NotFound `unknown_account`, `unknown_document`; Conflict `no_document` for what was brought over and never had one.
    """
    find_account(account)
    if name == "statement":
        return account_statement(account, span or Span(), at=at)
    try:
        return issued(find_invoice(name, account=account).invoice.invoice)
    except NotFound:
        pass
    if plan := _plan_named(account, name):
        return plan
    try:
        return receipt(account, find_payment(account, name).payment)
    except Refusal:
        raise NotFound(
            "unknown_document",
            f"the account {account} has no document {name[:60]!r}: name its number or id, a payment for its receipt, or 'statement'",
            at="document",
        ) from None


def _plan_named(account: str, name: str) -> Document | None:
    """The payment plan with this id, as it was agreed."""
    stream, _, sequence = name.rpartition("/")
    recorded = journal.one(account, int(sequence)) if stream == account and sequence.isdigit() and len(sequence) < 16 else None
    if recorded is None or not isinstance(recorded.event, InstalmentsAgreed):
        return None
    event = recorded.event
    parts = (
        Instalment(i, one.due, one.principal, one.interest, one.principal + one.interest, one.principal + one.interest)
        for i, one in enumerate(event.instalments, start=1)
    )
    return payment_plan(account, id=name, number=name, currency=event.currency, instalments=tuple(parts), at=recorded.effective_at)


# --- issued ------------------------------------------------------------------------------------------------------------------------


def issued(document: str) -> Document:
    """An invoice, debit note, credit note or self-billed statement by its id."""
    recorded = journal.one(*journal.split_address(document))
    if recorded is None or not isinstance(recorded.event, InvoiceIssued | CreditNoteIssued):
        raise Conflict("no_document", f"{document} was brought over from elsewhere; its document stands there", at="document")
    return _of_event(recorded)


def _of_event(recorded: Recorded) -> Document:
    event: Any = recorded.event
    row = AccountRow.objects.get(account=event.account)
    common = Document(
        kind="credit_note" if isinstance(event, CreditNoteIssued) else event.document,
        id=recorded.address,
        number=event.number,
        account=event.account,
        currency=event.currency,
        locale=row.locale,
        zone=row.zone,
        issued=event.issued,
        at=recorded.effective_at,
        seller=seller_party(event.seller),
        buyer=buyer_party(vault.party(event.buyer), event.place),
        lines=event.lines,
        taxes=event.taxes,
        mentions=event.mentions,
        bank=bank_of(event.seller),
    )
    return _credit(common, event) if isinstance(event, CreditNoteIssued) else _invoice(common, event)


def _invoice(common: Document, event: InvoiceIssued) -> Document:
    due = event.total - event.credit_applied
    sums = [Sum("net", event.net), Sum("tax", event.tax), Sum("total", event.total, strong=not event.credit_applied)]
    if event.document == "statement":
        sums[-1] = Sum("owed_to_you", event.total, strong=True)
    if event.credit_applied:
        sums += [Sum("credit_applied", -event.credit_applied), Sum("due", due, strong=True)]
    facts = [Fact("corrects", event.corrects_number)] if event.corrects_number else []
    facts += [Fact("reason", event.reason)] if event.reason else []
    return replace(
        common,
        due=event.due,
        facts=tuple(facts),
        sums=tuple(sums),
        inclusive=event.inclusive,
        void=_void(event.account, event.invoice),
        by_day=_by_day(event, due),
        payable=ZERO if event.document == "statement" else due,
        link=payment_link(event.account, event.number),
    )


def _by_day(event: InvoiceIssued, due: Decimal) -> tuple[tuple[date, Decimal, str], ...]:
    """What it costs by which day, as it was issued; nothing where that is the same on all days. A surcharge may bear a tax of its own."""
    if event.settlement is None:
        return ()
    more = "plus_tax" if event.settlement.tax_category and not event.settlement.inclusive else ""
    rows = [(event.due, due, "")]
    for step in event.settlement.steps:
        of = event.total if step.percent < 0 else due
        rows.append((step.until, due + round_money(of * step.percent / 100, event.currency), more if step.percent > 0 else ""))
    return tuple(sorted(rows))


def _credit(common: Document, event: CreditNoteIssued) -> Document:
    sums = [Sum("net", event.net), Sum("tax", event.tax), Sum("total", event.total, strong=True)]
    sums += [Sum(name, amount) for name, amount in (("applied", event.applied), ("credited", event.credited)) if amount]
    facts = [Fact("corrects", event.invoice_number)] if event.invoice_number else []
    facts += [Fact("reason", event.reason)] if event.reason else []
    return replace(common, facts=tuple(facts), sums=tuple(sums))


def _void(account: str, invoice: str) -> str | None:
    """The reason why the document was voided; None where it stands."""
    statement = "SELECT data->>'reason' FROM journal WHERE stream = %s AND kind = %s AND data->>'invoice' = %s"
    rows = bulk.fetch(statement, [account, InvoiceVoided.kind, invoice])
    return str(rows[0][0] or "") if rows else None


def payment_link(account: str, number: str) -> str:
    """Where a document can be paid, by the PAYMENT_LINK of the settings; "" where there is none."""
    pattern: str = settings.PAYMENT_LINK
    return pattern.format(account=quote(account, safe=""), number=quote(number, safe="")) if pattern and number else ""


# --- parties -----------------------------------------------------------------------------------------------------------------------


def seller_party(seller: Mapping[str, str]) -> Party:
    given = {name: seller.get(name, "") for name in ("city", "region", "country", "tax_id", "email", "telephone", "website", "text")}
    return Party(name=seller.get("name", ""), street=seller.get("address", ""), postcode=seller.get("postal_code", ""), **given)


def bank_of(seller: Mapping[str, str]) -> Bank:
    return Bank(iban=seller.get("iban", ""), bic=seller.get("bic", ""), text=seller.get("bank", ""))


def buyer_party(person: Mapping[str, str], place: Place) -> Party:
    return Party(
        name=person.get("name", ""),
        street=person.get("street", ""),
        postcode=person.get("postcode", ""),
        city=place.city,
        region=place.region,
        country=place.country,
        tax_id=place.tax_id,
        erased=bool(person.get("erased")),
    )


def _seller_now(account: str, seller: str) -> Mapping[str, str]:
    """Who bills the account: as on its newest document, else as a catalogue of that seller says."""
    statement = """
        SELECT invoice FROM read_invoice WHERE account = %s AND document <> 'opening' ORDER BY sequence DESC LIMIT 1"""
    for (invoice,) in bulk.fetch(statement, [account]):
        recorded = journal.one(*journal.split_address(invoice))
        if recorded is not None and isinstance(recorded.event, InvoiceIssued | CreditNoteIssued):
            return recorded.event.seller
    return seller_named(seller)


def seller_named(seller: str) -> Mapping[str, str]:
    """The seller of this code as the newest version of a catalogue says; nothing but the code where none does."""
    for name in store.names():
        found = store.newest(name).seller
        if found.get("code") == seller:
            return found
    return {"code": seller, "name": seller}


def _place_now(account: str, at: datetime) -> Place:
    row = AccountPlace.objects.filter(account=account, effective_at__lte=at).order_by("-effective_at", "-sequence").first()
    return Place(**row.place) if row else Place()


def _now(account: str, *, kind: Any, id: str, number: str, currency: str, at: datetime) -> Document:
    """What documents without a frozen frame say beside their own: the parties as they are known now."""
    row = AccountRow.objects.get(account=account)
    seller = _seller_now(account, row.seller)
    return Document(
        kind=kind,
        id=id,
        number=number,
        account=account,
        currency=currency,
        locale=row.locale,
        zone=row.zone,
        issued=local_date(at, row.zone),
        at=at,
        seller=seller_party(seller),
        buyer=buyer_party(vault.person(account), _place_now(account, at)),
        bank=bank_of(seller),
    )


# --- receipts and statements -------------------------------------------------------------------------------------------------------


def receipt(account: str, payment: str) -> Document:
    """What was received, and what it paid when it came."""
    recorded = journal.one(*journal.split_address(payment))
    if recorded is None or not isinstance(recorded.event, PaymentReceived):
        raise NotFound("unknown_payment", f"there is no payment {payment}", at="payment")
    event = recorded.event
    found = _now(account, kind="receipt", id=payment, number=payment, currency=event.currency, at=recorded.effective_at)
    shares = tuple(Share(one.number or one.invoice, one.amount) for one in event.allocations)
    sums = [Sum("unapplied", event.unapplied)] if event.unapplied else []
    facts = [Fact("channel", event.channel)] + ([Fact("reference", event.reference)] if event.reference else [])
    return replace(found, facts=tuple(facts), shares=shares, sums=(*sums, Sum("received", event.amount, strong=True)))


def account_statement(account: str, span: Span, *, at: datetime) -> Document:
    """Opening balance, what happened, closing balance, in one currency: the account's own where none is named."""
    found = statement(account, start=span.start, end=span.end)
    currency = span.currency or found[0].currency
    mine = next((one for one in found if one.currency == currency), None)
    if mine is None:
        known = ", ".join(one.currency for one in found)
        raise Invalid("unknown_choice", f"the account {account} has no movement in {currency}; it has {known}", at="currency")
    document = _now(account, kind="account_statement", id=f"{account}/statement", number="", currency=currency, at=at)
    row = find_account(account)
    last = _last_day(mine.end, at, document.zone)
    first = min(last, local_date(mine.start or row.opened_at, document.zone))
    return replace(
        document,
        number=f"{account}-{first:%Y%m%d}-{last:%Y%m%d}",
        facts=(Fact("span", (first, last)),),
        movements=_movements(account, mine),
        sums=(Sum("opening", mine.opening), Sum("closing", mine.closing, strong=True)),
    )


def _last_day(end: datetime | None, at: datetime, zone: str) -> date:
    """The last day that is in the statement: its end is the first moment that is not."""
    return local_date(at if end is None else end - timedelta(microseconds=1), zone)


def _movements(account: str, found: Statement) -> tuple[Movement, ...]:
    """The entries, each with the number of its document where it is one."""
    numbers = dict(bulk.fetch("SELECT invoice, number FROM read_invoice WHERE account = %s", [account]))
    return tuple(Movement(e.at, e.kind, numbers.get(e.address, ""), e.amount, e.balance) for e in found.entries)


# --- payment plans and reminders ---------------------------------------------------------------------------------------------------


def payment_plan(account: str, *, id: str, number: str, currency: str, instalments: tuple[Instalment, ...], at: datetime) -> Document:
    """The instalments that were agreed for what `number` names."""
    document = _now(account, kind="payment_plan", id=id, number=number, currency=currency, at=at)
    total, left = (sum((getattr(one, name) for one in instalments), ZERO) for name in ("amount", "open"))
    sums = (Sum("planned", total), Sum("due", left, strong=True))
    return replace(document, instalments=instalments, sums=sums, link=payment_link(account, number))


def reminder(
    account: str, *, id: str, currency: str, level: int | str, day: date, at: datetime, fee: Decimal = ZERO, documents: Sequence[str] = ()
) -> Document:
    """What is open on `day` of a currency (of the documents named, where some are), the oldest first; `fee` is what this reminder costs."""
    document = _now(account, kind="reminder", id=id, number=id, currency=currency, at=at)
    return replace(_claiming(document, day=day, fee=fee, documents=documents), facts=(Fact("level", str(level)),))


def collection_mail(collection: Collection, *, kind: Literal["declined", "confirmation"], id: str, documents: Sequence[str]) -> Document:
    """What a customer is told of a collection: that its method will not do, or where to confirm it."""
    at = collection.closed_at or collection.requested_at
    document = _now(collection.account, kind=kind, id=id, number=id, currency=collection.currency, at=at)
    document = _claiming(document, day=local_date(at, document.zone), documents=documents)
    facts = (Fact("reason", collection.message),) if collection.message else ()
    return replace(document, facts=facts, link=collection.url or document.link)


def _claiming(document: Document, *, day: date, fee: Decimal = ZERO, documents: Sequence[str] = ()) -> Document:
    """With what is open on the day; about one document it has its number and its payment link."""
    account, currency = document.account, document.currency
    rows = bulk.fetch(
        """SELECT number, invoice, issued, due, open - held FROM read_invoice
            WHERE account = %s AND currency = %s AND open > held AND status = 'open' AND document = ANY(%s) AND due IS NOT NULL
                AND (%s::text[] = '{}' OR invoice = ANY(%s))
            ORDER BY due, sequence""",
        [account, currency, ["invoice", "debit_note", "opening"], list(documents), list(documents)],
    )
    claims = tuple(Claim(number or invoice, issued_on, due, (day - due).days, left) for number, invoice, issued_on, due, left in rows)
    total = sum((claim.open for claim in claims), ZERO)
    sums = (*([Sum("fee", fee)] if fee else []), Sum("overdue", total + fee, strong=True))
    number = claims[0].number if len(claims) == 1 else account
    return replace(
        document,
        number=number,
        claims=claims,
        sums=sums,
        payable=total + fee,
        link=payment_link(account, number) if len(claims) == 1 else "",
    )
