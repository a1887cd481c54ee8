"""What the player promises: refusals that change nothing, names, time, clear failures, and exact comparison."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from billing.scenario.player import Played, played
from tests.scenarios.conftest import HEAD, told

Tell = Callable[[str], Played]


def wrong(outcome: Played) -> list[tuple[str, str, str, int]]:
    return [(check.path, check.expected, check.found, check.line) for check in outcome.checks if not check.holds]


def test_a_refusal_with_another_code_is_a_failed_expectation(tell: Tell) -> None:
    outcome = tell("  - {at: 2026-01-01, do: pay, account: ana, amount: -5, refused: not_a_number}\n")
    assert wrong(outcome) == [("pay on line 16 is refused", "not_a_number", "out_of_range", 16)]
    assert not outcome.holds


def test_a_step_that_should_be_refused_and_is_not_stops_the_story(tell: Tell) -> None:
    outcome = tell(
        "  - {at: 2026-01-01, do: pay, account: ana, amount: 5, refused: negative}\n  - {at: 2026-01-02, expect: {ana: {owed: 7}}}\n"
    )
    assert outcome.failure is not None
    assert (outcome.failure.line, outcome.failure.message) == (16, "pay should have been refused with negative, and was done")
    assert outcome.steps == 0


def test_an_unexpected_refusal_stops_the_story_with_its_line(tell: Tell) -> None:
    outcome = tell("  - {at: 2026-01-01, expect: {}}\n  - {at: 2026-01-01, do: sell, account: ana, item: tickt}\n")
    assert outcome.failure is not None
    assert outcome.failure.line == 17
    assert outcome.failure.code == "unknown_item"
    assert outcome.failure.message == "sell was refused: item: there is no item 'tickt'; did you mean 'ticket'? [unknown_item]"


def test_a_record_that_is_put_aside_is_a_failure_or_a_refusal(tell: Tell) -> None:
    step = "  - {at: 2026-01-01, usage: [{account: ana, meter: visits, id: b, voids: a}]%s}\n"
    stopped = tell(step % "")
    assert stopped.failure is not None
    assert stopped.failure.message.startswith("usage was refused: usage[0]: record 1: ")
    assert tell(step % f", refused: {stopped.failure.code}").holds


def test_lists_are_complete_and_in_order(tell: Tell) -> None:
    sale = "  - {at: 2026-01-01, do: sell, account: ana, item: ticket}\n"
    outcome = tell(sale + "  - {at: 2026-01-01, expect: {ana: {invoices: []}}}\n")
    assert [(path, expected) for path, expected, _, _ in wrong(outcome)] == [("ana.invoices[1]", "nothing")]
    outcome = tell(
        sale + "  - at: 2026-01-01\n    expect:\n      ana:\n        invoices:\n          - {total: 10}\n          - {total: 5}\n"
    )
    assert wrong(outcome) == [("ana.invoices[2]", "{total: 5.00}", "nothing", 22)]


def test_amounts_are_compared_to_the_last_digit(tell: Tell) -> None:
    sale = "  - {at: 2026-01-01, do: sell, account: ana, item: ticket, expect: {ana: {owed: %s}}}\n"
    assert tell(sale % "10.0").holds
    assert tell(sale % "1e1").holds
    assert tell(sale % "{EUR: 10}").holds
    assert wrong(tell(sale % "10.0000001")) == [("ana.owed", "10.0000001", "10.00", 16)]
    assert wrong(tell(sale % "{USD: 10}")) == [("ana.owed.USD", "10.00", "0.00", 16), ("ana.owed.EUR", "0.00", "10.00", 16)]


def test_an_amount_alone_means_that_there_is_no_other_currency(tell: Tell) -> None:
    outcome = tell("  - {at: 2026-01-01, do: sell, account: bo, item: ticket, expect: {bo: {owed: 0}}}\n")
    assert wrong(outcome) == [("bo.owed", "0.00", "{USD: 0.00, EUR: 10.00}", 16)]
    assert tell("  - {at: 2026-01-01, do: sell, account: bo, item: ticket, expect: {bo: {owed: {EUR: 10}}}}\n").holds


def test_names_and_positions_stand_for_ids(tell: Tell) -> None:
    outcome = tell(
        "  - {at: 2026-01-01, do: sell, account: ana, item: ticket, as: first}\n"
        "  - {at: 2026-01-01, do: sell, account: ana, item: ticket}\n"
        "  - {at: 2026-01-02, do: pay, account: ana, amount: 10, invoices: [2], reference: first}\n"
        "  - {at: 2026-01-02, do: return, account: ana, item: ticket, sale: first}\n"
        "  - at: 2026-01-03\n"
        "    expect:\n"
        "      ana:\n"
        "        payments: [{reference: first, invoices: [{invoice: 2, amount: 10}]}]\n"
        "        invoices: [{status: credited}, {status: paid}]\n"
        "        documents: [{kind: invoice}, {kind: invoice}, {kind: credit_note, corrects: 1, total: 10}]\n"
    )
    assert outcome.failure is None
    assert wrong(outcome) == []


def test_what_is_due_at_a_moment_is_done_before_the_step_of_that_moment(tell: Tell) -> None:
    outcome = tell(
        "  - {at: 2026-01-01, do: subscribe, account: ana, plan: club}\n"
        "  - {at: 2026-02-01, do: pay, account: ana, amount: 20, invoices: [2]}\n"
        "  - {at: 2026-02-01, expect: {ana: {owed: 20, invoices: [{open: 20}, {open: 0}]}}}\n"
    )
    assert outcome.failure is None
    assert wrong(outcome) == []


def test_the_story_stops_where_it_is_asked_to(db: None) -> None:
    story = told("  - {at: 2026-01-01, do: subscribe, account: ana, plan: club}\n  - {at: 2026-06-01, expect: {ana: {owed: 0}}}\n")
    until = told("  - {at: 2026-03-15, expect: {}}\n").steps[0].at
    with played(story, until=until, isolation="rollback") as outcome:
        assert (outcome.steps, outcome.moment, outcome.checks) == (1, until, [])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM read_invoice WHERE account = 'ana'")
            assert cursor.fetchone() == (3,)


def test_money_that_goes_back_is_a_refund(tell: Tell) -> None:
    outcome = tell(
        "  - {at: 2026-01-01, do: pay, account: ana, amount: 30, as: deposit, expect: {ana: {credit: 30, refunds: []}}}\n"
        "  - {at: 2026-01-02, do: refund, account: ana, amount: 10, channel: transfer}\n"
        "  - {at: 2026-01-02, expect: {ana: {refunds: [{amount: 10, channel: transfer, currency: EUR}]}}}\n"
    )
    assert outcome.failure is None
    assert wrong(outcome) == []


def test_what_the_database_refuses_is_told_with_the_line(tell: Tell) -> None:
    outcome = tell("  - {at: 2026-01-01, do: sell, account: ana, item: ticket, quantity: 1e14, price: {model: unit, amount: 1e29}}\n")
    assert outcome.failure is not None
    assert outcome.failure.line == 16
    assert "beyond what the books can hold" in outcome.failure.message


def test_a_second_catalogue_may_be_published_on_the_way(tell: Tell) -> None:
    outcome = tell(
        "  - {at: 2026-01-01, do: sell, account: ana, item: ticket}\n"
        "  - at: 2026-02-01\n"
        "    do: publish_catalogue\n"
        '    source: {catalogue: shop, currency: EUR, items: {ticket: {name: Ticket, price: "12.00"}}}\n'
        "  - {at: 2026-02-02, do: sell, account: ana, item: ticket, expect: {ana: {owed: 22}}}\n"
    )
    assert outcome.failure is None
    assert wrong(outcome) == []


def test_the_head_of_these_stories_has_15_lines() -> None:
    assert HEAD.count("\n") == 15


BANK = """\
  - {at: 2026-01-02, do: sell, account: ana, item: ticket}
  - at: 2026-01-05T09:00
    bank: |
      date;amount;text;reference
      2026-01-04;10.00;INV-000001 for ana;B-1
    expect: {ana: {owed: 0, payments: [{amount: 10.00, reference: B-1}]}}
  - {at: 2026-01-06, bank: "date;sum\\n2026-01-04;10.00\\n", refused: bad_file}
  - {at: 2026-01-06, bank: "date;amount\\nsome day;10.00\\n", refused: wrong_type}
  - {at: 2026-01-07, expect: {ana: {payments: [{amount: 10.00}]}}, as_of: 2026-01-06, known_at: 2026-01-05T09:00}
  - {at: 2026-01-07, expect: {ana: {payments: []}}, known_at: 2026-01-05T08:59}
"""


def test_a_statement_of_the_bank_is_booked_at_its_moment(tell: Tell) -> None:
    outcome = tell(BANK)
    assert (outcome.failure, wrong(outcome)) == (None, [])
