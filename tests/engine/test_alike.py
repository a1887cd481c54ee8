"""Accounts that are alike are told the same turn under their own names; `tests/alone.py` holds each of them to what it would do alone."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter
from typing import Any

import pytest
from django.db import transaction

from billing import alike, bills, bulk, clockwork, journal, planning
from billing.bills import Bill
from billing.codec import canonical, canonical_event, encode
from billing.engine import Rollback, Stamp
from billing.events import ChargeAccrued, InvoiceIssued
from billing.loading import load, policy
from billing.naming import ACCOUNT, CONTRACT, Pattern
from tests import books

pytestmark = pytest.mark.django_db

NAMES = ("ana", "bo", "cy", "di")
CALENDAR = books.CATALOGUE.replace("period: 1 month, timing: advance", "period: 1 month, align: calendar, timing: advance")


@pytest.fixture(autouse=True)
def no_turns_of_other_tests() -> None:
    """Each test finds its turns itself."""
    alike._TURNS.clear()
    bills._BILLS.clear()


def sign(plan: str, names: Sequence[str] = NAMES, at: str = "2026-01-01") -> None:
    books.publish(at=at)
    for name in names:
        books.open_account(name, at=at)
        books.do("subscribe", at, account=name, plan=plan, catalogue="test")


def use(account: str, value: str, at: str, arrived: str, **given: Any) -> None:
    books.use(account, "calls", arrived=arrived, records=[{"id": f"{account}{at}{value}", "at": at, "value": value, **given}])


def charges(account: str) -> list[tuple[str, str, Decimal]]:
    found = [one.event for one in journal.read([account]) if isinstance(one.event, ChargeAccrued)]
    return [(event.key.item, f"{event.key.period_start:%m-%d}", event.amount) for event in found]


def test_all_are_told_what_was_found_for_the_first(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(alike, "_turn", lambda *given, make=alike._turn: found.append(made := make(*given)) or made)
    sign("basic")
    books.advance("2026-02-01")
    assert sorted(alone) == list(NAMES)
    assert len(found) == 2, "that of February, and the next one, which is not due"
    assert len({tuple(charges(name)) for name in NAMES}) == 1
    assert charges("di")[-1][1] == "02-01"


def test_each_pays_for_its_own_use(alone: list[str]) -> None:
    sign("metered")
    for name, value in zip(NAMES, ("12", "12", "30", "2.5"), strict=True):
        use(name, value, "2026-01-10", "2026-01-12")
    books.advance("2026-02-01")
    assert sorted(alone) == list(NAMES)
    assert [charges(name)[0][2] for name in NAMES] == [Decimal("6.00"), Decimal("6.00"), Decimal("15.00"), Decimal("2.50")]
    assert charges("di")[1:] == [("calls", "01-01", Decimal("0.50"))], "its minimum"


def test_who_holds_anything_of_its_own_is_looked_at_alone(alone: list[str]) -> None:
    sign("metered", (*NAMES, "ed", "flo"))
    books.do("discount", account="ana", contract="ana/2", name="Friend", percent="10")
    books.do("cancel", account="bo", contract="bo/2", when="period_end")
    use("cy", "12", "2026-01-10", "2026-01-12")
    use("di", "12", "2026-01-10", "2026-01-12", until="2026-01-11")
    books.do("hold_invoicing", account="ed", contract="ed/2")
    books.advance("2026-02-01")
    assert sorted(alone) == ["cy", "flo"]
    use("cy", "5", "2026-01-20", "2026-02-10")
    books.advance("2026-02-11")
    assert (alone, charges("cy")[1:]) == (["cy", "flo"], [("calls", "01-01", Decimal("2.50"))]), "late use of a closed period"
    books.advance("2026-03-01")
    assert sorted(alone) == ["cy", "cy", "flo", "flo"]


def test_quantities_and_starts_make_others(alone: list[str]) -> None:
    sign("seats")
    books.do("change_quantity", "2026-01-01", account="bo", contract="bo/2", item="seat", quantity="3")
    books.do("change_quantity", "2026-01-10", account="cy", contract="cy/2", item="seat", quantity="3")
    books.open_account("ed", "2026-01-15")
    books.do("subscribe", "2026-01-15", account="ed", plan="seats", catalogue="test")
    books.advance("2026-05-01")
    fees = {name: [amount for item, start, amount in charges(name) if (item, start) == ("seat", "04-01")] for name in ("ana", "bo", "cy")}
    assert fees == {"ana": [Decimal("7.00")], "bo": [Decimal("21.00")], "cy": [Decimal("21.00")]}
    assert charges("ed")[-1] == ("seat", "04-15", Decimal("7.00"))


def test_what_stands_of_a_period_is_not_charged_again(alone: list[str]) -> None:
    """A fee in advance was charged when its period began; of bo's a person took something back."""
    sign("basic")
    books.do("adjust", "2026-01-20", account="bo", contract="bo/2", item="fee", amount="-5.00", reason="Late")
    books.advance("2026-03-01")
    assert {tuple(charges(name)) for name in NAMES} == {tuple(("fee", f"0{month}-01", Decimal("19.95")) for month in (1, 2, 3))}
    assert alone.count("bo") < alone.count("ana")


def test_a_wrong_likeness_is_caught(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(state: Any, policy: Any) -> Any:
        """Leaves out how many there are."""
        found = likeness(state, policy)
        return None if found is None else (*found[:4], *found[5:])

    likeness = alike.likeness
    monkeypatch.setattr(planning, "likeness", careless)
    sign("seats", ("ana",))
    books.open_account("bo")
    books.do("subscribe", account="bo", plan="seats", catalogue="test", quantity="3")
    with pytest.raises(AssertionError, match=r"bo|ana"):
        clockwork_advance("2026-02-01")


def test_forgotten_standing_is_caught(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_stands", lambda c, state: ())
    sign("basic", ("ana", "bo"))
    with pytest.raises(AssertionError, match=r"ana|bo"):
        clockwork_advance("2026-02-01")


def test_a_wrong_rest_is_caught(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "_rest", lambda turn, events, policy: books.moment("2026-09-01"))
    sign("metered", ("ana", "bo"))
    with pytest.raises(AssertionError, match=r"ana|bo"):
        clockwork_advance("2026-02-01")


def test_a_wrong_moment_ahead_is_caught(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is due yet: what looks at the accounts is use that arrives."""
    monkeypatch.setattr(alike, "_begins", lambda contract: ())
    books.publish(CALENDAR)
    for name, start in (("ana", "2026-01-15"), ("bo", "2026-02-20")):
        books.open_account(name)
        books.do("subscribe", account=name, plan="basic", catalogue="test", start=start)
        use(name, "1", "2026-01-10", "2026-01-11")
    with pytest.raises(AssertionError, match="bo"):
        clockwork_advance("2026-01-12")


def clockwork_advance(until: str) -> None:
    """Like `books.advance`, without parking the accounts on which it fails."""
    at = books.moment(until)
    heads = journal.lock(["ana", "bo"])
    clockwork.advance(["ana", "bo"], until=at, heads=heads, stamp=Stamp("test", "advance", at))


def test_what_can_not_be_booked_is_said_under_the_own_name(alone: list[str]) -> None:
    source = books.CATALOGUE.replace('volume, tiers: [{up_to: 10, unit: "1.00"}, {unit: "0.50"}]', 'unit, amount: "100000000000"')
    books.publish(source)
    for name in ("ana", "bo"):
        books.open_account(name)
        books.do("subscribe", account=name, plan="metered", catalogue="test")
    for hour in (1, 2):
        use("bo", "9" + "0" * 14, f"2026-01-10T0{hour}:00", "2026-01-12")
    assert books.advance("2026-02-01").parked == 1
    ((account, reason),) = bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked'")
    assert (account, reason.partition(" from ")[0]) == ("bo", "Calls")
    assert set(alone) == {"ana"}


def test_a_contract_ahead_begins_at_its_own_start(alone: list[str]) -> None:
    books.publish(CALENDAR)
    for name, given in (("ana", {"start": "2026-01-15"}), ("bo", {"start": "2026-02-20"}), ("cy", {"paid_through": "2026-02-10"})):
        books.open_account(name)
        books.do("subscribe", account=name, plan="basic", catalogue="test", **given)
    assert books.advance("2026-04-01").parked == 0
    assert [charges(name)[0][1] for name in ("ana", "bo", "cy")] == ["01-15", "02-20", "02-10"]
    assert alone.count("bo") == 3, "its first period, March and April"


def test_anchors_of_another_catalogue_of_the_same_name_count() -> None:
    """Terms that read the same are remembered once by a process; what they mean is said by the catalogue that this database has."""
    found = []
    for source in (CALENDAR, books.CATALOGUE):
        with suppress(Rollback), transaction.atomic():
            books.publish(source)
            for name, anchor in (("ana", "2026-01-05"), ("bo", "2026-01-12")):
                books.open_account(name)
                books.do("subscribe", account=name, plan="basic", catalogue="test", start="2026-01-05", anchor=anchor)
            states = load(["ana", "bo"])
            found.append(alike.likeness(states["ana"], policy()) == alike.likeness(states["bo"], policy()))
            raise Rollback
    assert found == [True, False]


# --- documents --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def billed(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts that were told a document of others."""
    told, found = Bill.told, []

    def kept(self: Bill, charges: Any, account: str, **given: Any) -> Any:
        document = told(self, charges, account, **given)
        found.extend([account] if document is not None else [])
        return document

    monkeypatch.setattr(Bill, "told", kept)
    return found


def test_documents_are_told_under_own_names_and_numbers(billed: list[str]) -> None:
    sign("metered")
    for name in NAMES:
        use(name, "12", "2026-01-10", "2026-01-12")
    books.advance("2026-02-01")
    assert billed == list(NAMES)
    issued = {name: next(one.event for one in journal.read([name]) if isinstance(one.event, InvoiceIssued)) for name in NAMES}
    assert [event.number for event in issued.values()] == [f"INV-{number:06}" for number in range(1, 5)]
    for name, event in issued.items():
        assert event.invoice.startswith(f"{name}/")
        assert all(line.contract == f"{name}/2" and line.charges[0].startswith(f"{name}/") for line in event.lines)
    assert len({event.buyer for event in issued.values()}) == 4


def test_documents_of_their_own(billed: list[str]) -> None:
    """Money on account, a charge by hand, a number of one's own in the catalogue, a place with a tax id."""
    sign("metered", (*NAMES, "ed"))
    for name in (*NAMES, "ed"):
        use(name, "12", "2026-01-10", "2026-01-12")
    books.do("pay", "2026-01-15", account="ana", amount="5", currency="EUR")
    books.do("change_details", "2026-01-15", account="cy", tax_id="ESB12345674")
    books.advance("2026-02-01")
    assert sorted(billed) == ["bo", "di", "ed"]
    assert {books.owed(name) for name in ("bo", "di", "ed")} == {Decimal("7.26")}
    assert books.owed("ana") == Decimal("2.26")


def test_numbers_that_name_the_account_are_not_told(billed: list[str]) -> None:
    books.publish(books.CATALOGUE + 'series: {invoice: "{account}-{number:03}"}\n')
    for name in NAMES:
        books.open_account(name)
        books.do("subscribe", account=name, plan="basic", catalogue="test")
    books.advance("2026-02-01")
    assert billed == []
    assert [books.documents(name)[1][1] for name in NAMES] == [f"{name}-002" for name in NAMES]


def test_documents_of_other_amounts_are_caught(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "_OWN", attrgetter("unit_price"))
    sign("metered", ("ana", "bo"))
    for name, value in (("ana", "12"), ("bo", "30")):
        use(name, value, "2026-01-10", "2026-01-12")
    with pytest.raises(AssertionError, match=r"bo|ana"):
        clockwork_advance("2026-02-01")


def test_what_is_kept_is_bounded(alone: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "MOST_PATTERNS", 3)
    monkeypatch.setattr(alike, "MOST_KNOWN", 2)
    sign("metered")
    for month in (1, 2, 3):
        for number, name in enumerate(NAMES):
            use(name, f"{10 + number + month}", f"2026-0{month}-10", f"2026-0{month}-12")
        books.advance(f"2026-0{month + 1}-01")
        assert len(alike._TURNS) <= 2
        assert sum(len(turn.priced) for turn in alike._TURNS.values() if turn) <= 3
    assert alone.count("di") == 3


def test_use_that_nobody_else_had_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike.Met, "times", 1)
    sign("metered", (*NAMES, "ed"))
    for name, value in zip((*NAMES, "ed"), ("12", "30", "40", "30", "50"), strict=True):
        use(name, value, "2026-01-10", "2026-01-12")
    books.advance("2026-02-01")
    kept = [key[1] for turn in alike._TURNS.values() if turn for key in turn.priced]
    assert kept == [(Decimal(30),)]


def test_a_pattern_knows_where_names_stand() -> None:
    sign("basic", ("ana",))
    opened = next(one.event for one in journal.read(["ana"]) if one.event.kind == "period.opened")
    model = replace(opened, account=ACCOUNT, contract=CONTRACT)
    other = Pattern(model).named('zo"ë', 'zo"ë/7')
    assert other == replace(opened, account='zo"ë', contract='zo"ë/7')
    assert canonical_event(other) == canonical(encode(other))
    assert canonical_event(replace(other, contract="zo/8")) == canonical(encode(replace(other, contract="zo/8"))), "a change writes it anew"
    with pytest.raises(TypeError, match="AccountOpened"):
        Pattern(journal.read(["ana"])[0].event)
    with pytest.raises(ValueError, match="PeriodsOpened"):
        Pattern(replace(model, periods=(replace(model.periods[0], item=ACCOUNT),)))
