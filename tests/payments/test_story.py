"""A story tells money in the words of its commands, and expects it by the facts."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

STORY = """
scenario: A stay that went wrong
about: A deposit, a dispute, a credit note, a payment that is moved, a refund, and money that nobody claimed.
catalogue:
  catalogue: house
  currency: EUR
  zone: UTC
  taxes: {vat: {rate: 10, categories: [standard]}}
  terms: {net-7: 7}
  items:
    night: {name: Night, price: {model: unit, amount: "100.00"}, tax: standard}
    dinner: {name: Dinner, price: {model: unit, amount: "30.00"}, tax: standard}
zone: UTC
currency: EUR
accounts:
  ana: {name: Ana, country: ES}
story:
  - {at: 2026-03-01, do: take_deposit, account: ana, amount: "200.00", as: keys}
  - {at: 2026-03-02, do: sell, account: ana, item: night, quantity: 2, invoice: now}
  - {at: 2026-03-02, do: sell, account: ana, item: dinner, invoice: now}
  - {at: 2026-03-03, do: receive, amount: "220.00", reference: "?", as: unknown}
  - {at: 2026-03-04, do: identify, account: ana, receipt: unknown, invoices: [1], as: money}
  - at: 2026-03-05
    do: dispute
    account: ana
    invoice: 2
    lines: [1]
    reason: It was cold
    as: cold
    expect:
      ana: {owed: "33.00", invoices: [{open: "0.00", status: paid}, {open: "33.00", held: "33.00"}]}
  - at: 2026-03-20
    expect:
      ana: {overdue: "0.00", payments: [{amount: "220.00", status: received, invoices: [{invoice: 1, amount: "220.00"}]}]}
  - {at: 2026-03-21, do: resolve_dispute, account: ana, dispute: cold, outcome: upheld}
  - {at: 2026-03-22, do: credit_note, account: ana, invoice: 1, total: "55.00", reason: One night was loud, refund: yes, channel: cash}
  - {at: 2026-03-23, do: refund, account: ana, payment: money, amount: "165.01", refused: more_than_paid}
  - {at: 2026-03-23, do: debit_note, account: ana, invoice: 1, amount: "10.00", reason: Towels}
  - {at: 2026-03-24, do: apply_deposit, account: ana, deposit: keys}
  - at: 2026-03-25
    do: release_deposit
    account: ana
    expect:
      ana:
        balance: "0.00"
        refunds: [{amount: "55.00", channel: cash, status: settled}, {amount: "189.00", channel: transfer, status: settled}]
        payments: [{amount: "220.00", status: refunded_in_part}]
        documents:
          - {kind: invoice, total: "220.00", status: paid}
          - {kind: invoice, total: "33.00", status: credited}
          - {kind: credit_note, total: "33.00"}
          - {kind: credit_note, total: "55.00", corrects: 1}
          - {kind: debit_note, total: "11.00", status: paid, corrects: 1}
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("balance", "status"), [("0.00", 0), ("0.01", 1)])
def test_the_story_is_told_and_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str], balance: str, status: int) -> None:
    path = tmp_path / "stay.yaml"
    path.write_text(STORY.replace('balance: "0.00"', f'balance: "{balance}"'))
    assert exit_status(path) == status, capsys.readouterr().out


def exit_status(path: Path) -> int:
    try:
        call_command("scenario", str(path))
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
