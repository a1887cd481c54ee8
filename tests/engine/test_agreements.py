"""What contracts agree: terms that renew themselves, notice, reminders, leaving early, locked prices, and prices that follow an index."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command

from billing import bulk
from billing.queries.contracts import overridden
from plans.errors import Invalid, Refusal
from tests.books import advance, assert_books_hold, do, documents, moment, open_account, publish

pytestmark = pytest.mark.django_db

PLANS = """
catalogue: house
currency: EUR
plans:
  gym:
    period: month
    term: 3 months
    notice: 1 month
    renew: {terms: newest, for: 1 month}
    remind: [7 days, 30 days]
    items: {fee: {price: "20.00"}}
  phone: {period: month, term: 1 year, renew: same, early_fee: {per_month: "10.00"}, items: {fee: {price: "30.00"}}}
  flat: {period: month, term: 1 year, early_fee: 50 %, items: {fee: {price: "31.00"}}}
  simple: {period: month, term: 2 months, early_fee: "99.00", remind: [10 days], items: {fee: {price: "10.00"}}}
"""


@pytest.fixture(autouse=True)
def house() -> None:
    publish(PLANS)
    open_account()


def refused(code: str, command: str, at: str, **given: Any) -> Refusal:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Refusal) as found:
        do(command, at, account="ana", **given)
    assert found.value.code == code
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return found.value


def ends() -> list[tuple[str, str]]:
    rows = bulk.fetch('SELECT plan, status, "end" FROM read_contract ORDER BY contract')
    return [(f"{plan} {status}", f"{end:%Y-%m-%d}" if end else "") for plan, status, end in rows]


def kinds(*wanted: str) -> list[tuple[str, str]]:
    rows = bulk.fetch("SELECT kind, effective_at FROM journal WHERE stream = 'ana' AND kind = ANY(%s) ORDER BY sequence", [list(wanted)])
    return [(kind, f"{at:%m-%d}") for kind, at in rows]


def test_what_nobody_cancels_in_time_goes_on_with_the_newest_terms() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="gym")
    publish(PLANS.replace('"20.00"', '"25.00"'))
    advance("2026-02-28T12:00")
    assert ends() == [("gym active", "2026-04-01")]
    advance("2026-03-01")  # the last day of notice for 1 April
    assert ends() == [("gym active", "2026-05-01")]
    assert bulk.fetch("SELECT version FROM read_contract") == [(1,)]
    advance("2026-04-01")
    assert [total for _, _, total, _ in documents()] == ["20.00", "20.00", "20.00", "25.00"]
    assert kinds("contract.extended", "contract.terms_renewed", "contract.reminded") == [
        ("contract.reminded", "01-30"),
        ("contract.reminded", "02-22"),
        ("contract.extended", "03-01"),
        ("contract.reminded", "03-02"),
        ("contract.reminded", "03-25"),
        ("contract.extended", "04-01"),
        ("contract.reminded", "04-01"),
        ("contract.terms_renewed", "04-01"),
    ]
    assert_books_hold()


def test_notice_in_time_ends_it_and_notice_too_late_ends_the_next_term() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="gym", name="in time")
    do("subscribe", "2026-01-01", account="ana", plan="gym", name="late")
    one, other = bulk.column(bulk.fetch("SELECT contract FROM read_contract ORDER BY name"), 0)
    do("cancel", "2026-02-28", account="ana", contract=one, when="term_end")
    assert refused("short_notice", "cancel", "2026-03-02", contract=other, when="2026-04-01").facts["earliest"] == "2026-04-02 00:00 UTC"
    do("cancel", "2026-03-02", account="ana", contract=other, when="term_end")
    advance("2026-06-01")
    assert ends() == [("gym ended", "2026-04-01"), ("gym ended", "2026-05-01")]


def test_a_version_that_lacks_an_item_is_not_taken_over() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="gym")
    publish(PLANS.replace('fee: {price: "20.00"}', 'membership: {price: "25.00"}'))
    advance("2026-04-01")
    [(kept, version)] = bulk.fetch(
        "SELECT data->>'kept', data->'terms'->>'version' FROM journal WHERE kind = 'contract.terms_renewed' ORDER BY position LIMIT 1"
    )
    assert (kept, version) == ("version 2 has no item fee", "1")
    assert [total for _, _, total, _ in documents()] == ["20.00"] * 4


def test_leaving_early_costs_what_the_plan_says_and_staying_gives_it_back() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="phone")
    do("cancel", "2026-03-01", account="ana", when="2026-06-16")  # 6 and a half months are left
    assert bulk.fetch("SELECT early_fee, agreed_end::date::text FROM read_contract") == [(70, "2027-01-01")]
    do("cancel", "2026-03-02", account="ana", when="2026-11-01")
    assert bulk.fetch("SELECT sum(amount) FROM read_charge WHERE kind = 'adjustment'") == [(20,)]
    refused("within_term", "renew", "2026-03-03", until="2026-12-01")
    do("renew", "2026-03-03", account="ana", term="yes")
    assert ends() == [("phone active", "2028-01-01")]
    assert bulk.fetch("SELECT sum(amount) FROM read_charge WHERE kind = 'adjustment'") == [(0,)]
    assert_books_hold()


def test_a_share_of_the_fees_that_are_left_a_flat_fee_and_none_at_all() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="flat")
    do("cancel", "2026-10-16", account="ana", when="2026-10-17")  # 15 of 31 days of October, and two months: 77.00
    assert bulk.fetch("SELECT early_fee FROM read_contract") == [(38.5,)]
    do("subscribe", "2026-10-20", account="ana", plan="simple")
    do("cancel", "2026-10-21", account="ana", when="term_end")
    contract = bulk.fetch("SELECT contract FROM read_contract WHERE plan = 'simple'")[0][0]
    assert bulk.fetch("SELECT early_fee FROM read_contract WHERE plan = 'simple'") == [(0,)]
    do("cancel", "2026-10-22", account="ana", contract=contract)
    assert bulk.fetch("SELECT early_fee FROM read_contract WHERE plan = 'simple'") == [(99,)]
    do("subscribe", "2026-11-01", account="ana", plan="simple")
    refused("missing_field", "cancel", "2026-11-02", waive="yes")
    do("cancel", "2026-11-02", account="ana", waive="yes", reason="moved away")
    assert bulk.fetch("SELECT sum(amount) FROM read_charge WHERE kind = 'adjustment'") == [(137.5,)]
    assert_books_hold()


def test_a_reminder_owes_a_mail_and_what_is_cancelled_is_not_reminded_of() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="simple")
    advance("2026-03-01")
    assert kinds("contract.reminded") == [("contract.reminded", "02-19")]
    [(kind, payload)] = bulk.fetch("SELECT kind, payload FROM effect WHERE kind = 'contract.remind'")
    assert (kind, payload["renews"], payload["deadline"]) == ("contract.remind", False, "2026-03-01T00:00:00+00:00")
    do("subscribe", "2026-03-01", account="ana", plan="simple")
    do("cancel", "2026-03-02", account="ana", when="term_end")
    advance("2026-06-01")
    assert kinds("contract.reminded") == [("contract.reminded", "02-19")]


TARIFF = """
catalogue: tariff
currency: EUR
indexes: {cpi: {2025-12-01: "100", 2026-12-15: "104", 2027-12-15: "103"}}
lists: {line: [{from: 2026-01-01, price: "10.00"}, {from: 2026-03-01, price: "12.00"}, {from: 2026-06-01, price: "15.00"}]}
plans:
  free: {period: month, items: {line: {follows: line}}}
  held: {period: month, items: {line: {follows: line, lock: 6 months}}}
  rent: {period: month, items: {rent: {price: "950.00", index: cpi}}}
  capped: {period: month, items: {rent: {price: "950.00", index: {name: cpi, cap: 2, floor: 0}}}}
"""


def test_a_locked_price_stays_for_its_time_and_then_follows() -> None:
    publish(TARIFF)
    open_account("bob")
    do("subscribe", "2026-01-01", account="ana", plan="free")
    do("subscribe", "2026-01-01", account="bob", plan="held")
    advance("2026-08-01")
    assert [total for _, _, total, _ in documents()] == ["10.00"] * 2 + ["12.00"] * 3 + ["15.00"] * 3
    assert [total for _, _, total, _ in documents("bob")] == ["10.00"] * 6 + ["15.00"] * 2


def test_an_indexed_price_is_adjusted_each_year_from_the_value_that_was_signed() -> None:
    publish(TARIFF)
    open_account("bob")
    do("subscribe", "2026-01-01", account="ana", plan="rent")
    do("subscribe", "2026-01-01", account="bob", plan="capped")
    publish(TARIFF.replace('2025-12-01: "100"', '2025-12-01: "90"'))  # a corrected index moves nothing that was signed
    advance("2028-01-01")
    assert [total for _, _, total, _ in documents()] == ["950.00"] * 12 + ["988.00"] * 12 + ["978.50"]
    assert [total for _, _, total, _ in documents("bob")] == ["950.00"] * 12 + ["969.00"] * 13
    assert (
        "index"
        in bulk.fetch("SELECT data->'steps' FROM journal WHERE kind = 'charge.accrued' ORDER BY position DESC LIMIT 1")[0][0][-1]["step"]
    )
    refused("no_index_value", "subscribe", "2024-01-01", plan="rent")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ('{period: month, renew: same, items: {fee: {price: "1"}}}', "missing_field"),
        ('{period: month, remind: [3 days], items: {fee: {price: "1"}}}', "missing_field"),
        ('{period: month, term: 1 year, renew: never, items: {fee: {price: "1"}}}', "unknown_choice"),
        ('{period: month, term: 1 year, early_fee: {percent: 5, amount: "3"}, items: {fee: {price: "1"}}}', "conflict"),
        ('{period: month, term: 1 year, early_fee: {percent: 101}, items: {fee: {price: "1"}}}', "out_of_range"),
        ('{period: month, items: {fee: {price: "1", index: cpi}}}', "unknown_choice"),
        ('{period: month, items: {fee: {price: "1", index: {name: cpi, cap: 1, floor: 2}}}}', "conflict"),
        ('{period: month, items: {fee: {price: "1", lock: 1 year}}}', "conflict"),
    ],
)
def test_mistakes_of_a_catalogue_are_named(given: str, code: str) -> None:
    with pytest.raises(Invalid) as found:
        publish(f"catalogue: wrong\ncurrency: EUR\nplans: {{p: {given}}}\n")
    assert found.value.code == code


def test_a_renewal_and_a_cancellation_are_held_against_each_other() -> None:
    do("subscribe", "2026-01-01", account="ana", plan="phone")
    do("renew", "2026-02-01", account="ana", until="2028-01-01", when="2026-06-01")
    assert "both set until when the contract is agreed" in refused("change_conflict", "cancel", "2026-03-01", when="term_end").message
    do("cancel", "2026-03-01", account="ana", when="term_end", on_conflict="replace")
    assert bulk.fetch("SELECT status FROM read_change") == [("withdrawn",)]


SHARED = """
catalogue: stay
currency: EUR
meters: {calls: {aggregate: sum}}
plans:
  stay:
    period: month
    items: {room: {price: "19.95"}, garage: {price: "9.99"}, calls: {meter: calls, price: "0.10"}}
  least: {period: month, minimums: {all: {amount: "50.00"}}, items: {room: {price: "19.95"}, garage: {price: "9.99"}}}
"""


def test_several_payers_pay_together_what_one_would_to_the_cent() -> None:
    publish(SHARED)
    for name in ("firm", "mate"):
        open_account(name)
    do("subscribe", "2026-04-01", account="ana", plan="stay", items=["garage"])
    do("split_contract", "2026-04-10", account="ana", to="firm", items=["garage"])
    do("split_contract", "2026-04-10", account="ana", to="mate", share="33.3", name="the mate's third")
    advance("2026-06-01")
    rows = bulk.fetch(
        """SELECT account, period_start::date::text, sum(amount) FROM read_charge WHERE kind = 'accrual' GROUP BY 1, 2 ORDER BY 2, 1"""
    )
    by_month: dict[str, dict[str, str]] = {}
    for account, start, amount in rows:
        by_month.setdefault(start[:7], {})[account] = f"{amount:.2f}"
    assert by_month["2026-04"] == {"ana": "18.30", "firm": "6.99", "mate": "4.65"}  # 29.94; of 13.96 for the rest of April 4.65 and 9.31
    assert by_month["2026-05"] == {"ana": "13.31", "firm": "9.99", "mate": "6.64"}  # 29.94
    step = bulk.fetch("SELECT data->'steps'->-1 FROM journal WHERE stream = 'mate' AND kind = 'charge.accrued' ORDER BY sequence LIMIT 1")[
        0
    ][0]
    assert step == {"step": "part", "share": "33.3 %", "of": "13.96", "amount": "4.65"}
    assert bulk.fetch("SELECT name FROM read_contract WHERE account = 'mate'") == [("the mate's third",)]
    assert_books_hold()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "missing_field"),
        ({"share": "100"}, "out_of_range"),
        ({"items": ["sauna"]}, "unknown_item"),
        ({"share": "50", "items": ["calls"]}, "not_shareable"),
        ({"items": ["room", "garage", "calls"]}, "not_shareable"),
        ({"to": "ana", "items": ["room"]}, "same_account"),
        ({"to": "zoe", "items": ["room"]}, "unknown_account"),
    ],
)
def test_what_can_not_be_split_is_refused_by_name(given: dict[str, Any], code: str) -> None:
    publish(SHARED)
    open_account("firm")
    do("subscribe", "2026-04-01", account="ana", plan="stay")
    refused(code, "split_contract", "2026-04-10", **({"to": "firm"} | given))


def test_a_minimum_over_items_stays_with_one_payer() -> None:
    publish(SHARED)
    open_account("firm")
    do("subscribe", "2026-04-01", account="ana", plan="least")
    assert "(all)" in refused("not_shareable", "split_contract", "2026-04-10", to="firm", items=["room"]).message


def test_what_one_customer_has_otherwise_is_listed() -> None:
    open_account("bob")
    do("subscribe", "2026-01-01", account="ana", plan="phone")
    do("subscribe", "2026-01-01", account="bob", plan="phone")
    do("change_price", "2026-01-05", account="bob", item="fee", price={"model": "flat", "amount": "25.00"})
    [one] = overridden(at=moment("2026-01-06"))
    assert (one.account, one.item, one.price["price"]["amount"], one.source.partition("/")[0]) == ("bob", "fee", "25.00", "bob")
    assert overridden(account="ana", at=moment("2026-01-06")) == overridden(at=moment("2026-01-04")) == []
    out = io.StringIO()
    call_command("overrides", "bob", "--at", "2026-01-06", stdout=out)
    assert out.getvalue().startswith("bob: fee of phone (bob/2) costs {")
