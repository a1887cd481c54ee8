"""When what an account may do changed, by which event, and what lies ahead of it.

changed(account)          the past: every event, and every end of a phase or contract, that gave or took something
changes_ahead(account)    the future: the clockwork played to each moment at which terms change, and undone
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing import bulk, journal
from billing.entitlements.checking import check_all, features_of
from billing.entitlements.rules import ZERO, Entitlement, Source, Standing, decide
from billing.events import ContractSigned, CreditStatusChanged, EndSet, TermsSet
from billing.journal import Head
from billing.loading import load_one, policy
from billing.queries.ahead import advanced, undone
from billing.terms import phase_spans, plan_of
from plans import store
from plans.money import plain

MOST_AHEAD = 24  # moments that are played


@dataclass(frozen=True)
class Change:
    """A feature that is allowed otherwise from a moment on, in words; `address` is the event behind it, "" where time alone did it."""

    at: datetime
    feature: str
    before: str
    after: str
    address: str = ""
    by: str = ""

    @property
    def title(self) -> str:
        return f"{self.feature}: {self.before} → {self.after}"


def words(answer: Entitlement, unit: str) -> str:
    """What is allowed, whatever was used of it: `no`, `yes`, `25 projects`, `unlimited`, or the value that is set."""
    if answer.limit is not None:
        return f"{plain(answer.limit)}{f' {unit}' if unit else ''}"
    if not answer.allowed:
        return "no"
    return answer.value or ("unlimited" if answer.kind == "limit" else "yes")


# --- the past ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Moment:
    """Something that may give or take: an event, or (`gone`) the end of a contract, or (neither) the end of a phase."""

    at: datetime
    order: int
    recorded: journal.Recorded
    gone: str = ""
    alone: bool = False


def changed(account: str, *, until: datetime) -> list[Change]:
    """Every change until then, oldest first. It reads the account's events of contracts and credit status, not its charges."""
    state = load_one(account)
    statement = """
        SELECT stream, sequence FROM journal WHERE stream = %s AND (kind LIKE 'contract.%%' OR kind = 'credit_status.changed')"""
    events = journal.several(bulk.fetch(statement, [account]))
    listed = [one for one in events if isinstance(one.event, TermsSet | EndSet | CreditStatusChanged)]
    moments = sorted(_moments(listed, state.zone), key=lambda one: (one.at, one.order))
    with store.steady():
        return list(_walk([one for one in moments if one.at <= until], state.zone))


def _moments(events: Sequence[journal.Recorded], zone: str) -> Iterator[_Moment]:
    ends: dict[str, tuple[datetime | None, journal.Recorded]] = {}
    set_by: dict[str, list[journal.Recorded]] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, ContractSigned | EndSet):
            ends[event.contract] = event.end, recorded
        if isinstance(event, TermsSet):
            set_by.setdefault(event.contract, []).append(recorded)
        if not isinstance(event, EndSet):
            yield _Moment(recorded.effective_at, recorded.sequence, recorded)
    for contract, (end, recorded) in ends.items():
        if end is not None:
            yield _Moment(end, recorded.sequence, recorded, gone=contract)
    for rows in set_by.values():
        for recorded, following in zip(rows, [*rows[1:], None], strict=True):
            yield from _phases(recorded, following, zone)


def _phases(recorded: journal.Recorded, following: journal.Recorded | None, zone: str) -> Iterator[_Moment]:
    """The ends of phases while the terms are in force."""
    event = recorded.event
    assert isinstance(event, TermsSet)
    for span in phase_spans(plan_of(policy(), event.terms), event.terms, zone):
        within = span.end is not None and span.end > recorded.effective_at
        if within and span.end is not None and (following is None or span.end < following.effective_at):
            yield _Moment(span.end, recorded.sequence, recorded, alone=True)


def _walk(moments: Iterable[_Moment], zone: str) -> Iterator[Change]:
    sources: dict[str, Source] = {}
    credit, stopped, held = "good", set[str](), dict[str, str]()
    for moment in moments:
        event = moment.recorded.event
        if moment.gone:
            sources.pop(moment.gone, None)
        elif isinstance(event, CreditStatusChanged):
            credit, stopped = event.status, (stopped | set(event.suspended)) - set(event.resumed)
        elif isinstance(event, TermsSet):
            start = sources[event.contract].start if event.contract in sources else moment.at
            sources[event.contract] = Source(event.contract, event.terms, start, None, stopped=False)
        running = [replace(one, stopped=name in stopped) for name, one in sources.items() if not one.terms.paused or name in stopped]
        found = _levels(running, credit, moment.at, zone, held)
        source = "" if moment.alone else moment.recorded.address
        for code, level in found.items():
            if level != held.get(code, "no"):
                yield Change(moment.at, code, held.get(code, "no"), level, source, "" if moment.alone else moment.recorded.actor)
        held = found


def _levels(sources: Sequence[Source], credit: str, at: datetime, zone: str, known: Iterable[str]) -> dict[str, str]:
    rules, features = policy(), features_of(sources)
    standing = Standing("open", credit, zone)
    found = {code: words(decide(rules, feature, sources, standing, ZERO, at), feature.unit) for code, feature in features.items()}
    return {code: found.get(code, "no") for code in [*found, *(code for code in known if code not in found)]}


# --- the future -------------------------------------------------------------------------------------------------------------------


def changes_ahead(account: str, moments: Mapping[datetime, str], *, at: datetime) -> list[Change]:
    """What is allowed otherwise after each of the moments (→ the event or contract that it comes from), up to `MOST_AHEAD` of them."""
    now = _now(account, at) if moments else {}
    if not now:
        return []

    def look(heads: dict[str, Head]) -> list[Change]:
        held, found = now, list[Change]()
        for moment in sorted(moments)[:MOST_AHEAD]:
            advanced(account, moment, heads)
            following = _now(account, moment)
            for code, level in following.items():
                if level != held.get(code, "no"):
                    found.append(Change(moment, code, held.get(code, "no"), level, moments[moment]))
            held = following
        return found

    return undone(look, account)


def _now(account: str, at: datetime) -> dict[str, str]:
    with store.steady():
        known = features_of(())
    return {one.feature: words(one, known[one.feature].unit if one.feature in known else "") for one in check_all(account, at=at)}
