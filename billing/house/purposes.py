"""What people may be asked to agree to, and how long documents are kept: parts of the policy of the house. Pure.

consents:                           # purpose → the words agreed to; new words take a new version
  offers: {version: "2", text: {en: We may send you offers by mail., es: Podemos enviarle ofertas por correo.}}
retention: {documents: 10}          # years for which a document must show whom it was made out to
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plans.errors import Invalid
from plans.fields import Fields

CHANNELS = ("mail",)
DOCUMENT_YEARS = 10
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Purpose:
    """One thing that people agree to or not. `text` by language; English is spoken where the language of the account is missing."""

    version: str
    text: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[str, ...] = CHANNELS

    def words(self, language: str) -> str:
        return self.text.get(language[:2]) or self.text.get("en") or next(iter(self.text.values()), "")


#: Where the policy says nothing.
PURPOSES: Mapping[str, Purpose] = {
    "news": Purpose("1", {"en": "You may send me news by mail.", "es": "Pueden enviarme novedades por correo."}),
    "offers": Purpose("1", {"en": "You may send me offers by mail.", "es": "Pueden enviarme ofertas por correo."}),
}


def read_purposes(fields: Fields) -> Mapping[str, Purpose]:
    """The section `consents`. Raises Invalid `wrong_type`, `unknown_choice` and those of fields."""
    found = {name: _purpose(name, value, at) for name, value, at in fields.mapping("consents", [])}
    return found or PURPOSES


def _purpose(name: str, value: Any, at: str) -> Purpose:
    if not _WORD.fullmatch(name):
        raise Invalid("wrong_type", f"{name[:60]!r} can't be a purpose: use small letters, digits and _", at=at)
    fields = Fields(value, at)
    version = fields.text("version")
    text = {str(language): str(words) for language, words, _ in fields.mapping("text")}
    channels = tuple(str(one) for one, _ in fields.items("channels", [(channel, "") for channel in CHANNELS]))
    fields.done()
    for channel in channels:
        if channel not in CHANNELS:
            raise Invalid("unknown_choice", f"expected one of {', '.join(CHANNELS)}; found {channel[:40]!r}", at=f"{at}.channels")
    return Purpose(version, text, channels)


def read_retention(fields: Fields) -> int:
    """Years, 0 to 100."""
    section = Fields(fields.raw("retention", {}), "retention")
    years: int = section.integer("documents", DOCUMENT_YEARS, most=100)
    section.done()
    return years
