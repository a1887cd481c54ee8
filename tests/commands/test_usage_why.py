"""`usage why`: what each record counted for, why the others did not, and why a total is zero."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from billing.usage.explain import Explanation, as_lines
from billing.usage.why import why
from plans.errors import NotFound
from tests.books import advance, do, lines, moment, open_account, publish, use

CATALOGUE = """
catalogue: grid
currency: EUR
zone: Europe/Madrid
seller: {name: Grid Ltd, country: ES}
calendars:
  tariff:
    bands: {night: ["00:00-08:00"]}
    otherwise: day
meters:
  calls: {aggregate: sum, filter: {direction: [out]}, derive: {band: tariff}}
  peak: {aggregate: max, reads: load}
  energy: {aggregate: register, register: {digits: 6}}
  unused: {aggregate: count}
plans:
  phone:
    name: Phone
    period: 1 month
    items:
      calls: {charge: usage, name: Calls, meter: calls, price: {model: unit, amount: "0.10"}}
      peak: {charge: usage, name: Peak, meter: peak, price: {model: unit, amount: "1.00"}}
      energy: {charge: usage, name: Energy, meter: energy, price: {model: unit, amount: "0.20"}}
"""


@pytest.fixture
def ana(db: None) -> None:
    publish(CATALOGUE)
    open_account("ana", zone="Europe/Madrid")
    do("subscribe", "2026-02-01T00:00", account="ana", plan="phone")


def call(name: str, at: str, value: str = "1", **fields: Any) -> dict[str, Any]:
    return {"id": name, "at": at, "value": value, "dimensions": {"direction": "out"}} | fields


def explained(meter: str = "calls", at: str = "2026-02-20", **bounds: Any) -> Explanation:
    return why("ana", meter, at=moment(at), **bounds)


def verdicts(found: Explanation) -> dict[str, Any]:
    """Record → what it counted ([item, quantity, band]) or why not ([code])."""
    return {
        told.record.id: [(part.use.item, part.quantity, part.dimensions.get("band")) for part in told.counted]
        or [code for code, _ in told.reasons]
        for told in found.records
    }


def test_every_record_has_a_verdict(ana: None) -> None:
    records = [
        call("ok", "2026-02-10T10:00"),
        call("long", "2026-02-11T07:00", "4", until="2026-02-11T09:00"),
        call("in", "2026-02-12", dimensions={"direction": "in"}),
        call("bare", "2026-02-12", dimensions={}),
        call("gone", "2026-02-13"),
        call("wrong", "2026-02-14"),
        {"id": "v", "voids": "gone"},
        call("right", "2026-02-14T12:00", "7", amends="wrong"),
        call("late", "2026-03-02"),
    ]
    use("ana", "calls", arrived="2026-02-15", records=records)
    found = explained()
    assert (found.span.start, found.span.end) == (moment("2026-02-01"), moment("2026-03-01"))
    assert verdicts(found) == {
        "ok": [("calls", "1", "day")],
        "long": [("calls", "2", "night"), ("calls", "2", "day")],
        "in": ["filtered"],
        "bare": ["filtered"],
        "gone": ["voided"],
        "v": ["correction"],
        "wrong": ["amended"],
        "right": [("calls", "7", "day")],
    }
    reasons = {told.record.id: told.reasons[0][1] for told in found.records if told.reasons}
    assert reasons == {
        "in": "direction is in; the meter counts out",
        "bare": "direction is missing; the meter counts out",
        "gone": "voided by test/v",
        "v": "it voids test/gone, and has no quantity of its own",
        "wrong": "replaced by test/right",
    }
    assert found.conclusion == ("counted", "3 of 8 records count")


def test_what_it_says_is_what_is_billed(ana: None) -> None:
    use("ana", "calls", arrived="2026-02-15", records=[call("1", "2026-02-10T10:00", "30"), call("2", "2026-02-11", "5", dimensions={})])
    use("ana", "load", arrived="2026-02-15", records=[call("p1", "2026-02-10", "3"), call("p2", "2026-02-12", "9")])
    advance("2026-03-01")
    assert lines("INV-000001") == [("calls", "3.00", "0.00"), ("peak", "9.00", "0.00")]
    assert [str(use.measured.quantity) for use in explained().uses] == ["30"]
    assert verdicts(explained("load")) == {"p1": [("peak", None, None)], "p2": [("peak", "9", None)]}


def test_a_meter_that_reads_another_one_is_found_by_both_names(ana: None) -> None:
    use("ana", "load", arrived="2026-02-15", records=[call("p", "2026-02-12", "9")])
    assert verdicts(explained("peak")) == verdicts(explained("load")) == {"p": [("peak", "9", None)]}


def test_registers_say_which_reading_had_nothing_to_compare_with(ana: None) -> None:
    readings = [("a", "2026-02-01T01:00", "100"), ("b", "2026-02-20", "160"), ("c", "2026-02-25", "150")]
    use(
        "ana", "energy", arrived="2026-02-26", records=[{"id": i, "at": at, "value": value, "kind": "reading"} for i, at, value in readings]
    )
    found = explained("energy")
    assert verdicts(found) == {"a": ["first_reading"], "b": [("energy", "60", None)], "c": ["unlikely_rollover"]}
    assert [(problem.record, problem.code) for problem in found.uses[0].measured.problems] == [("test/c", "unlikely_rollover")]


def test_a_share_without_finite_decimals_is_exact_for_a_program_and_short_for_a_person(ana: None) -> None:
    readings = [("a", "2026-01-25T01:00", "100"), ("b", "2026-02-20T01:00", "200")]
    use(
        "ana", "energy", arrived="2026-02-26", records=[{"id": i, "at": at, "value": value, "kind": "reading"} for i, at, value in readings]
    )
    found = explained("energy")
    assert verdicts(found) == {"b": [("energy", "950/13", None)]}
    assert as_lines(found)[1:-1] == [
        "  ana/2 energy: energy = 73.076923…",
        "  2026-02-20T01:00:00+01:00  test/b  200",
        "      + 73.076923… in ana/2 energy",
    ]


def test_records_before_and_after_the_contract_are_outside(ana: None) -> None:
    do("cancel", "2026-02-15", account="ana", when="now")
    use("ana", "calls", arrived="2026-02-20", records=[call("early", "2026-01-10"), call("in", "2026-02-10"), call("after", "2026-02-16")])
    found = explained(start=moment("2026-01-01"), end=moment("2026-03-01"))
    assert verdicts(found) == {"early": ["outside_contract"], "in": [("calls", "1", "night")], "after": ["outside_contract"]}
    assert found.records[0].reasons == (("outside_contract", "no item of a contract counts this meter at 2026-01-10T00:00:00+01:00"),)


def test_a_contract_for_one_subject_leaves_the_others(db: None) -> None:
    publish(CATALOGUE)
    open_account("ana")
    do("subscribe", "2026-02-01", account="ana", plan="phone", subject="phone-1")
    records = [call("mine", "2026-02-02", subject="phone-1"), call("other", "2026-02-02", subject="phone-2"), call("none", "2026-02-02")]
    use("ana", "calls", arrived="2026-02-03", records=records)
    found = explained()
    assert verdicts(found) == {"mine": [("calls", "1", "night")], "other": ["other_subject"], "none": ["other_subject"]}
    told = {one.record.id: one.reasons[0][1] for one in found.records if one.reasons}
    assert told == {
        "other": "its subject is 'phone-2'; the contract ana/2 counts 'phone-1'",
        "none": "it names no subject; the contract ana/2 counts 'phone-1'",
    }


ZEROS: list[tuple[str, list[dict[str, Any]], tuple[str, str]]] = [
    ("calls", [], ("no_records", "the total is 0 because no record of 'calls' came for this time")),
    (
        "calls",
        [call("1", "2026-02-02", dimensions={}), call("2", "2026-02-03"), {"id": "3", "voids": "2"}],
        ("none_counted", "the total is 0 because none of 3 records counts: 1 filtered, 1 voided, 1 correction"),
    ),
    (
        "calls",
        [call("1", "2026-02-02", "2"), call("2", "2026-02-03", "-2")],
        ("zero_sum", "2 of 2 records count, and together they come to 0"),
    ),
    (
        "cals",
        [],
        ("no_item", "no catalogue of the contracts of 'ana' knows the meter 'cals'; did you mean 'calls'?"),
    ),
    (
        "unused",
        [call("1", "2026-02-02")],
        (
            "no_item",
            "no item of the contracts of 'ana' uses the meter 'unused'; "
            "known: calls, energy, load, peak; records that count for nothing: 1",
        ),
    ),
]


@pytest.mark.parametrize(("meter", "records", "conclusion"), ZEROS)
def test_why_a_total_is_zero(ana: None, meter: str, records: list[dict[str, Any]], conclusion: tuple[str, str]) -> None:
    use("ana", meter, arrived="2026-02-15", records=records)
    assert explained(meter).conclusion == conclusion


def test_an_account_without_contracts_and_one_that_is_not(db: None) -> None:
    open_account("ana")
    use("ana", "calls", arrived="2026-02-15", records=[call("1", "2026-02-02")])
    found = explained()
    assert found.conclusion == (
        "no_item",
        "the account 'ana' has no contract that could use the meter 'calls'; records that count for nothing: 1",
    )
    with pytest.raises(NotFound) as refused:
        why("anna", "calls", at=moment("2026-02-01"))
    assert refused.value.code == "unknown_account"


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("usage", "why", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_tells_a_person(ana: None) -> None:
    use("ana", "calls", arrived="2026-02-15", records=[call("1", "2026-02-10T10:00", "1.5"), call("2", "2026-02-11", dimensions={})])
    status, out, _ = run("ana", "calls", "--at", "2026-02-20")
    assert (status, out.splitlines()) == (
        0,
        [
            "ana calls, 2026-02-01T01:00:00+01:00 to 2026-03-01T01:00:00+01:00",
            "  ana/2 calls: calls = 1.5",
            "  2026-02-10T10:00:00+01:00  test/1  1.5  direction=out",
            "      + 1.5 in ana/2 calls band=day",
            "  2026-02-11T00:00:00+01:00  test/2  1",
            "      not counted: direction is missing; the meter counts out [filtered]",
            "1 of 2 records count",
        ],
    )
    assert as_lines(explained())[-1] == "1 of 2 records count"


def test_the_command_tells_a_program(ana: None) -> None:
    use("ana", "calls", arrived="2026-02-15", records=[call("1", "2026-02-10T10:00", "1.50")])
    status, out, _ = run("ana", "calls", "--from", "2026-02-10", "--to", "2026-02-11", "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["from"], found["to"]) == ("2026-02-10T00:00:00+01:00", "2026-02-11T00:00:00+01:00")
    assert found["records"] == [
        {
            "record": "test/1",
            "at": "2026-02-10T10:00:00+01:00",
            "until": None,
            "value": "1.5",
            "kind": "usage",
            "estimated": False,
            "dimensions": {"direction": "out"},
            "counted": [{"contract": "ana/2", "item": "calls", "quantity": "1.5", "dimensions": {"band": "day", "direction": "out"}}],
            "not_counted": [],
        }
    ]
    assert Decimal(found["uses"][0]["quantity"]) == Decimal("1.5")


def test_the_command_refuses_what_makes_no_sense(ana: None) -> None:
    assert run("anna", "calls")[0] == 1
    assert run("ana", "calls", "--from", "2026-03-01", "--to", "2026-02-01") == (
        1,
        "",
        "--to: the stretch would end before it starts [out_of_range]\n",
    )
