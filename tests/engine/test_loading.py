"""The states of many accounts, read together, are what each account's own state says when it is asked part by part."""

from __future__ import annotations

from dataclasses import fields

import pytest

from billing import works
from billing.loading import LONG_AGO, load, load_counted, load_one
from billing.schedule import Recount
from billing.state import AccountState
from tests.books import advance, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db
#: What one of the two does not read.
APART = {"alerted", "counted", "works", "facts"}


def test_many_are_read_as_each_alone() -> None:
    publish()
    for name in ("ana", "ben", "cleo"):
        open_account(name)
    do("subscribe", account="ana", plan="seats", quantity="10")
    do("subscribe", account="ben", plan="basic")
    use("ana", "calls", arrived="2026-01-12", records=[{"id": "a", "at": "2026-01-11T00:00:00Z", "value": "4"}])
    advance("2026-02-01")
    do("hold_invoicing", "2026-02-02", account="ben", reason="counts differ")
    do("pay", "2026-02-02", account="cleo", amount="12.50")
    do("pay", "2026-02-02", account="ana", amount="20.00")
    use("ana", "calls", arrived="2026-02-12", records=[{"id": "b", "at": "2026-02-11T00:00:00Z", "value": "4"}])
    names = ["ana", "ben", "cleo"]
    states = load(names, since={name: {"": Recount(LONG_AGO, moment("2026-02-12"))} for name in names}, counted=False)
    load_counted(states)
    seen = set()
    for name in names:
        alone = load_one(name)
        for one in fields(AccountState):
            if one.name not in APART:
                together = getattr(states[name], one.name)
                assert together == getattr(alone, one.name), (name, one.name)
                seen |= {one.name} if together else set()
    assert seen >= {"places", "contracts", "periods", "open_invoices", "credit", "marks", "held", "standing"}


def test_two_works_that_ask_the_same_share_the_answer_while_works_load(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("asked")
        return "answer"

    monkeypatch.setattr(works, "_load_works", lambda states, policy: [works.asked_once("key", ask) for _ in states])
    works.load_works({"ana": object(), "ben": object()}, None)  # type: ignore[dict-item, arg-type]
    assert asked == ["asked"]
    works.load_works({"ana": object()}, None)  # type: ignore[dict-item, arg-type]
    assert [works.asked_once("key", ask), len(asked)] == ["answer", 3]
