"""A form for any command, made from its arguments; for the office and for customers. What a person types goes to the engine as text, and
what the engine refuses stands beside the field that it is about.

Suggestions (the account's contracts, its open documents, plans …) are lists beside a field, not choices: whoever knows better may type.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from django import forms

from billing.command import Command
from billing.suggesting import SUGGESTIONS, Suggestion, explained
from plans.errors import Refusal
from plans.strict_yaml import load as load_yaml


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
        longest, wanted = field.metadata.get("longest", 2000), explained(command).get(field.name, "")
        shown[field.name] = _field(field.name, hint, account, wanted, required=required, longest=longest)
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


def _field(name: str, hint: Any, account: str, help_text: str, *, required: bool, longest: int) -> forms.Field:
    options: dict[str, Any] = {"required": required, "label": name.replace("_", " ").capitalize(), "help_text": help_text}
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
