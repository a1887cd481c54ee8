"""What should have been billed by a moment and was not, each with the reason. An empty answer is the promise that nothing was forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing import bulk
from billing.bill_times import bill_at
from billing.loading import load, policy, trimmed
from billing.schedule import meters_of, next_step
from billing.state import AccountState
from billing.terms import item_codes, item_of
from plans.errors import Refusal

CHUNK = 500


@dataclass(frozen=True)
class Missing:
    """`code`: parked behind forgotten period charge mark unread policy. `since`: from when it was due."""

    account: str
    code: str
    reason: str
    since: datetime | None = None


def unbilled(*, at: datetime) -> list[Missing]:
    """Everything that is due at or before `at` and not done, by account."""
    found = [*_parked(), *_behind(at), *_periods(at), *_marks(at)]
    found += [missing for chunk in _chunks() for missing in _states(chunk, at)]
    return sorted(found, key=lambda one: (one.account, one.code, one.reason))


def _parked() -> Iterator[Missing]:
    for account, reason in bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked' ORDER BY account"):
        yield Missing(account, "parked", f"the account is parked and not billed: {reason}")


def _behind(at: datetime) -> Iterator[Missing]:
    rows = bulk.fetch("SELECT account, due.at FROM due WHERE due.at <= %s ORDER BY account", [at])
    for account, moment in rows:
        yield Missing(account, "behind", "the clockwork has work that was due; run 'manage.py run advance'", moment)


def _periods(at: datetime) -> Iterator[Missing]:
    """Open periods that ended: of an account with no due row these would never be found by a run."""
    statement = """
        SELECT account, contract, item, "end" FROM read_live_period
        WHERE NOT closed AND "end" <= %s AND "end" > start ORDER BY account, contract, item"""
    for account, contract, item, end in bulk.fetch(statement, [at]):
        yield Missing(account, "period", f"a period of {item} of the contract {contract} ended and is not closed", end)


def _marks(at: datetime) -> Iterator[Missing]:
    statement = """
        SELECT account, meter, count(*), min(arrived_at) FROM usage_mark WHERE arrived_at <= %s
        GROUP BY account, meter ORDER BY account, meter"""
    for account, meter, count, arrived in bulk.fetch(statement, [at]):
        yield Missing(account, "mark", f"usage of {meter} arrived in {count} batches that no tick has looked at", arrived)


def _chunks() -> Iterator[list[str]]:
    """Every account, and every name that usage was sent for, in chunks."""
    after = ""
    statement = """
        SELECT account FROM (SELECT account FROM read_account UNION SELECT account FROM usage_record) AS mine
        WHERE account > %s ORDER BY account LIMIT %s"""
    while names := [row[0] for row in bulk.fetch(statement, [after, CHUNK])]:
        yield names
        after = names[-1]


def _states(accounts: list[str], at: datetime) -> Iterator[Missing]:
    used: dict[str, dict[str, Any]] = {}
    statement = "SELECT account, meter, count(*), min(at) FROM usage_record WHERE account = ANY(%s) AND at <= %s GROUP BY account, meter"
    for account, meter, count, first in bulk.fetch(statement, [accounts, at]):
        used.setdefault(account, {})[meter] = (count, first)
    states = load(accounts, since={account: {"": at} for account in accounts})
    known = dict(bulk.fetch("SELECT account, at FROM due WHERE account = ANY(%s)", [accounts]))
    for account in accounts:
        if account in states:
            yield from _forgotten(states[account], at, known.get(account))
            yield from _charges(states[account], at)
            yield from _unread(states[account], used.get(account, {}))
        else:
            yield from (
                Missing(account, "unread", f"usage of {meter} for an account that does not exist", first)
                for meter, (_, first) in used[account].items()
            )


def _forgotten(state: AccountState, at: datetime, known: datetime | None) -> Iterator[Missing]:
    """What a run would not find: the account needs the clockwork earlier than its row of due times says."""
    state.marks = []  # they are told by themselves
    try:
        step = next_step(state, policy(), recount={})
    except Refusal as refusal:
        yield Missing(state.account, "policy", f"what comes next can't be computed: {refusal}")
        return
    if step is not None and step.moment <= at and (known is None or known > step.moment):
        said = "no due time at all" if known is None else f"only {known:%Y-%m-%d %H:%M}"
        yield Missing(
            state.account, "forgotten", f"there is work that no run would find: {said} is written; rebuild the account", step.moment
        )


def _charges(state: AccountState, at: datetime) -> Iterator[Missing]:
    """Charges whose time to be billed has passed, and those that no plan's rule would ever bill."""
    for charge in state.open_charges:
        try:
            when = bill_at(state, policy(), charge)
        except Refusal as refusal:
            yield Missing(state.account, "policy", f"the charge {charge.address} can't be billed: {refusal}", charge.effective_at)
            continue
        if when is not None and when <= at:
            amount = f"{trimmed(charge.amount)} {charge.currency}"
            yield Missing(state.account, "charge", f"{charge.name} {amount} ({charge.address}) is on no document", when)


def _unread(state: AccountState, used: Mapping[str, tuple[int, datetime]]) -> Iterator[Missing]:
    """Usage that no item of any contract of the account reads."""
    read: set[str] = set()
    for contract in state.contracts.values():
        for row in contract.timeline:
            catalogue = policy().catalogue(row.terms.catalogue, row.terms.version)
            for code in item_codes(contract):
                item = item_of(policy(), row.terms, code)
                for meter in meters_of(policy(), contract, item) if item else ():
                    read.add(catalogue.meters[meter].reads or meter if meter in catalogue.meters else meter)
    for meter, (count, first) in sorted(used.items()):
        if meter not in read:
            yield Missing(state.account, "unread", f"{count} usage records of {meter} are read by no item of any contract", first)
