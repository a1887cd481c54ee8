"""Customers' pages in Spanish: every message has its translation, and the compiled file is that of the source."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

from django.utils import translation

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = (
    *sorted((ROOT / "templates").glob("*.html")),
    *sorted((ROOT / "templates/portal").glob("*.html")),
    *sorted((ROOT / "templates/allauth").rglob("*.html")),
    ROOT / "templates/payments/sandbox_checkout.html",
)
MODULES = sorted((ROOT / "billing/portal").glob("*.py"))
#: Messages that are the same in both languages.
SAME = {"PDF", "Plan", "no"}


def of_template(path: Path) -> set[str]:
    text = path.read_text()
    plain = {first or second for first, second in re.findall(r"""{% trans(?:late)? (?:"([^"]+)"|'([^']+)')""", text)}
    blocks = re.findall(r"{% blocktrans[^%]*%}(.*?){% endblocktrans %}", text, re.S)
    return plain | {re.sub(r"{{ (\w+) }}", r"%(\1)s", block.replace("%", "%%")) for block in blocks}


def of_module(path: Path) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    called = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("_", "lazy") and call.args]
    return {str(call.args[0].value) for call in called if isinstance(call.args[0], ast.Constant)}


def messages() -> set[str]:
    return set().union(*(of_template(path) for path in TEMPLATES), *(of_module(path) for path in MODULES))


def test_no_message_is_missing_in_spanish() -> None:
    found = messages()
    assert len(found) > 150
    with translation.override("es"):
        missing = sorted(text for text in found - SAME if translation.gettext(text) == text)
    assert missing == []


def test_what_is_put_into_a_message_is_in_its_translation_too() -> None:
    with translation.override("es"):
        wrong = [text for text in messages() if placeholders(text) != placeholders(translation.gettext(text))]
    assert wrong == []


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", text))


def test_the_compiled_file_is_that_of_the_source() -> None:
    folder = ROOT / "locale/es/LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    source = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', (folder / "django.po").read_text(), re.M)
    assert len(source) > 150
    said = [(ast.literal_eval(f'"{msgid}"'), ast.literal_eval(f'"{msgstr}"')) for msgid, msgstr in source]
    assert [(msgid, msgstr, compiled.gettext(msgid)) for msgid, msgstr in said if compiled.gettext(msgid) != msgstr] == []
