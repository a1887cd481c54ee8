"""One clockwork: `advance` does what is due, moment by moment, until nothing is due. Beat, scenario, forecast and catch-up all call it.

At one moment the order is: periods that end are closed and counted, periods that start are opened (1, 4), then documents (5). Each round
loads the chunk's accounts in a few statements, lets every account take its earliest step, and records all steps as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from billing import bulk, journal
from billing.counting import count
from billing.documents import compose_documents
from billing.engine import Stamp, record
from billing.events import AccountParked, EndSet, Event, TermsSet
from billing.journal import Draft, Head, Recorded
from billing.loading import load, policy
from billing.measuring import measure_steps
from billing.schedule import Step, next_step
from billing.state import AccountState
from plans import store

MAX_ROUNDS = 100_000
FAR = datetime(9000, 1, 1, tzinfo=UTC)


def advance(
    accounts: Collection[str], *, until: datetime, heads: dict[str, Head], stamp: Stamp, after: Sequence[Recorded] = ()
) -> list[Recorded]:
    """Do everything that is due for the accounts up to and including `until`; their heads are locked by this transaction.

    `after` are events of the same transaction that changed terms: the periods that they touch are counted again.
    """
    recorded: list[Recorded] = []
    recount = _touched(after)
    active = list(accounts) if after else _due(accounts, until)
    for _ in range(MAX_ROUNDS):
        if not active:
            return recorded
        states = load(active, since=recount)
        done, active = _round(states, until=until, heads=heads, stamp=stamp, recount=recount)
        recorded += done
        recount = {}
    raise AssertionError("the clockwork does not come to rest")


def _due(accounts: Collection[str], until: datetime) -> list[str]:
    """Those of the accounts that have something due, asked of the narrow tables alone."""
    statement = """
        SELECT account FROM due WHERE account = ANY(%s) AND at <= %s UNION SELECT account FROM usage_mark WHERE account = ANY(%s) AND arrived_at <= %s
        ORDER BY 1"""
    names = list(accounts)
    return [row[0] for row in bulk.fetch(statement, [names, until, names, until])]


def _touched(events: Sequence[Recorded]) -> dict[str, dict[str, datetime]]:
    """account -> contract -> the earliest moment from which its terms are others than before."""
    touched: dict[str, dict[str, datetime]] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, TermsSet | EndSet):
            moments = touched.setdefault(event.account, {})
            moment = recorded.effective_at
            if isinstance(event, EndSet) and event.end is not None:
                moment = min(moment, event.end)
            if getattr(event, "early", False):
                moment = datetime.min.replace(tzinfo=UTC)
            moments[event.contract] = min(moment, moments.get(event.contract, moment))
    return touched


def _round(
    states: Mapping[str, AccountState],
    *,
    until: datetime,
    heads: dict[str, Head],
    stamp: Stamp,
    recount: Mapping[str, Mapping[str, datetime]],
) -> tuple[list[Recorded], list[str]]:
    """One step of every account that has one; answers what was recorded and which accounts may have more."""
    rules = policy()
    plans: dict[str, Step] = {}
    resting: dict[str, datetime | None] = {}
    for account, state in states.items():
        step = next_step(state, rules, recount=recount.get(account, {}), until=until)
        if step is None or step.moment > until:
            resting[account] = step.moment if step else None
        else:
            plans[account] = step
    _forget_marks([mark for step in plans.values() for mark in step.marks])
    usage = measure_steps({account: step for account, step in plans.items() if step.counts}, states, rules)
    moments = {account: step.moment for account, step in plans.items() if step.documents}
    next_sequences = {account: heads[account].sequence + 1 for account in moments}
    composed = compose_documents(moments, states, rules, next_sequences) if moments else {}
    drafts: list[Draft] = []
    for account, step in plans.items():
        events = composed[account] if step.documents else count(step, states[account], rules, usage.get(account, {}))
        drafts += [Draft(account, event, step.moment) for event in events]
    _refresh_due(resting)
    return record(drafts, heads=heads, stamp=stamp), list(plans)


def _forget_marks(marks: Sequence[int]) -> None:
    if marks:
        bulk.execute("DELETE FROM usage_mark USING {rows} WHERE usage_mark.id = given.id", {"id": ("bigint", list(marks))})


def _refresh_due(resting: Mapping[str, datetime | None]) -> None:
    """Write when each account next needs the clockwork; an account with nothing ahead has no row."""
    ahead = {account: moment for account, moment in resting.items() if moment is not None}
    idle = [account for account, moment in resting.items() if moment is None]
    bulk.execute("DELETE FROM due USING {rows} WHERE due.account = given.account", {"account": ("text", idle)})
    bulk.execute(
        "INSERT INTO due (account, at) SELECT account, at FROM {rows} ON CONFLICT (account) DO UPDATE SET at = excluded.at WHERE due.at <> excluded.at",
        {"account": ("text", list(ahead)), "at": ("timestamptz", list(ahead.values()))},
    )


def refresh_due(accounts: Collection[str]) -> None:
    """Compute again when the accounts next need the clockwork (after a rebuild)."""
    states, rules = load(accounts), policy()
    resting = {}
    for account, state in states.items():
        step = next_step(state, rules, recount={}, until=FAR)
        resting[account] = step.moment if step else None
    _refresh_due(resting)


# --- runs -------------------------------------------------------------------------------------------------------------------------


@dataclass
class RunReport:
    accounts: int = 0
    events: int = 0
    parked: int = 0


CHUNK = 200


def run(
    *, until: datetime, actor: str, known_at: datetime | None = None, chunk: int = CHUNK, progress: Callable[[RunReport], Any] | None = None
) -> RunReport:
    """Advance every account that is due, in chunks: claim, do, commit once. Safe on any number of workers at once, and to run twice."""
    report = RunReport()
    while True:
        claimed = _run_chunk(until=until, actor=actor, known_at=known_at, chunk=chunk, report=report)
        if progress:
            progress(report)
        if not claimed:
            return report


def _claim(until: datetime, limit: int) -> dict[str, Head]:
    """Lock up to `limit` accounts that have something due; those that another worker holds are left to it. Parked accounts rest."""
    statement = """
        SELECT stream.id, last_sequence, last_hash FROM stream JOIN (
            SELECT account, min(at) AS at FROM (
                SELECT account, at FROM due WHERE at <= %s UNION ALL SELECT account, arrived_at FROM usage_mark WHERE arrived_at <= %s
            ) AS work GROUP BY account
        ) AS work ON work.account = stream.id JOIN read_account ON read_account.account = stream.id
        WHERE read_account.status <> 'parked' ORDER BY work.at, stream.id LIMIT %s FOR NO KEY UPDATE OF stream SKIP LOCKED"""
    rows = bulk.fetch(statement, [until, until, limit])
    return {account: Head(sequence=sequence, hash=bytes(digest)) for account, sequence, digest in rows}


def _run_chunk(*, until: datetime, actor: str, known_at: datetime | None, chunk: int, report: RunReport) -> int:
    """One transaction: claim a chunk, do what is due, commit once."""
    with transaction.atomic(), store.steady():
        heads = _claim(until, chunk)
        if not heads:
            return 0
        stamp = Stamp(actor, "advance", known_at or journal.database_time())
        events, parked = _advance_or_halve(heads, until=until, stamp=stamp)
    report.accounts += len(heads)
    report.events += events
    report.parked += parked
    return len(heads)


def _advance_or_halve(heads: dict[str, Head], *, until: datetime, stamp: Stamp) -> tuple[int, int]:
    """Advance a chunk; when it fails it is halved until one account is left, which is parked by an event of its own."""
    try:
        with transaction.atomic():
            return len(advance(list(heads), until=until, heads=dict(heads), stamp=stamp)), 0
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one account must not stop the others
        accounts = list(heads)
        if len(accounts) == 1:
            reason = str(error)[:500] or type(error).__name__
            event: Event = AccountParked(account=accounts[0], code=getattr(error, "code", type(error).__name__), reason=reason)
            record([Draft(accounts[0], event, until)], heads=heads, stamp=replace(stamp, command="park"))
            return 1, 1
        half = len(accounts) // 2
        parts = [{name: heads[name] for name in part} for part in (accounts[:half], accounts[half:])]
        done = [_advance_or_halve(part, until=until, stamp=stamp) for part in parts]
        return sum(events for events, _ in done), sum(parked for _, parked in done)
