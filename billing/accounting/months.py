"""Months of a seller's books: what is written `2026-03`, and when it is over."""

from __future__ import annotations

import re
from datetime import date, datetime

from billing import bulk
from billing.accounting.periods import month_after
from plans import store
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.periods import day_start

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def month_of(text: str) -> date:
    """The first day of `2026-03`. Raises Invalid `not_a_period`."""
    if not MONTH.fullmatch(text) or text.startswith("0000"):
        raise Invalid("not_a_period", f"{text[:40]!r} is not a month; write it as 2026-03", at="period")
    return date.fromisoformat(f"{text}-01")


def check_seller(seller: str) -> None:
    """Raises NotFound `unknown_seller` for one with neither accounts nor catalogues."""
    known = [row[0] for row in bulk.fetch("SELECT seller FROM read_account UNION SELECT seller FROM catalogue_version ORDER BY 1")]
    if seller not in known:
        raise NotFound("unknown_seller", f"there is no seller {seller[:80]!r}{suggestion(seller, known)}", at="seller")


def end_of(first: date, seller: str) -> datetime:
    """When the month that begins on `first` is over in every zone of the seller's catalogues; in UTC where there is none."""
    return day_in_books(month_after(first), seller)


def day_in_books(day: date, seller: str) -> datetime:
    """When the day has begun in every zone of the seller's catalogues; in UTC where there is none."""
    statement = "SELECT DISTINCT ON (name) name, version FROM catalogue_version WHERE seller = %s ORDER BY name, version DESC"
    zones = {store.catalogue(name, version).zone for name, version in bulk.fetch(statement, [seller])}
    return max(day_start(day, zone) for zone in zones or {"UTC"})
