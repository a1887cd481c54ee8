"""Drafting a catalogue, and publishing the draft with the approval of a second person.

    draft_catalogue ──► request_publication ──► approve_publication, by somebody else ──► catalogue.published
          ▲ edit again           │          ├─► reject_publication, withdraw_publication
          │                      │          └─► nothing, until it expires
          └──────────────────────┘ a request is for one text: an edited draft has to be asked for anew

A draft is a row to work on, no event: nothing is priced by it. What is asked for is `publish_draft`, which no person runs alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from orjson import dumps

from billing import bulk
from billing.command import Command
from billing.commands.catalogue import PublishCatalogue, publish_catalogue
from billing.engine import Context, Decision, Request, execute
from billing.events import RequestExpired
from billing.journal import Draft
from billing.publications.backtest import MOST_ACCOUNTS, backtest
from billing.publications.kept import check_stories
from billing.publications.replaying import EVERYBODY, FOLLOWERS, Trial
from billing.requests.commands import (
    ApproveRequest,
    Asking,
    RejectRequest,
    WithdrawRequest,
    approve_request,
    ask,
    reject_request,
    withdraw_request,
)
from billing.requests.standing import HOUSE, WAITING, Standing, find_request, speaker
from plans import store
from plans.errors import Conflict, Invalid
from plans.loader import LARGEST, canonical_source, read_catalogue
from plans.loading.problems import check_code
from plans.periods import day_start, local_date
from plans.periods.cycles import add

PUBLISH_DRAFT = "publish_draft"
MOST_MONTHS = 36


@dataclass(frozen=True)
class DraftCatalogue:
    catalogue: str
    source: str = field(default="", metadata={"longest": LARGEST})  # the whole text; none: that of the published version
    version: int | None = None  # which one; none: the newest
    seen: str = ""  # the digest of the draft that this text was made of; "": whatever is there is replaced


def draft_catalogue(context: Context, args: DraftCatalogue) -> Decision:
    """Keep a text as the draft of a catalogue, also one with mistakes: they keep it from being published, not from being worked on.

    Raises Invalid `bad_code`, `bad_file`, `other_catalogue`, NotFound `unknown_catalogue`, Conflict `draft_changed` where somebody else
    edited it meanwhile.
    """
    name = check_code(args.catalogue, "catalogue")
    held = store.find_draft(name)
    if args.seen and args.seen != (held.digest if held else ""):
        who = f"edited by {held.changed_by} at {held.changed_at:%H:%M}" if held else "published or discarded"
        raise Conflict("draft_changed", f"the draft of {name} was {who} meanwhile; look at it, then save again", at="source")
    source = canonical_source(args.source or store.published(name, args.version).source, name=name)
    loaded = read_catalogue(source, name=name)
    said = loaded.document.value.get("catalogue") if loaded.document and isinstance(loaded.document.value, dict) else None
    if isinstance(said, str) and said != name:
        raise Invalid("other_catalogue", f"the text is that of the catalogue {said!r}, not of {name!r}", at="source")
    known = store.versions(name)
    newest = known[-1].version if known else None
    based_on = held.based_on if held and args.source else newest
    store.save_draft(name, source, at=context.recorded_at, by=context.actor, based_on=based_on)
    kept = store.draft(name)
    return Decision(made={"catalogue": name, "digest": kept.digest, "problems": len(loaded.problems)})


@dataclass(frozen=True)
class DiscardDraft:
    catalogue: str


def discard_draft(context: Context, args: DiscardDraft) -> Decision:
    """Give a draft up. What is published stays as it is."""
    del context
    store.draft(args.catalogue)
    store.discard_draft(args.catalogue)
    return Decision()


@dataclass(frozen=True)
class PublishDraft:
    catalogue: str
    digest: str  # of the text that was approved
    effective: date | None = None
    seller: str = "main"


def publish_draft(context: Context, args: PublishDraft) -> Decision:
    """Publish the draft if it is still the text of this digest. Raises Conflict `draft_changed`, what `check_stories` raises,
    and what `publish_catalogue` raises."""
    draft = store.draft(args.catalogue)
    if draft.digest != args.digest:
        who = f"{draft.changed_by} edited it on {draft.changed_at:%Y-%m-%d %H:%M}"
        raise Conflict("draft_changed", f"the draft of {args.catalogue} is not the one that was asked for: {who}; ask anew", at="digest")
    check_stories(args.catalogue, draft.digest)
    name = f"{args.catalogue}@draft"
    published = PublishCatalogue(source=draft.source, name=name, effective=args.effective, seller=args.seller)
    decision = publish_catalogue(context, published)
    store.discard_draft(args.catalogue)
    return decision


@dataclass(frozen=True)
class BacktestCatalogue:
    catalogue: str
    months: int = 12  # how far back
    sample: int = 300  # accounts at most
    moved: str = EVERYBODY  # or followers: only what follows price lists takes the draft's


def backtest_catalogue(context: Context, args: BacktestCatalogue) -> Decision:
    """Try the draft on the real contracts and use of the last months, and keep what came of it for whoever approves the draft. It changes
    nothing else, and takes accounts and periods up to a bound that the result states.

    Raises what is wrong in the text, NotFound `unknown_draft`, Invalid `out_of_range`, `unknown_choice`.
    """
    trial = trial_of(args, context.at)
    result = backtest(trial, sample=args.sample)
    store.save_backtest(args.catalogue, trial.draft.digest, dumps(result).decode(), at=context.at, by=context.actor)
    return Decision(made={"catalogue": args.catalogue, "tested": result["tested"], "accounts": result["accounts"]})


def trial_of(args: BacktestCatalogue, at: datetime) -> Trial:
    """What the arguments ask to try."""
    if args.moved not in (EVERYBODY, FOLLOWERS):
        raise Invalid("unknown_choice", f"expected {EVERYBODY} or {FOLLOWERS}, found {args.moved!r}", at="moved")
    for name, value, most in (("months", args.months, MOST_MONTHS), ("sample", args.sample, MOST_ACCOUNTS)):
        if not 0 < value <= most:
            raise Invalid("out_of_range", f"expected 1 to {most}, found {value}", at=name)
    draft = read_catalogue(store.draft(args.catalogue).source, name=f"{args.catalogue}@draft").unwrap()
    day = add(local_date(at, draft.zone), -args.months, "month")
    return Trial(draft, day_start(day, draft.zone), at, args.moved)


# --- asking and deciding ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestPublication:
    catalogue: str
    reason: str
    effective: date | None = None  # the day from which new contracts take it; none: as the text says
    by: str = ""
    role: str = ""


def request_publication(context: Context, args: RequestPublication) -> Decision:
    """Ask that the draft, as it is now, be published: somebody else must approve it.

    Raises what is wrong in the text, NotFound `unknown_draft`, Conflict `already_asked`, `catalogue_unchanged`.
    """
    draft = store.draft(args.catalogue)
    catalogue = read_catalogue(draft.source, name=f"{args.catalogue}@draft").unwrap()
    check_stories(args.catalogue, draft.digest)
    for one in waiting_publications(args.catalogue, context.at):
        if one.arguments["digest"] == draft.digest:
            raise Conflict("already_asked", f"{one.made.by} asked for exactly this already: {one.made.request}", at="catalogue")
    wanted: dict[str, Any] = {"catalogue": args.catalogue, "digest": draft.digest, "seller": catalogue.seller["code"]}
    wanted |= {"effective": args.effective} if args.effective else {}
    return ask(context, HOUSE, Asking(PUBLISH_DRAFT, wanted, "", args.reason, speaker(context.actor, args.by, args.role)))


def waiting_publications(catalogue: str, at: datetime) -> Iterator[Standing]:
    """The requests to publish a draft of the catalogue that may still be decided at the moment, whatever text they are for."""
    statement = "SELECT request FROM read_request WHERE account = %s AND status = ANY(%s) AND expires_at > %s ORDER BY made_at"
    for (name,) in bulk.fetch(statement, [HOUSE, list(WAITING), at]):
        standing = find_request(HOUSE, name)
        if standing.arguments.get("catalogue") == catalogue:
            yield standing


@dataclass(frozen=True)
class ExpirePublications:
    pass


def expire_publications(context: Context, args: ExpirePublications) -> Decision:
    """Say of what was asked for and not decided in time that its time is over: for accounts the clockwork does it, the house has none."""
    del args
    return Decision([Draft(HOUSE, RequestExpired(account=HOUSE, request=one), context.at, one) for one in overdue_publications(context.at)])


def expire_overdue(*, at: datetime, actor: str) -> None:
    """Whoever sees to what is due sees to these too."""
    if overdue_publications(at):
        execute(Request("expire_publications", {}, at, actor=actor))


def overdue_publications(at: datetime) -> list[str]:
    """The requests to publish whose time is over, and of which no event says so yet."""
    statement = "SELECT request FROM read_request WHERE account = %s AND status = ANY(%s) AND expires_at <= %s ORDER BY expires_at, request"
    return [request for (request,) in bulk.fetch(statement, [HOUSE, list(WAITING), at])]


@dataclass(frozen=True)
class ApprovePublication:
    request: str = ""  # none: the newest
    by: str = ""
    role: str = ""
    note: str = ""


def approve_publication(context: Context, args: ApprovePublication) -> Decision:
    """Approve the draft that somebody else asked for, and publish it. It must be the very text that was asked for.

    Raises NotAllowed `own_request`, `over_limit`, Conflict `request_closed`, `draft_changed`.
    """
    return approve_request(context, ApproveRequest(account=HOUSE, request=args.request, by=args.by, role=args.role, note=args.note))


@dataclass(frozen=True)
class RejectPublication:
    reason: str
    request: str = ""
    by: str = ""
    role: str = ""


def reject_publication(context: Context, args: RejectPublication) -> Decision:
    """Say no to a draft that somebody else asked for, with the reason. The draft stays, to be worked on."""
    return reject_request(context, RejectRequest(account=HOUSE, reason=args.reason, request=args.request, by=args.by, role=args.role))


@dataclass(frozen=True)
class WithdrawPublication:
    request: str = ""
    reason: str = ""
    by: str = ""
    role: str = ""


def withdraw_publication(context: Context, args: WithdrawPublication) -> Decision:
    """Take back that one has asked for a draft to be published."""
    return withdraw_request(context, WithdrawRequest(account=HOUSE, request=args.request, reason=args.reason, by=args.by, role=args.role))


def _house(args: Any) -> list[str]:
    del args
    return [HOUSE]


def _nothing(args: Any) -> list[str]:
    """It only looks."""
    del args
    return []


COMMANDS = (
    Command("draft_catalogue", "Keep a text as the draft of a catalogue", DraftCatalogue, draft_catalogue, _house),
    Command("discard_draft", "Give the draft of a catalogue up", DiscardDraft, discard_draft, _house),
    Command("backtest_catalogue", "Try a draft on the history of the last months", BacktestCatalogue, backtest_catalogue, _nothing),
    Command("publish_draft", "Publish the draft of a catalogue", PublishDraft, publish_draft, _house),
    Command("request_publication", "Ask that a draft be published", RequestPublication, request_publication, _house),
    Command("expire_publications", "End requests to publish whose time is over", ExpirePublications, expire_publications, _house),
    Command("approve_publication", "Approve a draft and publish it", ApprovePublication, approve_publication, _house),
    Command("reject_publication", "Reject the publication of a draft", RejectPublication, reject_publication, _house),
    Command("withdraw_publication", "Take a request to publish back", WithdrawPublication, withdraw_publication, _house),
)
