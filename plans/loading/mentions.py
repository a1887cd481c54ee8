"""Sentences that the law, or the seller, wants said on documents: `mentions` in a catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from plans.catalogue import Mention
from plans.errors import Invalid
from plans.fields import Fields
from plans.loading.house import SERIES
from plans.loading.problems import Problems

LONGEST = 500


def read_mentions(fields: Fields, name: str, problems: Problems) -> tuple[Mention, ...]:
    """A list; each element a `text` (or one for each language), and perhaps the `documents` and the buyers' `countries` that it is for."""
    found: list[Mention] = []
    if not fields.has(name):
        return ()
    with problems.collecting():
        for value, path in fields.items(name):
            with problems.collecting(path):
                found.append(parse_mention(value, path))
    return tuple(found)


def parse_mention(value: object, at: str) -> Mention:
    inner = Fields({"text": value} if isinstance(value, str) else value, at)
    text = inner.raw("text")
    if isinstance(text, Mapping):
        languages = Fields(text, inner.path("text"))
        texts = {str(language): languages.text(str(language), longest=LONGEST) for language in text}
    else:
        texts = {"": inner.text("text", longest=LONGEST)}
    documents = _words(inner, "documents")
    for document in documents:
        if document not in SERIES:
            raise Invalid("unknown_choice", f"expected {', '.join(SERIES)}; found {document!r}", at=inner.path("documents"))
    countries = _words(inner, "countries")
    inner.done()
    return Mention(texts=texts, documents=documents, countries=countries)


def _words(fields: Fields, name: str) -> tuple[str, ...]:
    if not fields.has(name):
        return ()
    return tuple(str(Fields({path: value}, "").text(path)) for value, path in fields.items(name))
