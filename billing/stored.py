"""The state of one account that reads each part of itself when it is first asked for: a single command pays for what it looks at.

The row that is read first also says of which parts there is nothing: these cost no statement. Batches load whole states of many accounts
instead (billing/loading.py), with the same readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from billing import bulk
from billing.state import AccountState

T = TypeVar("T")
Reader = Callable[[dict[str, AccountState]], None]


@dataclass(frozen=True)
class Part:
    """Attributes of a state that are read together. `there`: what finds anything of them, where that is cheap; `{of}` in it stands for the
    account or accounts."""

    attributes: tuple[str, ...]
    read: Reader
    there: str = ""


class Layout:
    """The parts of a state, by attribute, and the statement for its first row: the account, its standing, and of which parts there is
    something."""

    def __init__(self, *parts: Part) -> None:
        self.parts = {attribute: part for part in parts for attribute in part.attributes}
        self.flagged = [part for part in parts if part.there]
        conditions = "".join(f", EXISTS ({part.there.format(of='account = a.account')})" for part in self.flagged)
        self.statement = f"""
            SELECT a.account, a.seller, a.currency, a.zone, a.locale, a.terms, a.status,
                coalesce(c.status, 'good'), coalesce(c.set_by, ''){conditions}
            FROM read_account a LEFT JOIN read_credit_status c USING (account) WHERE a.account = %s"""  # noqa: S608 - literals

    def read(self, account: str, known: Known | None = None) -> StoredState | None:
        """The account's state; None where it does not exist. What is `known` of it, or was read before inside `remembering`, is taken."""
        if known is None:
            known = _known.get()
        if known is None:
            return self._read(account)
        held = known.setdefault(account, Held()).states
        if self not in held:
            like = next(iter(held.values()), None)
            found = self._read(account) if like is None else like.laid_out(self)
            if found is None:
                return None
            held[self] = found
        return held[self]

    def foresee(self, account: str) -> None:
        bulk.foresee(self.statement, [account])

    def _read(self, account: str) -> StoredState | None:
        rows = bulk.foreseen(self.statement, [account])
        if not rows:
            return None
        there = {name: flag for part, flag in zip(self.flagged, rows[0][9:], strict=True) for name in part.attributes}
        return StoredState.of(rows[0][:9], self.parts, there)


@dataclass
class Held:
    """What was read of an account: its state by layout; and facts that other parts of the system read of it, by the name of what moves them
    (`Event.moves`)."""

    states: dict[Layout, StoredState] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


Known = dict[str, Held]
_known: ContextVar[Known | None] = ContextVar("billing.stored.known", default=None)


def remembering(known: Known | None = None) -> _Remembering:
    """Inside, what was read of an account is not read again: while a command looks, and nothing is recorded. It goes on with what is
    `known`."""
    return _Remembering({} if known is None else known)


def fact(account: str, name: str, read: Callable[[], T]) -> T:
    """What `read` answers of the account; inside `remembering`, once. `name`: what moves it, in the words of `Event.moves`."""
    known = _known.get()
    if known is None:
        return read()
    facts = known.setdefault(account, Held()).facts
    if name not in facts:
        facts[name] = read()
    found: T = facts[name]
    return found


def afresh() -> _Remembering:
    """Inside, everything is read anew, whatever is remembered outside: for what records, and is undone."""
    return _Remembering(None)


class _Remembering:
    __slots__ = ("known", "token")

    def __init__(self, known: Known | None) -> None:
        self.known = known

    def __enter__(self) -> Any:
        self.token = _known.set(self.known)
        return self.known

    def __exit__(self, *_: object) -> None:
        _known.reset(self.token)


def forget(account: str) -> None:
    """Inside `remembering`: read the account anew, because something was written."""
    known = _known.get()
    if known is not None:
        known.pop(account, None)


#: Not a part that is read: whether the account has contracts that are over and done with.
SETTLED = "settled contracts"


class StoredState(AccountState):
    """As `AccountState`, of the database. What was not asked for yet is read from what stands then, not from what stood at the start: so
    nothing may be recorded between, or `keeps` must be asked of what moved."""

    parts: Mapping[str, Part]
    there: dict[str, bool]  # attribute -> whether its part may hold something

    @classmethod
    def of(cls, row: tuple[Any, ...], parts: Mapping[str, Part], flags: Mapping[str, bool]) -> StoredState:
        found = object.__new__(cls)
        account, seller, currency, zone, locale, terms, status, credit_status, credit_set_by = row
        found.__dict__.update(
            account=account,
            seller=seller,
            currency=currency,
            zone=zone,
            locale=locale,
            terms=terms,
            status=status,
            credit_status=credit_status,
            credit_set_by=credit_set_by,
            facts={},
            counted=True,  # it reads that itself
            parts=parts,
            there=dict(flags),
        )
        return found

    def __getattr__(self, name: str) -> Any:
        """Called where an attribute is missing: read its part."""
        part = self.__dict__.get("parts", {}).get(name)
        if part is None:
            raise AttributeError(name)
        for attribute in part.attributes:
            self.__dict__[attribute] = [] if attribute in LISTS else {}
        if self.there.get(name, True):
            part.read({self.account: self})
        return self.__dict__[name]

    def laid_out(self, layout: Layout) -> StoredState:
        """The same account in another layout, with the parts that both have."""
        found = object.__new__(StoredState)
        same = {name for name, part in self.parts.items() if layout.parts[name] is part}
        if not self.there[SETTLED]:
            same.add("contracts")  # all of them are live ones
        found.__dict__.update({name: value for name, value in self.__dict__.items() if name not in self.parts or name in same})
        found.__dict__.update(facts={}, parts=layout.parts, there=dict(self.there))
        return found

    def drop(self, names: Collection[str]) -> None:
        """These parts moved: they are read again when they are asked for."""
        for name in names:
            part = self.parts.get(name)
            for attribute in part.attributes if part else ():
                self.__dict__.pop(attribute, None)
                self.there[attribute] = True

    def keeps(self, name: str) -> bool:
        """What was not read yet is read when it is asked for, whatever the first row said of it."""
        if name in self.__dict__:
            return True
        self.there[name] = True
        return False


LISTS = frozenset("places periods open_charges open_invoices discounts marks alerted".split())
