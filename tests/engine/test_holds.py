"""A contract, or an item of it, is kept off documents for a while: it accrues, and is invoiced when somebody says so."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing import bulk
from billing.queries.forecast import timeline
from billing.rebuilding import compare
from plans.errors import Conflict, NotFound
from tests.books import advance, balance, do, documents, lines, moment, open_account, publish, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> str:
    """Ten seats at 7.00 a month in advance, and calls by use, with 21 % tax."""
    publish()
    open_account()
    contract: str = do("subscribe", account="ana", plan="seats", quantity="10").made["contract"]
    return contract


def test_what_is_held_accrues_and_is_on_one_document_when_it_is_resumed(ana: str) -> None:
    do("hold_invoicing", "2026-01-10", account="ana", reason="counts differ")
    advance("2026-03-02")
    assert [row[2] for row in documents()] == ["84.70"]
    assert balance("unbilled") == Decimal(140)
    do("resume_invoicing", "2026-03-05", account="ana")
    assert [row[2] for row in documents()] == ["84.70", "169.40"]
    assert bulk.fetch("SELECT issued::text FROM read_invoice ORDER BY sequence DESC LIMIT 1") == [("2026-03-05",)]
    assert balance("unbilled") == 0
    assert compare(["ana"]) == []


def test_one_item_waits_and_the_others_do_not(ana: str) -> None:
    do("hold_invoicing", "2026-01-10", account="ana", items=["calls"])
    use("ana", "calls", arrived="2026-01-12", records=[{"id": "a", "at": "2026-01-11T00:00:00Z", "value": "4"}])
    advance("2026-02-01")
    assert lines("INV-000002") == [("seat", "70.00", "14.70")]
    do("resume_invoicing", "2026-02-03", account="ana", items=["calls"])
    assert lines("INV-000003") == [("calls", "4.00", "0.84")]


def test_a_run_of_many_accounts_holds_too(ana: str) -> None:
    open_account("ben")
    do("subscribe", account="ben", plan="basic")
    do("hold_invoicing", "2026-01-10", account="ana")
    advance("2026-02-01")
    assert (len(documents("ana")), len(documents("ben"))) == (1, 2)


def test_it_is_shown_as_waiting_and_keeps_the_account_open(ana: str) -> None:
    event = do("hold_invoicing", "2026-01-10", account="ana", reason="counts differ").events[0].address
    found = [(one.what, one.source) for one in timeline("ana", at=moment("2026-01-20")) if one.kind == "waiting"]
    assert found == [(f"{ana} is kept off documents, by tester: counts differ", event)]
    do("cancel", "2026-02-10", account="ana", when="2026-02-10")
    do("pay", "2026-02-10", account="ana", amount="84.70")
    with pytest.raises(Conflict) as refused:
        do("close_account", "2026-02-11", account="ana")
    assert refused.value.code == "unbilled_charges"
    do("resume_invoicing", "2026-02-12", account="ana", contract=ana)  # a contract that ended has still something to invoice
    assert [row[2] for row in documents()] == ["84.70", "27.23"]  # 9 of 28 days of 70.00, with tax


@pytest.mark.parametrize(
    ("command", "given", "error", "code"),
    [
        ("hold_invoicing", {}, Conflict, "held_already"),
        ("hold_invoicing", {"items": ["seat"]}, Conflict, "held_already"),
        ("hold_invoicing", {"items": ["nothing"]}, NotFound, "unknown_item"),
        ("resume_invoicing", {"items": ["seat"]}, Conflict, "not_held"),
    ],
)
def test_wrong_holds_are_refused(ana: str, command: str, given: dict[str, Any], error: type[Exception], code: str) -> None:
    do("hold_invoicing", "2026-01-10", account="ana")
    with pytest.raises(error) as refused:
        do(command, "2026-01-11", account="ana", **given)
    assert getattr(refused.value, "code", "") == code


def test_a_charge_by_hand_for_a_later_day(ana: str) -> None:
    change = do("adjust", account="ana", amount="10.00", reason="fair", when="2026-01-20", invoice="now").made["change"]
    assert len(documents()) == 1
    advance("2026-01-20")
    assert [row[2] for row in documents()] == ["84.70", "10.00"]
    assert bulk.fetch("SELECT status FROM read_change WHERE change = %s", [change]) == [("applied",)]
