"""What stands of requests, who speaks, and what a person may decide today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.conf import settings

from accounts.access import roles_of_actor
from accounts.roles import STAFF_ROLES
from billing import bulk, journal
from billing.commands.common import open_state, seller_zone
from billing.events import RequestExecuted, RequestMade
from billing.house.policy import HousePolicy
from billing.journal import Recorded
from billing.loading import load_one
from billing.requests.kinds import ALWAYS_ASKED
from plans.errors import Conflict, Invalid, NotAllowed, NotFound
from plans.fields import suggestion

ZERO = Decimal(0)
#: The first of the two keys of the advisory locks on what a person decides in a day; the second is made of the name.
DECIDING_LOCK = 0x64656369
WAITING = ("pending", "approved")
#: The stream in which catalogues are published. Requests for that stand there; all others stand in the account that they are about.
HOUSE = "house:catalogue"


@dataclass(frozen=True)
class Place:
    """Where a request stands: an account, or the house. `currency` "": what is decided there has no amount."""

    stream: str
    seller: str
    currency: str
    zone: str


def place_of(stream: str, arguments: Mapping[str, Any], *, closed: bool = False) -> Place:
    """Raises what `open_state` raises for an account that may not be written to. Of the house the arguments name the seller."""
    if stream == HOUSE:
        return Place(HOUSE, str(arguments.get("seller", "main")), "", "UTC")
    state = load_one(stream) if closed else open_state(stream)
    return Place(stream, state.seller, state.currency, seller_zone(state))


@dataclass(frozen=True)
class Speaker:
    """Who asks or decides, and in which roles."""

    name: str
    roles: tuple[str, ...]


def speaker(actor: str, by: str, role: str) -> Speaker:
    """Who stands behind the actor. Raises NotAllowed `not_for_others` where somebody else's name is given, `role_not_held` for a role that
    the person has not got, Invalid `unknown_role`."""
    if actor in settings.BILLING_SPEAKERS:
        if role and role not in STAFF_ROLES:
            raise Invalid("unknown_role", f"there is no role {role!r}{suggestion(role, list(STAFF_ROLES))}", at="role")
        return Speaker(by or actor, (role,) if role else ())
    if by not in ("", actor):
        raise NotAllowed("not_for_others", f"{actor} may not speak for {by!r}; leave it out", at="by")
    held = roles_of_actor(actor)
    if role and role not in held:
        raise NotAllowed("role_not_held", f"{actor} has not the role {role!r}", at="role")
    return Speaker(actor, (role,) if role else tuple(sorted(held)))


@dataclass(frozen=True)
class Standing:
    """A request as it was made, and its state."""

    made: RequestMade
    status: str
    decided_by: str
    undone_by: str

    @property
    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.made.arguments)
        return found


def find_request(account: str, name: str) -> Standing:
    """By its id, or its position in the account's list (from 1); with no name the newest. Raises NotFound `unknown_request`."""
    statement = """
        SELECT request, status, decided_by, undone_by FROM read_request WHERE account = %s
        ORDER BY split_part(request, '/', -1)::bigint"""
    rows = bulk.fetch(statement, [account])
    named = [row for row in rows if row[0] == name] or (rows[-1:] if not name else [])
    if not named and name.isascii() and name.isdigit():
        named = rows[int(name) - 1 : int(name)] if int(name) else []
    if not named:
        known = suggestion(name, [row[0] for row in rows])
        raise NotFound("unknown_request", f"the account {account} has no request {name[:80]!r}{known}", at="request")
    request, status, decided_by, undone_by = named[0]
    recorded = journal.one(*journal.split_address(request))
    assert recorded is not None
    assert isinstance(recorded.event, RequestMade)
    return Standing(recorded.event, status, decided_by, undone_by)


def standing_in(stream: str, name: str) -> tuple[Standing, Place]:
    """The request and where it stands. Raises what `place_of` and `find_request` raise."""
    place = place_of(stream, {}, closed=True) if stream != HOUSE else None
    standing = find_request(stream, name)
    return standing, place if place and standing.made.command in ALWAYS_ASKED else place_of(stream, standing.arguments)


def must_be(standing: Standing, *wanted: str) -> None:
    """Raises Conflict `request_closed` where the request has another state."""
    if standing.status not in wanted:
        message = f"the request {standing.made.request} is {standing.status}"
        raise Conflict("request_closed", message, at="request", status=standing.status)


def must_be_in_time(standing: Standing, at: datetime) -> None:
    """Raises Conflict `request_closed` where its time is over. For accounts the clockwork has said so by an event; the house has none."""
    if standing.made.expires_at <= at:
        message = f"the request {standing.made.request} was to be decided by {standing.made.expires_at:%Y-%m-%d %H:%M}; ask anew"
        raise Conflict("request_closed", message, at="request", status="expired")


def events_done(standing: Standing) -> Sequence[Recorded]:
    """The events of the request's command, once it was carried out."""
    statement = "SELECT sequence FROM journal WHERE stream = %s AND kind = %s AND data->>'request' = %s"
    [(sequence,)] = bulk.fetch(statement, [standing.made.account, RequestExecuted.kind, standing.made.request])
    recorded = journal.one(standing.made.account, sequence)
    assert recorded is not None
    assert isinstance(recorded.event, RequestExecuted)
    return journal.several([journal.split_address(address) for address in recorded.event.done])


def deciding_role(
    policy: HousePolicy, who: Speaker, made: RequestMade, *, day: tuple[datetime, datetime], counted: Decimal = ZERO
) -> str | None:
    """The first of the speaker's roles that may decide the request alone, with what he decided in the day already; None: none may.

    Whoever decides waits for what he decides elsewhere at the same time, so that a day's sum is never passed by deciding twice at once.
    """
    bulk.fetch("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [DECIDING_LOCK, who.name])
    today = decided_today(who.name, made.currency, day) - counted
    may = (role for role in who.roles if policy.may_decide(role, made.command, made.amount, made.currency, today=today))
    return next(may, None)


def decided_today(name: str, currency: str, day: tuple[datetime, datetime]) -> Decimal:
    """What the person decided alone or approved for others between the two moments, whatever the command."""
    statement = """
        SELECT coalesce(sum(amount), 0) FROM read_request WHERE currency = %s AND (
            (decided_by = %s AND decided_at >= %s AND decided_at < %s AND status <> 'rejected')
            OR (asked_by = %s AND decided_by = '' AND executed_at >= %s AND executed_at < %s))"""
    return Decimal(bulk.fetch(statement, [currency, name, *day, name, *day])[0][0])
