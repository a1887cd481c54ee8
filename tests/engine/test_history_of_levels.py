"""What a level was before a period is read as the last record of each key: the same quantities as from all of history, from few records."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from billing import measuring
from billing.measuring import Need, read_records
from plans.metering import Meter, Record, measure, parse_meter
from plans.periods import Span
from tests.books import moment, open_account, use

pytestmark = pytest.mark.django_db

METERS = [
    parse_meter("seats", {"aggregate": "time_weighted", "dimensions": ["team"]}),
    parse_meter("seats", {"aggregate": "time_weighted", "carry": False}),
    parse_meter("seats", {"aggregate": "latest", "dimensions": ["team"]}),
    parse_meter("seats", {"aggregate": "max", "carry": True, "filter": {"team": ["a", "b"]}}),
]
SPAN = Span(moment("2026-06-01"), moment("2026-07-01"))


def story(account: str, chance: random.Random) -> list[dict[str, Any]]:
    """Levels of half a year; some of them for a time, some voided or amended, some without a value, some voids voided."""
    records: list[dict[str, Any]] = []
    for i in range(30):
        at = moment("2026-01-01") + timedelta(hours=chance.randrange(4320))
        record: dict[str, Any] = {
            "id": f"{account}r{i}",
            "at": at.isoformat(),
            "dimensions": {"team": chance.choice("abc")},
            "value": str(chance.randrange(9)),
        }
        if chance.random() < 0.1:
            record["until"] = (at + timedelta(days=chance.randrange(1, 100))).isoformat()
        records.append(record)
    for i, target in enumerate(chance.sample(range(30), 8)):
        how = chance.choice(("voids", "amends"))
        corrected = records[target]
        told = {"id": f"{account}c{i}", "at": corrected["at"], "dimensions": corrected["dimensions"], how: f"test/{corrected['id']}"}
        if how == "amends":
            told["value"] = "7"
        records.append(told)
        if how == "voids" and chance.random() < 0.5:
            records.append({"id": f"{account}v{i}", "at": corrected["at"], "voids": f"test/{account}c{i}"})
    return records


def quantity(meter: Meter, records: list[Record]) -> Any:
    before = [record for record in records if record.at < SPAN.start]
    return measure(meter, [record for record in records if record.at >= SPAN.start], SPAN, zone="UTC", before=before).quantity


def test_the_last_record_of_each_key_says_as_much_as_all_of_them() -> None:
    few = many = 0
    for seed in range(12):
        account = f"a{seed}"
        open_account(account)
        report = use(account, "seats", arrived="2026-07-01", records=story(account, random.Random(seed)))
        assert not report.rejected
        read = {
            history: read_records([Need(account, "seats", SPAN.start, SPAN.end, history)])[account, "seats"] for history in ("last", "all")
        }
        for meter in METERS:
            assert measuring.history(meter) == "last"
            assert quantity(meter, read["last"]) == quantity(meter, read["all"]), (seed, meter)
        few, many = few + len(read["last"]), many + len(read["all"])
    assert few < many * 2 / 3


def test_what_adds_up_from_the_beginning_reads_it() -> None:
    assert measuring.history(parse_meter("m", {"aggregate": "register"})) == "all"
    assert measuring.history(parse_meter("m", {"aggregate": "time_weighted", "values": "changes", "carry": True})) == "all"
    assert measuring.history(parse_meter("m", {"aggregate": "sum"})) == ""
