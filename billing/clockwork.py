"""One clockwork: `advance` does what is due, moment by moment, until nothing is due. Beat, scenario, forecast and catch-up all call it.

At one moment the order is: periods that end are closed and counted, periods that start are opened (1, 4), then documents (5). Each round
loads the chunk's accounts in a few statements, lets every account take its earliest step, and records all steps as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from billing import bulk, journal, steps
from billing.engine import Stamp, record
from billing.events import AccountParked, Event, EndSet, TermsSet
from billing.journal import Draft, Head, Recorded
from billing.loading import load, policy, read_usage
from billing.state import AccountState

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
    active = list(accounts)
    for _ in range(MAX_ROUNDS):
        if not active:
            return recorded
        states = load(active, since=recount)
        done, active = _round(states, until=until, heads=heads, stamp=stamp, recount=recount)
        recorded += done
        recount = {}
    raise AssertionError("the clockwork does not come to rest")


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
    states: Mapping[str, AccountState], *, until: datetime, heads: dict[str, Head], stamp: Stamp, recount: Mapping[str, Mapping[str, datetime]]
) -> tuple[list[Recorded], list[str]]:
    """One step of every account that has one; answers what was recorded and which accounts may have more."""
    plans: dict[str, steps.Step] = {}
    resting: dict[str, datetime | None] = {}
    for account, state in states.items():
        step = steps.next_step(state, policy(), recount=recount.get(account, {}), until=until)
        if step is None or step.moment > until:
            resting[account] = step.moment if step else None
        else:
            plans[account] = step
    usage = read_usage({account: step.needs for account, step in plans.items()}, states)
    drafts: list[Draft] = []
    for account, step in plans.items():
        state = states[account]
        events = steps.perform(step, state, policy(), usage.get(account, {}), next_sequence=heads[account].sequence + 1)
        drafts += [Draft(account, event, step.moment) for event in events]
    _forget_marks([mark for step in plans.values() for mark in step.marks])
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
    states = load(accounts)
    resting = {}
    for account, state in states.items():
        step = steps.next_step(state, policy(), recount={}, until=FAR)
        resting[account] = step.moment if step else None
    _refresh_due(resting)


# --- runs -------------------------------------------------------------------------------------------------------------------------


@dataclass
class RunReport:
    accounts: int = 0
    events: int = 0
    parked: int = 0


CHUNK = 200


def run(*, until: datetime, actor: str, known_at: datetime | None = None, chunk: int = CHUNK, progress: Callable[[RunReport], Any] | None = None) -> RunReport:
    """Advance every account that is due, in chunks: claim, do, commit once. Safe on any number of workers at once, and to run twice."""
    report = RunReport()
    while True:
        claimed = _run_chunk(until=until, actor=actor, known_at=known_at, chunk=chunk, report=report)
        if progress:
            progress(report)
        if not claimed:
            return report


def _claimable(until: datetime, limit: int) -> list[str]:
    statement = """
        SELECT account FROM (
            SELECT account, at FROM due WHERE at <= %s
            UNION ALL SELECT account, arrived_at FROM usage_mark WHERE arrived_at <= %s
        ) AS work WHERE NOT EXISTS (SELECT 1 FROM read_account a WHERE a.account = work.account AND a.status = 'parked')
        GROUP BY account ORDER BY min(at), account LIMIT %s"""
    return [row[0] for row in bulk.fetch(statement, [until, until, limit])]


def _run_chunk(*, until: datetime, actor: str, known_at: datetime | None, chunk: int, report: RunReport) -> int:
    """One transaction over up to `chunk` accounts; an account that another worker holds is left to it."""
    accounts = _claimable(until, chunk)
    if not accounts:
        return 0
    done, parked = _advance_or_halve(accounts, until=until, actor=actor, known_at=known_at)
    report.accounts += len(accounts)
    report.events += done
    report.parked += parked
    return len(accounts)


def _advance_or_halve(accounts: Sequence[str], *, until: datetime, actor: str, known_at: datetime | None) -> tuple[int, int]:
    """Advance a chunk; when it fails it is halved until one account is left, which is parked by an event of its own."""
    try:
        with transaction.atomic():
            heads = journal.lock(accounts, create=False, skip_locked=True)
            stamp = Stamp(actor, "advance", known_at or journal.database_time())
            return len(advance(list(heads), until=until, heads=heads, stamp=stamp)), 0
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one account must not stop the others
        if len(accounts) == 1:
            park(accounts[0], code=type(error).__name__, reason=str(error)[:500], at=until, actor=actor, known_at=known_at)
            return 1, 1
        half = len(accounts) // 2
        first = _advance_or_halve(accounts[:half], until=until, actor=actor, known_at=known_at)
        second = _advance_or_halve(accounts[half:], until=until, actor=actor, known_at=known_at)
        return first[0] + second[0], first[1] + second[1]


def park(account: str, *, code: str, reason: str, at: datetime, actor: str, known_at: datetime | None = None) -> None:
    """Take the account out of the runs, with the cause readable, until a person releases it."""
    with transaction.atomic():
        heads = journal.lock([account])
        event: Event = AccountParked(account=account, code=code, reason=reason)
        record([Draft(account, event, at)], heads=heads, stamp=Stamp(actor, "park", known_at or journal.database_time()))
