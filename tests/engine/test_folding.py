"""What the clockwork folds in memory between two rounds is what it would have loaded; and sums of the database are those of the records."""

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing import bulk, clockwork, folding, planning, stored
from billing.following import let_go
from billing.journal import Recorded
from billing.loading import LONG_AGO, load, load_counted, load_one, policy
from billing.measuring import measure_steps
from billing.state import AccountState
from billing.totals import quantity
from plans.metering import Meter
from plans.metering.evaluate import tidy
from tests import books

pytestmark = pytest.mark.django_db

STORY = books.CATALOGUE.replace("    name: Seats\n", "    name: Seats\n    invoice: {grace: 3 days}\n")


def seen(state: AccountState) -> dict[str, Any]:
    """What counts of a state, to the digit: closed periods may be kept a round longer, and what nothing was counted against is read now."""
    load_counted({state.account: state})
    live = {(row.contract, row.item, row.start) for row in state.periods if not row.closed or row.last}
    standing = {key: str(amount) for key, amount in state.standing.items() if (key[0], key[1], key[3]) in live}
    charges = [repr(charge) for charge in state.open_charges]
    invoices = [repr(invoice) for invoice in state.open_invoices]
    periods = [row for row in state.periods if not row.closed or row.last]
    parts = {"periods": periods, "standing": standing, "charges": charges, "invoices": invoices}
    return parts | {name: getattr(state, name) for name in ("contracts", "credit", "discounts", "marks", "adjusted", "status")}


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every state that the clockwork takes on is compared with a loaded one; answers which were folded."""
    real, made = clockwork._following, []

    def following(active: Any, states: Any, doing: Any, done: Any, recount: Any) -> Any:
        before = {name: id(states.get(name)) for name in active}
        found = real(active, states, doing, done, recount)
        loaded = load(active, since=recount)
        for name in active:
            made.append(id(found[name]) == before[name])
            assert seen(found[name]) == seen(loaded[name])
        return found

    monkeypatch.setattr(clockwork, "_following", following)
    return made


def use(account: str, value: int, at: str, name: str, *, arrived: str = "2026-01-12", **given: Any) -> None:
    books.use(account, "calls", arrived=arrived, records=[{"id": name, "at": at, "value": value, **given}])


def play() -> None:
    """Fees in advance, tiers, documents after a grace, late use, a change of plan, money on account."""
    books.publish(STORY)
    for name, plan in (("ana", "seats"), ("bo", "basic"), ("cy", "metered")):
        books.open_account(name)
        books.do("subscribe", account=name, plan=plan, catalogue="test")
    use("ana", 25, "2026-01-10", "a1")
    use("cy", 12, "2026-01-10", "c1")
    books.advance("2026-02-10")
    use("ana", 5, "2026-01-20", "a2", arrived="2026-02-10")
    books.do("pay", "2026-02-11", account="bo", amount="100", currency="EUR")
    books.do("change_plan", "2026-02-15", account="bo", plan="pro")
    books.advance("2026-05-05")


def test_a_folded_state_is_what_would_be_loaded(folds: list[bool]) -> None:
    play()
    assert folds.count(True) > folds.count(False) > 0, "both ways were taken"


def test_a_wrong_fold_is_caught(folds: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(state: AccountState, recorded: Recorded) -> None:
        """Leaves out that the charge stands."""

    wrong = {kind: forgetful if kind.__name__ == "ChargeAccrued" else fold for kind, fold in folding._FOLDS.items()}
    monkeypatch.setattr(folding, "_FOLDS", wrong)
    with pytest.raises(AssertionError):
        play()


def test_sums_of_the_database_are_those_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def both(steps: Any, states: Any, rules: Any, *, totals: bool = False, **given: Any) -> Any:
        found = measure_steps(steps, states, rules, totals=totals, **given)
        single = measure_steps(steps, states, policy(), **given)
        for account, periods in single.items():
            for key, usage in periods.items():
                mine = found[account][key]
                assert {span: m.quantity for span, m in mine.measured.items()} == {span: m.quantity for span, m in usage.measured.items()}
                compared.append(sum((Decimal(m.quantity) for m in mine.measured.values()), Decimal(0)))
        return found

    monkeypatch.setattr(clockwork, "measure_steps", both)
    monkeypatch.setattr(planning, "_common", lambda state, rules: (None, None))  # each is looked at alone
    play()
    assert {Decimal(25), Decimal(30), Decimal(12)} <= set(compared)


def test_corrected_and_lasting_use_is_measured_record_by_record() -> None:
    books.publish()
    books.open_account()
    books.do("subscribe", account="ana", plan="metered", catalogue="test")
    use("ana", 12, "2026-01-10", "a1")
    use("ana", 30, "2026-01-11", "a2")
    books.use("ana", "calls", arrived="2026-01-12", records=[{"id": "a3", "voids": "a2"}])
    use("ana", 20, "2025-12-31T00:00Z", "a4", until="2026-01-02T00:00Z")
    books.advance("2026-02-01")
    assert books.owed("ana") == Decimal("13.31"), "12, and half of 20, are 22 at 0.50, and 21 %"


def test_a_state_read_part_by_part_is_the_one_that_batches_load() -> None:
    play()
    names = ["ana", "bo", "cy"]
    everything = {name: {"": LONG_AGO} for name in names}
    for since in ({}, everything):
        for name, loaded in load(names, since=since).items():
            stored = load([name], since=since)[name]
            for field in fields(AccountState):
                assert getattr(stored, field.name) == getattr(loaded, field.name), (name, field.name)


def test_what_moved_is_read_although_the_first_row_said_that_there_is_nothing() -> None:
    books.publish()
    books.open_account()
    held, forgotten = load(["ana"])["ana"], load(["ana"])["ana"]
    books.do("sell", account="ana", item="ticket", catalogue="test", invoice="next_invoice")
    assert not held.keeps("open_charges"), "nobody asked for it yet, so whoever does reads it"
    assert [charge.item for charge in held.open_charges] == ["ticket"]
    assert held.keeps("open_charges"), "from here on it must be written into the state"
    assert forgotten.open_charges == [], "who does not say so trusts the first row"


def test_what_a_command_reads_it_reads_once() -> None:
    books.publish()
    books.open_account()
    with stored.remembering() as known:
        live, whole = load(["ana"])["ana"], load_one("ana")
        assert (load(["ana"])["ana"], load_one("ana")) == (live, whole)
        assert whole is not live
        with stored.afresh():
            assert load(["ana"])["ana"] is not live, "a rehearsal reads what its own tries leave"
        stored.forget("ana")
        assert load(["ana"])["ana"] is not live
        live = load(["ana"])["ana"]
        assert live.open_charges == []
        sold = books.do("sell", account="ana", item="ticket", catalogue="test", invoice="next_invoice").events
        let_go(known, sold)
        assert [charge.item for charge in load(["ana"], known=known)["ana"].open_charges] == ["ticket"]
        let_go(known, books.do("adjust", account="ana", amount="1", reason="late").events)
        assert known == {}, "an event that does not say what it moves may have moved anything"


def test_a_contract_that_is_over_is_in_the_whole_state_alone() -> None:
    books.publish()
    books.open_account()
    contract = books.do("subscribe", account="ana", plan="basic", catalogue="test").made["contract"]
    books.do("cancel", "2026-01-10", account="ana", contract=contract, when="period_end")
    with stored.remembering():
        assert list(load(["ana"])["ana"].contracts) == list(load_one("ana").contracts) == [contract]
    books.advance("2026-03-01")
    with stored.remembering():
        assert list(load(["ana"])["ana"].contracts) == []
        assert list(load_one("ana").contracts) == [contract]


def next_look(account: str) -> Any:
    return bulk.fetch("SELECT at FROM due WHERE account = %s", [account])


def test_a_sale_is_billed_when_the_whole_schedule_would_bill_it() -> None:
    books.publish(STORY)
    books.open_account()
    books.do("subscribe", account="ana", plan="seats", catalogue="test")
    books.open_account("bo")
    books.advance("2026-01-20")
    for account, given in (("ana", {}), ("ana", {"invoice": "next_invoice"}), ("bo", {"catalogue": "test", "invoice": "next_invoice"})):
        sold = books.do("sell", "2026-01-20", account=account, item="ticket", **given).events
        assert [recorded.event.kind for recorded in sold] == ["sale.made"]
        event: Any = sold[0].event
        assert load([account])[account].open_charges[-1] == folding.sold_charge(sold[0], event)
        left = next_look(account)
        clockwork.refresh_due([account])
        assert next_look(account) == left
    assert next_look("ana") == [(books.moment("2026-01-23"),)], "the sale waits three days for more"
    assert next_look("bo") == [], "nothing comes that it could stand on"


def test_what_the_accounts_of_a_chunk_are_compared_with_is_each_ones_own() -> None:
    """One has use of January to be counted again, so its whole past is read: that of the others, of the same months, is not."""
    play()
    use("ana", 5, "2026-01-25", "a3", arrived="2026-05-06")
    together = load(["ana", "bo", "cy"])
    assert min(row.start for row in together["ana"].periods).month == 1
    for name, state in together.items():
        opened = {(row.contract, row.item, row.start) for row in state.periods}
        assert {(contract, item, start) for contract, item, _, start, _ in state.standing} <= opened
        assert seen(state) == seen(load([name])[name])


@pytest.mark.parametrize(
    "total", ["0.000000000000000000", "12.500000000000000000", "999999999999999.123456789012345678", "-0.125", "7", "0.1"]
)
def test_a_sum_is_as_short_as_the_sum_of_its_records(total: str) -> None:
    found = quantity(Meter(code="m", aggregate="sum"), 3, Decimal(total))
    assert (type(found), str(found)) == (type(tidy(Fraction(total))), str(tidy(Fraction(total))))
