"""What every fact has, and the entries that monetary facts hold."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import ClassVar

from plans.frozen import frozen


@frozen(kw_only=True)
class Posting:
    """One leg of a balanced entry. `invoice` names the document that a receivable or payable belongs to."""

    ledger: str
    amount: Decimal
    currency: str
    invoice: str = ""


@frozen(kw_only=True)
class Entry:
    """The postings of one event and the day they belong to in the seller's books.

    `corrects` is the day that they belong to by their nature, where its month was closed: what they correct.
    """

    accounting_date: date
    postings: tuple[Posting, ...]
    seller: str = "main"
    corrects: date | None = None


@frozen(kw_only=True)
class Event:
    """The base of all facts. `kind` and `form` name the stored form: what it is, and which version of its fields."""

    kind: ClassVar[str] = ""
    form: ClassVar[int] = 1
    #: The parts of an account's state (`billing.state`, and `wallets`) that it moves; None: perhaps any. Not inherited: see `moved_by`.
    moves: ClassVar[frozenset[str] | None] = None
