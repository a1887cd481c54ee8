"""Alerts on usage: once in a period, when what arrives reaches the threshold; by mail, and to webhooks as any event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from billing import delivery
from billing.models import Effect, JournalEvent, UsageAlert
from billing.rebuilding import compare
from plans.errors import Conflict, Invalid, NotFound, Refusal
from tests.books import advance, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def seats(db: None) -> None:
    """ana pays 1.00 for each of the first ten calls of a month, then 0.50."""
    publish()
    open_account("ana", email="ana@example.com")
    do("subscribe", account="ana", plan="seats", quantities={"seat": "1"})


def called(value: str, at: str) -> None:
    use("ana", "calls", arrived=f"{at}T12:00", records=[{"id": at, "at": f"{at}T10:00", "value": value}])
    advance(f"{at}T12:00")


def reached() -> list[dict[str, Any]]:
    return [row.data for row in JournalEvent.objects.filter(kind="usage_alert.reached").order_by("sequence")]


def alert(**given: str) -> str:
    asked = {"account": "ana", "item": "calls", "threshold": "12"}
    return str(do("set_usage_alert", **(asked | given)).made["alert"])  # type: ignore[arg-type]


def test_units_are_told_once_in_each_period() -> None:
    named = alert()
    called("8", "2026-01-10")
    assert reached() == []
    called("5", "2026-01-11")
    [told] = reached()
    assert (told["alert"], told["quantity"], told["amount"], told["unit"]) == (named, "13", "11.50", "")
    row = JournalEvent.objects.get(kind="usage_alert.reached")
    assert row.effective_at == moment("2026-01-11T12:00")
    called("50", "2026-01-12")
    assert len(reached()) == 1
    called("12", "2026-02-03")
    assert [one["start"][:10] for one in reached()] == ["2026-01-01", "2026-02-01"]
    assert compare(["ana"]) == []


def test_money_is_what_the_use_comes_to_before_tax_and_without_a_minimum() -> None:
    alert(measure="amount", threshold="10.50")
    called("10", "2026-01-10")
    assert reached() == []
    called("1", "2026-01-11")
    assert [(one["amount"], one["quantity"], one["currency"]) for one in reached()] == [("10.50", "11", "EUR")]


def test_what_is_reached_already_is_told_at_once() -> None:
    called("20", "2026-01-10")
    do("set_usage_alert", "2026-01-15", account="ana", item="calls", threshold="12")
    assert [one["quantity"] for one in reached()] == ["20"]


def test_one_mail_for_a_period_to_who_receives_alerts() -> None:
    do("add_contact", account="ana", name="Tess", email="tess@example.com", role="technical")
    do("change_details", account="ana", locale="es")
    do("add_webhook", endpoint="crm", url="https://crm.example/in", kinds=["usage_alert.*"], account="ana")
    alert()
    called("13", "2026-01-11")
    called("5", "2026-01-12")
    effect = Effect.objects.get(kind="usage.alert")
    assert Effect.objects.filter(kind="webhook.deliver", payload__event=f"{effect.stream}/{effect.sequence}").count() == 1
    Effect.objects.exclude(kind="usage.alert").update(state="done")
    mail.outbox.clear()
    delivery.deliver(until=moment("2026-01-13"), known_at=moment("2026-01-13"), accounts=["ana"])
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["tess@example.com"], "Calls ha llegado a 12")
    assert "11,50" in str(sent.body)


def test_an_alert_that_is_removed_tells_nothing() -> None:
    named = alert()
    do("remove_usage_alert", account="ana", alert=named)
    called("50", "2026-01-11")
    assert (reached(), UsageAlert.objects.count()) == ([], 0)
    with pytest.raises(NotFound) as unknown:
        do("remove_usage_alert", account="ana", alert=named)
    assert unknown.value.code == "unknown_alert"


@pytest.mark.parametrize(
    ("given", "error", "code"),
    [
        ({"item": "seat"}, Conflict, "not_metered"),
        ({"item": "nothing"}, NotFound, "unknown_item"),
        ({"threshold": "0"}, Invalid, "out_of_range"),
        ({"measure": "amount", "threshold": "1.234"}, Invalid, "out_of_range"),
        ({"measure": "weight"}, Invalid, "unknown_choice"),
        ({"contract": "ana/99"}, NotFound, "unknown_contract"),
    ],
)
def test_what_can_not_be_told_is_refused(given: dict[str, str], error: type[Refusal], code: str) -> None:
    with pytest.raises(error) as refused:
        alert(**given)
    assert refused.value.code == code


def test_an_account_has_so_many_alerts_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.alerts.commands.MOST", 1)
    alert()
    with pytest.raises(Conflict) as full:
        alert(threshold="13")
    assert full.value.code == "too_many"
    assert UsageAlert.objects.get().threshold == Decimal(12)
