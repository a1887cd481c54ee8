"""The forms of commands as customers see them: few fields, everyday words, and choices in place of codes.

Choices are a help, not a rule: the engine refuses what may not be, also what a page of ours would never send.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django import forms
from django.conf import settings
from django.utils.translation import get_language

from accounts import vault
from accounts.crm import contacts
from accounts.roles import CUSTOMER_COMMANDS
from billing.command import registry
from billing.commands.offers import public_offers
from billing.forms import CommandForm
from billing.house.published import house_policy
from billing.loading import load_one, policy
from billing.models import Contract, Invoice
from billing.portal.guard import Visit
from billing.portal.prices import Card, cards
from billing.portal.words import CONTACT_ROLES, LABELS, MEASURES, MODES, SCOPES, TOPICS, WHEN, contract_name, money
from billing.state import AccountState
from billing.terms import item_of, plan_of
from payments.models import PaymentMethod
from plans.errors import Refusal
from plans.periods import local_date

Choices = Sequence[tuple[str, object]]
#: command → the fields of its form, where it has fewer than the customer may give.
SHOWN: dict[str, tuple[str, ...]] = {
    "subscribe": ("plan", "quantity"),
    "change_plan": ("contract", "plan", "quantity", "when"),
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


def shown(command: str) -> list[str]:
    """The arguments that the form asks for, in the command's own order."""
    wanted = SHOWN.get(command) or CUSTOMER_COMMANDS[command][1]
    return [name for name in registry()[command].arguments.__dataclass_fields__ if name in wanted]


def tailor(form: CommandForm, visit: Visit, command: str) -> None:
    """Put labels and choices of the visitor's account into the form."""
    state = load_one(visit.account.account)
    chosen = str(form.data.get("contract") or form.initial.get("contract") or "")
    if command == "change_details":
        form.initial = _details(state, visit) | form.initial
    if command in ("add_contact", "change_contact"):
        _contact(form, state)
    for name, field in form.fields.items():
        field.label = LABELS.get(name, field.label)
        field.help_text = ""
        if find := CHOICES.get(name):
            choices = find(visit, state, chosen, command)
            if choices:
                empty = [] if field.required or name == "when" else [("", "—")]
                field.widget = forms.Select(choices=[*empty, *choices])
            field.widget.is_required = field.required
    if command == "create_api_key":
        form.fields["scopes"] = forms.MultipleChoiceField(choices=list(SCOPES), widget=forms.CheckboxSelectMultiple, label=LABELS["scopes"])
        form.lists = ()
    for name in ("contact", "purpose", "channel", "prefix", "alert"):
        if name in form.fields and (form.initial.get(name) or not form.fields[name].required):
            form.fields[name].widget = forms.HiddenInput()
    if (form.initial.get("contract") or len(_contracts(visit, state, chosen, command)) == 1) and "contract" in form.fields:
        form.fields["contract"].widget = forms.HiddenInput()


def _contact(form: CommandForm, state: AccountState) -> None:
    """The contact as it stands: what is emptied here is meant to be empty."""
    held = contacts.find(state.account, str(form.data.get("contact") or form.initial.get("contact") or ""))
    if held is not None:
        form.initial = {name: getattr(held, name) for name in ("name", "email", "phone", "role", "receives")} | form.initial
        form.said_even_if_empty = ("email", "phone", "receives")
    else:
        form.initial = {"role": "billing", "receives": list(contacts.RECEIVES["billing"])} | form.initial
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
    return vault.person(state.account) | {name: getattr(place, name) for name in ("country", "region", "city", "tax_id")}


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
    "when": lambda visit, state, contract, command: WHEN,
    "locale": lambda visit, state, contract, command: settings.LANGUAGES,
    "mode": lambda visit, state, contract, command: MODES,
}
