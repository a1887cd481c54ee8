"""What is said where somebody writes to an account that is closed: also which account goes on for it, where it was merged."""

from __future__ import annotations

from collections.abc import Collection

from billing import bulk
from billing.models import Merged
from plans.errors import NotAllowed


def goes_on_as(account: str) -> str:
    """The account that goes on for it, through any number of merges; "" where it was merged into none."""
    found = ""
    while (row := Merged.objects.filter(account=found or account).first()) is not None:
        found = row.into
    return found


def use_goes_to(accounts: Collection[str]) -> dict[str, str]:
    """Where new use of these closed accounts is counted: the open account at the end of merges that all say so. Others are left out."""
    statement = """
        WITH RECURSIVE onward (account, other) AS (
            SELECT account, "into" FROM read_merged WHERE usage AND account = ANY(%s)
            UNION ALL SELECT o.account, m."into" FROM onward o JOIN read_merged m ON m.account = o.other WHERE m.usage)
        SELECT o.account, o.other FROM onward o JOIN read_account a ON a.account = o.other WHERE a.status <> 'closed'"""
    return dict(bulk.fetch(statement, [sorted(accounts)])) if accounts else {}


def account_closed(account: str) -> NotAllowed:
    """The refusal `account_closed`, to be raised or kept with a record."""
    other = goes_on_as(account)
    instead = f"; it goes on as {other!r}, name that" if other else ""
    return NotAllowed("account_closed", f"the account {account!r} is closed{instead}", at="account")


def use_stays(named: str, account: str, other: str, *, at: str) -> NotAllowed:
    """The refusal `account_closed` of a correction of use that was counted in a closed account, where no tick comes any more. `other`: the
    account that goes on for it, if any does."""
    instead = f"; charge or give back the difference in {other!r}, which goes on for it, by 'adjust'" if other else ""
    return NotAllowed("account_closed", f"{named!r} was counted in {account!r}, which is closed: it stays as it was billed{instead}", at=at)
