"""Closing a month of the books: from then on nothing is posted into it, and what is found later is posted into the first open one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing import bulk
from billing.accounting.periods import hold_alone, month_after, open_from
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import BooksClosed
from billing.journal import Draft
from billing.queries.unbilled import Missing, unbilled
from plans import store
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.periods import day_start

BOOKS = "books:"
MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
SHOWN = 20


@dataclass(frozen=True)
class ClosePeriod:
    period: str  # 2026-03
    seller: str = "main"
    despite: str = ""  # the reason to close although something is left to be billed


def close_period(context: Context, args: ClosePeriod) -> Decision:
    """Close a month, and with it all before it. Raises Invalid for what is no month, NotFound `unknown_seller`, Conflict `period_not_over`,
    `period_closed`, or `left_to_bill` while the audit finds work of the month, unless a reason to close despite it is given."""
    first = month_of(args.period)
    check_seller(args.seller)
    end = end_of(first, args.seller)
    if context.at < end:
        raise Conflict("period_not_over", f"{args.period} ends on {end:%Y-%m-%d %H:%M} UTC; close it then", at="period")
    missing = list(left_to_bill(args.seller, end))
    if missing and not args.despite:
        raise Conflict("left_to_bill", _refusal(args.period, missing), at="period", accounts=len({one.account for one in missing}))
    hold_alone(args.seller)
    through = month_after(first) - timedelta(days=1)
    open_day = open_from([args.seller]).get(args.seller)
    if open_day is not None and through < open_day:
        raise Conflict("period_closed", f"{args.period} is closed; the first open day is {open_day}", at="period", open_from=str(open_day))
    event = BooksClosed(
        seller=args.seller,
        period=args.period,
        through=through,
        left_out=tuple(_told(one) for one in missing),
        reason=args.despite if missing else "",
    )
    return Decision([Draft(_stream(args)[0], event, context.at)], {"closed_through": through.isoformat()})


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


def left_to_bill(seller: str, at: datetime) -> Iterator[Missing]:
    """What the audit finds undone of the seller's accounts, or of names that are nobody's account."""
    others = {row[0] for row in bulk.fetch("SELECT account FROM read_account WHERE seller <> %s", [seller])}
    return (one for one in unbilled(at=at) if one.account not in others)


def _told(one: Missing) -> str:
    since = f", since {one.since:%Y-%m-%d %H:%M}Z" if one.since else ""
    return f"{one.account}: {one.reason}{since} [{one.code}]"


def _refusal(period: str, missing: list[Missing]) -> str:
    more = f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    shown = "; ".join(_told(one) for one in missing[:SHOWN])
    return f"{len(missing)} things of {period} are not billed; bill them, or give the reason to close despite them: {shown}{more}"


def _stream(args: ClosePeriod) -> list[str]:
    return [f"{BOOKS}{args.seller}"]


COMMANDS = (Command("close_period", "Close a month of the seller's books", ClosePeriod, close_period, _stream),)
