"""What came out of a play, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from billing.queries.status import money_text
from billing.scenario.comparing import Check
from billing.scenario.player import Played
from billing.scenario.statement import Statement, as_data
from plans.money import plain, round_money
from plans.periods import local_date, to_local

KINDS = {
    "invoice": "Invoice",
    "statement": "Statement",
    "credit_note": "Credit note",
    "debit_note": "Debit note",
    "opening": "Balance brought over",
}


def as_text(played: Played, statements: Sequence[Statement]) -> str:
    """A statement per account, then every expectation with its mark."""
    story = played.story
    moment = to_local(played.moment, story.zone)
    lines = [story.scenario, "=" * len(story.scenario)]
    if story.about:
        lines += [" ".join(story.about.split())]
    lines += [f"Played to {moment:%Y-%m-%d %H:%M} {story.zone}: {played.steps} steps, {played.events} events", ""]
    for statement in statements:
        lines += [*statement_lines(statement), ""]
    lines += [*_verdict(played)]
    return "\n".join(lines)


# --- an account


def statement_lines(statement: Statement) -> Iterator[str]:
    """Who owes how much, and why in short."""
    amounts = statement.status.amounts
    yield _columns(statement.title, "; ".join(statement.verdict(one) for one in amounts))
    if statement.status.account.reason:
        yield f"  {statement.status.account.status}: {statement.status.account.reason}"
    for document in statement.documents:
        yield from _document(document)
    for payment in statement.payments:
        yield from _payment(payment, statement.status.account.zone)
    for one in amounts:
        yield from _rest(one.currency, one.unbilled, statement.accrued.get(one.currency, Decimal(0)))


def _document(document: Mapping[str, Any]) -> Iterator[str]:
    currency = document["currency"]
    parts = [f"{KINDS.get(document['kind'], document['kind'])} {document['number']}".strip(), f"{document['issued']}"]
    if document["due"] and document["open"]:
        parts.append(f"due {document['due']}")
    state = f"{money_text(document['open'], currency)} open" if document["open"] else document["status"]
    yield _columns("  " + ", ".join(parts), money_text(document["total"], currency), f"{currency}  {state}")
    for line in document["lines"]:
        yield _columns(f"    {line['name']}{times(line, currency)}", money_text(line["amount"], currency))
    for tax in document["taxes"]:
        reason = f" ({tax['reason']})" if tax["reason"] else ""
        yield _columns(f"    {tax_title(tax)} of {money_text(tax['base'], currency)}{reason}", money_text(tax["tax"], currency))


def times(line: Mapping[str, Any], currency: str) -> str:
    """`  3 × 100.00` where that is the line's amount; else the quantity, where it says anything."""
    quantity, price, charged = line["quantity"], line["unit_price"], line["amount"] - line["discount"]
    shown = f"  {plain(quantity)}{' ' if line['unit'] else ''}{line['unit']}"
    if price and "/" not in price and quantity != 1 and round_money(quantity * Decimal(price), currency) == charged:
        return f"{shown} × {money_text(Decimal(price), currency)}"
    return shown if quantity not in (0, 1) else ""


def tax_title(tax: Mapping[str, Any]) -> str:
    """The tax with its rate, unless its name says one."""
    rate = f" {plain(Decimal(tax['rate']))} %" if tax["rate"] and "%" not in tax["name"] else ""
    return f"{tax['name']}{rate}"


def _payment(payment: Mapping[str, Any], zone: str) -> Iterator[str]:
    numbers = [number for number in payment["numbers"] if number]
    target = f" for {', '.join(numbers)}" if numbers else ""
    text = f"  Paid by {payment['channel']} on {local_date(payment['received_at'], zone)}{target}"
    yield _columns(text, money_text(-payment["amount"], payment["currency"]), payment["currency"])


def _rest(currency: str, unbilled: Decimal, accrued: Decimal) -> Iterator[str]:
    """What is on no document yet, and what time and use have added since the last count."""
    if unbilled:
        yield _columns("  Charged and on no document yet", money_text(unbilled, currency), currency)
    if accrued != unbilled:
        yield _columns("  Running up in the open periods", money_text(accrued - unbilled, currency), currency)


def _columns(left: str, right: str, after: str = "") -> str:
    """Two columns, amounts flush right, and a word after them."""
    gap = max(2, 74 - len(left) - len(right))
    return f"{left}{' ' * gap}{right} {after}".rstrip()


# --- expectations


def check_line(check: Check) -> str:
    if check.holds:
        return f"  ✓ {check.path}: {check.found}"
    return f"  ✗ {check.path}: expected {check.expected}, found {check.found} (line {check.line})"


def _verdict(played: Played) -> Iterator[str]:
    yield from (check_line(check) for check in played.checks)
    wrong = sum(1 for check in played.checks if not check.holds)
    file = played.story.name
    if played.failure is not None:
        yield f"  ✗ {file}:{played.failure.line}: {played.failure.message}"
        yield f"Stopped. {_count(played)}"
    elif wrong:
        yield f"{wrong} of {len(played.checks)} expectations of {file} do not hold."
    else:
        yield _count(played)


def _count(played: Played) -> str:
    held = sum(1 for check in played.checks if check.holds)
    return f"{held} of {len(played.checks)} expectations hold." if held < len(played.checks) else f"All {held} expectations hold."


# --- for a program


def as_document(played: Played, statements: Sequence[Statement]) -> dict[str, Any]:
    """The outcome as plain data."""
    story = played.story
    return {
        "file": story.name,
        "scenario": story.scenario,
        "holds": played.holds,
        "at": to_local(played.moment, story.zone).isoformat(),
        "steps": played.steps,
        "events": played.events,
        "failure": asdict(played.failure) if played.failure else None,
        "expectations": [asdict(check) for check in played.checks],
        "accounts": {statement.key: as_data(statement) for statement in statements},
    }
