"""One line of a bank statement, whatever the form of the file, and how it is told from every other line."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from plans.errors import Refusal

#: References that banks write where they have none.
NO_REFERENCE = frozenset({"", "NONREF", "NOTPROVIDED", "NOT PROVIDED", "N/A"})
_FEE = re.compile(r"\b(bank fee|fees?|charges?|comisi[oó]n(es)?|geb[uü]hr(en)?|entgelt)\b", re.IGNORECASE)
_RETURN = re.compile(r"\b(returned?|unpaid|devoluci[oó]n|devuelto|r[uü]cklastschrift|retoure|reject(ed)?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class BankLine:
    """`amount` is positive for money that came. `reference` is the bank's own name for the line, `end_to_end` the payer's (or ours)."""

    number: int  # in its file, from 1
    own: str  # the account that the statement is of
    booked: date
    amount: Decimal
    currency: str
    text: str = ""
    name: str = ""
    iban: str = ""
    reference: str = ""
    end_to_end: str = ""
    kind: str = ""  # what the bank says that it is: fee, return; "" where it does not say
    occurrence: int = 0  # the how-manieth of lines that say the same

    @property
    def id(self) -> str:
        """The same for the same line in any file: by the bank's reference where there is one, else by all that it says."""
        named = [self.own, self.booked.isoformat(), format(self.amount.normalize(), "f"), self.currency]
        if self.reference:
            named += ["reference", self.reference]
        else:
            named += [" ".join(self.text.split()), self.name, self.iban, self.end_to_end]
        named.append(str(self.occurrence))
        return hashlib.sha256("\n".join(named).encode()).hexdigest()[:40]

    @property
    def meaning(self) -> str:
        """credit, fee or return or debit (money that left, and nobody said why)."""
        if self.amount > 0:
            return "return" if self.kind == "return" else "credit"
        if self.kind:
            return self.kind
        if _RETURN.search(self.text):
            return "return"
        return "fee" if _FEE.search(self.text) else "debit"


@dataclass(frozen=True)
class BadLine:
    number: int
    code: str
    message: str


@dataclass(frozen=True)
class Read:
    """What a file says: lines in its order, bad ones with their number, and how many were not booked by the bank yet."""

    lines: tuple[BankLine, ...] = ()
    bad: tuple[BadLine, ...] = ()
    pending: int = 0


def bad(number: int, refusal: Refusal) -> BadLine:
    return BadLine(number, refusal.code, f"{refusal.at}: {refusal.message}" if refusal.at else refusal.message)


def counted(lines: Iterable[BankLine]) -> tuple[BankLine, ...]:
    """The lines, those that say the same numbered: two payments of one amount on one day are two, also without a reference of the bank."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        found.append(replace(line, occurrence=seen[line.id]))
        seen[line.id] += 1
    return tuple(found)


def known(reference: object) -> str:
    """A reference, or "" for the words that stand for none."""
    text = str(reference or "").strip()
    return "" if text.upper() in NO_REFERENCE else text
