"""The tree of reasons in a customer's words: what is owed, the documents, their lines, the price step by step, the measurements.

The same tree as everybody's (billing/queries/why), said in the language of the page, with its amounts and days. What only a bookkeeper asks
for (ledgers, addresses of events, versions of policy) is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from billing.events import CreditNoteIssued, InvoiceIssued
from billing.portal.words import STATES, channel, money, spoken
from billing.queries.why import Node
from billing.sayings import named
from payments.documents.words import Speech
from plans import store
from plans.errors import Refusal


@dataclass(frozen=True)
class Reason:
    title: str
    note: str  # the day or span that it is about, and alike
    money: str
    children: tuple[Reason, ...]


#: (kind, kind below it) of which customers see nothing: the ledgers of an event.
HIDDEN = {("event", "posting")}


def told(node: Node, zone: str) -> Reason:
    """The tree below the node, in the language of the page and the zone of the account."""
    return _told(node, spoken(zone))


def _told(node: Node, said: Speech) -> Reason:
    title, note = WORDS.get(node.kind, _other)(node, said)
    title = title[:1].upper() + title[1:]
    amount = money(abs(node.amount) if node.kind == "balance" else node.amount, node.currency) if node.amount is not None else ""
    children = tuple(_told(one, said) for one in node.children if (node.kind, one.kind) not in HIDDEN)
    if node.kind == "line" and children and (children[0].title, children[0].money) == (title, amount):
        children = (*children[0].children, *children[1:])  # the only charge of a line says nothing that the line does not
    return Reason(title, note, amount if node.currency else "", children)


def _number(value: Any, said: Speech) -> str:
    """A number that may be a fraction, as text or not."""
    try:
        return said.number(Decimal(str(value)))
    except InvalidOperation:
        pass
    try:
        return said.number(round(Decimal(Fraction(str(value)).numerator) / Fraction(str(value)).denominator, 10).normalize())
    except ValueError:
        return str(value)


def _balance(node: Node, said: Speech) -> tuple[str, str]:
    overdue = node.values.get("overdue")
    note = _("of it overdue: %(amount)s") % {"amount": money(overdue, node.currency)} if overdue else ""
    if not node.amount:
        return _("You owe nothing"), note
    return (_("You owe") if node.amount > 0 else _("You have in credit")), note


def _document(node: Node, said: Speech) -> tuple[str, str]:
    values = node.values
    title = f"{STATES.get(values['document'], values['document'])} {values['number']}".strip()
    parts = [said.day(values["issued"])] if values.get("issued") else []
    parts += [_("due on %(day)s") % {"day": said.day(values["due"])}] if values.get("due") else []
    return title, ", ".join(parts)


def _postings(node: Node, said: Speech) -> tuple[str, str]:
    return (_("Still open on it") if node.values["open"] else _("Nothing is open on it any more")), ""


def _event(node: Node, said: Speech) -> tuple[str, str]:
    event, on = node.values.get("event"), node.values.get("on")
    note = said.local_day(on) if on else ""
    if isinstance(event, InvoiceIssued | CreditNoteIssued):
        kind = event.document if isinstance(event, InvoiceIssued) else "credit_note"
        return f"{STATES[kind]} {event.number}", note
    if event is None:
        return _("a movement"), note
    how = [channel(event.channel)] if getattr(event, "channel", "") else []
    how += [event.reference] if getattr(event, "reference", "") else []
    return f"{named(event.kind)}{': ' if how else ''}{', '.join(how)}", note


def _line(node: Node, said: Speech) -> tuple[str, str]:
    values = node.values
    quantity = values.get("quantity")
    many = f": {_number(quantity, said)} {values.get('unit', '')}".rstrip() if quantity is not None else ""
    price = values.get("unit_price", "")
    many += f" × {said.unit_price(price, node.currency)}" if price and many else ""
    name = values.get("name") or values.get("item") or _("adjustment")
    start, end = values.get("start"), values.get("end")
    notes = [said.span(start, end)] if isinstance(start, datetime) and isinstance(end, datetime) else []
    notes += [_("corrects %(number)s") % {"number": values["corrects"]}] if values.get("corrects") else []
    notes += [values["reason"]] if values.get("reason") else []
    return f"{name}{many}", ", ".join(notes)


def _tax(node: Node, said: Speech) -> tuple[str, str]:
    rate = said.rate(str(node.values["rate"])) if node.values["rate"] else ""
    base = money(node.values["base"], node.currency)
    return _("%(tax)s on %(base)s") % {"tax": f"{node.values['name']} {rate}".strip(), "base": base}, ""


def _step(node: Node, said: Speech) -> tuple[str, str]:
    """One step of the price; those without words of their own are a part of it."""
    values = {name: _number(value, said) for name, value in node.values.items() if isinstance(value, str | int | Decimal) and value}
    sentence = _said_steps().get(str(node.values.get("step")), "")
    if node.values.get("step") == "counted":
        values["whole"] = values.get("transformed", values["quantity"])
        sentence = sentence if "included" in values else _("%(quantity)s, counted as %(counted)s")
    try:
        title = sentence % values if sentence else _("a part of the price")
    except KeyError:
        title = _("a part of the price")
    if node.values.get("step") == "tier":
        upper = _("to %(up_to)s") % values if values.get("up_to") else _("and beyond")
        title = f"{_('tier %(tier)s, from %(from)s') % ({'from': '0'} | values)} {upper}"
        title += f": {values['quantity']} × {values['unit']}" if "quantity" in values and "unit" in values else ""
    amount = values.get("amount", "")
    return f"{title} = {amount}" if amount else title, ""


def _said_steps() -> dict[str, str]:
    """step → its sentence, in the language of the page."""
    return {
        "flat": _("fixed price"),
        "unit": "%(quantity)s × %(unit)s",
        "package": _("%(packages)s packages of %(size)s"),
        "minimum": _("up to the minimum of %(minimum)s"),
        "discount": _("discount of %(percent)s %%"),
        "index": _("adjusted by the index: × %(factor)s"),
        "counted": _("%(whole)s counted, %(included)s of it included"),
        "less_before": _("less what was charged before: %(quantity)s"),
        "interest": _("interest"),
    }


def _terms(node: Node, said: Speech) -> tuple[str, str]:
    terms = node.values.get("terms")
    if terms is None:
        return _("by the price list, version %(version)s") % {"version": node.values.get("version", "")}, ""
    try:
        plan = store.catalogue(terms.catalogue, terms.version).plans[terms.plan].name
    except (Refusal, KeyError):
        plan = terms.plan
    since = said.local_day(node.values["since"])
    return _("by your contract: %(plan)s") % {"plan": plan}, _("since %(day)s: %(event)s") % {
        "day": since,
        "event": named(node.values["event"].kind),
    }


def _measurement(node: Node, said: Speech) -> tuple[str, str]:
    values = node.values
    title = _("measured: %(quantity)s") % {"quantity": _number(values["quantity"], said)}
    notes = [said.span(values["start"], values["end"]), _("%(count)s readings") % {"count": said.number(Decimal(values["records"]))}]
    notes += [_("%(count)s of them came later") % {"count": values["later"]}] if values["later"] else []
    return title, ", ".join(notes)


def _record(node: Node, said: Speech) -> tuple[str, str]:
    if "at" not in node.values:
        return node.title, ""
    value = "—" if node.values["value"] is None else _number(node.values["value"], said)
    return value, said.moment(node.values["at"])


def _access(node: Node, said: Speech) -> tuple[str, str]:
    return _("what you may use changed"), said.local_day(node.values["on"]) if "on" in node.values else ""


def _entitlement(node: Node, said: Speech) -> tuple[str, str]:
    sentence = _("you may use %(feature)s") if node.values["allowed"] else _("you may not use %(feature)s")
    return sentence % {"feature": node.values["feature"]}, ""


def _fixed(words: Callable[[], str]) -> Callable[[Node, Speech], tuple[str, str]]:
    return lambda node, said: (words(), "")


def _other(node: Node, said: Speech) -> tuple[str, str]:
    return node.title, ""


WORDS: dict[str, Callable[[Node, Speech], tuple[str, str]]] = {
    "balance": _balance,
    "account": _fixed(lambda: _("Your account")),
    "found": _fixed(lambda: _("What was found")),
    "owed": _fixed(lambda: _("Open documents")),
    "credit": _fixed(lambda: _("less your credit")),
    "payable": _fixed(lambda: _("what we owe you")),
    "unbilled": _fixed(lambda: _("on no document yet, before tax")),
    "document": _document,
    "postings": _postings,
    "posting": _event,
    "event": _event,
    "line": _line,
    "charge": _line,
    "tax": _tax,
    "target": _fixed(lambda: _("what it comes to by now, for this period")),
    "standing": _fixed(lambda: _("less what was charged before")),
    "step": _step,
    "terms": _terms,
    "measurement": _measurement,
    "record": _record,
    "more": lambda node, said: (_("and %(count)s more readings") % {"count": said.number(Decimal(node.values["count"]))}, ""),
    "skipped": lambda node, said: (_("not counted: %(record)s") % {"record": node.values["record"]}, ""),
    "access": _access,
    "entitlement": _entitlement,
}
