"""The forms of commands as customers see them: few fields, everyday words, and choices in place of codes.

Choices are a help, not a rule: the engine refuses what may not be, also what a page of ours would never send.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import get_language, get_language_info

from accounts import vault
from accounts.crm import contacts
from accounts.models import ApiKey
from accounts.roles import CUSTOMER_COMMANDS
from billing.command import registry
from billing.commands.accounts import CLEARABLE, PLACE
from billing.commands.offers import public_offers
from billing.forms import CommandForm
from billing.house.published import house_policy
from billing.loading import load_one, policy
from billing.models import Contract, Invoice
from billing.portal.guard import Visit
from billing.portal.prices import Card, cards
from billing.portal.words import (
    ALL_INVOICES,
    CONTACT_ROLES,
    HINTS,
    LABELS,
    MEASURES,
    MODES,
    SCOPES,
    TERM_END,
    TOPICS,
    TRIAL_END,
    WHEN,
    contract_name,
    countries,
    money,
    plain_number,
)
from billing.state import AccountState
from billing.terms import item_of, plan_of
from payments.collecting import collectable
from payments.models import PaymentMethod
from plans.errors import Refusal
from plans.periods import local_date

Choices = Sequence[tuple[str, object]]
#: Each by its own name, so that whoever can't read the page's finds it.
LANGUAGES = [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]
#: command → the fields of its form, where it has fewer than the customer may give.
SHOWN: dict[str, tuple[str, ...]] = {
    "subscribe": ("plan", "quantity"),
    "change_plan": ("contract", "plan", "quantity", "when"),
    "change_quantity": ("contract", "item", "quantity", "when"),
    "add_item": ("contract", "item", "quantity", "when"),
    "instalments": ("invoices", "offer"),
    "change_details": ("name", "street", "postcode", "city", "region", "country", "email", "phone", "tax_id", "locale"),
    "change_contact": ("contact", "name", "email", "phone", "role", "receives"),
    "give_consent": ("contact", "purpose"),
    "withdraw_consent": ("contact", "purpose"),
    "remove_contact": ("contact",),
    "create_api_key": ("name", "scopes"),
    "set_usage_alert": ("contract", "item", "threshold", "measure"),
    "rotate_api_key": ("prefix",),
    "revoke_api_key": ("prefix",),
    "dispute": ("invoice", "amount", "reason"),
}
#: Arguments of which one is always said, whatever the command takes for granted.
ALWAYS_ONE = frozenset({"when", "offer", "measure", "locale", "country"})
#: Commands that move money or will: their page says what it costs. The others change what is written down.
COSTS = frozenset(
    {"subscribe", "change_plan", "change_quantity", "add_item", "remove_item", "pause", "resume", "cancel", "renew", "withdraw_change"}
    | {"apply_coupon", "instalments", "apply_credit", "top_up"}
)


def shown(command: str) -> list[str]:
    """The arguments that the form asks for, in the order of its fields."""
    own = [one.name for one in fields(registry()[command].arguments)]
    return list(SHOWN.get(command) or (name for name in own if name in CUSTOMER_COMMANDS[command][1]))


def tailor(form: CommandForm, visit: Visit, command: str) -> None:
    """Put labels and choices of the visitor's account into the form."""
    state = load_one(visit.account.account)
    running = _contracts(visit, state, "", command)
    if "contract" in form.fields and len(running) == 1:
        form.initial = {"contract": running[0][0], **form.initial}
    chosen = str(form.data.get("contract") or form.initial.get("contract") or "")
    if command == "change_details":
        form.initial = {**_details(state, visit), **form.initial}
        form.said_even_if_empty = [name for name in CLEARABLE if form.initial.get(name)]
    if command in ("add_contact", "change_contact"):
        _contact(form, state)
    for name, field in form.fields.items():
        field.label = LABELS.get(name, field.label)
        field.help_text = HINTS.get((command, name), "")
        if find := CHOICES.get(name):
            choices = find(visit, state, chosen, command)
            if choices:
                empty = [] if field.required or name in ALWAYS_ONE or len(choices) == 1 else [("", "—")]
                field.widget = forms.Select(choices=[*empty, *choices])
            field.widget.is_required = field.required
        field.optional = not field.required and not isinstance(field.widget, forms.Select)  # type: ignore[attr-defined]
        if "inputmode" in field.widget.attrs:
            field.clean = partial(_number, field.clean)  # type: ignore[method-assign]
    form.order_fields(shown(command))
    if "invoices" in form.fields:
        _open_invoices(form, state.account)
    if command == "create_api_key":
        form.fields["scopes"] = forms.MultipleChoiceField(choices=list(SCOPES), widget=forms.CheckboxSelectMultiple, label=LABELS["scopes"])
        form.lists = ()
    for name in ("contact", "purpose", "channel", "prefix", "alert"):
        if name in form.fields and (form.initial.get(name) or not form.fields[name].required):
            form.fields[name].widget = forms.HiddenInput()
    if form.initial.get("contract") and "contract" in form.fields:
        form.fields["contract"].widget = forms.HiddenInput()


def _number(clean: Callable[[Any], Any], value: Any) -> Any:
    """What was typed, as the engine reads numbers: `1.234,50` of a Spanish page is 1234.50."""
    return clean(plain_number(value) if isinstance(value, str) else value)


def _open_invoices(form: CommandForm, account: str) -> None:
    """Boxes to tick in place of a list to write; none ticked is all."""
    rows = collectable([account]).get(account, [])
    choices = [(one.number or one.invoice, f"{one.number or one.invoice}: {money(one.amount, one.currency)}") for one in rows]
    form.fields["invoices"] = forms.MultipleChoiceField(
        choices=choices, widget=forms.CheckboxSelectMultiple, required=False, label=LABELS["invoices"], help_text=ALL_INVOICES
    )
    form.lists = ()


def about(form: CommandForm, state: AccountState) -> str:
    """Whom or what the page is about, where its form says that in a hidden field: a contract, a contact, a key, a purpose."""
    name = str(form.data.get("contract") or form.initial.get("contract") or "")
    if name and isinstance(form.fields.get("contract", forms.Field()).widget, forms.HiddenInput):
        row = Contract.objects.filter(account=state.account, contract=name).first()
        return contract_name(row) if row else ""
    if held := contacts.find(state.account, str(form.data.get("contact") or form.initial.get("contact") or "")):
        return held.name
    prefix = str(form.data.get("prefix") or form.initial.get("prefix") or "")
    key = ApiKey.objects.filter(account=state.account, prefix=prefix).first() if prefix else None
    return key.name if key else ""


def given(form: CommandForm) -> list[tuple[str, str]]:
    """(label, value) of what was said in the visible fields, with the words of the choices."""
    found = []
    for bound in form.visible_fields():
        value = form.cleaned_data.get(bound.name)
        words = {str(code): str(word) for code, word in getattr(bound.field.widget, "choices", [])}
        listed = [words.get(str(one), str(one)) for one in (value if isinstance(value, list) else [value]) if one not in ("", None)]
        if listed:
            found.append((str(bound.label), ", ".join(listed)))
    return found


def _contact(form: CommandForm, state: AccountState) -> None:
    """The contact as it stands: what is emptied here is meant to be empty."""
    held = contacts.find(state.account, str(form.data.get("contact") or form.initial.get("contact") or ""))
    if held is not None:
        form.initial = {**{name: getattr(held, name) for name in ("name", "email", "phone", "role", "receives")}, **form.initial}
        form.said_even_if_empty = ("email", "phone", "receives")
    else:
        form.initial = {"role": "billing", "receives": list(contacts.RECEIVES["billing"]), **form.initial}
    form.fields["receives"] = forms.MultipleChoiceField(
        choices=list(TOPICS.items()), widget=forms.CheckboxSelectMultiple, required=False, label=LABELS["receives"]
    )
    form.lists = ()


def _purposes(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    known = house_policy(state.seller, at=visit.at).consents
    return [(name, one.words(get_language() or "en")) for name, one in known.items()]


def _details(state: AccountState, visit: Visit) -> dict[str, str]:
    """What is known now, so that a person changes it rather than writes it again."""
    place = state.place_on(visit.at)
    held = vault.person(state.account) | {name: getattr(place, name) for name in ("country", *PLACE)}
    return held | {"locale": spoken_as(state.locale)}


def spoken_as(locale: str) -> str:
    """The language of the pages that is nearest to a locale: `es-AR` → `es`."""
    language = locale.replace("_", "-").partition("-")[0]
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGES[0][0]


def _plans(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    return [(one.code, one.name) for one in plans_for(visit, state, contract if command == "change_plan" else "")]


def plans_for(visit: Visit, state: AccountState, contract: str) -> list[Card]:
    """The plans that the customer may take, or to which the contract may change."""
    day = local_date(visit.at, state.zone)
    held = state.contracts.get(contract)
    if held is None:
        return cards(day)
    terms = held.timeline[-1].terms
    return [one for one in cards(day, catalogue=terms.catalogue, currency=held.currency) if one.code != terms.plan]


def _contracts(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    rows = Contract.objects.filter(account=state.account).exclude(status="ended").order_by("start")
    return [(row.contract, contract_name(row)) for row in rows]


def _items(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    """What the contract has, or may have besides."""
    running = [one for one in state.contracts.values() if one.status != "ended"]
    held = state.contracts.get(contract) or (running[0] if len(running) == 1 else None)
    if held is None:
        return []
    terms = held.timeline[-1].terms
    if command == "add_item":
        try:
            plan = plan_of(policy(), terms)
        except Refusal:
            return []
        return [(code, item.name) for code, item in plan.items.items() if item.optional and code not in terms.items]
    found = [(code, item_of(policy(), terms, code)) for code in terms.items]
    charged = "usage" if command == "set_usage_alert" else "fee"
    return [(code, item.name) for code, item in found if item is not None and item.charge == charged]


def _methods(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    rows = PaymentMethod.objects.filter(account=state.account, status="active").order_by("sequence")
    return [(row.method, f"{row.brand.title()} •••• {row.last4}") for row in rows]


def _offers(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    """The payment plans that customers may take themselves."""
    day = local_date(visit.at, state.zone)
    return [(one.code, f"{one.name} ({one.count})") for one in public_offers(day)]


def _when(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    """When a change may begin: besides now and the period's end, a cancellation may wait for the end of the trial or of the term."""
    held = state.contracts.get(contract)
    if command != "cancel" or held is None:
        return WHEN
    terms = held.timeline[-1].terms
    try:
        plan = plan_of(policy(), terms)
    except Refusal:
        return WHEN
    trial = TRIAL_END if terms.phases_from is not None and plan.phases else ()
    return (*WHEN, *trial, *(TERM_END if plan.term else ()))


def _invoices(visit: Visit, state: AccountState, contract: str, command: str) -> Choices:
    rows = Invoice.objects.filter(account=state.account).exclude(document="credit_note").order_by("-sequence")[:50]
    return [(row.number or row.invoice, f"{row.number or row.invoice}: {money(row.total, row.currency)}") for row in rows]


CHOICES: dict[str, Callable[[Visit, AccountState, str, str], Choices]] = {
    "plan": _plans,
    "contract": _contracts,
    "item": _items,
    "method": _methods,
    "invoice": _invoices,
    "offer": _offers,
    "purpose": _purposes,
    "measure": lambda visit, state, contract, command: MEASURES,
    "role": lambda visit, state, contract, command: CONTACT_ROLES,
    "when": _when,
    "locale": lambda visit, state, contract, command: LANGUAGES,
    "country": lambda visit, state, contract, command: countries(),
    "mode": lambda visit, state, contract, command: MODES,
}
