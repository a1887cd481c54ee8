"""Who paid what: a line and what is open → candidates with a score and the reasons for it. Pure, and slow to be sure.

| reason | points |
|---|---|
| a creditor reference (with its check digits) names a document, or the account | 80 |
| the number of a document stands in the text | 60 |
| the payer's IBAN has paid for this account before, or is the one that it gave | 50 |
| the amount is what is open on the documents named; where none is named, on one document of the account | 30 |
| the payer's name is the account's | 15 |

Sure is a candidate with 80 or more, when no other account comes near (within 30). Everything else waits for a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from payments.documents.references import bare, referred
from payments.statements.lines import BankLine

STRUCTURED, NUMBER, IBAN, AMOUNT, NAME = 80, 60, 50, 30, 15
SURE, NEAR = 80, 30
LONGEST_NUMBER = 6  # words that one number may have been broken into
_WORD = re.compile(r"[0-9A-Za-z]+")


@dataclass(frozen=True)
class Open:
    """A document that may be paid."""

    account: str
    invoice: str
    number: str
    currency: str
    open: Decimal
    early: Decimal = Decimal(0)  # what pays it until the day `early_until`, that one too; 0: there is no such amount
    early_until: date = date.min

    def asks(self, day: date) -> Decimal:
        """What pays it in full on the day."""
        return self.early if self.early and day <= self.early_until else self.open


@dataclass(frozen=True)
class Candidate:
    account: str
    invoices: tuple[str, ...]  # ids; none: as the account's policy shares it out
    score: int
    reasons: tuple[str, ...]


@dataclass
class Known:
    """What is open, found by number and by account; whose IBANs and names are known."""

    by_number: dict[str, list[Open]] = field(default_factory=dict)
    by_account: dict[str, list[Open]] = field(default_factory=dict)
    by_amount: dict[tuple[str, Decimal], list[Open]] = field(default_factory=dict)
    ibans: Mapping[str, frozenset[str]] = field(default_factory=dict)  # IBAN → accounts
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)  # folded name → accounts
    accounts: dict[str, set[str]] = field(default_factory=dict)  # bare account → accounts: reminders of several documents name it

    def add(self, documents: Iterable[Open]) -> None:
        for one in documents:
            if one.number:
                self.by_number.setdefault(bare(one.number), []).append(one)
            self.by_account.setdefault(one.account, []).append(one)
            self.accounts.setdefault(bare(one.account), set()).add(one.account)
            for amount in {one.open, one.early} - {Decimal(0)}:
                self.by_amount.setdefault((one.currency, amount), []).append(one)


def folded(name: str) -> str:
    """Without accents, signs and case, the words in alphabetical order: banks write `RUIZ PENA, ANA`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return " ".join(sorted(_WORD.findall(plain)))


def candidates(line: BankLine, known: Known) -> list[Candidate]:
    """The best first; of each account one."""
    structured = {number for text in (line.text, line.end_to_end, line.reference) for number in referred(text)}
    written = _written(f"{line.text} {line.end_to_end}", known) - structured
    named: dict[str, dict[str, Open]] = {}
    for number in (*sorted(structured), *sorted(written)):
        for one in known.by_number.get(number, []):
            if one.currency == line.currency:
                named.setdefault(one.account, {})[one.invoice] = one
    by_iban = known.ibans.get(line.iban, frozenset()) if line.iban else frozenset()
    by_name = known.names.get(folded(line.name), frozenset()) if line.name else frozenset()
    by_amount = {one.account for one in known.by_amount.get((line.currency, line.amount), []) if _fits([one], line)}
    # An amount that half the world owes says nothing: it counts alone only where it is rare.
    by_code = {account for number in structured for account in known.accounts.get(number, ())}
    accounts = {*named, *by_code, *by_iban, *by_name, *(by_amount if len(by_amount) <= 3 else ())}
    found = [
        _candidate(
            line,
            account,
            named.get(account, {}),
            known,
            structured,
            by_code=account in by_code,
            by_iban=account in by_iban,
            by_name=account in by_name,
        )
        for account in accounts
    ]
    return sorted(found, key=lambda one: (-one.score, one.account))


def _written(text: str, known: Known) -> set[str]:
    """Numbers of open documents that stand in the text, whatever signs their parts have between them."""
    words = [word.upper() for word in _WORD.findall(text)]
    found = set()
    for start in range(len(words)):
        joined = ""
        for word in words[start : start + LONGEST_NUMBER]:
            joined += word
            if joined in known.by_number and len(joined) >= 4:
                found.add(joined)
    return found


def _candidate(
    line: BankLine,
    account: str,
    named: Mapping[str, Open],
    known: Known,
    structured: set[str],
    *,
    by_code: bool,
    by_iban: bool,
    by_name: bool,
) -> Candidate:
    score, reasons = 0, []
    documents: Sequence[Open] = list(named.values())
    if any(bare(one.number) in structured for one in documents):
        score, reasons = STRUCTURED, [f"its creditor reference is that of {documents[0].number}"]
    elif by_code:
        score, reasons = STRUCTURED, ["its creditor reference is that of the account"]
    elif documents:
        score, reasons = NUMBER, [f"it names {', '.join(one.number for one in documents)}"]
    if by_iban:
        score += IBAN
        reasons.append("the IBAN is known")
    if not documents:
        fitting = [one for one in known.by_account.get(account, []) if one.currency == line.currency and _fits([one], line)]
        documents = fitting if len(fitting) == 1 else []
    if documents and _fits(documents, line):
        score += AMOUNT
        reasons.append("the amount is what is open")
    if by_name:
        score += NAME
        reasons.append("the name fits")
    return Candidate(account, tuple(one.invoice for one in documents), score, tuple(reasons))


def _fits(documents: Sequence[Open], line: BankLine) -> bool:
    """Whether the amount is what is open, or what settles them by the day."""
    return line.amount in (sum(one.open for one in documents), sum(one.asks(line.booked) for one in documents))


def sure(found: Sequence[Candidate]) -> Candidate | None:
    """The one that needs no person."""
    if not found or found[0].score < SURE or (len(found) > 1 and found[1].score > found[0].score - NEAR):
        return None
    return found[0]
