"""One clockwork: `advance` does what is due, moment by moment, until nothing is due. Beat, scenario, forecast and catch-up all call it.

At one moment the order is: periods that end are closed and counted (1), holds (2), scheduled changes (3), periods that start (4),
documents (5), collection (6), dunning (7), the books of a month that ends (8); what is not here is a `Work` of the settings. Each round
loads the chunk's accounts in a few statements, lets every account take its earliest step, and records all steps as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from billing import bulk, journal
from billing.alike import Turn, tell
from billing.counting import count
from billing.documents import compose_documents
from billing.engine import Rollback, Stamp, passes, record
from billing.events import AccountParked, ChargeOverridden, EndSet, Event, TermsSet
from billing.folding import fold, forget_marks
from billing.following import let_go, needing
from billing.journal import Draft, Head, Recorded
from billing.loading import load, load_counted, policy
from billing.measuring import measure_steps
from billing.memory import no_collection
from billing.planning import Doing, plan
from billing.schedule import Recount, Recounts, Step, marked_periods, next_step
from billing.state import AccountState
from billing.stored import Known
from billing.terms import Policy
from billing.waking import woken
from billing.works import load_works, moving, works
from plans import store
from plans.errors import Conflict

MAX_ROUNDS = 100_000
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def advance(
    accounts: Collection[str],
    *,
    until: datetime,
    heads: dict[str, Head],
    stamp: Stamp,
    after: Sequence[Recorded] = (),
    known: Known | None = None,
    claimed: bool = False,
) -> list[Recorded]:
    """Do everything that is due for the accounts up to and including `until`; their heads are locked by this transaction. Of those that a
    run has `claimed` it is known that something was due.

    `after` are the events of a command of the same transaction: the periods whose terms they changed are counted again; `known` is what the
    command read, or would; where the clockwork records something, or use waits to be counted, it is known no longer. What a command
    reaches back to is counted when it was, but stands on documents of the command's day: no document is dated
    before it was known.
    """
    recorded: list[Recorded] = []
    recount = _touched(after, at=until)
    if after:
        let_go(known or {}, after)
        active = needing(accounts, after, until=until, known=known)
    else:
        active = sorted(accounts) if claimed else woken(accounts, until, known)
    states = _loaded(active, recount, known if after else None)
    if active and known:
        known.clear()
    turns: Mapping[str, Turn] = {}
    for _ in range(MAX_ROUNDS):
        if not active:
            return recorded
        issued_from = until if after else None
        doing, done = _round(states, until=until, heads=heads, stamp=stamp, recount=recount, issued_from=issued_from, turns=turns)
        recorded += done
        recount = _pending(recount, doing.steps) | _touched(done)
        active = list(dict.fromkeys(doing.active))
        folded = _following(active, states, doing, done, recount)
        turns = {account: turn for account, turn in doing.turns_ahead.items() if folded.get(account) is states[account]}
        states = folded
    message = f"{MAX_ROUNDS} steps of its clockwork did not suffice until {until:%Y-%m-%d %H:%M} UTC; bill it up to an earlier time first"
    raise Conflict("too_much_at_once", message, accounts=sorted(active)[:3])


def _following(
    active: Sequence[str], states: Mapping[str, AccountState], doing: Doing, done: Sequence[Recorded], recount: Recounts
) -> dict[str, AccountState]:
    """The states after a round: folded where its events are everyday ones, else loaded again. Work may have written to another account."""
    events: dict[str, list[Recorded]] = {}
    for recorded in done:
        events.setdefault(recorded.stream, []).append(recorded)
    performed = {account for accounts in doing.works.values() for account in accounts}  # what they wrote may be in other streams
    found, again, moved = {}, [], {}
    for account in active:
        state, own = states.get(account), events.get(account, ())
        if state is None or account in recount or not fold(state, own):
            again.append(account)
            continue
        if account in doing.steps:
            forget_marks(state, doing.steps[account].marks)
        if account in performed or any(moved_by(one.event) for one in own for moved_by in moving(type(one.event))):
            moved[account] = state
        found[account] = state
    load_works(moved, policy())
    return found | _loaded(again, recount) if again else found


def _loaded(accounts: Collection[str], recount: Recounts, known: Known | None = None) -> dict[str, AccountState]:
    """The states of the accounts, with what the works that concern them need to know."""
    rules = policy()
    states = load(accounts, since=recount, known=known, counted=False, rules=rules)
    load_works(states, rules)
    return states


def _touched(events: Sequence[Recorded], *, at: datetime | None = None) -> dict[str, Mapping[str, Recount]]:
    """account → contract → from which moment its terms are others than before, and when that is counted: `at`, or when they took effect."""
    touched: dict[str, dict[str, Recount]] = {}
    if not any(issubclass(kind, TermsSet | EndSet | ChargeOverridden) for kind in {type(recorded.event) for recorded in events}):
        return {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, TermsSet | EndSet):
            since = recorded.effective_at
            if isinstance(event, EndSet) and event.end is not None:
                since = min(since, event.end)
            if getattr(event, "early", False):
                since = LONG_AGO
            contracts = touched.setdefault(event.account, {})
            held = contracts.get(event.contract)
            contracts[event.contract] = Recount(since if held is None else min(since, held.since), at or recorded.effective_at)
        elif isinstance(event, ChargeOverridden):
            contracts = touched.setdefault(event.account, {})
            held = contracts.get(event.key.contract)
            since = event.key.period_start if held is None else min(event.key.period_start, held.since)
            contracts[event.key.contract] = Recount(since, at or recorded.effective_at)
    return touched


def _pending(recounts: Recounts, done: Mapping[str, Step]) -> dict[str, Mapping[str, Recount]]:
    """What is still to be counted again: other work of an earlier moment may have come first."""
    found = {}
    for account, contracts in recounts.items():
        left = {name: again for name, again in contracts.items() if account not in done or name not in done[account].recounted}
        if left:
            found[account] = left
    return found


def _round(
    states: Mapping[str, AccountState],
    *,
    until: datetime,
    heads: dict[str, Head],
    stamp: Stamp,
    recount: Recounts,
    issued_from: datetime | None,
    turns: Mapping[str, Turn],
) -> tuple[Doing, list[Recorded]]:
    """One step of every account that has one; answers what was done and what was recorded."""
    rules = policy()
    together = issued_from is None and not recount
    doing = plan(states, rules, recount, until, issued_from=issued_from, together=together, turns=turns)
    _forget_marks([*doing.idle, *(mark for step in doing.steps.values() for mark in step.marks)])
    load_counted({account: states[account] for account in (*doing.turns, *(name for name, step in doing.steps.items() if step.counts))})
    drafts = [*_turned(doing, states, rules, until), *_stepped(doing, states, rules, heads)]
    for position, accounts in doing.works.items():
        for made in works()[position].perform(accounts, states, rules, heads).values():
            drafts += made
            doing.written += [draft.stream for draft in made if journal.is_account(draft.stream)]
    _refresh_due(doing.resting)
    return doing, record(drafts, heads=heads, stamp=stamp)


def _turned(doing: Doing, states: Mapping[str, AccountState], rules: Policy, until: datetime) -> list[Draft]:
    """The turns of the accounts that are alike. Who must be looked at alone after all gets a step of its own. Who rests then is said here:
    what works have ahead stands, because no event of these turns moves them."""
    if not doing.turns:
        return []
    told = tell(doing.turns, states, rules)
    for account in told.alone:
        del doing.turns[account]
        step = next_step(states[account], rules, recount={}, marked=marked_periods(states[account], rules))
        assert step is not None
        doing.steps[account] = step
    for account, periods_ahead in told.rests.items():
        moment = min(periods_ahead, doing.works_ahead.get(account, periods_ahead))
        if moment > until and not states[account].marks:
            doing.resting[account] = moment
    return [Draft(account, event, doing.turns[account].step.moment) for account, events in told.events.items() for event in events]


def _stepped(doing: Doing, states: Mapping[str, AccountState], rules: Policy, heads: Mapping[str, Head]) -> list[Draft]:
    """Periods of the accounts that are looked at alone, and everybody's documents."""
    counting = {account: step for account, step in doing.steps.items() if step.counts}
    usage = measure_steps(counting, states, rules, totals=True)
    issuing = {account: step for account, step in doing.steps.items() if step.documents}
    issuing |= {account: bill.step for account, bill in doing.bills.items()}
    next_sequences = {account: heads[account].sequence + 1 for account in issuing}
    moments = {account: step.moment for account, step in issuing.items()}
    composed = compose_documents(moments, states, rules, next_sequences, doing.bills) if moments else {}
    drafts: list[Draft] = []
    steps = doing.steps | issuing
    for account, step in [(account, steps[account]) for account in states if account in steps]:  # numbers are drawn in this order
        events = composed[account] if step.documents else count(step, states[account], rules, usage.get(account, {}))
        drafts += [Draft(account, event, step.moment) for event in events]
    return drafts


def _forget_marks(marks: Sequence[int]) -> None:
    if marks:
        bulk.execute("DELETE FROM usage_mark USING {rows} WHERE usage_mark.id = given.id", {"id": ("bigint", list(marks))})


def _refresh_due(resting: Mapping[str, datetime | None]) -> None:
    """Write when each account next needs the clockwork; an account with nothing ahead has no row."""
    ahead = {account: moment for account, moment in resting.items() if moment is not None}
    idle = [account for account, moment in resting.items() if moment is None]
    bulk.execute("DELETE FROM due USING {rows} WHERE due.account = given.account", {"account": ("text", idle)})
    bulk.execute(
        "INSERT INTO due (account, at) SELECT account, at FROM {rows} "
        "ON CONFLICT (account) DO UPDATE SET at = excluded.at WHERE due.at <> excluded.at",
        {"account": ("text", list(ahead)), "at": ("timestamptz", list(ahead.values()))},
    )


def refresh_due(accounts: Collection[str]) -> None:
    """Compute again when the accounts next need the clockwork (after a rebuild)."""
    _refresh_due(plan(_loaded(accounts, {}), policy(), {}, LONG_AGO).resting)


def next_due(*, until: datetime, accounts: Collection[str] | None = None) -> datetime | None:
    """The earliest moment up to and including `until` at which one of the accounts (or any, but those parked) has something due."""
    statement = """
        SELECT min(at) FROM (SELECT account, at FROM due WHERE at <= %s UNION ALL SELECT account, arrived_at FROM usage_mark
            WHERE arrived_at <= %s) AS work JOIN read_account USING (account)
        WHERE (%s::text[] IS NULL OR account = ANY(%s)) AND status <> 'parked'"""
    named = None if accounts is None else list(accounts)
    found: datetime | None = bulk.fetch(statement, [until, until, named, named])[0][0]
    return found


# --- runs -------------------------------------------------------------------------------------------------------------------------


@dataclass
class RunReport:
    accounts: int = 0
    events: int = 0
    parked: int = 0
    busy: set[str] = field(default_factory=set)  # a thing that they need is another's at this moment: they are left to the next run


CHUNK = 400


def run(
    *, until: datetime, actor: str, known_at: datetime | None = None, chunk: int = CHUNK, progress: Callable[[RunReport], Any] | None = None
) -> RunReport:
    """Advance every account that is due, in chunks: claim, do, commit once. Safe on any number of workers at once, and to run twice."""
    report = RunReport()
    while run_chunk(until=until, actor=actor, known_at=known_at, chunk=chunk, report=report):
        if progress:
            progress(report)
    return report


def run_chunk(*, until: datetime, actor: str, known_at: datetime | None, chunk: int, report: RunReport) -> int:
    """One chunk: claim, do, commit once. Adds to the report, and answers how many accounts were claimed."""
    with no_collection():
        return _run_chunk(until=until, actor=actor, known_at=known_at, chunk=chunk, report=report)


def count_due(until: datetime) -> int:
    """How many accounts have something due, parked ones aside."""
    statement = """
        SELECT count(*) FROM (SELECT account FROM due WHERE at <= %s UNION SELECT account FROM usage_mark WHERE arrived_at <= %s) AS work
            JOIN read_account USING (account) WHERE read_account.status <> 'parked'"""
    return int(bulk.fetch(statement, [until, until])[0][0])


def rehearse_chunk(*, until: datetime, actor: str, chunk: int, after: str) -> tuple[list[str], RunReport]:
    """Do what is due for the next accounts after this one in the order of their names, and undo it: what a run would do."""
    statement = """
        SELECT account FROM (SELECT account FROM due WHERE at <= %s UNION SELECT account FROM usage_mark WHERE arrived_at <= %s) AS work
            JOIN read_account USING (account) WHERE read_account.status <> 'parked' AND account > %s ORDER BY account LIMIT %s"""
    try:
        with transaction.atomic(), store.steady(), no_collection():
            accounts = [row[0] for row in bulk.fetch(statement, [until, until, after, chunk])]
            heads = journal.lock(accounts, create=False)
            stamp = Stamp(actor, "advance", journal.database_time(), dry_run=True)
            report = _advance_or_halve(heads, until=until, stamp=stamp)
            report.accounts = len(accounts) - len(report.busy)
            raise Rollback
    except Rollback:
        pass
    return accounts, report


def _claim(until: datetime, limit: int, leave: Collection[str]) -> dict[str, Head]:
    """Lock up to `limit` accounts that have something due; those that another worker holds are left to it, and those in `leave`. Parked
    accounts rest."""
    bulk.plan_once()
    rows = bulk.fetch(_CLAIM.format("due", "at"), [until, list(leave), limit])
    if len(rows) < limit:
        claimed = [row[0] for row in rows]
        rows += bulk.fetch(_CLAIM.format("usage_mark", "arrived_at"), [until, [*leave, *claimed], limit - len(rows)])
    return {account: Head(sequence=sequence, hash=bytes(digest)) for account, sequence, digest in rows}


#: Along the index by time, so that a chunk costs the same however many accounts are due.
_CLAIM = """
    SELECT stream.id, last_sequence, last_hash FROM {0} JOIN stream ON stream.id = {0}.account
        JOIN read_account ON read_account.account = stream.id
    WHERE {0}.{1} <= %s AND read_account.status <> 'parked' AND stream.id <> ALL(%s)
    ORDER BY {0}.{1}, {0}.account LIMIT %s FOR NO KEY UPDATE OF stream SKIP LOCKED"""


def _run_chunk(*, until: datetime, actor: str, known_at: datetime | None, chunk: int, report: RunReport) -> int:
    """One transaction: claim a chunk, do what is due, commit once."""
    with transaction.atomic(), store.steady():
        heads = _claim(until, chunk, report.busy)
        if not heads:
            return 0
        stamp = Stamp(actor, "advance", known_at or journal.database_time())
        done = _advance_or_halve(heads, until=until, stamp=stamp)
    report.accounts += len(heads) - len(done.busy)
    report.events += done.events
    report.parked += done.parked
    report.busy |= done.busy
    return len(heads)


def _advance_or_halve(heads: dict[str, Head], *, until: datetime, stamp: Stamp) -> RunReport:
    """Advance a chunk; when it fails it is halved until one account is left, which is parked by an event of its own."""
    if not heads:
        return RunReport()
    try:
        with transaction.atomic():
            return RunReport(events=len(advance(list(heads), until=until, heads=dict(heads), stamp=stamp, claimed=True)))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one account must not stop the others
        accounts = list(heads)
        if len(accounts) == 1 and passes(error):
            return RunReport(busy=set(accounts))  # it goes back, and is claimed again by another run
        if len(accounts) == 1:
            reason = str(error)[:500] or type(error).__name__
            event: Event = AccountParked(account=accounts[0], code=getattr(error, "code", type(error).__name__), reason=reason)
            record([Draft(accounts[0], event, until)], heads=heads, stamp=replace(stamp, command="park"))
            return RunReport(events=1, parked=1)
        half = len(accounts) // 2
        parts = [{name: heads[name] for name in part} for part in (accounts[:half], accounts[half:])]
        done = [_advance_or_halve(part, until=until, stamp=stamp) for part in parts]
        return RunReport(0, sum(one.events for one in done), sum(one.parked for one in done), {name for one in done for name in one.busy})
