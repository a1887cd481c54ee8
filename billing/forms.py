"""A form for any command, made from its arguments; for the office and for customers. What a person types goes to the engine as text, and
what the engine refuses stands beside the field that it is about.

Suggestions (the account's contracts, its open documents, plans …) are lists beside a field, not choices: whoever knows better may type.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django import forms

from accounts.crm.models import Contact, Segment
from billing.command import Command
from billing.models import Campaign, Contract, DiscountRow, Hold, Invoice, Payment
from payments.models import Deposit, Dispute, Receipt
from plans import store
from plans.errors import Refusal
from plans.strict_yaml import load as load_yaml

MOST_SUGGESTED = 200
Suggestion = tuple[str, str]  # what is typed, and what it means

#: What an argument wants, where its name alone does not say it.
HELP = {
    "account": "the account's id",
    "amount": "with a point, as in 12.50",
    "anchor": "the day from which periods are counted, where it is not the start",
    "billing_day": "keep, or move to the day of the change",
    "channel": "how the money came or goes: cash, transfer, card …",
    "contract": "the contract's id; may stay empty where only one runs",
    "credit_unused": "whether what was charged for the time that is not used is credited",
    "invoices": "the documents, one to a line: INV-000001, or INV-000001: 20.00 for a part",
    "items": "one to a line",
    "lines": "one to a line",
    "on_conflict": "what to do where a scheduled change contradicts this one",
    "price": "a price as the catalogue writes it: {model: unit, amount: '1.50'}",
    "prices": "item: price, one to a line",
    "quantities": "item: number, one to a line",
    "into": "what stays, and takes the other one over",
    "purpose": "as the policy names it: news, offers …",
    "reason": "why, for whoever reads the journal later; facts, no personal details: the journal is kept for ever",
    "receives": "topics of mails, one to a line: documents, reminders, payments, contracts, usage",
    "reference": "what the bank statement or receipt says",
    "version": "of the catalogue; the newest where nothing is said",
    "when": "now, period_end, trial_end, term_end, or a date",
}
WHEN = ("now", "period_end", "trial_end", "term_end")
CONFLICT = ("refuse", "replace", "after", "before", "rebase")


class Suggesting(forms.TextInput):
    """A text field with a list of suggestions beside it; works without JavaScript."""

    template_name = "billing/suggesting.html"

    def __init__(self, suggestions: Sequence[Suggestion], attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["suggestions"], context["widget"]["attrs"]["list"] = self.suggestions, f"{name}-suggestions"
        return context


class CommandForm(forms.Form):
    """The arguments of one command. `arguments()` is what the engine is asked with; `refuse` puts its answer beside the field."""

    mappings: Collection[str] = ()
    lists: Collection[str] = ()
    said_even_if_empty: Collection[str] = ()  # fields that show what stands: texts that are emptied are named in `clear`

    def arguments(self) -> dict[str, Any]:
        """The arguments that were given, as plain values; fields that stay empty leave the command's own default."""
        found = {name: value for name, value in self.cleaned_data.items() if value not in ("", None, {}, [])}
        emptied = [name for name in self.said_even_if_empty if name in self.cleaned_data and name not in found]
        found |= {name: [] for name in emptied if self.cleaned_data[name] == []}
        cleared = [name for name in emptied if name not in found]
        return found | ({"clear": cleared} if cleared else {})

    def refuse(self, refusal: Refusal, text: str = "") -> None:
        """Say what the engine refuses beside its field (in these words, where the page has its own); at the top where it is about no
        single one."""
        name = refusal.at.split("[")[0].split(".")[0]
        self.add_error(name if name in self.fields else None, text or refusal.message)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        for name in self.lists:
            if isinstance(found.get(name), str):
                found[name] = [_entry(line) for line in found[name].splitlines() if line.strip()]
        for name in self.mappings:
            if found.get(name):
                found[name] = self._mapping(name, found[name])
        return found

    def _mapping(self, name: str, text: str) -> Any:
        try:
            value = load_yaml(text, name=name).value
        except Refusal as refusal:
            self.add_error(name, refusal.message)
            return {}
        if not isinstance(value, Mapping):
            self.add_error(name, "expected name: value, one to a line")
            return {}
        return value


def _entry(line: str) -> Any:
    """`INV-1: 20.00` names an amount; other lines are names."""
    name, colon, amount = line.strip().rpartition(": ")
    return {"invoice": name, "amount": amount.strip()} if colon and name and "{" not in name else line.strip()


def as_typed(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Arguments as a person would have typed them into the form."""
    return {name: _typed(value) for name, value in arguments.items()}


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_typed_entry(entry) for entry in value)
    return orjson.dumps(value).decode() if isinstance(value, Mapping) else str(value)


def _typed_entry(entry: Any) -> str:
    if isinstance(entry, Mapping) and set(entry) == {"invoice", "amount"}:
        return f"{entry['invoice']}: {entry['amount']}"
    return _typed(entry)


def command_form(command: Command, *, account: str = "", only: Collection[str] | None = None) -> type[CommandForm]:
    """The form class of a command: all its arguments, or `only` these (and not the account, which the page says)."""
    hints = typing.get_type_hints(command.arguments)
    shown: dict[str, Any] = {}
    lists, mappings = [], []
    for field in fields(command.arguments):
        if (only is not None and field.name not in only) or (field.name == "account" and account):
            continue
        required = field.default is MISSING and field.default_factory is MISSING
        hint = _plain_hint(hints[field.name])
        shown[field.name] = _field(field.name, hint, account, required=required, longest=field.metadata.get("longest", 2000))
        if typing.get_origin(hint) is tuple:
            lists.append(field.name)
        elif hint is Mapping or typing.get_origin(hint) is not None:
            mappings.append(field.name)
    name = "".join(part.capitalize() for part in command.name.split("_")) + "Form"
    return type(name, (CommandForm,), shown | {"lists": tuple(lists), "mappings": tuple(mappings)})


def _plain_hint(hint: Any) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(argument for argument in typing.get_args(hint) if argument is not type(None))
    return hint


def _field(name: str, hint: Any, account: str, *, required: bool, longest: int) -> forms.Field:
    options: dict[str, Any] = {"required": required, "label": name.replace("_", " ").capitalize(), "help_text": HELP.get(name, "")}
    if hint is bool:
        return forms.ChoiceField(choices=[("", "as usual"), ("yes", "yes"), ("no", "no")], **options | {"required": False})
    if typing.get_origin(hint) is tuple or hint is Mapping or typing.get_origin(hint) is not None or longest > 10_000:
        return forms.CharField(widget=forms.Textarea({"rows": 4 if longest <= 10_000 else 24}), **options)
    if hint in (Decimal, int):
        options["widget"] = forms.TextInput({"inputmode": "decimal" if hint is Decimal else "numeric", "autocomplete": "off"})
    elif hint is date:
        options["widget"] = forms.DateInput({"type": "date"})
    elif hint is datetime:
        options["widget"] = forms.DateTimeInput({"type": "datetime-local"})
    elif find := SUGGESTIONS.get(name):
        options["widget"] = Suggesting(find(account))
    return forms.CharField(max_length=longest, strip=True, **options)


# --- suggestions ------------------------------------------------------------------------------------------------------------------


def _contracts(account: str) -> list[Suggestion]:
    rows = Contract.objects.filter(account=account).exclude(status="ended").order_by("start")[:MOST_SUGGESTED]
    return [(row.contract, f"{row.name or row.plan}, since {row.start:%Y-%m-%d}") for row in rows]


def _invoices(account: str) -> list[Suggestion]:
    rows = Invoice.objects.filter(account=account).exclude(document="credit_note").order_by("-sequence")[:MOST_SUGGESTED]
    return [(row.number or row.invoice, f"{row.total.normalize():f} {row.currency}, {row.status}") for row in rows]


def _payments(account: str) -> list[Suggestion]:
    rows = Payment.objects.filter(account=account).order_by("-sequence")[:MOST_SUGGESTED]
    return [(row.payment, f"{row.amount.normalize():f} {row.currency}, {row.received_at:%Y-%m-%d}") for row in rows]


def _plans(account: str) -> list[Suggestion]:
    return [(plan.code, f"{plan.name} ({name})") for name in store.names() for plan in store.newest(name).plans.values()]


def _items(account: str) -> list[Suggestion]:
    found: dict[str, str] = {}
    for name in store.names():
        catalogue = store.newest(name)
        for items in (catalogue.items, *(plan.items for plan in catalogue.plans.values())):
            found |= {code: item.name for code, item in items.items()}
    return sorted(found.items())[:MOST_SUGGESTED]


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
