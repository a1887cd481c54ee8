"""Erasing the people of an account while the books stay whole: events, hashes and amounts stay, names go.

What a document must show stays for as long as the policy says (`retention`), and goes by itself then: the event owes an effect for that
day. A legal hold stops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from accounts.crm import people
from billing import bulk
from billing.command import Command
from billing.commands.accounts import check_settled
from billing.commands.common import account_stream
from billing.crm import holders
from billing.delivery import Answer, Done, Later, OwedEffect
from billing.effects import Owed, owed_of
from billing.engine import Context, Decision, Request, execute
from billing.events import AccountClosed, Event
from billing.events.people import LegalHoldReleased, LegalHoldSet, PersonErased
from billing.house.published import house_policy
from billing.journal import Draft
from billing.keys.commands import end_keys
from billing.loading import load_one
from billing.models import LegalHold
from plans.errors import Conflict, NotAllowed, Refusal
from plans.periods import day_start, local_date

KIND = "person.erase"
LOOKED_AGAIN = timedelta(days=30)  # at what a hold stops


@dataclass(frozen=True)
class ErasePerson:
    account: str
    reason: str = ""
    documents: str = "keep"  # keep: what the law demands stays until its time is over; erase: refused where it does


def erase_person(context: Context, args: ErasePerson) -> Decision:
    """Erase who stands behind an account: the person, contacts, what was said, tasks, files, who signs in, lines of bank statements, and
    what documents show of them once the years are over for which they must. The account must be settled, and is closed; its keys end."""
    state = load_one(args.account)
    if (hold := find_hold(args.account)) is not None:
        message = f"a legal hold of {hold.since:%Y-%m-%d} stands: {hold.reason}; release it first"
        raise NotAllowed("legal_hold", message, at="account")
    if args.documents not in ("keep", "erase"):
        raise Conflict("unknown_choice", f"expected keep or erase, found {args.documents[:40]!r}", at="documents")
    drafts = []
    if state.status != "closed":
        check_settled(state)
        drafts.append(Draft(args.account, AccountClosed(account=args.account, reason=args.reason), context.at))
    kept = _kept(args.account, context.at)
    last = max((until for _, until, _ in kept), default=None)
    if kept and args.documents == "erase":
        _, until, name = max(kept, key=lambda one: one[1])
        message = f"{name} must show whom it was made out to until {until}; say documents: keep, and they are erased then"
        raise Conflict("retention", message, at="documents", until=until)
    drafts += end_keys(context, args.account, "the person was erased")
    texts = people.known(args.account)
    counts = holders.erase(args.account, texts, [digest for digest, _, _ in kept])
    if not counts and not drafts:
        raise Conflict("nothing_to_erase", f"nothing personal is kept of {args.account} that may be erased now", at="account")
    event = PersonErased(account=args.account, reason=args.reason, erased=counts, kept=len({one[2] for one in kept}), kept_until=last)
    return Decision([*drafts, Draft(args.account, event, context.at)], {"kept_until": last.isoformat() if last else ""})


def _kept(account: str, at: datetime) -> list[tuple[str, date, str]]:
    """(hash of a frozen row, until when, which document) of what must still be shown. Days are those of the account's zone."""
    state = load_one(account)
    years, today = house_policy(state.seller, at=at).document_years, local_date(at, state.zone)
    statement = """
        SELECT coalesce(data->>'buyer', data->>'destination'), (effective_at AT TIME ZONE %s)::date,
            coalesce(nullif(data->>'number', ''), stream || '/' || sequence)
        FROM journal WHERE stream = %s AND kind = ANY(%s) ORDER BY sequence"""
    rows = bulk.fetch(statement, [state.zone, account, ["invoice.issued", "credit_note.issued", "transfer.sent"]])
    dated = [(digest, _after(day, years), name) for digest, day, name in rows if digest]
    return [one for one in dated if one[1] > today]


def _kept_until(account: str, at: datetime) -> date | None:
    return max((until for _, until, _ in _kept(account, at)), default=None)


def _after(day: date, years: int) -> date:
    """The same day so many years later; of 29 February the 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


@dataclass(frozen=True)
class SetLegalHold:
    account: str
    reason: str


def set_legal_hold(context: Context, args: SetLegalHold) -> Decision:
    """Forbid to erase anything of an account: a lawsuit, an inspection. The reason is a fact, not a name: it stays for ever."""
    load_one(args.account)
    if find_hold(args.account) is not None:
        raise Conflict("hold_stands", f"a legal hold stands on {args.account} already", at="account")
    return Decision([Draft(args.account, LegalHoldSet(account=args.account, reason=args.reason), context.at)])


@dataclass(frozen=True)
class ReleaseLegalHold:
    account: str
    reason: str


def release_legal_hold(context: Context, args: ReleaseLegalHold) -> Decision:
    """Let the people of an account be erased again."""
    load_one(args.account)
    if find_hold(args.account) is None:
        raise Conflict("no_hold", f"no legal hold stands on {args.account}", at="account")
    return Decision([Draft(args.account, LegalHoldReleased(account=args.account, reason=args.reason), context.at)])


def find_hold(account: str) -> LegalHold | None:
    return LegalHold.objects.filter(account=account).first()


# --- when the years are over --------------------------------------------------------------------------------------------------------


@owed_of(PersonErased)
def owed_by(event: Event) -> list[Owed]:
    if isinstance(event, PersonErased) and event.kept_until is not None:
        return [(KIND, {"until": event.kept_until.isoformat()})]
    return []


def finish(effect: OwedEffect) -> Answer:
    """Handler of `person.erase`: what documents had to show is erased when they need not show it any more."""
    zone = load_one(effect.account).zone
    until = day_start(date.fromisoformat(str(effect.payload["until"])), zone)
    if effect.at < until:
        return Later("documents must still show it", at=until)
    asked = {"account": effect.account, "reason": "the years are over for which documents show it"}
    try:
        execute(Request("erase_person", asked, effect.at, actor="retention", key=effect.id, known_at=effect.known_at))
    except Refusal as refusal:
        if refusal.code == "legal_hold":
            return Later(refusal.message, at=effect.at + LOOKED_AGAIN)
        last = _kept_until(effect.account, effect.at)  # a policy of since then may demand more years
        return Later("documents must still show it", at=day_start(last, zone)) if last else Done(refusal.message)
    return Done()


COMMANDS: Sequence[Command] = (
    Command("erase_person", "Erase the people of a settled account", ErasePerson, erase_person, account_stream),
    Command("set_legal_hold", "Forbid to erase anything of an account", SetLegalHold, set_legal_hold, account_stream),
    Command("release_legal_hold", "End a legal hold", ReleaseLegalHold, release_legal_hold, account_stream),
)
