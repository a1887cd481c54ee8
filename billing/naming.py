"""The same events under other names: what was found for one account is told to others who are alike.

A copy differs from its model in the account and the contract alone, so its canonical bytes are those of the model with other names in
them: they are put together, not encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from billing.codec import WRITTEN, canonical, encode, quoted
from billing.events import ChargeAccrued, Event, Key, PeriodsClosed, PeriodsOpened

E = TypeVar("E", bound=Event)

#: The names of a model: no account has such ones, so what stands between them in the bytes is the same for all.
ACCOUNT, CONTRACT = "\x01account", "\x01contract"


class Pattern:
    """An event under the names of a model, as a pattern for copies under other names. Raises TypeError for a kind whose names are not known
    here, and ValueError where a name stands elsewhere than where it belongs."""

    def __init__(self, model: Event) -> None:
        kind = type(model)
        copy = _COPIES.get(kind)
        if copy is None:
            raise TypeError(f"{kind.__name__} names more than an account and a contract")
        self.model, self._kind, self._copy = model, kind, copy
        self._before, rest = _halves(canonical(encode(model)), quoted(ACCOUNT))
        self._between, self._after = _halves(rest, quoted(CONTRACT))

    def named(self, account: str, contract: str) -> Event:
        """The event of this account and this contract of it."""
        made = self._copy(self._kind, vars(self.model), account, contract)
        vars(made)[WRITTEN] = b"".join((self._before, quoted(account), self._between, quoted(contract), self._after))
        return made


def _halves(text: bytes, name: bytes) -> tuple[bytes, bytes]:
    if text.count(name) != 1:
        raise ValueError(f"{name!r} stands {text.count(name)} times in {text[:200]!r}")
    before, _, after = text.partition(name)
    return before, after


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
