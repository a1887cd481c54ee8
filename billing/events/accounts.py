"""Accounts: opened, changed, parked, closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from billing.events.base import Event


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the account is taxed, and why it may be exempt."""

    country: str = ""
    region: str = ""
    city: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)  # tax category or code -> reason
    tax_id: str = ""


@dataclass(frozen=True, kw_only=True)
class AccountOpened(Event):
    kind: ClassVar[str] = "account.opened"
    account: str
    seller: str
    currency: str
    zone: str
    locale: str
    place: Place
    terms: str = ""  # payment terms of the account; "": those of the catalogue
    fields: tuple[str, ...] = ()  # which personal fields were written to the vault, never their values
    external_id: str = ""


@dataclass(frozen=True, kw_only=True)
class DetailsChanged(Event):
    """Details hold from `effective_at`; a new tax place acts on supplies from then on."""

    kind: ClassVar[str] = "account.details_changed"
    account: str
    place: Place | None = None
    zone: str = ""
    locale: str = ""
    terms: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountClosed(Event):
    kind: ClassVar[str] = "account.closed"
    account: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccountParked(Event):
    """The account is not billed until a person releases it: its next document looks insane, or it made a batch fail."""

    kind: ClassVar[str] = "account.parked"
    account: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AccountReleased(Event):
    kind: ClassVar[str] = "account.released"
    account: str
    reason: str
