"""The form of every answer. Amounts are text with the currency's decimals; times are UTC."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.queries.ahead import Ahead
from billing.queries.credit import CreditLimit
from billing.queries.invoices import InvoicePage
from billing.queries.money import OpenDocument
from billing.queries.status import Status, money_text
from plans.money import plain

AMOUNTS = ("owed", "due", "overdue", "credit", "balance", "payable", "unbilled")


class AmountsAnswer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    owed = serializers.CharField(help_text="open on issued invoices")
    due = serializers.CharField(help_text="the part whose due date has come")
    overdue = serializers.CharField(help_text="the part whose due date has passed")
    credit = serializers.CharField(help_text="the customer's unused money")
    balance = serializers.CharField(help_text="owed less credit: positive, the customer owes")
    payable = serializers.CharField(help_text="what we owe on statements")
    unbilled = serializers.CharField(help_text="charges on no document yet")


class OpenDocumentAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    number = serializers.CharField()
    document = serializers.ChoiceField(choices=["invoice", "debit_note", "statement", "opening"])
    currency = serializers.CharField()
    issued = serializers.DateField()
    due = serializers.DateField(allow_null=True)
    total = serializers.CharField()
    open = serializers.CharField()


class AccountAnswer(serializers.Serializer[Any]):
    account = serializers.CharField()
    external_id = serializers.CharField(help_text="its id elsewhere")
    name = serializers.CharField()
    seller = serializers.CharField()
    status = serializers.ChoiceField(choices=["overdue", "owes", "in_credit", "settled", "parked", "closed"])
    at = serializers.DateTimeField()
    amounts = AmountsAnswer(many=True)


class ExpectedAnswer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    document = serializers.CharField()
    currency = serializers.CharField()
    total = serializers.CharField()


class NextAnswer(serializers.Serializer[Any]):
    due_at = serializers.DateTimeField(allow_null=True, help_text="when something is next to be done for the account")
    documents = ExpectedAnswer(many=True, help_text="the next documents, if nothing else happens until then")


class CreditLimitAnswer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="how much the account may owe")
    owed = serializers.CharField(help_text="what counts against it now: open, charged and on no document yet, less unused money")
    left = serializers.CharField(help_text="below 0: more is owed than the limit")
    event = serializers.CharField(help_text="the event that set it")


class StatusAnswer(AccountAnswer):
    documents = OpenDocumentAnswer(many=True)
    accrued = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="unbilled, and what counting until now would add"
    )
    credit_limit = CreditLimitAnswer(required=False, help_text="none: it may owe any amount")
    next = NextAnswer(required=False)


class InvoiceLineAnswer(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    item = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    unit_price = serializers.CharField()
    amount = serializers.CharField()
    net = serializers.CharField()
    tax = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class InvoiceAnswer(OpenDocumentAnswer):
    document = serializers.ChoiceField(choices=["invoice", "debit_note", "statement", "opening", "credit_note"])
    account = serializers.CharField()
    net = serializers.CharField()
    tax = serializers.CharField()
    status = serializers.CharField()
    corrects = serializers.CharField(help_text="credit note: the id of its invoice")
    lines = InvoiceLineAnswer(many=True)


class WhyAnswer(serializers.Serializer[Any]):
    """A node of the tree; `because` holds nodes of the same form."""

    kind = serializers.CharField()
    title = serializers.CharField()
    amount = serializers.CharField(required=False)
    currency = serializers.CharField(required=False)
    address = serializers.CharField(required=False, help_text="the event behind it")
    facts = serializers.DictField(child=serializers.CharField(), required=False)
    because = serializers.ListField(child=serializers.DictField(), required=False)


class ProblemAnswer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="stable; see docs/errors.md")
    at = serializers.CharField(required=False)
    facts = serializers.DictField(child=serializers.CharField(), required=False)


# --- from plain values ------------------------------------------------------------------------------------------------------------


def account_data(one: Status) -> dict[str, Any]:
    amounts = [{"currency": a.currency} | {name: money_text(getattr(a, name), a.currency) for name in AMOUNTS} for a in one.amounts]
    row = one.account
    told = {"account": row.account, "external_id": row.external_id, "name": row.name, "seller": row.seller}
    return told | {"status": one.standing, "at": one.at, "amounts": amounts}


def status_data(one: Status, next_up: Ahead | None, limit: CreditLimit | None = None) -> dict[str, Any]:
    answer = account_data(one) | {"documents": [_document(document) for document in one.documents]}
    if next_up is not None:
        answer["accrued"] = {currency: money_text(amount, currency) for currency, amount in next_up.accrued.items()}
        expected = [
            {"at": e.at, "document": e.document, "currency": e.currency, "total": money_text(e.total, e.currency)}
            for e in next_up.documents
        ]
        if limit is not None:
            amounts = {name: money_text(getattr(limit, name), limit.currency) for name in ("amount", "owed", "left")}
            answer["credit_limit"] = {"currency": limit.currency} | amounts | {"event": limit.event}
        answer["next"] = {"due_at": next_up.due_at, "documents": expected}
    return answer


def _document(one: OpenDocument) -> dict[str, Any]:
    names = ("number", "document", "currency", "issued", "due")
    money = {name: money_text(getattr(one, name), one.currency) for name in ("total", "open")}
    return {"id": one.invoice} | {name: getattr(one, name) for name in names} | money


def invoice_data(page: InvoicePage) -> dict[str, Any]:
    invoice = page.invoice
    plainly = ("account", "number", "document", "currency", "issued", "due", "status", "corrects")
    money = ("net", "tax", "total", "open")
    return (
        {"id": invoice.invoice}
        | {name: getattr(invoice, name) for name in plainly}
        | {name: money_text(getattr(invoice, name), invoice.currency) for name in money}
        | {"lines": [_line(line, invoice.currency) for line in page.lines]}
    )


def _line(line: Any, currency: str) -> dict[str, Any]:
    names = ("line", "item", "name", "unit", "unit_price", "start", "end")
    money = {name: money_text(getattr(line, name), currency) for name in ("amount", "net", "tax")}
    return {name: getattr(line, name) for name in names} | money | {"quantity": plain(line.quantity)}
