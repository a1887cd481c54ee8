"""Closing a month of the books: from then on nothing is posted into it, and what is found later is posted into the first open one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from billing import bulk
from billing.accounting.allowance import differing
from billing.accounting.months import check_seller, end_of, month_of
from billing.accounting.periods import hold_alone, month_after, open_from
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import BooksClosed
from billing.journal import Draft
from billing.queries.unbilled import Missing, unbilled
from plans.errors import Conflict

BOOKS = "books:"
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
    through = month_after(first) - timedelta(days=1)
    if not args.despite:
        _must_be_booked(args, through, end)
    hold_alone(args.seller)
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


def _must_be_booked(args: ClosePeriod, through: date, end: datetime) -> None:
    """Raises Conflict `allowance_not_booked` where the policy asks for an allowance that the books of the month do not hold."""
    wanted = sum(1 for _ in differing(args.seller, through, end))
    if wanted:
        message = f"the allowance of {wanted} accounts is not that of {args.period}; run 'manage.py allowance {args.period}' first"
        raise Conflict("allowance_not_booked", message, at="period", accounts=wanted)


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
