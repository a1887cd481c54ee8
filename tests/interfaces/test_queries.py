"""Who owes how much, and why: to the cent, for any two dates, and at a cost that does not grow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.journal import read
from billing.queries.ahead import ahead
from billing.queries.history import Filter, events
from billing.queries.statement import statement
from billing.queries.status import Amounts, money_text, status, statuses
from billing.queries.unbilled import unbilled
from billing.queries.why import text, why
from plans.errors import NotFound
from tests.books import advance, do, moment
from tests.interfaces.worlds import NOW, charge, document, payment

pytestmark = pytest.mark.django_db


def amounts(account: str, **dates: Any) -> Amounts:
    return status(account, at=dates.pop("at", NOW), **dates).in_currency("EUR")


def eur(**given: str) -> Amounts:
    return Amounts("EUR", **{name: Decimal(amount) for name, amount in given.items()})


@pytest.mark.usefixtures("world")
class TestStatus:
    def test_now(self) -> None:
        assert amounts("ana") == eur(owed="76.25", due="76.25", overdue="76.25", balance="76.25", unbilled="1.00")
        assert amounts("bob") == eur(credit="154.92", balance="-154.92")

    def test_those_who_owe_most_come_first(self) -> None:
        assert [(one.account.account, one.standing) for one in statuses(at=NOW)] == [
            ("ana", "overdue"),
            ("eve", "overdue"),
            ("bob", "in_credit"),
        ]

    def test_a_document_is_overdue_from_the_day_after_its_due_date_in_the_zone_of_the_account(self) -> None:
        """The invoice over 62.11 is due on 15 February in Madrid."""
        assert amounts("ana", at=moment("2026-02-14T22:59")).due == Decimal("14.14")
        assert (amounts("ana", at=moment("2026-02-15T22:59")).due, amounts("ana", at=moment("2026-02-15T22:59")).overdue) == (
            Decimal("76.25"),
            Decimal("14.14"),
        )
        assert amounts("ana", at=moment("2026-02-15T23:00")).overdue == Decimal("76.25")

    def test_as_of_counts_what_was_effective_by_then(self) -> None:
        assert amounts("ana", as_of=moment("2026-01-15")) == eur(owed="25.41", due="25.41", balance="25.41")
        assert amounts("ana", as_of=moment("2026-01-16")) == eur(owed="34.14", due="12.29", overdue="12.29", balance="34.14")
        assert amounts("ana", as_of=moment("2025-12-31")) == eur()

    def test_known_at_counts_what_was_recorded_by_then(self) -> None:
        """The invoice of 1 February was recorded by the run of the 15th, the late usage of January on the 20th."""
        assert amounts("ana", as_of=moment("2026-02-10"), known_at=moment("2026-02-14")).owed == Decimal("34.14")
        assert amounts("ana", as_of=moment("2026-02-10"), known_at=moment("2026-02-15")).owed == Decimal("96.25")
        assert amounts("ana", known_at=moment("2026-02-15")).owed == Decimal("96.25")

    def test_the_same_two_dates_have_the_same_answer_later(self) -> None:
        asked = {"as_of": moment("2026-02-10"), "known_at": moment("2026-02-15")}
        before = amounts("ana", **asked)
        do("pay", "2026-02-21", account="ana", amount="50")
        advance("2026-04-10")
        assert amounts("ana", **asked) == before

    def test_open_documents_of_then_are_what_their_postings_say(self) -> None:
        then = status("ana", at=NOW, as_of=moment("2026-01-31"))
        assert [(one.number, money_text(one.open, "EUR")) for one in then.documents] == [("INV-000001", "12.29"), ("INV-000003", "21.85")]

    def test_unknown_accounts_are_refused_with_the_closest_name(self) -> None:
        with pytest.raises(NotFound, match="did you mean 'ana'"):
            status("anna", at=NOW)


@pytest.mark.usefixtures("world")
class TestAhead:
    def test_it_counts_until_now_and_names_the_next_document(self) -> None:
        found = ahead("ana", at=NOW)
        assert found.accrued == {"EUR": Decimal("7.00")}
        assert [(one.at, one.document, one.total) for one in found.documents] == [(moment("2026-03-01"), "invoice", Decimal("50.82"))]

    def test_what_is_shown_is_what_happens_and_nothing_stays(self) -> None:
        expected = ahead("ana", at=NOW).documents[0].total
        count = len(read(["ana"]))
        advance("2026-03-01")
        issued = events("ana", Filter(kinds=("invoice.issued",)))[-1].event
        assert issued.total == expected
        assert len(read(["ana"])) > count


@pytest.mark.usefixtures("world")
class TestWhy:
    def test_the_balance_leads_to_the_raw_readings(self) -> None:
        tree = why("ana", at=NOW)
        kinds = {node.kind for node in tree.walk()}
        assert kinds >= {
            "balance",
            "owed",
            "document",
            "postings",
            "posting",
            "line",
            "tax",
            "charge",
            "step",
            "terms",
            "measurement",
            "record",
        }
        assert (tree.title, tree.money) == ("ana owes", "76.25 EUR")
        assert "test/c0 at 2026-01-10T09:00Z: 4" in text(tree)
        assert "catalogue test version 1" in text(tree)

    def test_the_sums_hold(self) -> None:
        tree = why("ana", at=NOW)
        owed, waiting = tree.children
        assert waiting.money == "1.00 EUR"
        left = [node.amount for node in tree.walk() if node.kind == "postings"]
        assert sum(left, Decimal(0)) == owed.amount == tree.amount
        for node in tree.walk():
            if node.kind == "line":
                assert sum((child.amount for child in node.children if child.kind == "charge"), Decimal(0)) == node.amount

    def test_a_correction_says_what_stood_before_and_which_record_came_late(self) -> None:
        assert "what it comes to by now" in text(why("ana", charge("ana", "1.00"), at=NOW))
        advance("2026-03-01")
        assert "corrects INV-000005" in text(why("ana", "INV-000008", at=NOW))
        assert "came after this charge 1" in text(why("ana", "INV-000005", at=NOW))

    @pytest.mark.parametrize(
        ("what", "kind", "money"),
        [
            ("INV-000005", "document", "62.11 EUR"),
            ("21.85", "document", "21.85 EUR"),
            ("-10.84", "document", "13.12 EUR"),
            ("20", "event", "20.00 EUR"),
        ],
    )
    def test_everything_can_be_asked_for(self, what: str, kind: str, money: str) -> None:
        tree = why("ana", what, at=NOW)
        assert (tree.kind, tree.money) == (kind, money)

    def test_everything_has_an_address(self) -> None:
        asked = (document("INV-000005"), payment("ana"), charge("ana", "16.33"), "/" + charge("ana", "16.33").partition("/")[2])
        found = [why("ana", what, at=NOW) for what in asked]
        kinds = [(tree.kind, tree.money) for tree in found]
        assert kinds == [("document", "62.11 EUR"), ("event", "20.00 EUR"), ("charge", "16.33 EUR"), ("charge", "16.33 EUR")]

    @pytest.mark.parametrize("what", ["nothing", "1e400", "NaN", "/999", "bob/1", "99999999999999999999999999999999999999999.00", "ana/"])
    def test_what_is_not_there_is_refused(self, what: str) -> None:
        with pytest.raises(NotFound, match="ana has no document"):
            why("ana", what, at=NOW)

    def test_credit_is_explained_by_the_payment_that_left_it(self) -> None:
        tree = why("bob", at=NOW)
        assert tree.title == "bob has in credit"
        assert [(node.title, node.money) for node in tree.walk() if node.kind == "posting"] == [
            ("payment received transfer R-1", "-154.92 EUR")
        ]


@pytest.mark.usefixtures("world")
class TestStatement:
    def test_opening_entries_and_closing(self) -> None:
        (found,) = statement("ana", start=moment("2026-02-01"), end=moment("2026-02-18"))
        rows = [(entry.title, money_text(entry.amount, "EUR"), money_text(entry.balance, "EUR")) for entry in found.entries]
        assert (found.opening, rows, found.closing) == (
            Decimal("34.14"),
            [("Invoice INV-000005", "62.11", "96.25"), ("payment received cash", "-20.00", "76.25")],
            Decimal("76.25"),
        )

    def test_its_closing_is_the_balance(self) -> None:
        for account in ("ana", "bob", "eve"):
            (found,) = statement(account)
            assert found.closing == amounts(account).balance


@pytest.mark.usefixtures("world")
class TestUnbilled:
    def test_nothing_is_left_out_after_a_run(self) -> None:
        assert unbilled(at=NOW) == []

    def test_what_is_due_and_not_done_is_named(self) -> None:
        found = {(one.account, one.code) for one in unbilled(at=moment("2026-03-02"))}
        late = {("ana", "charge")}  # found after its period, due with the document of 1 March
        assert found == {(account, code) for account in ("ana", "bob", "eve") for code in ("behind", "period")} | late

    def test_a_lost_due_time_is_found(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM due WHERE account = 'eve'")
        assert "forgotten" in {one.code for one in unbilled(at=moment("2026-03-02")) if one.account == "eve"}
