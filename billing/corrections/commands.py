"""Drafting, previewing, approving, applying and reverting a correction set.

A draft lists its items; a preview runs each dry; somebody else approves the total within his limit; each item is then done in a
transaction of its own, under a key of its own, exactly as it was shown: so applying may be killed, repeated and run by two at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from billing import bulk, journal
from billing.codec import canonical
from billing.command import Command, registry
from billing.commands.common import open_state
from billing.corrections.standing import PREFIX, Item, SetStanding, counts, find_set, item_at, totals
from billing.engine import Context, Decision
from billing.events import (
    CorrectionDone,
    CorrectionsApplied,
    CorrectionsApproved,
    CorrectionsDrafted,
    CorrectionsListed,
    CorrectionsPreviewed,
    CorrectionsReverted,
    CorrectionsRevertOrdered,
    ItemOutcome,
    ItemPreview,
    SetItem,
)
from billing.house.published import house_policy
from billing.journal import Draft
from billing.requests.commands import addresses, plain_arguments, streams_of
from billing.requests.kinds import REQUESTABLE
from billing.requests.previews import Asked, amount_of, differences, preview_of
from billing.requests.standing import Speaker, speaker
from plans.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from plans.fields import suggestion

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}", re.ASCII)
LISTED = 500  # items in one event
MOST = 200_000
VALUES = 12  # that an item has on average, at most


@dataclass(frozen=True)
class DraftCorrections:
    name: str
    wanted: str  # the command that corrects
    items: tuple[Any, ...] = field(metadata={"most": MOST * VALUES})  # {account, and the command's other arguments}
    code: str = ""
    reason: str = ""
    seller: str = "main"
    by: str = ""
    role: str = ""


def draft_corrections(context: Context, args: DraftCorrections) -> Decision:
    """Make a correction set of a list of items. Raises Invalid `not_requestable`, `bad_name`, `no_items`, Conflict `corrections_exist`."""
    if not NAME.fullmatch(args.name):
        raise Invalid("bad_name", f"{args.name[:80]!r} is no name; use small letters, digits, and . _ -", at="name")
    if args.wanted not in REQUESTABLE:
        known = suggestion(args.wanted, list(REQUESTABLE))
        raise Invalid("not_requestable", f"{args.wanted!r} is no command that corrects money{known}", at="wanted")
    if bulk.fetch("SELECT 1 FROM read_correction_set WHERE name = %s", [args.name]):
        raise Conflict("corrections_exist", f"there is a correction set {args.name!r} already; choose another name", at="name")
    policy = house_policy(args.seller, at=context.at)
    if policy.reasons and args.code not in policy.reasons:
        raise Invalid("unknown_reason", f"expected one of {', '.join(policy.reasons)}; found {args.code!r}", at="code")
    who = speaker(context.actor, args.by, args.role)
    listed = _listed(args)
    stream = f"{PREFIX}{args.name}"
    drafted = CorrectionsDrafted(
        name=args.name,
        seller=args.seller,
        command=args.wanted,
        code=args.code,
        reason=args.reason,
        by=who.name,
        role=args.role,
        items=len(listed),
    )
    parts = [CorrectionsListed(name=args.name, items=tuple(listed[i : i + LISTED])) for i in range(0, len(listed), LISTED)]
    return Decision([Draft(stream, event, context.at) for event in (drafted, *parts)], {"corrections": args.name})


def _listed(args: DraftCorrections) -> list[SetItem]:
    if not 0 < len(args.items) <= MOST:
        raise Invalid("no_items", f"expected 1 to {MOST} items, found {len(args.items)}", at="items")
    takes = registry()[args.wanted].arguments.__dataclass_fields__
    text = args.reason or args.code
    found = []
    for position, given in enumerate(args.items, 1):
        if not isinstance(given, Mapping) or not isinstance(given.get("account"), str):
            raise Invalid("missing_field", "every item names its account", at=f"items[{position - 1}].account")
        arguments = {**({"reason": text} if "reason" in takes and text else {}), **plain_arguments(given)}
        found.append(SetItem(position=position, account=given["account"], arguments=canonical(arguments).decode()))
    return found


# --- preview ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PreviewCorrections:
    name: str
    positions: tuple[Any, ...]


def preview_corrections(context: Context, args: PreviewCorrections) -> Decision:
    """Run some items dry and keep what each would do, or why it would be refused. Only as long as the set is not approved."""
    standing = find_set(args.name)
    _must_be(standing, "draft")
    previews = tuple(_shown(context, standing, item_at(args.name, int(position))) for position in args.positions)
    return _on_set(context, args.name, CorrectionsPreviewed(name=args.name, previews=previews))


def _shown(context: Context, standing: SetStanding, item: Item) -> ItemPreview:
    try:
        state = open_state(item.account)
        if state.seller != standing.seller:
            raise NotFound("unknown_account", f"{item.account!r} is no account of {standing.seller}", at="account")
        preview = preview_of(_asked(context, standing, item))
        parsed = vars(registry()[standing.command].parse(item.arguments, at=context.at))
    except Refusal as refusal:
        return ItemPreview(position=item.position, amount=None, currency="", preview=None, refusal=str(refusal))
    amount, currency = amount_of(preview, parsed, state.currency)
    return ItemPreview(position=item.position, amount=amount, currency=currency, preview=preview)


def _asked(context: Context, standing: SetStanding, item: Item) -> Asked:
    return Asked(standing.command, item.arguments, context.at, context.recorded_at, standing.asked_by)


def _on_set(context: Context, name: str, event: Any) -> Decision:
    return Decision([Draft(f"{PREFIX}{name}", event, context.at)])


def _must_be(standing: SetStanding, *wanted: str) -> None:
    if standing.status not in wanted:
        message = f"the set {standing.name} is {standing.status}, not {' or '.join(wanted)}"
        raise Conflict("corrections_closed", message, at="name", status=standing.status)


# --- approve and order the revert -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ApproveCorrections:
    name: str
    by: str = ""
    role: str = ""
    note: str = ""


def approve_corrections(context: Context, args: ApproveCorrections) -> Decision:
    """Approve what the preview showed, within the limit of the role for the total.

    Raises NotAllowed `own_request`, `over_limit`, Conflict `corrections_closed`, `not_previewed`.
    """
    standing = find_set(args.name)
    _must_be(standing, "draft")
    found = counts(args.name)
    if found.get("new") or not found.get("previewed"):
        raise Conflict(
            "not_previewed", f"{found.get('new', 0)} of {standing.items} corrections were not previewed; do that first", at="name"
        )
    who, role = _decider(context, args, standing)
    return _on_set(context, args.name, CorrectionsApproved(name=args.name, by=who.name, role=role, note=args.note))


def _decider(context: Context, args: Any, standing: SetStanding) -> tuple[Speaker, str]:
    who = speaker(context.actor, args.by, args.role)
    if who.name == standing.asked_by:
        raise NotAllowed("own_request", f"{who.name} asked for it; somebody else must decide", at="by")
    policy, sums = house_policy(standing.seller, at=context.at), totals(standing.name)

    def may(role: str) -> bool:
        amounts = sums.items()
        return all(policy.may_decide(role, standing.command, amount, currency, today=Decimal(0)) for currency, amount in amounts)

    role = next((role for role in who.roles if may(role)), None)
    if role is None:
        told = ", ".join(f"{amount} {currency}" if amount is not None else "an unknown amount" for currency, amount in sums.items())
        raise NotAllowed("over_limit", f"{who.name} ({', '.join(who.roles) or 'no role'}) may not decide {told} in all", at="role")
    return who, role


@dataclass(frozen=True)
class RevertCorrections:
    name: str
    reason: str
    by: str = ""
    role: str = ""


def revert_corrections(context: Context, args: RevertCorrections) -> Decision:
    """Order that all that the set did is taken back, each item by the command that answers it; what was not done yet stays undone."""
    standing = find_set(args.name)
    _must_be(standing, "approved")
    who, role = _decider(context, args, standing)
    return _on_set(context, args.name, CorrectionsRevertOrdered(name=args.name, by=who.name, role=role, reason=args.reason))


# --- one item ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneCorrection:
    name: str
    position: int


def apply_correction(context: Context, args: OneCorrection) -> Decision:
    """Do one item of an approved set exactly as it was shown. Raises Conflict `changed_meanwhile`, `corrections_closed`."""
    standing, item = find_set(args.name), item_at(args.name, args.position)
    _must_be(standing, "approved")
    if item.state != "previewed" or item.preview is None:
        raise Conflict("corrections_closed", f"the correction {args.position} is {item.state}", at="position")
    _must_not_be_done(item.account, args, "apply")
    changed = differences(item.preview, preview_of(_asked(context, standing, item)))
    if changed:
        raise Conflict("changed_meanwhile", f"since the preview something changed: {'; '.join(changed)}", at="position")
    return _run(context, standing, item, "apply", standing.command, item.arguments)


def revert_correction(context: Context, args: OneCorrection) -> Decision:
    """Take back what one item did. Raises NotAllowed `cannot_undo`, Conflict `corrections_closed`."""
    standing, item = find_set(args.name), item_at(args.name, args.position)
    _must_be(standing, "reverting")
    if item.state != "applied":
        raise Conflict("corrections_closed", f"the correction {args.position} is {item.state}", at="position")
    _must_not_be_done(item.account, args, "revert")
    applied = _done(item.account, args, "apply")
    done = journal.several([journal.split_address(address) for address in applied.done]) if applied else []
    answer = REQUESTABLE[standing.command](item.arguments, done)
    if answer is None:
        raise NotAllowed("cannot_undo", f"nothing takes back {standing.command!r}; correct it by another command", at="position")
    command, arguments = answer
    takes = registry()[command].arguments.__dataclass_fields__
    reason = {"reason": f"Revert of {standing.name}"} if "reason" in takes else {}
    return _run(context, standing, item, "revert", command, {"account": item.account, **reason, **arguments})


def _run(context: Context, standing: SetStanding, item: Item, step: str, command: str, arguments: Mapping[str, Any]) -> Decision:
    known = registry()[command]
    decision = known.run(context, known.parse(arguments, at=context.at))
    where = addresses(decision.drafts, context.heads)
    done = CorrectionDone(account=item.account, name=standing.name, position=item.position, step=step, done=where)
    drafts = [replace(draft, cause=draft.cause or standing.approval) for draft in decision.drafts]
    return Decision([*drafts, Draft(item.account, done, context.at, standing.approval)], decision.made)


def _done(account: str, args: OneCorrection, step: str) -> CorrectionDone | None:
    """The event that says that the item was done, if it was; the account's stream is locked."""
    statement = """
        SELECT sequence FROM journal WHERE stream = %s AND kind = %s AND data->>'name' = %s AND data->>'position' = %s
        AND data->>'step' = %s"""
    rows = bulk.fetch(statement, [account, CorrectionDone.kind, args.name, str(args.position), step])
    event = journal.several([(account, sequence) for (sequence,) in rows])
    return event[0].event if event and isinstance(event[0].event, CorrectionDone) else None


def _must_not_be_done(account: str, args: OneCorrection, step: str) -> None:
    if _done(account, args, step):
        raise Conflict("already_done", f"the correction {args.position} of {args.name} was done already", at="position")


def key_of(name: str, position: int, step: str) -> str:
    """The key under which one step of one item is done once."""
    return f"{PREFIX}{name}/{position}/{step}"


def _item_streams(args: OneCorrection) -> list[str]:
    try:
        standing, item = find_set(args.name), item_at(args.name, args.position)
    except NotFound:
        return []
    return [item.account, *streams_of(standing.command, item.arguments)]


# --- what came of them ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RecordOutcomes:
    name: str
    step: str  # apply or revert
    outcomes: tuple[Any, ...]  # {position, refusal}


def record_outcomes(context: Context, args: RecordOutcomes) -> Decision:
    """Keep what came of some items; of what is kept already nothing is kept again."""
    event: Callable[..., Any] = CorrectionsApplied if args.step == "apply" else CorrectionsReverted
    waiting = "previewed" if args.step == "apply" else "applied"
    outcomes = tuple(
        ItemOutcome(position=int(one["position"]), refusal=str(one.get("refusal") or ""))
        for one in args.outcomes
        if item_at(args.name, int(one["position"])).state == waiting
    )
    return _on_set(context, args.name, event(name=args.name, outcomes=outcomes)) if outcomes else Decision()


def _set_stream(args: Any) -> list[str]:
    return [f"{PREFIX}{args.name}"]


COMMANDS = (
    Command("draft_corrections", "Make a correction set", DraftCorrections, draft_corrections, _set_stream),
    Command("preview_corrections", "Preview items of a correction set", PreviewCorrections, preview_corrections, _set_stream),
    Command("approve_corrections", "Approve a correction set", ApproveCorrections, approve_corrections, _set_stream),
    Command("apply_correction", "Do one item of a correction set", OneCorrection, apply_correction, _item_streams),
    Command("revert_corrections", "Order that a correction set is taken back", RevertCorrections, revert_corrections, _set_stream),
    Command("revert_correction", "Take back one item of a correction set", OneCorrection, revert_correction, _item_streams),
    Command("record_outcomes", "Keep what came of items of a correction set", RecordOutcomes, record_outcomes, _set_stream),
)
