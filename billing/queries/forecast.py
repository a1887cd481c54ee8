"""An account's future: played by the very clockwork that will do it and rolled back; and what is known to lie ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing import bulk
from billing.entitlements.changes import changes_ahead
from billing.events import CreditNoteIssued, InvoiceIssued
from billing.journal import Head, Recorded
from billing.loading import load_one, policy
from billing.models.changes import QUESTIONED, SCHEDULED
from billing.previews import Balances, balances
from billing.queries.ahead import advanced, undone
from billing.schedule import ended_row
from billing.scheduling.pending import load_pending
from billing.state import AccountState
from billing.terms import phase_spans, plan_of
from billing.works import load_works, works
from plans.errors import Invalid
from plans.periods import day_start

FARTHEST = timedelta(days=3660)


@dataclass(frozen=True)
class Forecast:
    """What happens until `until` if nobody does anything else: the events, the documents among them, and the balances."""

    account: str
    until: datetime
    events: tuple[Recorded, ...]
    before: Balances
    after: Balances

    @property
    def documents(self) -> tuple[tuple[datetime, InvoiceIssued | CreditNoteIssued], ...]:
        return tuple((one.effective_at, one.event) for one in self.events if isinstance(one.event, InvoiceIssued | CreditNoteIssued))


def forecast(account: str, *, at: datetime, until: datetime) -> Forecast:
    """Play the account until then, and undo it. Raises NotFound `unknown_account`, Invalid `out_of_range` for more than ten years."""
    load_one(account)
    if not timedelta(0) <= until - at <= FARTHEST:
        raise Invalid("out_of_range", "a forecast goes from now on, ten years at most", at="until")

    def look(heads: dict[str, Head]) -> Forecast:
        before = balances([account])
        events = advanced(account, until, heads)
        return Forecast(account, until, tuple(events), before, balances([account]))

    return undone(look, account)


@dataclass(frozen=True)
class Ahead:
    """One thing that lies ahead: when, what kind, and in words. `source` is the event or contract that it comes from."""

    at: datetime
    kind: str  # period phase change start end due work waiting access
    what: str
    source: str = ""


def timeline(account: str, *, at: datetime) -> list[Ahead]:
    """What is known to lie ahead of the account, in order: ends of periods and phases, scheduled changes and those that wait for a person,
    ends of contracts, due dates, what other parts of the system have in hand, and what the account may use otherwise from then on.
    Raises NotFound `unknown_account`."""
    state = load_one(account)
    found = [*_contracts(state), *_changes(account), *_due(state), *_works(state), *_held(state)]
    found += _access(account, [one for one in found if one.kind in ("phase", "change", "start", "end") and one.at > at], at)
    return sorted((one for one in found if one.at >= at or one.kind == "waiting"), key=lambda one: (one.at, one.kind, one.what))


def _contracts(state: AccountState) -> Iterator[Ahead]:
    rules = policy()
    for contract in state.contracts.values():
        if contract.settled:
            continue
        plan = plan_of(rules, contract.timeline[-1].terms)
        name = f"{contract.id} ({contract.name or plan.name or plan.code})"
        ends: dict[datetime, list[str]] = {}
        for row in state.periods:
            if row.contract == contract.id and not row.closed and row.end > row.start:
                ends.setdefault(ended_row(rules, contract, row, state.zone).end, []).append(row.item)
        for end, items in sorted(ends.items()):
            yield Ahead(end, "period", f"the period of {', '.join(items)} of {name} ends", contract.id)
        for span in phase_spans(plan, contract.timeline[-1].terms, state.zone):
            if span.end is not None:
                yield Ahead(span.end, "phase", f"the phase {span.phase.name} of {name} ends", contract.id)
        if contract.start > min((row.start for row in state.periods if row.contract == contract.id), default=contract.start):
            yield Ahead(contract.start, "start", f"{name} starts", contract.id)
        if contract.end is not None and contract.status != "ended":
            yield Ahead(contract.end, "end", f"{name} ends", contract.id)


def _changes(account: str) -> Iterator[Ahead]:
    for one in load_pending([account], statuses=(SCHEDULED, QUESTIONED)).get(account, []):
        asked = f"{one.command}{_arguments(one.arguments)}, asked by {one.by} on {one.at:%Y-%m-%d}"
        if one.status == QUESTIONED:
            yield Ahead(one.moment, "waiting", f"{asked}: waits for a person: {one.message}", one.address)
        else:
            yield Ahead(one.moment, "change", asked, one.address)


def _arguments(arguments: Mapping[str, object]) -> str:
    hidden = ("account", "contract", "reason")
    said = [f"{name} {value}" for name, value in arguments.items() if name not in hidden and value not in (None, "")]
    return f" ({', '.join(said)})" if said else ""


def _access(account: str, terms_change: Sequence[Ahead], at: datetime) -> Iterator[Ahead]:
    """What the account may do otherwise from then on."""
    for one in changes_ahead(account, {ahead.at: ahead.source for ahead in terms_change}, at=at):
        yield Ahead(one.at, "access", f"may use {one.title}", one.address)


def _due(state: AccountState) -> Iterator[Ahead]:
    for one in state.open_invoices:
        if one.due is not None:
            yield Ahead(
                day_start(one.due, state.zone), "due", f"{one.number or one.document} is due: {one.open} {one.currency} open", one.id
            )


def _held(state: AccountState) -> Iterator[Ahead]:
    """What waits off documents, with who said so."""
    if not state.held:
        return
    statement = """
        SELECT contract, item, since, actor, event, reason FROM read_invoicing_hold
        WHERE account = %s AND until IS NULL ORDER BY since, contract, item"""
    for contract, item, since, actor, event, reason in bulk.fetch(statement, [state.account]):
        what = f"{item} of {contract}" if item else contract
        yield Ahead(since, "waiting", f"{what} is kept off documents, by {actor}{f': {reason}' if reason else ''}", event)


def _works(state: AccountState) -> Iterator[Ahead]:
    """What other parts have in hand: the next moment of each, in the words of its class."""
    rules = policy()
    load_works({state.account: state}, rules)
    for work in (works()[position] for position in state.works):
        moment = work.next_moment(state, rules)
        if moment is not None and type(work).__name__ != "Changes":
            yield Ahead(moment, "work", getattr(work, "what", type(work).__name__.lower()))
