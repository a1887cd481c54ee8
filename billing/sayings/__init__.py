"""What the engine says, in the language of a customer's page: refusals by their code, events by their kind.

English is spoken by the engine itself, with every detail. Another language has a table of its own (`es.py`): code → sentence, kind → words.
`{name}` is a fact of the refusal; what stands in brackets is left out where its facts are missing. A code without a sentence is said in
English: better than not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from django.utils.translation import get_language

from billing.sayings import es
from plans.errors import Refusal

TABLES: Mapping[str, ModuleType] = {"es": es}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FACT = re.compile(r"\{(\w+)\}")


def _table() -> ModuleType | None:
    return TABLES.get((get_language() or "en")[:2])


def said(refusal: Refusal) -> str:
    """The refusal in the language of the page."""
    table = _table()
    sentence = table.REFUSALS.get(refusal.code) if table else None
    return filled(sentence, refusal.facts) if sentence else refusal.message


def filled(sentence: str, facts: Mapping[str, Any]) -> str:
    """The sentence with its facts. Facts are never read as part of the sentence."""

    def put(text: str) -> str:
        return _FACT.sub(lambda found: str(facts.get(found.group(1), "")), text)

    def kept(found: re.Match[str]) -> str:
        return found.group(1) if all(facts.get(name) for name in _FACT.findall(found.group(1))) else ""

    return put(_OPTIONAL.sub(kept, sentence))


def named(kind: str) -> str:
    """A kind of event in words: `payment received`."""
    table = _table()
    words: str = table.EVENTS.get(kind, "") if table else ""
    return words or kind.replace(".", " ").replace("_", " ")


def titled(title: str) -> str:
    """A title of the tree of reasons: what it begins with is said in the language of the page, names and numbers stay."""
    table = _table()
    if table is None:
        return title
    for kind, words in table.EVENTS.items():
        if title.startswith(kind.replace(".", " ").replace("_", " ")):
            return f"{words}{title[len(kind) :]}"
    for pattern, replacement in table.TITLES:
        changed, count = re.subn(pattern, replacement, title, count=1)
        if count:
            return changed
    return title
