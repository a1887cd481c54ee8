"""Amounts of several currencies in one: at the published rates of one day, each named. What is translated is a view; the books keep what
was agreed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing.rates.published import Rate, rate_on


@dataclass(frozen=True)
class Translator:
    """Into `currency`, at the seller's rates of `day` as they were published by `at`."""

    seller: str
    currency: str
    day: date
    at: datetime
    rates: dict[str, Rate] = field(default_factory=dict)

    def of(self, amount: Decimal, currency: str) -> Decimal:
        """Rounded half away from zero to the decimals of the currency. Raises Conflict `no_rate`."""
        if currency == self.currency:
            return amount
        if currency not in self.rates:
            self.rates[currency] = rate_on(self.seller, currency, self.currency, day=self.day, at=self.at)
        return self.rates[currency].convert(amount)

    def rate(self, currency: str) -> str:
        """The rate that was used, in words; nothing for what needed none."""
        return self.rates[currency].text if currency in self.rates else ""

    def named(self) -> list[str]:
        return [self.rates[currency].text for currency in sorted(self.rates)]
