"""Correction sets: previewed, approved by somebody else, applied once whatever happens, reverted as one."""

from __future__ import annotations

import io
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction

from billing import bulk
from billing.corrections import commands, running
from billing.corrections.standing import counts, totals
from billing.engine import Request
from plans.errors import Refusal
from tests.books import balance, do, moment, open_account, publish

POLICY = """
currency: EUR
limits: {supervisor: {any: 50}, finance: {any: unlimited}}
"""
NAMES = ("ana", "bo", "cy", "di")


@pytest.fixture(autouse=True)
def speakers(settings: Any) -> None:
    settings.BILLING_SPEAKERS = ("tester", "command line")


@pytest.fixture
def four(db: None) -> None:
    publish()
    for name in NAMES:
        open_account(name)
        do("subscribe", account=name, plan="basic")
    do("publish_policy", source=POLICY)


def corrections(*words: str) -> str:
    out = io.StringIO()
    try:
        call_command("corrections", *words, "--at", "2026-01-10", stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return f"exit {end.code}\n{out.getvalue()}"
    return out.getvalue()


def draft(**more: Any) -> None:
    items = [{"account": name, "amount": "-5.00"} for name in NAMES]
    do(
        "draft_corrections",
        "2026-01-10",
        **({"name": "outage", "wanted": "adjust", "items": items, "reason": "Outage", "by": "olga"} | more),
    )


def run_through(step: str, actor: str = "x") -> None:
    for _ in (
        running.preview("outage", at=moment("2026-01-10"), actor=actor, known_at=moment("2026-01-10"))
        if step == "preview"
        else (running.carry_out("outage", step, at=moment("2026-01-10"), actor=actor, known_at=moment("2026-01-10")))
    ):
        pass


def adjusted() -> dict[str, Decimal]:
    rows = bulk.fetch("SELECT account, sum(amount) FROM read_charge WHERE kind = 'adjustment' GROUP BY 1 ORDER BY 1")
    return dict(rows)  # type: ignore[arg-type]


def refused(code: str, command: str, **arguments: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        do(command, "2026-01-10", **arguments)
    assert caught.value.code == code, caught.value
    return caught.value


def test_an_outage_credit_from_draft_to_revert(four: None) -> None:
    out = corrections("new", "outage", "amount=-5.00", "--command", "adjust", "--plan", "basic", "--reason", "Outage", "--by", "olga")
    assert out.splitlines() == ["outage: adjust for 4 items, draft; asked by olga", "  4 new"]
    out = corrections("preview", "outage")
    assert out.splitlines()[1:4] == ["  4 previewed", "  in all 20 EUR", "  ana: 5 EUR"]
    assert adjusted() == {}
    corrections("approve", "outage", "--by", "sam", "--role", "supervisor")
    assert corrections("apply", "outage").splitlines()[1] == "  4 applied"
    assert adjusted() == dict.fromkeys(NAMES, Decimal("-5.00"))
    cause = bulk.fetch("SELECT DISTINCT cause FROM journal WHERE kind = 'adjustment.made'")
    assert cause == bulk.fetch("SELECT approval FROM read_correction_set")
    assert corrections("apply", "outage").splitlines()[1] == "  4 applied"  # again: nothing is left to do
    assert adjusted() == dict.fromkeys(NAMES, Decimal("-5.00"))
    corrections("revert", "outage", "--reason", "Wrong plan", "--by", "fay", "--role", "finance")
    assert counts("outage") == {"reverted": 4}
    assert adjusted() == dict.fromkeys(NAMES, Decimal(0))
    shown = json.loads(corrections("show", "outage", "--json"))
    assert (shown["status"], shown["items"], shown["refused"]) == ("reverting", {"reverted": 4}, [])


def test_a_file_with_a_mistake_shows_it_and_does_the_rest(four: None, tmp_path: Path) -> None:
    file = tmp_path / "credits.csv"
    file.write_text("account,amount,invoice\nana,5.00,1\nnobody,5.00,1\nbo,500.00,1\n")
    corrections("new", "notes", "--command", "credit_note", "--file", str(file), "--reason", "Down", "--by", "olga")
    out = corrections("preview", "notes")
    assert out.startswith("exit 1")
    assert "refused: nobody (item 2): account: there is no account 'nobody'" in out
    assert "refused: bo (item 3)" in out
    corrections("approve", "notes", "--by", "sam", "--role", "supervisor")
    corrections("apply", "notes")
    assert counts("notes") == {"applied": 1, "refused": 2}
    assert totals("notes") == {"EUR": Decimal("6.05")}


def test_what_is_not_allowed(four: None) -> None:
    draft()
    refused("corrections_exist", "draft_corrections", name="outage", wanted="adjust", items=[{"account": "ana"}])
    refused("not_requestable", "draft_corrections", name="x", wanted="pay", items=[{"account": "ana"}])
    refused("bad_name", "draft_corrections", name="X Y", wanted="adjust", items=[{"account": "ana"}])
    refused("no_items", "draft_corrections", name="x", wanted="adjust", items=[])
    refused("missing_field", "draft_corrections", name="x", wanted="adjust", items=[{"amount": "1"}])
    refused("not_previewed", "approve_corrections", name="outage", by="sam", role="supervisor")
    refused("corrections_closed", "apply_correction", name="outage", position="1")
    refused("unknown_corrections", "approve_corrections", name="outtage")
    run_through("preview")
    refused("own_request", "approve_corrections", name="outage", by="olga", role="finance")
    refused("over_limit", "approve_corrections", name="outage", by="cleo", role="clerk")
    do("publish_policy", "2026-01-10", source=POLICY.replace("50", "19"))
    fault = refused("over_limit", "approve_corrections", name="outage", by="sam", role="supervisor")
    assert "may not decide 20 EUR in all" in fault.message
    with pytest.raises(IntegrityError, match="corrections_never_decided_by_who_asked"), transaction.atomic():
        bulk.fetch("UPDATE read_correction_set SET decided_by = asked_by RETURNING 1")


def test_what_changed_since_the_preview_is_left_undone(four: None) -> None:
    do(
        "draft_corrections",
        "2026-01-10",
        name="outage",
        wanted="write_off",
        items=[{"account": name, "invoice": "1"} for name in NAMES],
        by="olga",
        reason="Gone",
    )
    run_through("preview")
    do("approve_corrections", "2026-01-10", name="outage", by="fay", role="finance")
    do("pay", "2026-01-10", account="cy", amount="4.14")
    run_through("apply")
    assert counts("outage") == {"applied": 3, "not_applied": 1}
    assert [balance("expense:bad-debt", name) for name in NAMES] == [Decimal(a) for a in ("24.14", "24.14", "0", "24.14")]
    [[told]] = bulk.fetch("SELECT refusal FROM read_correction_item WHERE state = 'not_applied'")
    assert "changed_meanwhile" in told


@pytest.mark.parametrize("guarded", [True, False])
def test_killed_between_two_items_somebody_else_goes_on(four: None, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    """Without the look at the account's stream, two items would be done again under another name: so the test sees the guard."""
    draft()
    run_through("preview")
    do("approve_corrections", "2026-01-10", name="outage", by="sam", role="supervisor")
    plain, seen = running.execute, []

    def dying(request: Request, **more: Any) -> Any:
        seen.append(request.command)
        if seen.count("apply_correction") == 3:
            raise KeyboardInterrupt
        return plain(request, **more)

    monkeypatch.setattr(running, "execute", dying)
    with pytest.raises(KeyboardInterrupt):
        run_through("apply")
    assert (len(adjusted()), counts("outage")) == (2, {"previewed": 4})
    monkeypatch.setattr(running, "execute", plain)
    if not guarded:
        monkeypatch.setattr(commands, "_must_not_be_done", lambda *_: None)
    run_through("apply", "another")
    assert counts("outage") == {"applied": 4}
    twice = [] if guarded else ["ana", "bo"]
    assert adjusted() == {name: Decimal("-10.00" if name in twice else "-5.00") for name in NAMES}
    refused("corrections_closed", "apply_correction", name="outage", position="1")


@pytest.mark.django_db(transaction=True)
def test_two_who_apply_at_once_do_each_item_once(transactional_db: None, four: None) -> None:
    draft()
    run_through("preview")
    do("approve_corrections", "2026-01-10", name="outage", by="sam", role="supervisor")
    barrier = threading.Barrier(2)

    def go(actor: str) -> None:
        barrier.wait(timeout=30)
        try:
            for _ in running.carry_out("outage", "apply", at=moment("2026-01-10"), actor=actor, known_at=moment("2026-01-10")):
                pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=(actor,)) for actor in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert counts("outage") == {"applied": 4}
    assert adjusted() == dict.fromkeys(NAMES, Decimal("-5.00"))


def test_a_set_of_five_thousand_is_one_list(four: None) -> None:
    """More values than any other argument may have."""
    items = [{"account": NAMES[number % 4], "amount": "-0.01"} for number in range(5000)]
    draft(items=items)
    assert counts("outage") == {"new": 5000}
    assert bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'corrections.listed'") == [(10,)]
    refused("no_items", "draft_corrections", name="none", wanted="adjust", items=[], by="olga")
