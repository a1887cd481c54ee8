"""Changes of a draft (RULES 18): what a person puts in place of what was counted, before the document is issued."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.queries.why import why
from plans.errors import Conflict, Invalid
from tests.books import advance, assert_books_hold, balance, do, lines, moment, open_account, publish, use

pytestmark = pytest.mark.django_db

GRACE = """
catalogue: graceful
currency: EUR
meters: {calls: {aggregate: sum}}
taxes: {vat: {rate: 21, country: ES, categories: [standard]}}
plans:
  month:
    period: month
    invoice: {grace: 5 days}
    items:
      fee: {charge: fee, timing: arrears, price: "30.00", tax: standard}
      calls: {charge: usage, meter: calls, tax: standard, price: {model: graduated, tiers: [{up_to: 10, unit: "1.00"}, {unit: "0.50"}]}}
"""


@pytest.fixture(autouse=True)
def _signed() -> None:
    publish(GRACE)
    open_account()
    do("subscribe", account="ana", plan="month")
    do("discount", account="ana", percent="10", items=["calls"], reason="always")
    use("ana", "calls", arrived="2026-01-10", records=[{"id": "1", "at": "2026-01-10", "value": "20"}])
    advance("2026-02-01")


def test_taxes_and_percentages_follow_what_a_person_put_and_late_usage_does_not_move_it() -> None:
    done = do("change_draft", "2026-02-02", account="ana", item="calls", quantity="12", reason="two sensors counted twice")
    assert done.made == {"amount": "11"}
    use("ana", "calls", arrived="2026-02-03", records=[{"id": "2", "at": "2026-01-11", "value": "99"}])
    advance("2026-02-06")
    assert sorted(lines("INV-000001")) == [("calls", "-1.10", "-0.23"), ("calls", "11.00", "2.31"), ("fee", "30.00", "6.30")]
    assert balance("unbilled") == 0
    assert_books_hold()


def test_why_says_what_was_counted_and_why_it_is_something_else() -> None:
    do("change_draft", "2026-02-02", account="ana", item="calls", amount="2", reason="the first month is nearly ours")
    advance("2026-02-06")
    told = repr(why("ana", "INV-000001", at=moment("2026-02-06")))
    assert "the first month is nearly ours" in told
    assert sum(Decimal(amount) for _, amount, _ in lines("INV-000001")) == Decimal("31.80")
    assert_books_hold()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"item": "calls"}, "missing_field"),
        ({"item": "calls", "quantity": "-1"}, "negative"),
        ({"item": "calls", "amount": "1.005"}, "out_of_range"),
        ({"item": "calls", "amount": "1", "unit_price": "2"}, "conflict"),
        ({"item": "nothing", "amount": "1"}, "no_draft"),
        ({"item": "calls", "amount": "1", "period": "2026-02-03"}, "no_draft"),
        ({"item": "calls", "amount": "1", "component": "minimum"}, "no_draft"),
    ],
)
def test_what_can_not_be_put_is_refused(given: dict[str, str], code: str) -> None:
    with pytest.raises((Invalid, Conflict)) as refused:
        do("change_draft", "2026-02-02", account="ana", reason="r", **given)
    assert refused.value.code == code


def test_an_issued_line_is_no_draft() -> None:
    advance("2026-02-06")
    with pytest.raises(Conflict, match=r"corrected by credit_note or debit_note"):
        do("change_draft", "2026-02-06", account="ana", item="calls", quantity="1", reason="late")
