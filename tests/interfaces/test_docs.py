"""Generated pages, and the golden samples that must be readable for ever."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from django.conf import settings

from billing.codec import UPCASTS, decode, encode, kinds
from billing.management.golden import missing_samples, path_of, sample, text_of
from billing.management.pages import commands_page, errors_page, events_page
from billing.wellformed import repeats

ROOT = Path(settings.BASE_DIR)
GOLDEN = ROOT / "tests" / "golden"


def test_every_kind_and_version_has_a_golden_sample() -> None:
    assert missing_samples(GOLDEN) == {}
    for kind, version in UPCASTS:
        assert (GOLDEN / f"{kind}.v{version}.json").exists()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_sample_is_read_and_written_again_the_same(path: Path) -> None:
    kind, _, version = path.stem.rpartition(".v")
    stored = orjson.loads(path.read_bytes())
    event = decode(kind, int(version), stored)
    if int(version) == event.form:
        assert repeats(encode(event), stored)
    else:
        assert decode(kind, event.form, encode(event)) == event


def test_a_sample_fills_every_field() -> None:
    for cls in kinds().values():
        data = json.loads(text_of(sample(cls)))
        assert all(value not in (None, "", [], {}) for value in data.values()), cls.kind
        assert path_of(GOLDEN, cls).name == f"{cls.kind}.v{cls.form}.json"


def test_the_page_of_events_names_every_kind() -> None:
    page = events_page()
    for kind in kinds():
        assert f"## `{kind}` version" in page


def test_the_page_of_errors_finds_codes_with_their_class_and_message() -> None:
    page = errors_page(ROOT)
    assert "| `unknown_account` | NotFound 404 |" in page
    assert "| `key_reused` | Conflict 409 | `billing/engine.py` | the key {key} was used for another request; choose a new key |" in page


def test_the_page_of_commands_names_arguments_and_types() -> None:
    page = commands_page()
    assert "## `pay`" in page
    assert "| `amount` | number | required |" in page
