"""The person on a document: frozen once, as often as it changes, and read with what is frozen already."""

from __future__ import annotations

import pytest

from accounts import vault
from accounts.models import FrozenParty
from tests.books import moment, open_account, publish

pytestmark = pytest.mark.django_db


def test_the_same_person_is_frozen_once_and_another_one_anew() -> None:
    publish()
    open_account("ana", name="Ana")
    first = vault.freeze(["ana", "nobody"])
    assert vault.freeze(["ana", "nobody", "ana"]) == first
    assert [vault.party(first[name]).get("name") for name in ("ana", "nobody")] == ["Ana", None]
    vault.write("ana", {"name": "Ana María"}, at=moment("2026-02-01"))
    second = vault.freeze(["ana"])["ana"]
    assert second != first["ana"]
    assert FrozenParty.objects.filter(account="ana").count() == 2
