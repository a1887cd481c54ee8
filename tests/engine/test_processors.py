"""A processor that found none of its kinds in a batch is not asked again about batches of the same kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from billing import bulk, pipeline
from billing.events import Event, ReservationEnded, WalletReserved
from billing.journal import Recorded
from billing.pipeline import Batch, run_processors

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESERVED = WalletReserved(account="ana", reservation="ana/1", unit="EUR", amount=1, item="", expires=None, reference="")  # type: ignore[arg-type]
ENDED = ReservationEnded(account="ana", reservation="ana/1", unit="EUR", amount=1, outcome="released")  # type: ignore[arg-type]


def batch(*events: Event, rebuilding: bool = False) -> Batch:
    recorded = [Recorded("ana", number, event, NOW, NOW, "tester", "test") for number, event in enumerate(events, start=1)]
    return Batch(recorded, rebuilding=rebuilding)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked: one that looks at reservations, one that looks at their ends only where there are reservations, one at all events."""
    found: list[str] = []

    def reservations(batch: Batch) -> None:
        found.append(f"reservations {len(batch.of(WalletReserved))}")

    def ends(batch: Batch) -> None:
        found.append("ends")
        if batch.of(WalletReserved) and batch.of(ReservationEnded):
            found.append("both")

    def everything(batch: Batch) -> None:
        found.append(f"all {len(batch.events)}")

    monkeypatch.setattr(pipeline, "_processors", lambda setting: (reservations, ends, everything))
    return found


def test_who_finds_nothing_once_is_not_asked_again(asked: list[str]) -> None:
    run_processors(batch(ENDED), numbered=False)
    assert asked == ["reservations 0", "ends", "all 1"]
    asked.clear()
    run_processors(batch(ENDED, replace(ENDED, outcome="expired")), numbered=False)
    assert asked == ["all 2"]


def test_other_kinds_are_asked_about_anew(asked: list[str]) -> None:
    run_processors(batch(ENDED), numbered=False)
    for _ in range(2):
        asked.clear()
        run_processors(batch(ENDED, RESERVED), numbered=False)
        assert asked == ["reservations 1", "ends", "both", "all 2"]
    asked.clear()
    run_processors(batch(ENDED, rebuilding=True), numbered=False)
    assert asked == ["reservations 0", "ends", "all 1"], "a rebuild is another question"


def test_what_is_remembered_has_a_bound(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CONCERNED_AT_MOST", 1)
    run_processors(batch(ENDED), numbered=False)
    run_processors(batch(RESERVED), numbered=False)
    assert len(pipeline._concerned) == 1


def ask_the_database_first(batch: Batch) -> None:
    if bulk.fetch("SELECT 1 FROM read_account LIMIT 1") or not batch.of(WalletReserved):
        return


@pytest.mark.django_db
@pytest.mark.parametrize("setting", ["BILLING_PROCESSORS", "BILLING_NUMBERED_PROCESSORS"])
def test_no_processor_asks_the_database_before_it_found_events(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it then does not find would count for all later batches of the same kinds."""

    def refuse(cursor: Any, query: Any, *_: Any, **__: Any) -> None:
        raise AssertionError(query)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", refuse)
        for process in pipeline._processors(setting):
            process(batch())
        with pytest.raises(AssertionError, match="read_account"):
            ask_the_database_first(batch())
