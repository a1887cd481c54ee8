"""Asking for a correction of money, and deciding about it.

    request_correction ──► within the limits of a role: done at once ─────────────────────────────► executed ──► undone (by another request)
                       └─► pending ──► approve_request, by somebody else ──► done, or refused as changed ─┘
                                   ├─► reject_request, withdraw_request
                                   └─► nothing, until it expires

What was shown when it was asked for is what is done: it is previewed again first, and anything that came out differently is a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from billing.codec import canonical
from billing.command import Command, parse_arguments, registry
from billing.commands.common import account_stream
from billing.engine import Context, Decision
from billing.events import Preview, RequestApproved, RequestExecuted, RequestMade, RequestRejected, RequestWithdrawn
from billing.house.published import house_policy
from billing.journal import Draft, Head
from billing.requests.kinds import ALWAYS_ASKED, REQUESTABLE
from billing.requests.previews import Asked, amount_of, differences, preview_of
from billing.requests.standing import (
    HOUSE,
    WAITING,
    Place,
    Speaker,
    Standing,
    deciding_role,
    events_done,
    find_request,
    must_be,
    must_be_in_time,
    place_of,
    speaker,
    standing_in,
)
from plans.errors import Conflict, Invalid, NotAllowed, NotFound
from plans.fields import suggestion
from plans.periods import day_start, local_date


@dataclass(frozen=True)
class RequestCorrection:
    account: str
    wanted: str  # the command that is asked for
    arguments: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""  # why, in a word of the policy
    reason: str = ""
    by: str = ""  # who asks, where a program speaks for people
    role: str = ""
    expires: datetime | None = None  # none: as the policy says


def request_correction(context: Context, args: RequestCorrection) -> Decision:
    """Ask for a command that corrects money. Within the limits of the speaker's role it is done at once, else somebody else must approve.

    Raises what the command itself would refuse, Invalid `not_requestable`, `unknown_reason`, `out_of_range`.
    """
    if args.wanted not in REQUESTABLE:
        known = suggestion(args.wanted, list(REQUESTABLE))
        raise Invalid("not_requestable", f"{args.wanted!r} is no command that corrects money{known}", at="wanted")
    asking = Asking(args.wanted, dict(args.arguments), args.code, args.reason, speaker(context.actor, args.by, args.role), args.expires)
    return ask(context, args.account, asking)


@dataclass(frozen=True)
class Asking:
    """What somebody wants done, before it was looked at."""

    command: str
    arguments: dict[str, Any]
    code: str
    reason: str
    who: Speaker
    expires: datetime | None = None
    undoes: str = ""


def ask(context: Context, account: str, asking: Asking) -> Decision:
    """Make the request in the stream of the account, or of the house; carry it out at once where the speaker may decide it alone."""
    place = place_of(account, asking.arguments, closed=asking.command in ALWAYS_ASKED)
    policy = house_policy(place.seller, at=context.at)
    if policy.reasons and asking.code not in policy.reasons and asking.command not in ALWAYS_ASKED:
        raise Invalid("unknown_reason", f"expected one of {', '.join(policy.reasons)}; found {asking.code!r}", at="code")
    if asking.expires and asking.expires <= context.at:
        raise Invalid("out_of_range", f"{asking.expires:%Y-%m-%d %H:%M} is over; give a later time", at="expires")
    arguments = _with_reason(asking, account)
    shown = preview_of(Asked(asking.command, arguments, context.at, context.recorded_at, asking.who.name))
    parsed = vars(registry()[asking.command].parse(arguments, at=context.at))
    amount, currency = amount_of(shown, parsed, place.currency)
    made = RequestMade(
        account=account,
        request=context.next_address(account),
        command=asking.command,
        arguments=canonical(arguments).decode(),
        code=asking.code,
        reason=asking.reason,
        by=asking.who.name,
        role=asking.who.roles[0] if len(asking.who.roles) == 1 else "",
        amount=amount,
        currency=currency,
        preview=shown,
        needs_approval=True,
        expires_at=asking.expires or context.at + policy.expires,
        undoes=asking.undoes,
    )
    role = None if asking.command in ALWAYS_ASKED else deciding_role(policy, asking.who, made, day=_day(context, place))
    if role is None:
        return Decision([Draft(account, made, context.at)], {"request": made.request})
    made = replace(made, role=role, needs_approval=False)
    drafts, done = _carried_out(context, made, arguments, before=1, by=asking.who.name)
    return Decision([Draft(account, made, context.at), *drafts], {"request": made.request, **done})


def _with_reason(asking: Asking, account: str) -> dict[str, Any]:
    """The arguments as plain data, the reason in them where the command takes one and none is given."""
    given = plain_arguments(asking.arguments)
    if given.get("account", account) != account:
        raise Invalid("conflict", f"the request is about {account!r}, its arguments about {given['account']!r}", at="arguments.account")
    takes = registry()[asking.command].arguments.__dataclass_fields__
    text = asking.reason or asking.code
    about = {"account": account} if "account" in takes else {}
    return {**about, **({"reason": text} if "reason" in takes and text else {}), **given}


def plain_arguments(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): plain_arguments(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_arguments(one) for one in value]
    return value if value is None or isinstance(value, bool) else str(value)


def _day(context: Context, place: Place) -> tuple[datetime, datetime]:
    """The seller's day in which the command is given."""
    today = local_date(context.at, place.zone)
    return day_start(today, place.zone), day_start(today + timedelta(days=1), place.zone)


def _carried_out(
    context: Context, made: RequestMade, arguments: Mapping[str, Any], *, before: int, by: str
) -> tuple[list[Draft], dict[str, Any]]:
    """The events of the request's command, that come after `before` others of the account, and the one that says that they are done."""
    command = registry()[made.command]
    heads = dict(context.heads)
    head = heads[made.account]
    heads[made.account] = Head(head.sequence + before, head.hash)
    decision = command.run(replace(context, heads=heads), command.parse(arguments, at=context.at))
    done = addresses(decision.drafts, heads)
    caused = [replace(draft, cause=draft.cause or made.request) for draft in decision.drafts]
    event = RequestExecuted(account=made.account, request=made.request, by=by, done=done, undoes=made.undoes)
    return [*caused, Draft(made.account, event, context.at, made.request)], dict(decision.made)


def addresses(drafts: Sequence[Draft], heads: Mapping[str, Head]) -> tuple[str, ...]:
    """Where the events will stand."""
    counts: dict[str, int] = {}
    found = []
    for draft in drafts:
        counts[draft.stream] = counts.get(draft.stream, 0) + 1
        found.append(f"{draft.stream}/{heads[draft.stream].sequence + counts[draft.stream]}")
    return tuple(found)


# --- deciding ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ApproveRequest:
    account: str
    request: str = ""  # none: the newest
    by: str = ""
    role: str = ""
    note: str = ""
    execute: bool = True  # no: only approve; `execute_request` does it


def approve_request(context: Context, args: ApproveRequest) -> Decision:
    """Approve a request of somebody else, and carry it out exactly as it was shown.

    Raises NotAllowed `own_request`, `over_limit`, Conflict `request_closed`, and `changed_meanwhile` where something else would come of it.
    """
    standing, who, place = _deciding(context, args)
    must_be(standing, "pending")
    must_be_in_time(standing, context.at)
    role = _role_for(context, place, who, standing.made)
    event = RequestApproved(account=args.account, request=standing.made.request, by=who.name, role=role, note=args.note)
    approved = Draft(args.account, event, context.at, standing.made.request)
    if not args.execute:
        return Decision([approved])
    _must_be_as_shown(context, standing)
    drafts, done = _carried_out(context, standing.made, standing.arguments, before=1, by=who.name)
    return Decision([approved, *drafts], done)


def _deciding(context: Context, args: Any) -> tuple[Standing, Speaker, Place]:
    standing, place = standing_in(args.account, args.request)
    who = speaker(context.actor, args.by, args.role)
    if who.name == standing.made.by:
        raise NotAllowed("own_request", f"{who.name} asked for it; somebody else must decide", at="by")
    return standing, who, place


def _role_for(context: Context, place: Place, who: Speaker, made: RequestMade) -> str:
    role = deciding_role(house_policy(place.seller, at=context.at), who, made, day=_day(context, place))
    if role is None:
        what = f"{made.command} of {made.amount} {made.currency}" if made.amount is not None else f"{made.command} without an amount"
        roles = ", ".join(who.roles) or "no role"
        raise NotAllowed("over_limit", f"{who.name} ({roles}) may not decide {what} today", at="role")
    return role


def _must_be_as_shown(context: Context, standing: Standing) -> Preview:
    made = standing.made
    now = preview_of(Asked(made.command, standing.arguments, context.at, context.recorded_at, made.by))
    changed = differences(made.preview, now)
    if changed:
        message = f"since the request was made something changed: {'; '.join(changed)}; ask anew"
        raise Conflict("changed_meanwhile", message, at="request", request=made.request)
    return now


@dataclass(frozen=True)
class ExecuteRequest:
    account: str
    request: str = ""
    by: str = ""
    role: str = ""


def execute_request(context: Context, args: ExecuteRequest) -> Decision:
    """Carry out what was approved and not done at once."""
    standing, _ = standing_in(args.account, args.request)
    who = speaker(context.actor, args.by, args.role)
    must_be(standing, "approved")
    must_be_in_time(standing, context.at)
    _must_be_as_shown(context, standing)
    drafts, done = _carried_out(context, standing.made, standing.arguments, before=0, by=who.name)
    return Decision(drafts, done)


@dataclass(frozen=True)
class RejectRequest:
    account: str
    reason: str
    request: str = ""
    by: str = ""
    role: str = ""


def reject_request(context: Context, args: RejectRequest) -> Decision:
    """Say no to a request of somebody else, with the reason; also to one that was approved and not carried out."""
    standing, who, place = _deciding(context, args)
    must_be(standing, *WAITING)
    policy = house_policy(place.seller, at=context.at)
    role = next((role for role in who.roles if policy.limit(role, standing.made.command)), None)
    if role is None:
        raise NotAllowed("over_limit", f"{who.name} may not decide about {standing.made.command}", at="role")
    event = RequestRejected(account=args.account, request=standing.made.request, by=who.name, role=role, reason=args.reason)
    return Decision([Draft(args.account, event, context.at, standing.made.request)])


@dataclass(frozen=True)
class WithdrawRequest:
    account: str
    request: str = ""
    reason: str = ""
    by: str = ""
    role: str = ""


def withdraw_request(context: Context, args: WithdrawRequest) -> Decision:
    """Take a request of one's own back, as long as it is not done."""
    standing, _ = standing_in(args.account, args.request)
    who = speaker(context.actor, args.by, args.role)
    if who.name != standing.made.by:
        raise NotAllowed("not_own_request", f"{standing.made.by} asked for it; {who.name} may reject it", at="by")
    must_be(standing, *WAITING)
    event = RequestWithdrawn(account=args.account, request=standing.made.request, by=who.name, reason=args.reason)
    return Decision([Draft(args.account, event, context.at, standing.made.request)])


@dataclass(frozen=True)
class UndoRequest:
    account: str
    reason: str
    request: str = ""
    code: str = ""
    by: str = ""
    role: str = ""


def undo_request(context: Context, args: UndoRequest) -> Decision:
    """Take back what a request did, by a request for the command that answers it: with the same limits, and the same second pair of eyes.

    Raises Conflict `request_closed`, NotAllowed `cannot_undo` where no command takes it back.
    """
    standing = find_request(args.account, args.request)
    must_be(standing, "executed")
    made = standing.made
    undo = REQUESTABLE.get(made.command)
    answer = undo(standing.arguments, events_done(standing)) if undo else None
    if answer is None:
        raise NotAllowed("cannot_undo", f"nothing takes back {made.command!r}; correct it by another command", at="request")
    command, arguments = answer
    who = speaker(context.actor, args.by, args.role)
    return ask(context, args.account, Asking(command, arguments, args.code or made.code, args.reason, who, undoes=made.request))


# --- what they lock ---------------------------------------------------------------------------------------------------------------


def _streams_asking(args: RequestCorrection) -> list[str]:
    return [args.account, *streams_of(args.wanted, {**args.arguments, "account": args.account})]


def _streams_deciding(args: Any) -> list[str]:
    """The account, and what the command of the request needs; no more where there is no such request: the command refuses then. What is
    asked of the house needs nothing else."""
    if args.account == HOUSE:
        return [HOUSE]
    try:
        standing = find_request(args.account, args.request)
    except NotFound:
        return [args.account]
    return [args.account, *streams_of(standing.made.command, standing.arguments)]


def streams_of(command: str, arguments: Mapping[str, Any]) -> list[str]:
    known = registry().get(command)
    if known is None or command not in REQUESTABLE:
        return []
    takes = known.arguments.__dataclass_fields__
    filled = {name: value for name, value in arguments.items() if name in takes}
    if "reason" in takes:
        filled.setdefault("reason", "asked for")
    return known.streams(parse_arguments(known.arguments, filled, zone="UTC"))


COMMANDS = (
    Command("request_correction", "Ask for a correction of money", RequestCorrection, request_correction, _streams_asking),
    Command("approve_request", "Approve a request and carry it out", ApproveRequest, approve_request, _streams_deciding),
    Command("execute_request", "Carry out an approved request", ExecuteRequest, execute_request, _streams_deciding),
    Command("reject_request", "Reject a request", RejectRequest, reject_request, account_stream),
    Command("withdraw_request", "Take a request of one's own back", WithdrawRequest, withdraw_request, account_stream),
    Command("undo_request", "Take back what a request did", UndoRequest, undo_request, account_stream),
)
