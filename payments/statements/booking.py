"""Booking lines: each is written down with what was decided for it, in one transaction; then the decision is done by a command under the
line's own key. Whatever dies in between, a repeated import does what was decided, once.

A sure match pays by `pay`. What is not sure is put aside by `receive`, and its candidates are shown to a person, who says `identify`. A
payout that left is settled, one that came back fails, a payment that the bank took back is disputed, a fee is an expense. Money that left
and that nobody can name waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts import vault
from billing import bulk
from billing.engine import Outcome, Request, execute
from billing.state import CUSTOMER_OWES
from payments.models import BankLine as BankRow
from payments.settlement.early import offers
from payments.statements.lines import BadLine, BankLine, Read
from payments.statements.matching import Candidate, Known, Open, candidates, folded, sure
from payments.transfers.waiting import Payout, payouts_of
from plans.card_numbers import masked
from plans.errors import Refusal

ACTOR = "bank"  # one for all: keys are the actor's
#: What a report says of each word, in this order.
WORDS = {
    "matched": "paid",
    "put_aside": "put aside for a person",
    "settled": "payouts settled",
    "returned": "payouts returned",
    "taken_back": "payments taken back",
    "fee": "fees",
    "waiting": "that nobody can name",
}


@dataclass(frozen=True)
class Decided:
    """What a line is taken for, and the command that does it; none: a person must say."""

    word: str
    command: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    account: str = ""
    reasons: tuple[str, ...] = ()


@dataclass
class Report:
    """How many lines became what; `known` were brought in before."""

    words: dict[str, int] = field(default_factory=dict)
    known: int = 0
    pending: int = 0
    bad: tuple[BadLine, ...] = ()

    def count(self, word: str) -> None:
        self.words[word] = self.words.get(word, 0) + 1


def book(read: Read, *, seller: str, file: str, at: datetime, known_at: datetime | None = None) -> Report:
    """Book the lines of a file for a seller. `at` is now; a line counts at noon of the day of its booking, never later than now.
    `known_at` is for stories, whose time is their own."""
    report = Report(pending=read.pending, bad=read.bad)
    surroundings = _Surroundings.of(seller)
    for line in read.lines:
        row, new = _written_down(line, surroundings, seller=seller, file=file, at=at)
        if not new:
            report.known += 1
        _do(row, line, known_at)
        if new:
            report.count(row.word)
    return report


# --- deciding ----------------------------------------------------------------------------------------------------------------------


@dataclass
class _Surroundings:
    seller: str
    known: Known
    payouts: dict[str, Payout]

    @classmethod
    def of(cls, seller: str) -> _Surroundings:
        return cls(seller, known_of(seller), {one.end_to_end: one for one in payouts_of(seller)})

    def decide(self, line: BankLine) -> Decided:
        payout = self.payouts.get(line.end_to_end)
        if line.meaning == "credit":
            found = sure(candidates(line, self.known))
            return _payment(line, found) if found else self._aside(line)
        if line.meaning == "return" and line.amount > 0:
            return _came_back(line, payout) if payout and payout.amount == line.amount else self._aside(line)
        if payout and payout.status == "requested" and payout.amount == -line.amount:
            return Decided("settled", f"settle_{payout.kind}", {"account": payout.account, payout.kind: payout.id}, payout.account)
        if line.meaning == "return":
            return _taken_back(line)
        if line.meaning == "fee":
            arguments = {"amount": text_of(-line.amount), "currency": line.currency, "reference": name_of(line), "seller": self.seller}
            return Decided("fee", "bank_fee", arguments)
        return Decided("waiting")

    def _aside(self, line: BankLine) -> Decided:
        return put_aside(line, self.seller)


def put_aside(line: BankLine, seller: str) -> Decided:
    arguments = {"amount": text_of(line.amount), "currency": line.currency, "channel": "transfer", "seller": seller}
    return Decided("put_aside", "receive", arguments | {"reference": name_of(line)})


def _payment(line: BankLine, found: Candidate) -> Decided:
    arguments = {"account": found.account, "amount": text_of(line.amount), "currency": line.currency, "channel": "transfer"}
    arguments |= {"reference": _machine_made(line.end_to_end) or _machine_made(line.reference) or name_of(line)}
    named: dict[str, Any] = {"invoices": list(found.invoices)} if found.invoices else {}
    return Decided("matched", "pay", arguments | named, found.account, found.reasons)


def _machine_made(reference: str) -> str:
    """A reference that a program made, as it is; "" for words that a payer wrote, which may name somebody: they stay with the line."""
    return reference if re.fullmatch(r"(?=\S*\d)[A-Za-z0-9./_:+-]{1,35}", reference) else ""


def _came_back(line: BankLine, payout: Payout) -> Decided:
    arguments = {"account": payout.account, payout.kind: payout.id, "reason": f"the bank returned it: {name_of(line)}"}
    return Decided("returned", f"fail_{payout.kind}", arguments, payout.account)


def _taken_back(line: BankLine) -> Decided:
    """A payment that the bank took back: found by its reference and amount, where only one is meant."""
    names = [name for name in (line.end_to_end, line.reference) if name]
    statement = """
        SELECT account, payment FROM read_payment WHERE reference = ANY(%s) AND currency = %s AND amount - refunded - disputed = %s"""
    rows = bulk.fetch(statement, [names, line.currency, -line.amount]) if names else []
    if len(rows) != 1:
        return Decided("waiting")
    account, payment = rows[0]
    arguments = {"account": account, "payment": payment, "amount": text_of(-line.amount), "reason": "returned by the bank"}
    return Decided("taken_back", "open_dispute", arguments | {"reference": name_of(line)}, account)


def known_of(seller: str) -> Known:
    """All that is open for the seller, and whose IBANs and names are known."""
    statement = """
        SELECT i.account, i.invoice, i.number, i.currency, i.open FROM read_invoice i JOIN read_account a USING (account)
        WHERE a.seller = %s AND i.open > 0 AND i.status = 'open' AND i.document = ANY(%s) ORDER BY i.account, i.due, i.sequence"""
    known = Known()
    rows = bulk.fetch(statement, [seller, list(CUSTOMER_OWES)])
    cheaper = offers({row[0] for row in rows})
    early = {invoice: {"early": one.asked, "early_until": one.until} for invoice, one in cheaper.items()}
    known.add(Open(*row, **early.get(row[1], {})) for row in rows)
    ibans: dict[str, set[str]] = {}
    paid = "SELECT DISTINCT iban, account FROM bank_line WHERE seller = %s AND iban <> '' AND account <> '' AND amount > 0"
    for iban, account in (*bulk.fetch(paid, [seller]), *((iban, account) for account, iban in vault.ibans().items())):
        ibans.setdefault(iban, set()).add(account)
    names: dict[str, set[str]] = {}
    for account, name in vault.names(list(known.by_account)).items():
        names.setdefault(folded(name), set()).add(account)
    known.ibans = {iban: frozenset(accounts) for iban, accounts in ibans.items()}
    known.names = {name: frozenset(accounts) for name, accounts in names.items() if name}
    return known


# --- writing down and doing --------------------------------------------------------------------------------------------------------


def _written_down(line: BankLine, surroundings: _Surroundings, *, seller: str, file: str, at: datetime) -> tuple[BankRow, bool]:
    """The row of the line, and whether it is new."""
    earlier = BankRow.objects.filter(line=line.id).first()
    if earlier is not None:
        return earlier, False
    decided = surroundings.decide(line)
    with transaction.atomic():
        facts = {name: getattr(line, name) for name in "own booked amount currency iban kind number".split()}
        facts |= {name: masked(getattr(line, name)) for name in "name text reference end_to_end".split()}
        row, new = BankRow.objects.get_or_create(
            line=line.id, defaults={**facts, "seller": seller, "file": file, "imported_at": at, **_columns(decided)}
        )
    return row, new


def _columns(decided: Decided) -> dict[str, Any]:
    named = {name: getattr(decided, name) for name in ("word", "command", "arguments", "account")}
    return named | {"reasons": list(decided.reasons)}


def _do(row: BankRow, line: BankLine, known_at: datetime | None) -> None:
    """Do what was decided, once. What is refused by now (the document was paid meanwhile, the account is closed) is decided again: money
    that came is put aside, anything else waits for a person. Money that can't even be put aside stays with its reason before a person, and
    every later import tries again."""
    if row.outcome or not row.command:
        return
    noon = datetime.combine(row.booked, time(12), UTC)
    try:
        made = _execute(row, min(noon, row.imported_at), known_at)
    except Refusal as refusal:
        again = put_aside(line, row.seller) if row.amount > 0 else Decided("waiting")
        first = row.command != "receive"
        _change(row, **_columns(replace(again, reasons=(f"{row.command} was refused: {refusal.message}"[:300],))))
        if row.command and first:
            _do(row, line, known_at)
        return
    _change(row, outcome=made)


def _execute(row: BankRow, at: datetime, known_at: datetime | None) -> str:
    key = f"bank:{row.line}:{row.command}"
    outcome: Outcome = execute(Request(row.command, row.arguments, at, actor=ACTOR, key=key, known_at=known_at))
    return next(iter(outcome.made.values()), "") or row.command


def _change(row: BankRow, **values: Any) -> None:
    BankRow.objects.filter(line=row.line).update(**values)
    for name, value in values.items():
        setattr(row, name, value)


def text_of(amount: Decimal) -> str:
    return format(amount, "f")


def name_of(line: BankLine) -> str:
    """How books name the line: nothing of it that says who paid."""
    return f"bank-{line.id[:12]}"


# --- before a person ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Doubtful:
    """A line that waits for a person. `left` is what of it is not identified; `receipt` names it in `identify`."""

    line: BankRow
    left: Decimal
    receipt: str
    candidates: tuple[Candidate, ...]


def doubtful(seller: str) -> list[Doubtful]:
    """Lines put aside of which something is left, with their candidates as things stand now; and those that nobody can name."""
    statement = """
        SELECT b.line, coalesce(r."left", 0), coalesce(r.receipt, '') FROM bank_line b LEFT JOIN read_receipt r ON r.receipt = b.outcome
        WHERE b.seller = %s AND (b.word = 'waiting' OR b.word = 'put_aside' AND (r."left" > 0 OR b.outcome = ''))
        ORDER BY b.booked, b.line"""
    rows = bulk.fetch(statement, [seller])
    lines = BankRow.objects.in_bulk([row[0] for row in rows])
    known = known_of(seller) if rows else Known()
    found = []
    for name, left, receipt in rows:
        row = lines[name]
        proposals: Sequence[Candidate] = candidates(_line(row), known) if receipt else ()
        found.append(Doubtful(row, left, receipt, tuple(proposals[:5])))
    return found


def _line(row: BankRow) -> BankLine:
    names = "number own booked amount currency text name iban reference end_to_end kind".split()
    return BankLine(**{name: getattr(row, name) for name in names})
