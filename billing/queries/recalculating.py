"""What closed periods would cost today: by the maths of this version, and by prices that were published for a past date since.

History is not re-rated in silence (RULES 6): this only says what would change, per account and key. What of it is to be changed becomes a
correction set of adjustments, which somebody else approves. An adjustment that such a set made counts as done: it bears the period in
its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.counting import Counted, recalculated
from billing.loading import LONG_AGO, load, policy, trimmed
from billing.measuring import measure_steps
from billing.schedule import Recount, Step
from billing.state import AccountState
from plans.catalogue import Item
from plans.periods import local_date

CHUNK = 100
ZERO = Decimal(0)


@dataclass(frozen=True)
class Recalculated:
    """One key of a closed period whose charge would be another one today. `by_hand`: why an adjustment can't correct it."""

    account: str
    contract: str
    item: str
    start: datetime
    end: datetime
    terms: str
    component: str
    currency: str
    stands: Decimal
    target: Decimal
    name: str  # of an adjustment that corrects its period
    tax: str = ""
    ended: bool = False
    by_hand: str = ""

    @property
    def difference(self) -> Decimal:
        return self.target - self.stands


def recalculation(*, seller: str, at: datetime, accounts: Sequence[str] = ()) -> Iterator[Recalculated]:
    """The keys of periods that closed by `at`, account by account. Use that has arrived and is not counted yet is counted here: bill what
    is due first."""
    for names in _chunks(seller, accounts):
        states = load(names, since={name: {"": Recount(LONG_AGO, at)} for name in names})
        steps = {name: Step(moment=at, recount=[row for row in state.periods if row.closed]) for name, state in states.items()}
        rules = policy()
        usage = measure_steps(steps, states, rules)
        for name, state in states.items():
            for c, lines, found in recalculated(steps[name], state, rules, usage.get(name, {})):
                taxes = [line.segment.item.tax for line in lines if line.segment.item.tax]
                for one in found:
                    key = one.key
                    yield Recalculated(
                        account=name,
                        contract=key.contract,
                        item=key.item,
                        start=c.row.start,
                        end=c.row.end,
                        terms=key.terms,
                        component=key.component,
                        currency=key.currency,
                        stands=one.target - one.amount,
                        target=one.target,
                        name=_name(c, state),
                        tax=taxes[0] if taxes else "",
                        ended=c.contract.status == "ended",
                        by_hand=_by_hand(c.found[-1].item if c.found else None),
                    )


def _name(c: Counted, state: AccountState) -> str:
    what = c.found[-1].item.name if c.found else c.row.item
    return f"{what} from {local_date(c.row.start, state.zone)} recalculated"


def _by_hand(item: Item | None) -> str:
    if item is not None and item.owes == "us":
        return "we owe it"
    if item is not None and (item.draws == "tick" or item.wallet):
        return "a wallet paid it"
    return ""


def _chunks(seller: str, accounts: Sequence[str]) -> Iterator[list[str]]:
    after = ""
    statement = """
        SELECT account FROM read_account WHERE seller = %s AND account > %s AND (cardinality(%s::text[]) = 0 OR account = ANY(%s))
        ORDER BY account LIMIT %s"""
    while names := [row[0] for row in bulk.fetch(statement, [seller, after, list(accounts), list(accounts), CHUNK])]:
        yield names
        after = names[-1]


def corrections(found: Iterable[Recalculated]) -> list[dict[str, Any]]:
    """The items of a correction set: an adjustment for each period, less what such adjustments did already; nothing for those by hand."""
    periods: dict[tuple[str, str, str], tuple[Recalculated, Decimal]] = {}
    for one in found:
        if not one.by_hand:
            key = one.account, one.contract, one.name
            periods[key] = one, periods.get(key, (one, ZERO))[1] + one.difference
    done = _done({one.account for one, _ in periods.values()})
    items = []
    for (account, _, name), (one, difference) in periods.items():
        amount = difference - done.get((account, name, one.currency), ZERO)
        if amount:
            items.append(_item(one, amount))
    return items


def _item(one: Recalculated, amount: Decimal) -> dict[str, Any]:
    given = {"account": one.account, "amount": f"{amount:f}", "name": one.name, "currency": one.currency, "tax": one.tax}
    return given if one.ended else given | {"contract": one.contract, "item": one.item}


def _done(accounts: Iterable[str]) -> Mapping[tuple[str, str, str], Decimal]:
    statement = """
        SELECT account, name, currency, sum(amount) FROM read_charge
        WHERE account = ANY(%s) AND kind = 'adjustment' AND name LIKE '%% recalculated' GROUP BY 1, 2, 3"""
    return {(account, name, currency): trimmed(amount) for account, name, currency, amount in bulk.fetch(statement, [sorted(accounts)])}
