"""Money that leaves by itself: statements when they are due and come to enough, deposits of who has left."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from billing import bulk
from payments.outgoing.plans import Owed, statements_leave
from payments.transfers.sending import send
from plans.loader import read_catalogue
from tests.books import CATALOGUE, advance, balance, do, documents, moment, open_account, publish
from tests.payments.gateways import live
from tests.payments.helpers import refused

IBAN = "DE89370400440532013000"


def outgoing(rules: str, *, days: int = 14) -> None:
    seller = "seller: {name: Test Ltd, country: ES, iban: ES9121000418450200051332}"
    source = CATALOGUE.replace("seller: {name: Test Ltd, country: ES}", seller).replace("{days: 14}", f"{{days: {days}}}")
    publish(source + f"payouts: {rules}\n")
    open_account()


def payouts(account: str = "ana") -> list[tuple[str, str, str, str]]:
    """(day, amount, channel, status) of each payout, in order."""
    statement = "SELECT requested_at::date::text, amount, channel, status FROM read_payout WHERE account = %s ORDER BY sequence"
    return [(day, f"{amount:.2f}", channel, status) for day, amount, channel, status in bulk.fetch(statement, [account])]


# --- statements -------------------------------------------------------------------------------------------------------------------


def partner(rules: str = "automatic") -> None:
    """A partner to whom 70.00 is owed for each month, due 14 days after its first."""
    outgoing(rules)
    do("subscribe", account="ana", plan="partner")


@pytest.mark.django_db
def test_a_statement_leaves_when_it_is_due_and_the_bank_file_takes_it() -> None:
    partner()
    do("change_details", account="ana", iban=IBAN)
    advance("2026-01-14T23:00")
    assert payouts() == []
    advance("2026-01-15")
    assert payouts() == [("2026-01-15", "70.00", "transfer", "requested")]
    assert balance("payouts_payable") == -70
    sent = send("main", at=moment("2026-01-15T10:00"))
    assert (sent.count, b"70.00" in sent.content) == (1, True)
    advance("2026-01-31")
    assert len(payouts()) == 1


@pytest.mark.django_db
def test_what_is_too_little_waits_and_leaves_with_the_next() -> None:
    partner("{mode: automatic, least: 100}")
    advance("2026-02-14")
    assert payouts() == []
    advance("2026-02-16")
    assert payouts() == [("2026-02-15", "140.00", "transfer", "requested")]
    assert [left for _, _, _, left in documents()] == ["0.00", "0.00"]


@pytest.mark.django_db
def test_through_a_gateway_that_pays_out_it_is_settled_by_what_it_says() -> None:
    partner()
    do("add_method", account="ana", gateway_token="sandbox:late")
    live("2026-01-15")
    assert payouts() == [("2026-01-15", "70.00", "sandbox", "requested")]
    live("2026-01-18")
    assert payouts() == [("2026-01-15", "70.00", "sandbox", "settled")]
    assert balance("cash:sandbox") == -70


@pytest.mark.django_db
def test_what_failed_waits_for_the_next_statement_or_another_method() -> None:
    partner()
    do("add_method", account="ana", gateway_token="sandbox:decline_hard")
    live("2026-02-10")
    assert payouts() == [("2026-01-15", "70.00", "sandbox", "failed")]
    do("add_method", "2026-02-10T12:00", account="ana", gateway_token="sandbox:approve")
    live("2026-02-14")
    assert payouts()[1:] == [("2026-02-10", "70.00", "sandbox", "settled")]
    do("add_method", "2026-02-14", account="ana", gateway_token="sandbox:decline_hard,decline_soft")
    live("2026-03-14")
    assert payouts()[2:] == [("2026-02-15", "70.00", "sandbox", "failed")]
    live("2026-03-16")
    assert payouts()[3:] == [("2026-03-15", "140.00", "sandbox", "failed")]


@pytest.mark.django_db
def test_what_is_due_on_the_day_of_its_issue_leaves_no_earlier_than_that() -> None:
    outgoing("automatic", days=0)
    do("subscribe", "2026-01-05T14:00", account="ana", plan="partner")
    advance("2026-01-06")
    statement = "SELECT requested_at FROM read_payout UNION ALL SELECT issued_at FROM read_invoice"
    assert bulk.fetch(statement) == [(moment("2026-01-05T14:00"),)] * 2


@pytest.mark.django_db
def test_without_the_rule_a_person_pays() -> None:
    partner("manual")
    advance("2026-03-01")
    assert payouts() == []


def test_the_least_is_reached_by_what_is_due() -> None:
    days = (date(2026, 1, 10), date(2026, 1, 20))
    owed = [Owed(f"a/{day}", "EUR", Decimal(30), day, moment("2026-01-01")) for day in days]

    def leave(least: int, *, failed: datetime | None = None, since: datetime | None = None) -> str | None:
        found = statements_leave(owed, least=Decimal(least), zone="UTC", failed=failed, since=since)
        return found.isoformat() if found else None

    assert leave(0) == "2026-01-10T00:00:00+00:00"
    assert leave(31) == "2026-01-20T00:00:00+00:00"
    assert leave(61) is None
    assert leave(0, failed=moment("2026-01-10T09:00")) == "2026-01-20T00:00:00+00:00"
    assert leave(0, failed=moment("2026-01-10T09:00"), since=moment("2026-01-12")) == "2026-01-12T00:00:00+00:00"
    assert leave(0, failed=moment("2026-01-20T09:00")) is None


# --- deposits ---------------------------------------------------------------------------------------------------------------------


def keys(rules: str = "{deposits: 14}") -> None:
    """A deposit of 100.00 of somebody whose contract ends on 1 February, and who owes 24.14."""
    outgoing(rules)
    do("subscribe", account="ana", plan="basic", until="2026-02-01")
    do("take_deposit", account="ana", amount="100.00", channel="cash", name="Keys")


def deposits() -> list[str]:
    return [f"{left:.2f}" for (left,) in bulk.fetch('SELECT "left" FROM read_deposit ORDER BY sequence')]


@pytest.mark.django_db
def test_what_is_open_is_taken_off_and_the_rest_goes_back() -> None:
    keys()
    advance("2026-02-14T23:00")
    assert deposits() == ["100.00"]
    advance("2026-02-15")
    assert deposits() == ["0.00"]
    assert [left for _, _, _, left in documents()] == ["0.00"]
    assert bulk.fetch("SELECT amount, channel, status FROM read_refund") == [(Decimal("75.86"), "transfer", "requested")]
    advance("2026-06-01")
    assert bulk.fetch("SELECT count(*) FROM read_refund") == [(1,)]


@pytest.mark.django_db
def test_while_something_is_disputed_or_a_contract_runs_it_stays() -> None:
    keys()
    do("dispute", "2026-01-20", account="ana", invoice="1", reason="Cold rooms")
    advance("2026-03-01")
    assert deposits() == ["100.00"]
    do("resolve_dispute", "2026-03-01", account="ana", outcome="rejected", reason="Warm enough")
    advance("2026-03-02")
    assert deposits() == ["0.00"]


@pytest.mark.django_db
@pytest.mark.parametrize("taken", ["2026-02-01", "2026-06-01"])
def test_a_deposit_taken_once_the_last_contract_had_ended_waits_for_the_next_one_to_end(taken: str) -> None:
    outgoing("{deposits: 14}")
    do("subscribe", account="ana", plan="basic", until="2026-02-01")
    do("pay", account="ana", amount="24.14")
    advance("2026-02-01")
    do("take_deposit", taken, account="ana", amount="100.00", channel="cash", name="Keys")
    advance("2026-06-01T12:00")
    assert deposits() == ["100.00"]
    do("subscribe", "2026-06-02", account="ana", plan="basic", until="2026-07-02")
    do("pay", "2026-06-02", account="ana", amount="24.14")
    advance("2026-07-15T23:00")
    assert deposits() == ["100.00"]
    advance("2026-07-16")
    assert deposits() == ["0.00"]


@pytest.mark.django_db
def test_a_deposit_goes_out_through_the_gateway_and_is_credit_where_that_fails() -> None:
    keys("{deposits: 0}")
    do("pay", account="ana", amount="24.14")
    do("add_method", account="ana", gateway_token="sandbox:approve")
    live("2026-02-01")
    assert bulk.fetch("SELECT amount, channel, status FROM read_refund") == [(Decimal(100), "sandbox", "settled")]
    assert bulk.fetch("SELECT kind, amount FROM sandbox_operation") == [("payout", Decimal(100))]
    open_account("bob")
    do("take_deposit", "2026-02-02", account="bob", amount="40.00")
    do("add_method", "2026-02-02", account="bob", gateway_token="sandbox:decline_hard")
    refused("unknown_choice", "release_deposit", "2026-02-03", account="bob", channel="stripe")
    do("release_deposit", "2026-02-03", account="bob", channel="sandbox")
    live("2026-02-04")
    assert balance("credit", "bob") == -40


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rules", "code", "where"),
    [
        ("sometimes", "unknown_choice", "payouts.mode"),
        ("{least: 5}", "conflict", "payouts.least"),
        ("{mode: automatic, least: -1}", "negative", "payouts.least"),
        ("{deposits: soon}", "not_a_number", "payouts.deposits"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_their_place(rules: str, code: str, where: str) -> None:
    problems = read_catalogue(CATALOGUE + f"payouts: {rules}\n", name="c.yaml").problems
    assert [(problem.code, problem.at.rpartition(" ")[2]) for problem in problems] == [(code, where)]
