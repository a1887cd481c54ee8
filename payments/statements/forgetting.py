"""Erasing the person from the lines of bank statements: amounts, days and references stay, because the books stand on them."""

from __future__ import annotations

from collections.abc import Collection

from payments.models import BankLine


def forget(accounts: Collection[str]) -> int:
    """Take name, IBAN and text out of the lines that were taken for these accounts, by payment or by a person; answers how many."""
    mine = BankLine.objects.filter(account__in=list(accounts))
    return mine.exclude(name="", iban="", text="").update(name="", iban="", text="", reasons=[])
