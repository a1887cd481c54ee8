"""Requests: limits of roles, four eyes, done as shown or refused as changed, undone by an answer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import IntegrityError, transaction

from billing import bulk
from billing.engine import Outcome, Request, execute
from billing.house.policy import Limit, read_policy
from plans.errors import Refusal
from tests.books import advance, do, documents, moment, owed

POLICY = """
currency: EUR
limits:
  clerk: {credit_note: {each: 10, day: 15}, refund: {each: 5}, discount: 0}
  supervisor: {any: {each: 30, day: 40}}
  finance: {any: unlimited}
request: {expires: 7 days, reasons: [outage, mistake]}
"""


@pytest.fixture(autouse=True)
def speakers(settings: Any) -> None:
    settings.BILLING_SPEAKERS = ("tester",)


@pytest.fixture
def house(ana: None) -> None:
    do("publish_policy", source=POLICY)


def ask(command: str, at: str = "2026-01-10", by: str = "carla", role: str = "clerk", **arguments: Any) -> Outcome:
    return do("request_correction", at, account="ana", wanted=command, arguments=arguments, code="mistake", by=by, role=role)


def approve(at: str = "2026-01-11", by: str = "sam", role: str = "supervisor", **arguments: Any) -> Outcome:
    return do("approve_request", at, account="ana", by=by, role=role, **arguments)


def states() -> list[tuple[str, str, str]]:
    """(command, status, who decided) in their order."""
    statement = "SELECT command, status, decided_by FROM read_request WHERE account = 'ana' ORDER BY split_part(request, '/', -1)::int"
    return [(command, status, decided) for command, status, decided in bulk.fetch(statement)]


def refused(code: str, run: Callable[[], Any]) -> Refusal:
    before = bulk.fetch("SELECT count(*) FROM journal")
    with pytest.raises(Refusal) as caught:
        run()
    assert caught.value.code == code, caught.value
    assert bulk.fetch("SELECT count(*) FROM journal") == before
    return caught.value


def kinds(outcome: Outcome) -> list[str]:
    return [recorded.event.kind for recorded in outcome.events]


def test_within_the_limit_it_is_done_at_once(house: None) -> None:
    outcome = ask("credit_note", invoice="1", amount="5.00")
    assert kinds(outcome) == ["request.made", "credit_note.issued", "request.executed"]
    assert (owed(), states()) == (Decimal("18.09"), [("credit_note", "executed", "")])
    made, note, done = outcome.events
    assert (note.cause, done.event.done) == (made.address, (note.address,))
    assert (made.event.amount, made.event.needs_approval, made.event.role) == (Decimal("6.05"), False, "clerk")
    assert note.event.reason == "mistake"


def test_above_the_limit_somebody_else_approves(house: None) -> None:
    outcome = ask("credit_note", invoice="1", amount="15.00")
    assert (kinds(outcome), owed()) == (["request.made"], Decimal("24.14"))
    shown = outcome.events[0].event.preview
    assert [(one.ledger, one.amount) for one in shown.moves] == [
        ("credit_notes", Decimal("0.84")),
        ("deferred", Decimal("14.16")),
        ("receivable", Decimal("-18.15")),
        ("tax:vat", Decimal("3.15")),
    ]
    assert [(one.kind, one.total, one.corrects) for one in shown.documents] == [("credit_note", Decimal("18.15"), "INV-000001")]
    outcome = approve()
    assert kinds(outcome) == ["request.approved", "credit_note.issued", "request.executed"]
    assert (owed(), states()) == (Decimal("5.99"), [("credit_note", "executed", "sam")])
    assert documents()[-1][1:3] == ("CN-000001", "18.15")


def test_nobody_decides_his_own_request(house: None) -> None:
    ask("credit_note", invoice="1", amount="15.00")
    refused("own_request", lambda: approve(by="carla", role="finance"))
    refused("own_request", lambda: do("reject_request", "2026-01-11", account="ana", by="carla", role="finance", reason="No"))
    with pytest.raises(IntegrityError, match="request_never_decided_by_who_asked"), transaction.atomic():
        bulk.fetch("UPDATE read_request SET decided_by = asked_by RETURNING 1")


def test_the_limit_of_the_approver_holds_too(house: None) -> None:
    do("debit_note", "2026-01-05", account="ana", invoice="1", amount="100.00", reason="Reading")
    ask("write_off", invoice="2", amount="30.01")
    fault = refused("over_limit", approve)
    assert "sam (supervisor) may not decide write_off of 30.01 EUR today" in fault.message
    refused("over_limit", lambda: approve(role="viewer"))
    assert kinds(approve(role="finance", by="fay"))[1] == "invoice.written_off"


def test_many_small_ones_count_together_in_a_day(house: None) -> None:
    assert kinds(ask("credit_note", invoice="1", total="8.00"))[-1] == "request.executed"
    assert kinds(ask("credit_note", "2026-01-10T12:00", invoice="1", total="8.00")) == ["request.made"]  # 16 of 15 in a day
    assert kinds(ask("credit_note", "2026-01-11", invoice="1", total="8.00"))[-1] == "request.executed"
    assert [status for _, status, _ in states()] == ["executed", "pending", "executed"]


def test_what_has_no_amount_needs_a_limit_without_bound(house: None) -> None:
    outcome = ask("discount", percent="10", name="Sorry", role="supervisor", by="sam")
    assert (outcome.events[0].event.amount, kinds(outcome)) == (None, ["request.made"])
    refused("over_limit", lambda: approve(by="susi"))
    assert kinds(approve(by="fay", role="finance")) == ["request.approved", "discount.attached", "request.executed"]
    undone = do("undo_request", "2026-01-12", account="ana", by="fay", role="finance", reason="Too kind", code="mistake")
    assert "discount.ended" in kinds(undone)


def test_what_changed_meanwhile_is_said_and_nothing_is_done(house: None) -> None:
    ask("write_off", invoice="1")
    do("pay", "2026-01-10", account="ana", amount="4.14")
    fault = refused("changed_meanwhile", approve)
    assert "receivable of ana/5 would move by -20 EUR, not by -24.14" in fault.message
    assert states() == [("write_off", "pending", "")]
    do("pay", "2026-01-10", account="ana", amount="20.00")
    refused("nothing_open", approve)


def test_reject_withdraw_and_what_is_closed_stays_closed(house: None) -> None:
    ask("credit_note", invoice="1", amount="15.00")
    refused("not_own_request", lambda: do("withdraw_request", "2026-01-11", account="ana", by="sam"))
    do("reject_request", "2026-01-11", account="ana", by="sam", role="supervisor", reason="No evidence")
    fault = refused("request_closed", approve)
    assert fault.message.endswith("is rejected")
    ask("credit_note", invoice="1", amount="15.00")
    do("withdraw_request", "2026-01-11", account="ana", by="carla")
    refused("request_closed", approve)
    refused("unknown_request", lambda: approve(request="7"))
    refused("unknown_request", lambda: approve(request="bo/1"))
    assert states() == [("credit_note", "rejected", "sam"), ("credit_note", "withdrawn", "")]


def test_approved_first_and_done_later(house: None) -> None:
    ask("credit_note", invoice="1", amount="15.00")
    assert kinds(approve(execute="no")) == ["request.approved"]
    refused("request_closed", lambda: approve(by="susi"))
    assert kinds(do("execute_request", "2026-01-12", account="ana", by="carla")) == ["credit_note.issued", "request.executed"]
    refused("request_closed", lambda: do("execute_request", "2026-01-12", account="ana"))


def test_it_expires_by_itself(house: None) -> None:
    ask("credit_note", invoice="1", amount="15.00")
    advance("2026-01-16")
    assert states() == [("credit_note", "pending", "")]
    refused("request_closed", lambda: approve("2026-01-17"))
    advance("2026-01-17")
    assert states() == [("credit_note", "expired", "")]
    refused(
        "out_of_range",
        lambda: do(
            "request_correction",
            "2026-01-20",
            account="ana",
            wanted="adjust",
            arguments={"amount": "1.00"},
            code="mistake",
            expires="2026-01-20",
        ),
    )


@pytest.mark.parametrize(
    ("command", "arguments", "before", "answer"),
    [
        ("credit_note", {"invoice": "1", "amount": "5.00"}, "24.14", "invoice.issued"),
        ("write_off", {"invoice": "1", "amount": "20.00", "vat_relief": "yes"}, "24.14", "invoice.reinstated"),
        ("debit_note", {"invoice": "1", "amount": "5.00"}, "24.14", "credit_note.issued"),
    ],
)
def test_undo_is_a_new_event_that_takes_back(house: None, command: str, arguments: dict[str, str], before: str, answer: str) -> None:
    ask(command, by="fay", role="finance", **arguments)
    assert owed() != Decimal(before)
    undone = do("undo_request", "2026-01-11", account="ana", by="carla", role="viewer", reason="Wrong customer")
    assert kinds(undone) == ["request.made"]
    approve(by="fay", role="finance")
    assert owed() == Decimal(before)
    assert states()[0][1:] == ("undone", "")
    assert bulk.fetch("SELECT DISTINCT 1 FROM journal WHERE stream = 'ana' AND kind = %s", [answer]) == [(1,)]
    refused(
        "request_closed", lambda: do("undo_request", "2026-01-12", account="ana", by="fay", role="finance", request="1", reason="Again")
    )


def test_undo_of_an_adjustment_and_a_grant(house: None) -> None:
    ask("adjust", by="fay", role="finance", amount="-3.00", name="Sorry")
    do("undo_request", "2026-01-10", account="ana", by="fay", role="finance", reason="No")
    statement = "SELECT amount FROM read_charge WHERE account = 'ana' AND kind = 'adjustment' ORDER BY sequence"
    assert [row[0] for row in bulk.fetch(statement)] == [Decimal("-3.00"), Decimal("3.00")]
    do("pay", "2026-01-10", account="ana", amount=str(owed()))
    ask("grant", by="fay", role="finance", amount="5.00")
    outcome = do("undo_request", "2026-01-11", account="ana", by="fay", role="finance", reason="No")
    assert "wallet.expired" in kinds(outcome)


def test_bad_requests_are_refused_by_name(house: None) -> None:
    refused("not_requestable", lambda: ask("pay", amount="1.00"))
    refused(
        "unknown_reason",
        lambda: do("request_correction", "2026-01-10", account="ana", wanted="adjust", arguments={"amount": "1.00"}, code="because"),
    )
    refused("unknown_field", lambda: ask("credit_note", invoice="1", amonut="1"))
    refused("unknown_invoice", lambda: ask("credit_note", invoice="9"))
    refused("conflict", lambda: ask("credit_note", invoice="1", account="bo"))
    refused("unknown_role", lambda: ask("credit_note", invoice="1", role="king"))
    refused("cannot_undo", _undo_of_a_void)


def _undo_of_a_void() -> None:
    with transaction.atomic():
        ask("void", by="fay", role="finance", invoice="1")
        do("undo_request", "2026-01-11", account="ana", by="fay", role="finance", reason="No")


def test_a_signed_in_user_speaks_for_himself_in_his_own_roles(house: None) -> None:
    user = User.objects.create(username="carla", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="clerk")[0])

    def asked(**arguments: Any) -> Outcome:
        given = {"account": "ana", "wanted": "credit_note", "arguments": {"invoice": "1", "amount": "5.00"}, "code": "outage", **arguments}
        return execute(Request("request_correction", given, moment("2026-01-10"), "user:carla", known_at=moment("2026-01-10")))

    refused("not_for_others", lambda: asked(by="fay"))
    refused("role_not_held", lambda: asked(role="finance"))
    outcome = asked()
    assert (outcome.events[0].event.by, outcome.events[0].event.role, kinds(outcome)[-1]) == ("user:carla", "clerk", "request.executed")


def test_without_a_policy_only_finance_decides(ana: None) -> None:
    do(
        "request_correction",
        "2026-01-10",
        account="ana",
        wanted="adjust",
        arguments={"amount": "1.00"},
        reason="x",
        by="sam",
        role="supervisor",
    )
    refused("over_limit", lambda: approve(by="susi"))
    assert kinds(approve(by="fay", role="finance"))[0] == "request.approved"


# --- the policy -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "where"),
    [
        ("limits: {}", "missing_field", "currency"),
        ("currency: EUX", "unknown_currency", "currency"),
        ("currency: EUR\nlimits: {clerk: {refund: {each: -1}}}", "negative", "limits.clerk.refund.each"),
        ("currency: EUR\nlimits: {clerk: {refund: {ech: 1}}}", "unknown_field", "limits.clerk.refund.ech"),
        ("currency: EUR\nallowance: {1-29: 3}", "unknown_choice", "allowance.1-29"),
        ("currency: EUR\nallowance: {1-30: 101}", "out_of_range", "allowance.1-30"),
        ("currency: EUR\naccounts: {petty: {number: 1}}", "ledger_without_account", "ledger"),
        ("currency: EUR\nrequest: {expires: soon}", "wrong_type", "request.expires"),
        ("currency: EUR\nsurprise: 1", "unknown_field", "surprise"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_place(ana: None, source: str, code: str, where: str) -> None:
    fault = refused(code, lambda: do("publish_policy", source=source))
    assert where in fault.at


def test_the_same_policy_twice_is_refused_and_a_new_one_holds_from_then_on(house: None) -> None:
    refused("policy_unchanged", lambda: do("publish_policy", source=POLICY))
    do("publish_policy", "2026-01-12", source=POLICY.replace("each: 10", "each: 1"))
    assert kinds(ask("credit_note", "2026-01-13", invoice="1", total="2.00")) == ["request.made"]
    assert kinds(ask("credit_note", "2026-01-11", invoice="1", total="2.00"))[-1] == "request.executed"


STORY = """
scenario: Four eyes
catalogue:
  catalogue: shop
  currency: EUR
  items: {ticket: {name: Ticket, price: "40.00"}}
accounts:
  ana: {name: Ana, country: ES}
story:
  - {at: 2026-03-01, do: publish_policy, source: "currency: EUR\\nlimits: {clerk: {any: 10}, finance: {any: unlimited}}"}
  - {at: 2026-03-01, do: sell, account: ana, item: ticket, invoice: now}
  - at: 2026-03-02
    do: request_correction
    account: ana
    wanted: credit_note
    arguments: {invoice: 1, amount: 15}
    reason: It rained
    by: carla
    role: clerk
    as: it
  - {at: 2026-03-02, do: approve_request, account: ana, request: it, by: carla, role: finance, refused: own_request}
  - at: 2026-03-03
    do: approve_request
    account: ana
    request: it
    by: fay
    role: finance
    expect:
      ana:
        owed: 25
        requests: [{command: credit_note, status: executed, amount: 15, asked_by: carla, decided_by: fay}]
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("decided", "status"), [("fay", 0), ("sam", 1)])
def test_a_story_tells_it(tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str], decided: str, status: int) -> None:
    settings.BILLING_SPEAKERS = ("scenario",)
    file = tmp_path / "story.yaml"
    file.write_text(STORY.replace("decided_by: fay", f"decided_by: {decided}"))
    try:
        call_command("scenario", str(file))
        found = 0
    except SystemExit as ended:
        found = int(ended.code or 0)
    assert found == status, capsys.readouterr()


def test_the_policy_of_the_docs_is_one(settings: Any) -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "money.md").read_text()
    policy = read_policy(text.partition("```yaml\n")[2].partition("```")[0])
    assert policy.chart.of("receivable").number == "1400"
    assert (policy.expires.days, policy.reasons[0], policy.allowance["61-90"]) == (7, "outage", Decimal("52.5"))
    assert policy.limit("clerk", "refund") == Limit(Decimal(50), Decimal(200))
