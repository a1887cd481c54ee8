"""What is said where somebody writes to an account that is closed: also which account goes on for it, where it was merged."""

from __future__ import annotations

from billing.models import Merged
from plans.errors import NotAllowed


def goes_on_as(account: str) -> str:
    """The account that goes on for it, through any number of merges; "" where it was merged into none."""
    found = ""
    while (row := Merged.objects.filter(account=found or account).first()) is not None:
        found = row.into
    return found


def account_closed(account: str) -> NotAllowed:
    """The refusal `account_closed`, to be raised or kept with a record."""
    other = goes_on_as(account)
    instead = f"; it goes on as {other!r}, name that" if other else ""
    return NotAllowed("account_closed", f"the account {account!r} is closed{instead}", at="account")
