"""What plans can say, played through the engine: phases, lists, anchors, interest, shares, minimums, invoice policies. Every amount by
hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing import bulk
from tests.books import advance, assert_books_hold, balance, do, documents, lines, open_account, publish, use

pytestmark = pytest.mark.django_db

HEAD = "catalogue: c\ncurrency: EUR\nzone: UTC\n"


def play(plan: str, *, more: str = "", **subscription: object) -> None:
    """Publish a catalogue with one plan `p`, and sign it for ana on 1 January 2026 (or `at`)."""
    publish(HEAD + more + "plans:\n  p:\n" + "\n".join("    " + line for line in plan.strip("\n").splitlines()) + "\n")
    open_account()
    at = str(subscription.pop("at", "2026-01-01"))
    do("subscribe", at, account="ana", plan="p", **subscription)


def charges() -> list[tuple[str, str, str, str]]:
    """(item, from, to, amount) of each charge in order."""
    rows = bulk.fetch('SELECT item, start::date::text, "end"::date::text, amount FROM read_charge ORDER BY sequence')
    return [(item, start, end, f"{amount:.2f}") for item, start, end, amount in rows]


def test_a_trial_is_free_and_the_period_starts_anew_after_it() -> None:
    play("period: month\ntrial: 14 days\nitems: {fee: {price: '30.00'}}")
    advance("2026-02-20")
    assert charges() == [("fee", "2026-01-15", "2026-02-15", "30.00"), ("fee", "2026-02-15", "2026-03-15", "30.00")]


def test_a_phase_has_prices_of_its_own() -> None:
    play("period: month\nphases: [{name: intro, length: 2 months, prices: {fee: '5.00'}, then: keep}]\nitems: {fee: {price: '30.00'}}")
    advance("2026-03-01")
    assert charges() == [
        ("fee", "2026-01-01", "2026-02-01", "5.00"),
        ("fee", "2026-02-01", "2026-03-01", "5.00"),
        ("fee", "2026-03-01", "2026-04-01", "30.00"),
    ]


def test_cancelled_in_the_trial_nothing_is_ever_charged() -> None:
    play("period: month\ntrial: 14 days\nitems: {fee: {price: '30.00'}}")
    do("cancel", "2026-01-10", account="ana")
    advance("2026-06-01")
    assert charges() == []
    assert documents() == []


def test_calendar_alignment_begins_with_a_part() -> None:
    play("period: month\nitems: {fee: {price: '31.00', align: calendar}}", at="2026-01-11")
    advance("2026-02-01")
    assert charges() == [("fee", "2026-01-11", "2026-02-01", "21.00"), ("fee", "2026-02-01", "2026-03-01", "31.00")]


def test_a_set_up_fee_is_charged_once() -> None:
    play("period: month\nitems: {setup: {price: '50.00', period: once}, fee: {price: '10.00'}}")
    advance("2026-03-15")
    assert [row for row in charges() if row[0] == "setup"] == [("setup", "2026-01-01", "2026-01-01", "50.00")]
    assert [row[2] for row in documents()] == ["60.00", "10.00", "10.00"]


def test_a_list_ends_segments_for_all_who_follow_it() -> None:
    tariff = "lists:\n  t:\n    - {from: 2020-01-01, price: '30.00'}\n    - {from: 2026-01-16, price: '60.00'}\n"
    play("period: month\nitems: {fee: {follows: t, timing: arrears}}", more=tariff)
    advance("2026-02-01")
    # 15 of 31 days at 30.00 = 14.516…, 16 of 31 at 60.00 = 30.967…
    assert charges() == [("fee", "2026-01-01", "2026-01-16", "14.52"), ("fee", "2026-01-16", "2026-02-01", "30.97")]


def test_a_phase_has_a_fixed_price_for_what_follows_a_list_otherwise() -> None:
    tariff = "lists:\n  t:\n    - {from: 2020-01-01, price: '30.00'}\n    - {from: 2026-01-16, price: '60.00'}\n"
    phase = "{name: intro, length: 1 month, prices: {fee: '5.00'}, then: keep}"
    play(f"period: month\nphases: [{phase}]\nitems: {{fee: {{follows: t, timing: arrears}}}}", more=tariff)
    advance("2026-03-01")
    assert charges() == [("fee", "2026-01-01", "2026-02-01", "5.00"), ("fee", "2026-02-01", "2026-03-01", "60.00")]


def test_a_list_published_while_a_period_runs_counts_from_its_date() -> None:
    play("period: month\nitems: {fee: {follows: t}}", more="lists: {t: [{from: 2020-01-01, price: '31.00'}]}\n")
    entry = "lists: {t: [{from: 2026-01-11, price: '62.00'}]}\n"
    publish(HEAD + entry + "plans:\n  p:\n    period: month\n    items: {fee: {follows: t}}\n", "2026-01-05")
    advance("2026-02-01")
    total = {row[0]: row[1] for row in bulk.fetch("SELECT period_start::date::text, sum(amount) FROM read_charge GROUP BY 1")}
    assert total == {"2026-01-01": Decimal("52.00"), "2026-02-01": Decimal("62.00")}
    assert_books_hold()


def test_capitalised_interest_is_owed_by_us_on_statements() -> None:
    play(
        "term: 90 days\nperiod: 30 days\nitems: {interest: {interest: {rate: '36.5', capitalise: true}}}",
        amount="1000.00",
    )
    advance("2026-04-05")
    # 1000 × 36.5 % × 30/365 = 30.00; 1030 → 30.90; 1060.90 → 31.827
    assert [row[3] for row in charges()] == ["-30.00", "-30.90", "-31.83"]
    assert [row[:3] for row in documents()] == [
        ("statement", "ST-000001", "30.00"),
        ("statement", "ST-000002", "30.90"),
        ("statement", "ST-000003", "31.83"),
    ]
    assert balance("payable") == Decimal("-92.73")
    assert_books_hold()


def test_an_early_withdrawal_pays_the_early_rate_for_all_of_it() -> None:
    play(
        "term: 90 days\nperiod: 30 days\nitems: {interest: {interest: {rate: '36.5', early_rate: '7.3', minimum_days: 30}}}",
        amount="1000.00",
    )
    do("cancel", "2026-02-20", account="ana")
    advance("2026-06-01")
    # 1000 × 7.3 % × 30/365 = 6.00 and × 20/365 = 4.00
    assert sum(Decimal(row[3]) for row in charges()) == Decimal("-10.00")
    assert_books_hold()


def test_a_publishers_share_is_stated_and_owed() -> None:
    play("period: month\nitems: {share: {meter: revenue, price: {model: percentage, rate: 68}, owes: us}}", more="meters: {revenue: {}}\n")
    use("ana", "revenue", arrived="2026-01-20", records=[{"id": "1", "at": "2026-01-19", "value": "100.00", "amount": "100.00"}])
    advance("2026-02-01")
    assert [row[:3] for row in documents()] == [("statement", "ST-000001", "68.00")]
    assert balance("payable") == Decimal("-68.00")
    assert_books_hold()


def test_a_minimum_over_items_of_shorter_periods() -> None:
    play(
        "period: quarter\nminimums: {least: {amount: '100.00'}}\nitems:\n  calls: {meter: calls, period: month, price: '1.00'}",
        more="meters: {calls: {}}\n",
    )
    for month, value in (("01", "20"), ("02", "30")):
        use("ana", "calls", arrived=f"2026-{month}-20", records=[{"id": month, "at": f"2026-{month}-19", "value": value}])
    advance("2026-04-01")
    assert [(row[0], row[3]) for row in charges()] == [("calls", "20.00"), ("calls", "30.00"), ("least", "50.00")]
    use("ana", "calls", arrived="2026-04-03", records=[{"id": "late", "at": "2026-03-30", "value": "10"}])
    advance("2026-04-03")
    assert [(row[0], row[3]) for row in charges()[3:]] == [("calls", "10.00"), ("least", "-10.00")]
    assert_books_hold()


def test_unbilled_charges_are_invoiced_when_they_pass_the_threshold() -> None:
    play(
        "invoice: {when: calendar, day: 1, threshold: '25.00'}\nitems: {fee: {price: '10.00', period: 1 day, timing: arrears}}",
        at="2026-01-02",
    )
    advance("2026-01-09")
    assert [row[2] for row in documents()] == ["30.00", "30.00"]
    advance("2026-02-01")
    assert documents()[-1][2] == "30.00"


def test_grace_waits_for_late_usage() -> None:
    play("period: month\ninvoice: {grace: 3 days}\nitems: {calls: {meter: calls, price: '1.00'}}", more="meters: {calls: {}}\n")
    use("ana", "calls", arrived="2026-01-20", records=[{"id": "1", "at": "2026-01-19", "value": "5"}])
    advance("2026-02-01")
    assert documents() == []
    use("ana", "calls", arrived="2026-02-02", records=[{"id": "2", "at": "2026-01-31", "value": "7"}])
    advance("2026-02-04")
    assert [row[2] for row in documents()] == ["12.00"]
    assert lines("INV-000001") == [("calls", "12.00", "0.00")]


def test_a_document_beyond_the_limit_parks_the_account_until_it_is_released() -> None:
    play("period: month\ninvoice: {limit: '20.00'}\nitems: {fee: {price: '30.00'}}")
    status = bulk.fetch("SELECT status, reason FROM read_account")[0]
    assert status[0] == "parked"
    assert "20.00" in status[1]
    advance("2026-05-01")
    assert documents() == []


def test_a_zero_invoice_is_issued_where_the_policy_says_so() -> None:
    play("period: month\ninvoice: {zero: issue}\nitems: {fee: {price: '0.00'}}")
    advance("2026-02-01")
    assert [row[2] for row in documents()] == ["0.00", "0.00"]


def test_a_charge_counts_the_last_day_only_where_it_is_said() -> None:
    play("period: month\nitems: {fee: {price: '31.00', last_day: charged, timing: arrears}}")
    do("cancel", "2026-01-10T12:00", account="ana")
    assert charges() == [("fee", "2026-01-01", "2026-01-10", "10.00")]


def test_readings_of_a_register_make_the_days_of_the_bill() -> None:
    play(
        "period: 2 months\nitems:\n"
        "  energy: {meter: kwh, per_days: 30, price: {model: graduated, tiers: [{up_to: 120, unit: '0.40'}, {unit: '0.60'}]}}",
        more="meters: {kwh: {aggregate: register, register: {spread: end}}}\n",
        at="2026-01-01",
    )
    readings = [
        {"id": "r0", "at": "2026-01-01", "value": "1000", "kind": "reading"},
        {"id": "r1", "at": "2026-03-01", "value": "1266", "kind": "reading"},
    ]
    use("ana", "kwh", arrived="2026-03-01", records=readings)
    advance("2026-03-01")
    # 59 days: the first block holds 120 × 59/30 = 236 kWh: 236 × 0.40 + 30 × 0.60
    assert [row[3] for row in charges()] == ["112.40"]


def test_a_plan_gives_its_discounts_to_every_contract() -> None:
    play(
        "period: month\ndiscounts: [launch]\nitems: {fee: {price: '10.00'}}",
        more="discounts: {launch: {percent: 50, periods: 2}}\n",
    )
    advance("2026-03-01")
    assert [row[2] for row in documents()] == ["5.00", "5.00", "10.00"]
    assert_books_hold()


def test_late_records_reach_a_meter_that_reads_another_code() -> None:
    play("period: month\nitems: {peak: {meter: peak, price: '1.00'}}", more="meters: {peak: {aggregate: max, reads: kw}}\n")
    use("ana", "kw", arrived="2026-01-20", records=[{"id": "1", "at": "2026-01-19", "value": "5"}])
    advance("2026-02-01")
    use("ana", "kw", arrived="2026-02-02", records=[{"id": "2", "at": "2026-01-31", "value": "7"}])
    advance("2026-02-02")
    assert [row[3] for row in charges()] == ["5.00", "2.00"]


def test_a_change_that_reaches_back_is_invoiced_on_its_own_day() -> None:
    play("period: month\nitems: {fee: {price: '30.00'}, extra: {price: '31.00', optional: true}}")
    advance("2026-03-20")
    do("add_item", "2026-03-20", account="ana", item="extra", when="2026-01-15")
    issued = bulk.fetch("SELECT issued::text, total FROM read_invoice ORDER BY sequence")
    assert issued[3:] == [("2026-03-20", Decimal("79.00"))]  # 17 days of January, February, March
    assert_books_hold()


def test_what_cancels_out_before_it_is_billed_makes_no_document() -> None:
    play("period: month\ninvoice: end\nitems: {fee: {price: '30.00'}}")
    do("cancel", "2026-01-01", account="ana")
    advance("2026-03-01")
    assert documents() == []


def test_a_version_of_price_lists_alone_offers_what_the_one_before_it_did() -> None:
    play("period: month\nitems: {fee: {follows: t}}", more="lists: {t: [{from: 2020-01-01, price: '31.00'}]}\n")
    publish(HEAD + "lists: {t: [{from: 2026-02-01, price: '62.00'}]}\n", "2026-01-05")
    open_account("eva", "2026-01-06")
    do("subscribe", "2026-02-01", account="eva", plan="p")
    assert documents("eva")[0][2] == "62.00"


def test_a_change_of_plan_from_the_very_start_takes_the_old_fee_back() -> None:
    publish()
    open_account()
    do("subscribe", "2026-04-25", account="ana", plan="basic")
    do("change_plan", "2026-05-01", account="ana", plan="metered", when="2026-04-25")
    assert [row[3] for row in charges()] == ["19.95", "-19.95"]


def test_a_contract_cancelled_from_its_very_start_costs_nothing() -> None:
    publish()
    open_account()
    do("subscribe", "2026-04-25", account="ana", plan="basic")
    do("cancel", "2026-05-01", account="ana", when="2026-04-25")
    assert [row[3] for row in charges()] == ["19.95", "-19.95"]
    assert bulk.fetch("SELECT status FROM read_contract") == [("ended",)]


def test_an_automatic_credit_leaves_what_a_persons_credit_left() -> None:
    play("period: month\nitems: {fee: {price: '30.00'}}", at="2026-04-01")
    do("adjust", "2026-04-02", account="ana", amount="-10.00", item="fee", reason="slow")
    do("cancel", "2026-04-02", account="ana")
    # the target falls by 29.00 to one day's 1.00, but only 20.00 are left to give back
    assert [row[3] for row in charges()] == ["30.00", "-10.00", "-20.00"]
    assert (documents()[0][3], balance("credit")) == ("10.00", Decimal("-10.00"))


def test_without_proration_a_period_costs_the_highest_price_once() -> None:
    play("period: month\nitems: {seat: {price: '10.00', proration: none, decrease: keep}}", at="2026-03-01", quantity="10")
    do("change_quantity", "2026-03-11", account="ana", quantity="15")
    do("change_quantity", "2026-03-21", account="ana", quantity="12")
    assert [row[3] for row in charges()] == ["100.00", "50.00"]


def test_the_rounding_of_the_catalogue_rounds_parts_of_fees_too() -> None:
    play("period: month\nitems: {fee: {price: '10.00', align: calendar}}", more="rounding: down\n", at="2026-03-29")
    assert charges()[0][3] == "0.96"  # 10 × 3/31 = 0.9677…


def test_a_new_plan_keeps_the_day_that_the_trial_set() -> None:
    publish(
        HEAD
        + "plans:\n  old: {period: year, trial: 40 days, items: {fee: {price: '366.00'}}}\n"
        + "  new: {period: year, items: {fee: {price: '366.00'}}}\n"
    )
    open_account()
    do("subscribe", "2011-04-01", account="ana", plan="old")
    advance("2011-06-01")
    do("change_plan", "2011-06-01", account="ana", plan="new")
    assert charges() == [("fee", "2011-05-11", "2012-05-11", "366.00")]
