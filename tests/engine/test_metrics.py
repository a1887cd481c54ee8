"""What was sold, what recurs and why it moved, what was used, what was paid."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from billing.queries.metrics import metrics
from plans.errors import Invalid
from tests.books import advance, do, moment, open_account, publish, use

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: m
currency: EUR
meters: {calls: {aggregate: sum}}
items: {cola: {price: "3.00"}}
plans:
  team: {period: month, items: {seat: {price: {model: unit, amount: "10.00"}}, calls: {meter: calls, price: "0.10"}}}
  yearly: {period: year, items: {fee: {price: "120.00"}}}
  weekly: {period: week, items: {fee: {price: "7.00", timing: arrears}}}
"""


def play() -> None:
    publish(CATALOGUE)
    for name in ("ana", "bob", "eve"):
        open_account(name)
    do("subscribe", "2026-01-10", account="ana", plan="team", quantity="5")
    do("subscribe", "2026-01-20", account="bob", plan="yearly")
    do("subscribe", "2026-02-10", account="eve", plan="team")
    do("change_quantity", "2026-02-15", account="ana", item="seat", quantity="8")
    do("sell", "2026-02-16", account="eve", item="cola", quantity="4")
    do("return", "2026-02-17", account="eve", item="cola", quantity="1")
    do("change_quantity", "2026-03-12", account="ana", item="seat", quantity="6")
    do("cancel", "2026-03-20", account="eve")
    records = [{"id": "1", "at": "2026-02-12T10:00", "value": "4"}, {"id": "2", "at": "2026-02-13T10:00", "value": "5"}]
    use("ana", "calls", arrived="2026-02-14", records=[*records, {"id": "3", "at": "2026-02-13T10:00", "voids": "2"}])
    do("pay", "2026-02-20", account="ana", amount="100", channel="cash")
    advance("2026-05-01")


def test_each_figure_has_one_meaning() -> None:
    play()
    found = metrics(moment("2026-01-01"), moment("2026-05-01"))
    months = [
        tuple(str(part) for part in (one.recurring, one.new, one.expansion, one.contraction, one.churned, one.contracts))
        for one in found.recurring
    ]
    assert months == [
        ("60.00", "60.00", "0.00", "0.00", "0.00", "2"),  # 5 seats and a twelfth of 120.00
        ("99.99", "10.00", "29.99", "0.00", "0.00", "3"),  # 65.71 for 23 of 28 days of 8 seats
        ("70.00", "0.00", "0.00", "19.99", "10.00", "2"),
        ("70.00", "0.00", "0.00", "0.00", "0.00", "2"),
    ]
    assert [(one.item, str(one.quantity), str(one.returned), str(one.amount)) for one in found.sold] == [("cola", "3", "1", "9")]
    assert [(one.meter, one.records, one.accounts, str(one.value)) for one in found.usage] == [("calls", 1, 1, "4")]
    assert [(one.channel, one.payments, str(one.net)) for one in found.money] == [("cash", 1, "100")]
    shorter = metrics(moment("2026-02-17"), moment("2026-02-18"))
    assert ([str(one.quantity) for one in shorter.sold], shorter.recurring, shorter.money) == (["-1"], (), ())
    with pytest.raises(Invalid):
        metrics(moment("2026-02-17"), moment("2026-02-17"))


def test_the_command_line_says_the_same() -> None:
    play()
    out = io.StringIO()
    call_command("metrics", "--from", "2026-02-01", "--to", "2026-03-01", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert [(one["recurring"], one["expansion"]) for one in answer["recurring"]] == [("99.99", "29.99")]
    out = io.StringIO()
    call_command("metrics", "--from", "2026-02-01", "--to", "2026-03-01", stdout=out)
    assert "2026-02: 99.99 EUR of 3 contracts (new 10.00, expansion 29.99, contraction 0.00, churned 0.00)" in out.getvalue()
