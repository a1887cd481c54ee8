"""The same events under other names: what was found for one account is told to others who are alike.

A copy differs from its model in names alone: the account, its contract, of a document also the addresses of its charges, the hash of its
buyer, its id and number. So its canonical bytes are those of the model with other names in them: they are put together, not encoded again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from billing.codec import UNNUMBERED, WRITTEN, canonical, encode, encode_value, quoted
from billing.events import ChargeAccrued, DocumentLine, Entry, Event, InvoiceIssued, Key, PeriodsClosed, PeriodsOpened
from plans.frozen import changed

E = TypeVar("E", bound=Event)

#: The names of a model: no account has such ones, so what stands between them in the bytes is the same for all.
ACCOUNT, CONTRACT = "\x01account", "\x01contract"


class NotAlike(ValueError):
    """A name of the model stands elsewhere than where it belongs: in a text, or in a document's series."""


#: How the first character of the model's names is written: it must not be left in any bytes that are told to others.
_TRACE = b"\\u0001"


class Pattern:
    """An event under the names of a model, as a pattern for copies under other names. Raises TypeError for a kind whose names are not known
    here, and NotAlike."""

    def __init__(self, model: Event, written: bytes | None = None) -> None:
        """`written`: its canonical bytes, where they are known."""
        kind = type(model)
        copy = _COPIES.get(kind)
        if copy is None:
            raise TypeError(f"{kind.__name__} names more than an account and a contract")
        self.model, self._kind, self._copy = model, kind, copy
        self._before, rest = _halves(written or canonical(encode(model)), quoted(ACCOUNT))
        self._between, self._after = _halves(rest, quoted(CONTRACT))
        if _TRACE in self._before or _TRACE in self._between or _TRACE in self._after:
            raise NotAlike(f"the names of the model stand elsewhere too in {kind.__name__}")

    def named(self, account: str, contract: str) -> Event:
        """The event of this account and this contract of it."""
        made = self._copy(self._kind, vars(self.model), account, contract)
        vars(made)[WRITTEN] = b"".join((self._before, quoted(account), self._between, quoted(contract), self._after))
        return made


def _halves(text: bytes, name: bytes) -> tuple[bytes, bytes]:
    before, _, after = text.partition(name)
    return before, after


class Amounts:
    """A charge of the model as a pattern for such charges of other amounts, quantities and steps. Raises NotAlike."""

    _AMOUNT, _TARGET, _QUANTITY, _UNIT_PRICE, _STEPS, _LEG = (
        f"\x01{name}" for name in "amount target quantity unit_price steps leg".split()
    )

    def __init__(self, model: ChargeAccrued) -> None:
        legs = tuple([changed(leg, amount=f"{self._LEG}{i}") for i, leg in enumerate(model.entry.postings)])
        held: dict[str, Any] = {"amount": self._AMOUNT, "target": self._TARGET, "quantity": self._QUANTITY}
        held |= {"unit_price": self._UNIT_PRICE, "steps": self._STEPS, "entry": changed(model.entry, postings=legs)}
        names = [self._AMOUNT, self._TARGET, self._QUANTITY, self._UNIT_PRICE, self._STEPS, *(leg.amount for leg in legs)]
        self._parts = list(_parted(canonical(encode(changed(model, **held))), names))
        if sorted(name for _, name in self._parts) != sorted(["", *names]):
            raise NotAlike("an amount of the model stands elsewhere too")

    def written(self, charge: ChargeAccrued) -> bytes:
        """The canonical bytes of a charge that differs from the model in these alone."""
        values = {
            "": b"",
            self._AMOUNT: _number(charge.amount),
            self._TARGET: _number(charge.target),
            self._QUANTITY: _number(charge.quantity),
            self._UNIT_PRICE: quoted(charge.unit_price),
            self._STEPS: canonical(encode_value(charge.steps)),
        }
        for i, leg in enumerate(charge.entry.postings):
            values[f"{self._LEG}{i}"] = _number(leg.amount)
        return b"".join([piece for between, name in self._parts for piece in (between, values[name])])


def _number(value: Decimal) -> bytes:
    return b'"%b"' % format(value, "f").encode()


def _own(kind: type[E], held: Mapping[str, Any]) -> E:
    made = object.__new__(kind)
    vars(made).update(held)
    return made


def _charge(kind: type[Any], held: Mapping[str, Any], account: str, contract: str) -> Event:
    key = object.__new__(Key)
    vars(key).update(vars(held["key"]), contract=contract)
    made: Event = _own(kind, held)
    vars(made).update(account=account, key=key)
    return made


def _periods(kind: type[Any], held: Mapping[str, Any], account: str, contract: str) -> Event:
    made: Event = _own(kind, held)
    vars(made).update(account=account, contract=contract)
    return made


_COPIES: Mapping[type[Event], Callable[[type[Any], Mapping[str, Any], str, str], Event]] = {
    ChargeAccrued: _charge,
    PeriodsClosed: _periods,
    PeriodsOpened: _periods,
}


# --- documents --------------------------------------------------------------------------------------------------------------------

INVOICE, BUYER, _NUMBER = f"{ACCOUNT}/0", "\x01buyer", "\x01number"


def charge_name(position: int) -> str:
    """The address of a charge of the model, counted from 0."""
    return f"\x01charge{position}"


class DocumentPattern:
    """An invoice under the names of a model, with so many charges on its lines. Raises NotAlike."""

    def __init__(self, model: InvoiceIssued, charges: int) -> None:
        self.model = model
        positions = {charge_name(position): position for position in range(charges)}
        self._lines = [(line, [positions[name] for name in line.charges]) for line in model.lines]
        self._legs = list(model.entry.postings)
        text = canonical(encode(changed(model, number=_NUMBER)))
        self._parts = list(_parted(text, [ACCOUNT, CONTRACT, INVOICE, BUYER, _NUMBER, *positions]))
        own = [leg.invoice for leg in self._legs if leg.invoice] + [name for line in model.lines for name in line.charges]
        wanted = sorted(["", ACCOUNT, INVOICE, BUYER, _NUMBER, *[CONTRACT] * len(model.lines), *own])
        if sorted(name for _, name in self._parts) != wanted or any(_TRACE in between for between, _ in self._parts):
            raise NotAlike("the names of the document stand elsewhere too")

    def named(self, account: str, contract: str, *, invoice: str, buyer: str, charges: Sequence[str]) -> InvoiceIssued:
        """The invoice of this account, of this id, on these charges. Its number is still to be drawn."""
        lines = []
        for model, positions in self._lines:
            line = object.__new__(DocumentLine)
            vars(line).update(vars(model), contract=contract, charges=tuple([charges[position] for position in positions]))
            lines.append(line)
        entry = object.__new__(Entry)
        vars(entry).update(
            vars(self.model.entry), postings=tuple([changed(leg, invoice=invoice) if leg.invoice else leg for leg in self._legs])
        )
        made = object.__new__(InvoiceIssued)
        vars(made).update(vars(self.model), account=account, invoice=invoice, buyer=buyer, lines=tuple(lines), entry=entry)
        values = {"": b"", ACCOUNT: quoted(account), CONTRACT: quoted(contract), INVOICE: quoted(invoice), BUYER: quoted(buyer)}
        values |= {charge_name(position): quoted(address) for position, address in enumerate(charges)}
        vars(made)[UNNUMBERED] = _around(self._parts, values)
        return made


class DocumentAmounts:
    """The invoice of a model as a pattern for invoices on as many charges, of other names and amounts. Raises NotAlike."""

    _LINE = ("amount", "net", "tax", "quantity", "unit_price", "taxes")

    def __init__(self, model: InvoiceIssued) -> None:
        lines = [changed(line, **{name: f"\x01{name}{i}" for name in self._LINE}) for i, line in enumerate(model.lines)]
        legs = [changed(leg, amount=f"\x01leg{i}") for i, leg in enumerate(model.entry.postings)]
        sums = {name: f"\x01{name}" for name in ("net", "tax", "total", "taxes")}
        entry = changed(model.entry, postings=tuple(legs))
        own = [leg.invoice for leg in legs if leg.invoice] + [name for line in lines for name in line.charges]
        amounts = [f"\x01{name}{i}" for i in range(len(lines)) for name in self._LINE] + [f"\x01leg{i}" for i in range(len(legs))]
        once = [ACCOUNT, BUYER, _NUMBER, INVOICE, *sums.values(), *amounts]
        text = canonical(encode(changed(model, number=_NUMBER, lines=tuple(lines), entry=entry, **sums)))
        self._parts = list(_parted(text, [*once, CONTRACT, *own]))
        wanted = sorted(["", *once, *[CONTRACT] * len(lines), *own])
        if sorted(name for _, name in self._parts) != wanted or any(_TRACE in between for between, _ in self._parts):
            raise NotAlike("the names or amounts of the document stand elsewhere too")
        self._legs = [(leg.ledger, bool(leg.invoice)) for leg in legs]
        self._charges = [list(line.charges) for line in model.lines]

    def around(self, event: InvoiceIssued) -> tuple[bytes, bytes] | None:
        """The canonical bytes of an invoice before its number and after it; None where it has other postings than the model."""
        legs = event.entry.postings
        if [(leg.ledger, bool(leg.invoice)) for leg in legs] != self._legs:
            return None
        invoice, contract = quoted(event.invoice), quoted(event.lines[0].contract)
        values = {"": b"", ACCOUNT: quoted(event.account), CONTRACT: contract, INVOICE: invoice, BUYER: quoted(event.buyer)}
        values |= {"\x01net": _number(event.net), "\x01tax": _number(event.tax), "\x01total": _number(event.total)}
        values["\x01taxes"] = canonical(encode_value(event.taxes))
        for i, line in enumerate(event.lines):
            values[f"\x01amount{i}"] = _number(line.amount)
            values[f"\x01net{i}"] = _number(line.net)
            values[f"\x01tax{i}"] = _number(line.tax)
            values[f"\x01quantity{i}"] = _number(line.quantity)
            values[f"\x01unit_price{i}"] = quoted(line.unit_price)
            values[f"\x01taxes{i}"] = canonical(encode_value(line.taxes))
            values |= dict(zip(self._charges[i], map(quoted, line.charges), strict=True))
        values |= {f"\x01leg{i}": _number(leg.amount) for i, leg in enumerate(legs)}
        return _around(self._parts, values)


def _around(parts: Sequence[tuple[bytes, str]], values: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    """The pieces with the values between them: the bytes before the number and after it."""
    found: list[bytes] = []
    before = b""
    for between, name in parts:
        found.append(between)
        if name == _NUMBER:
            before, found = b"".join(found), []
        else:
            found.append(values[name])
    return before, b"".join(found)


def _parted(text: bytes, names: Sequence[str]) -> Iterator[tuple[bytes, str]]:
    """The text in pieces, each with the name that follows it; "" follows the last."""
    known = {quoted(name): name for name in names}
    end = 0
    for found in re.finditer(b"|".join(re.escape(name) for name in known), text):
        yield text[end : found.start()], known[found.group()]
        end = found.end()
    yield text[end:], ""
