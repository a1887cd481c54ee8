"""What the engine says, in the language of a customer's page: refusals by their code, events by their kind.

English is spoken by the engine itself, with every detail. Another language has a table of its own (`es/`): code → sentence, kind → words.
`{name}` is a fact of the refusal, put as the page says such facts; what stands in brackets is left out where its facts are missing. A
code without a sentence is said in English: better than not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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


Say = Callable[[str, Mapping[str, Any]], str]  # one of the facts, by its name, in words


def plainly(name: str, facts: Mapping[str, Any]) -> str:
    return str(facts[name])


def said(refusal: Refusal, say: Say = plainly) -> str:
    """The refusal in the language of the page, its facts as `say` puts them."""
    table = _table()
    sentence = table.REFUSALS.get(refusal.code) if table else None
    return filled(sentence, refusal.facts, say) if sentence else refusal.message


def filled(sentence: str, facts: Mapping[str, Any], say: Say = plainly) -> str:
    """The sentence with its facts. Facts are never read as part of the sentence."""

    def given(name: str) -> bool:
        return name in facts and facts[name] not in ("", None)

    def put(text: str) -> str:
        return _FACT.sub(lambda found: say(found.group(1), facts) if given(found.group(1)) else "", text)

    def kept(found: re.Match[str]) -> str:
        return found.group(1) if all(map(given, _FACT.findall(found.group(1)))) else ""

    return put(_OPTIONAL.sub(kept, sentence))


def named(kind: str) -> str:
    """A kind of event in words: `payment received`."""
    table = _table()
    words: str = table.EVENTS.get(kind, "") if table else ""
    return words or kind.replace(".", " ").replace("_", " ")
