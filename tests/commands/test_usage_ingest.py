"""Measurements on their way in: once each, exact, the wrong ones put aside, whoever sends them and however often."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from billing import bulk
from billing.usage import Report, ingest
from billing.usage.aside import lines_of
from plans.errors import Invalid
from tests.books import moment, open_account

ARRIVED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def ana(db: None) -> None:
    open_account("ana", zone="Europe/Madrid")
    open_account("ben")


def record(name: str = "r1", **fields: Any) -> dict[str, Any]:
    return {"id": name, "account": "ana", "meter": "calls", "value": "1", "at": "2026-02-01T10:00Z"} | fields


def take(*records: Any, arrived: datetime = ARRIVED, source: str = "test") -> Report:
    return ingest(records, source=source, arrived_at=arrived, known_at=arrived)


def reasons(report: Report) -> list[tuple[int, str]]:
    return [(line.number, line.code) for line in report.rejected]


def stored(columns: str = "record") -> list[tuple[Any, ...]]:
    return bulk.fetch(f"SELECT {columns} FROM usage_record ORDER BY sequence")


def marks() -> list[tuple[str, str, datetime]]:
    return bulk.fetch("SELECT account, meter, at FROM usage_mark ORDER BY id")  # type: ignore[return-value]


# --- what is taken ----------------------------------------------------------------------------------------------------------------


def test_a_record_is_kept_as_it_was_sent(ana: None) -> None:
    given = record(
        value="1234567890.123456789012345678",
        amount=-5,
        until="2026-02-01T12:00+01:00",
        subject="phone-1",
        estimated="true",
        dimensions={"band": "peak", "floor": 3, "night": True, "none": None},
    )
    report = take(given)
    assert (report.accepted, report.duplicates, report.rejected_count) == (1, 0, 0)
    columns = (
        "account, meter, source, record, at, until, value, amount, dimensions::text, subject, kind, estimated, voids, amends, recorded_at"
    )
    assert stored(columns) == [
        (
            "ana",
            "calls",
            "test",
            "r1",
            moment("2026-02-01T10:00"),
            moment("2026-02-01T11:00"),
            Decimal("1234567890.123456789012345678"),
            Decimal(-5),
            '{"band": "peak", "floor": "3", "night": "true"}',
            "phone-1",
            "usage",
            True,
            "",
            "",
            ARRIVED,
        )
    ]
    assert marks() == [("ana", "calls", moment("2026-02-01T10:00"))]


def test_a_time_without_offset_is_on_the_wall_clock_of_the_account(ana: None) -> None:
    take(record("1", at="2026-07-01"), record("2", at="2026-07-01T10:00", account="ben"))
    assert stored("record, at") == [("1", moment("2026-06-30T22:00")), ("2", moment("2026-07-01T10:00"))]


def test_a_replaced_register_says_what_it_ended_and_began_with(ana: None) -> None:
    take(record(kind="replacement", value=None, final="99.5", initial="0.5"))
    assert stored("kind, value, final, initial") == [("replacement", None, Decimal("99.5"), Decimal("0.5"))]


def test_one_mark_for_each_meter_of_each_account_from_the_earliest_use(ana: None) -> None:
    take(
        record("1", at="2026-02-03T00:00Z"),
        record("2", at="2026-02-01T00:00Z"),
        record("3", at="2026-02-02T00:00Z", meter="data"),
        record("4", at="2026-02-05T00:00Z", account="ben"),
    )
    assert marks() == [
        ("ana", "calls", moment("2026-02-01")),
        ("ana", "data", moment("2026-02-02")),
        ("ben", "calls", moment("2026-02-05")),
    ]


# --- what is put aside ------------------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"account": "anna"}, "unknown_account", "account: there is no account 'anna'"),
    ({"account": None}, "missing_field", "account: the field 'account' is missing"),
    ({"meter": None}, "missing_field", "meter: the field 'meter' is missing"),
    ({"meter": "Ein Zähler"}, "bad_code", "meter: 'Ein Zähler' is no code; write small letters, digits, dots, dashes, at most 60"),
    ({"id": " "}, "wrong_type", "id: expected text, found ' '"),
    ({"id": "x" * 201}, "out_of_range", "id: expected at most 200 characters, found 201"),
    ({"id": "a\x00b"}, "bad_text", "id: 'a\\x00b' holds a control character or half of a character"),
    ({"subject": "\ud800"}, "bad_text", "subject: '\\ud800' holds a control character or half of a character"),
    ({"at": None}, "missing_field", "at: the field 'at' is missing"),
    ({"at": "yesterday"}, "not_a_time", "at: 'yesterday' is not a time; write 2026-03-01, 2026-03-01T15:00 or 2026-03-01T15:00Z"),
    ({"until": "2026-02-01T10:00Z"}, "out_of_range", "until: the record ends at 2026-02-01T10:00:00+00:00, not after its start"),
    ({"value": 1.5}, "not_a_number", 'value: 1.5 is not a number; write it as text such as "12.50"'),
    ({"value": True}, "not_a_number", 'value: True is not a number; write it as text such as "12.50"'),
    ({"value": "NaN"}, "not_a_number", "value: 'NaN' is not a number; write digits with a point, such as \"12.50\""),
    ({"value": "-Infinity"}, "not_a_number", "value: '-Infinity' is not a number; write digits with a point, such as \"12.50\""),
    ({"value": "1e400"}, "not_a_number", "value: '1e400' is too long: at most 30 digits and an exponent within 30"),
    ({"value": "1,5"}, "not_a_number", "value: '1,5' is not a number; write digits with a point, such as \"12.50\""),
    ({"value": "9" * 31}, "not_a_number", f"value: '{'9' * 31}' is too long: at most 30 digits and an exponent within 30"),
    ({"value": 10**100}, "not_a_number", "value: a number of 333 bits is too long: at most 30 digits"),
    ({"amount": []}, "not_a_number", 'amount: [] is not a number; write it as text such as "12.50"'),
    ({"kind": "guess"}, "unknown_choice", "kind: expected one of usage, reading, replacement; found 'guess'"),
    ({"kind": "replacement"}, "missing_field", "final: the field 'final' is missing: the closing value of the register that was replaced"),
    ({"initial": "1"}, "conflict", "initial: 'initial' belongs to a record of the kind replacement"),
    ({"estimated": "maybe"}, "wrong_type", "estimated: expected true or false, found 'maybe'"),
    ({"dimensions": "peak"}, "wrong_type", "dimensions: expected a mapping of texts, found 'peak'"),
    ({"dimensions": {"a": {"b": "c"}}}, "wrong_type", "dimensions.a: expected text, found a mapping"),
    ({"dimensions": {str(i): "x" for i in range(51)}}, "out_of_range", "dimensions: expected at most 50 dimensions, found 51"),
    ({"dimensions": {"subject": "x"}}, "conflict", "dimensions.subject: the subject is a field of its own, beside the dimensions"),
    ({"vlaue": "1"}, "unknown_field", "vlaue: the field 'vlaue' is not known here; did you mean 'value'?"),
    ({"source": "a/b"}, "bad_text", "source: a source has no slash in its name, found 'a/b'"),
    ({"voids": "x", "amends": "y"}, "conflict", "amends: a record voids or amends another one, not both"),
    ({"voids": "x"}, "conflict", "value: a void has no value of its own: it takes the other record away whole"),
    ({"amends": "r1"}, "conflict", "amends: a record can't correct itself"),
    ({"amends": "never"}, "unknown_record", "amends: there is no record 'test/never'"),
    ({"amends": "/x"}, "bad_text", "amends: '/x' names no record; write its id, or source/id"),
]


@pytest.mark.parametrize(("fields", "code", "reason"), WRONG)
def test_a_wrong_record_is_put_aside_and_the_good_ones_are_kept(ana: None, fields: dict[str, Any], code: str, reason: str) -> None:
    report = take(record("before"), record(**fields), record("after"))
    assert (report.accepted, report.duplicates) == (2, 0)
    assert [(line.number, line.code, line.reason) for line in report.rejected] == [(2, code, reason)]
    assert stored() == [("before",), ("after",)]
    assert [(line.number, line.code, line.reason) for line in lines_of(report.batch)] == [(2, code, reason)]


def test_what_is_no_mapping_is_put_aside(ana: None) -> None:
    assert reasons(take("text", None, 5, record())) == [(1, "wrong_type"), (2, "wrong_type"), (3, "wrong_type")]
    assert stored() == [("r1",)]


def test_usage_of_a_closed_account_is_refused_and_repeats_stay_harmless(ana: None) -> None:
    take(record(account="ben"))
    bulk.fetch("UPDATE read_account SET status = 'closed' WHERE account = 'ben' RETURNING 1")
    report = take(record(account="ben"), record("new", account="ben"), record("r1", account="ben", value="2"))
    assert (report.accepted, report.duplicates, reasons(report)) == (0, 1, [(2, "account_closed"), (3, "usage_conflict")])
    assert stored() == [("r1",)]


def test_a_source_that_names_no_source_is_refused_at_once(ana: None) -> None:
    with pytest.raises(Invalid) as refused:
        take(record(), source="a/b")
    assert (refused.value.code, refused.value.at) == ("bad_text", "source")
    assert stored() == []


# --- once -------------------------------------------------------------------------------------------------------------------------


def test_the_same_record_again_is_harmless_and_another_under_its_id_is_not(ana: None) -> None:
    take(record(), record("r2"))
    report = take(record(value="1.0", at="2026-02-01T11:00"), record("r2", value="3"), record("r3"))
    assert (report.accepted, report.duplicates, reasons(report)) == (1, 1, [(2, "usage_conflict")])
    told = "id: the id 'r2' of 'test' was used for another record; void or amend that one by a record with an id of its own"
    assert report.rejected[0].reason == told
    assert stored("record, value") == [("r1", Decimal(1)), ("r2", Decimal(1)), ("r3", Decimal(1))]


def test_the_same_rules_hold_within_one_batch(ana: None) -> None:
    report = take(record(), record(), record(value="2"))
    assert (report.accepted, report.duplicates, reasons(report)) == (1, 1, [(3, "usage_conflict")])


def test_another_source_has_ids_of_its_own(ana: None) -> None:
    take(record())
    assert take(record(value="2"), source="other").accepted == 1
    assert take(record(value="3", source="third")).accepted == 1
    assert stored("source, value") == [("test", Decimal(1)), ("other", Decimal(2)), ("third", Decimal(3))]


def test_numbers_of_30_digits_that_differ_in_the_last_one_are_other_content(ana: None) -> None:
    take(record(value="12345678901234.5678901234567891"))
    assert reasons(take(record(value="12345678901234.5678901234567892"))) == [(1, "usage_conflict")]


def test_a_repeat_leaves_no_mark(ana: None) -> None:
    take(record())
    take(record())
    assert marks() == [("ana", "calls", moment("2026-02-01T10:00"))]


def test_more_than_one_transaction_full_each_counted_once(ana: None) -> None:
    rows = [record(str(i)) for i in range(12_001)]
    first, again = take(*rows), take(*rows)
    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (12_001, 0, 0, 12_001)
    assert stored()[-1] == ("12000",)
    assert len(marks()) == 3


# --- corrections ------------------------------------------------------------------------------------------------------------------


def test_a_void_stands_where_the_record_stands_that_it_takes_away(ana: None) -> None:
    take(record(subject="phone-1"))
    report = take({"id": "v", "account": "ana", "meter": "calls", "voids": "r1", "at": "2026-02-27"})
    assert report.accepted == 1
    assert stored("record, at, subject, voids, amends")[1] == ("v", moment("2026-02-01T10:00"), "phone-1", "test/r1", "")
    assert marks()[1] == ("ana", "calls", moment("2026-02-01T10:00"))


def test_an_amendment_marks_the_earlier_of_both_times(ana: None) -> None:
    take(record(at="2026-02-10T00:00Z"))
    take(record("later", at="2026-02-20T00:00Z", amends="r1"), source="test")
    take(record("earlier", at="2026-02-05T00:00Z", amends={"source": "test", "id": "later"}), source="other")
    assert stored("record, at, amends") == [
        ("r1", moment("2026-02-10"), ""),
        ("later", moment("2026-02-20"), "test/r1"),
        ("earlier", moment("2026-02-05"), "test/later"),
    ]
    assert [mark[2] for mark in marks()] == [moment("2026-02-10"), moment("2026-02-10"), moment("2026-02-05")]


def test_a_void_of_an_amendment_reaches_back_to_what_it_had_replaced(ana: None) -> None:
    take(record(at="2026-02-01T00:00Z"))
    take(record("a", at="2026-02-20T00:00Z", amends="r1"))
    take({"id": "v", "account": "ana", "meter": "calls", "voids": "a"})
    assert marks()[2] == ("ana", "calls", moment("2026-02-01"))


def test_a_correction_of_another_account_or_meter_is_refused(ana: None) -> None:
    take(record())
    report = take(record("x", account="ben", amends="r1"), record("y", meter="data", amends="r1"))
    assert reasons(report) == [(1, "other_account"), (2, "other_account")]


def test_a_correction_stays_with_the_subject_of_the_record(ana: None) -> None:
    take(record(subject="phone-1"))
    report = take(record("a", subject="phone-2", amends="r1"), record("b", amends="r1"), record("c", subject="phone-1", amends="b"))
    assert [(line.number, line.code, line.reason) for line in report.rejected] == [
        (1, "other_subject", "subject: 'test/r1' is of the subject 'phone-1'; void it and send a new record for 'phone-2'")
    ]
    assert stored("record, subject") == [("r1", "phone-1"), ("b", "phone-1"), ("c", "phone-1")]


def test_corrections_that_go_round_in_a_circle_are_refused(ana: None) -> None:
    report = take(record("a", amends="b"), record("b", amends="a"), record("c", amends="a"))
    assert reasons(report) == [(1, "unknown_record"), (2, "unknown_record"), (3, "unknown_record")]
    assert stored() == []


def test_an_id_with_slashes_is_named_with_its_source(ana: None) -> None:
    take(record("x/y"))
    assert reasons(take(record("1", amends="x/y"), record("2", amends="test/x/y"))) == [(1, "unknown_record")]
    assert stored("record, amends") == [("x/y", ""), ("2", "test/x/y")]


def test_a_correction_may_stand_before_the_record_that_it_names(ana: None) -> None:
    void = {"id": "v", "account": "ana", "meter": "calls", "voids": "5999"}
    report = take(void, record("a", amends="v2"), *[record(str(i)) for i in range(6000)], {**void, "id": "v2", "voids": "5998"})
    assert (report.accepted, reasons(report)) == (6003, [])


def test_the_order_of_records_makes_no_difference(ana: None) -> None:
    rows = [record("1"), record("2", value="5"), record("3", amends="1", value="7"), {**record("4", voids="3"), "value": None}]
    found = set()
    for order in itertools.permutations(rows):
        with transaction.atomic():
            report = take(*order)
            found.add((report.accepted, str(sorted(stored("record, at, value, voids, amends"))), str(marks())))
            transaction.set_rollback(True)
    assert len(found) == 1
