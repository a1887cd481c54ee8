"""Contracts, the terms that they had over time, and their billing periods."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing import bulk
from billing.codec import canonical, encode_value
from billing.events import (
    ContractCancelled,
    ContractEnded,
    ContractExtended,
    ContractReminded,
    ContractSigned,
    EndSet,
    ItemPeriod,
    PeriodsClosed,
    PeriodsOpened,
    TermsRenewed,
    TermsSet,
)
from billing.pipeline import Batch

CONTRACT_COLUMNS = (
    "contract account plan catalogue version currency name start end keep_unused ended_early paid_through status settled taken_over"
    " agreed_end early_fee cancelled renewed_from reminded".split()
)
PERIOD_COLUMNS = "account contract item start end full_start full_end closed last".split()
CLOSED, LAST = 7, 8


def process(batch: Batch) -> None:
    bulk.copy(
        "read_contract",
        CONTRACT_COLUMNS,
        [
            (
                e.contract,
                e.account,
                e.terms.plan,
                e.terms.catalogue,
                e.terms.version,
                e.currency,
                e.name,
                e.start,
                e.end,
                False,
                False,
                e.paid_through,
                "active",
                False,
                e.taken_over,
                None,
                0,
                False,
                None,
                None,
            )
            for _, e in batch.of(ContractSigned)
        ],
    )
    _terms(batch)
    _ends(batch)
    _renewals(batch)
    _periods(batch)


def _terms(batch: Batch) -> None:
    events = batch.of(TermsSet)
    bulk.copy(
        "read_contract_terms",
        "account sequence contract effective_at kind terms".split(),
        [(e.account, r.sequence, e.contract, r.effective_at, e.kind, canonical(encode_value(e.terms)).decode()) for r, e in events],
    )
    latest = {e.contract: e for _, e in events}
    bulk.execute(
        """UPDATE read_contract SET plan = given.plan, catalogue = given.catalogue, version = given.version, status = given.status
            FROM {rows} WHERE read_contract.contract = given.contract AND NOT read_contract.settled""",
        {
            "contract": ("text", list(latest)),
            "plan": ("text", [e.terms.plan for e in latest.values()]),
            "catalogue": ("text", [e.terms.catalogue for e in latest.values()]),
            "version": ("integer", [e.terms.version for e in latest.values()]),
            "status": ("text", ["paused" if e.terms.paused else "active" for e in latest.values()]),
        },
    )


def _ends(batch: Batch) -> None:
    latest: dict[str, Any] = {e.contract: e for _, e in batch.of(EndSet)}
    cancelled = {name: e for name, e in latest.items() if isinstance(e, ContractCancelled)}
    bulk.execute(
        """UPDATE read_contract SET "end" = given.until, keep_unused = given.keep, ended_early = given.early,
            agreed_end = given.agreed, early_fee = given.fee, cancelled = given.cancelled,
            renewed_from = CASE WHEN given.renewed IS NULL THEN NULL ELSE least(read_contract.renewed_from, given.renewed) END
            FROM {rows} WHERE read_contract.contract = given.contract""",
        {
            "contract": ("text", list(latest)),
            "until": ("timestamptz", [e.end for e in latest.values()]),
            "keep": ("boolean", [not getattr(e, "credit_unused", True) for e in latest.values()]),
            "early": ("boolean", [name in cancelled and cancelled[name].early for name in latest]),
            "agreed": ("timestamptz", [getattr(e, "agreed_end", None) for e in latest.values()]),
            "fee": ("numeric", [getattr(e, "early_fee", Decimal(0)) for e in latest.values()]),
            "cancelled": ("boolean", [not isinstance(e, ContractExtended) for e in latest.values()]),
            "renewed": ("timestamptz", [_renewed_from(e) for e in latest.values()]),
        },
    )
    ended = [e.contract for _, e in batch.of(ContractEnded)]
    bulk.execute(
        "UPDATE read_contract SET status = 'ended', settled = true FROM {rows} WHERE read_contract.contract = given.contract",
        {"contract": ("text", ended)},
    )


def _renewed_from(event: EndSet) -> Any:
    return event.start if isinstance(event, ContractExtended) and event.terms == "newest" else None


def _renewals(batch: Batch) -> None:
    """When newest terms are set next, where that was done for one term; the last reminder of each contract."""
    renewed = {e.contract: e.following for _, e in batch.of(TermsRenewed)}
    bulk.execute(
        "UPDATE read_contract SET renewed_from = given.following FROM {rows} WHERE read_contract.contract = given.contract",
        {"contract": ("text", list(renewed)), "following": ("timestamptz", list(renewed.values()))},
    )
    reminded = {e.contract: r.effective_at for r, e in batch.of(ContractReminded)}
    bulk.execute(
        "UPDATE read_contract SET reminded = given.at FROM {rows} WHERE read_contract.contract = given.contract",
        {"contract": ("text", list(reminded)), "at": ("timestamptz", list(reminded.values()))},
    )


def _periods(batch: Batch) -> None:
    """Rows by key, as the batch leaves them: opened, then perhaps closed. The newest row of an item is its `last`. Those closed and
    not the newest are past, the others live."""
    rows: dict[tuple[Any, ...], list[Any]] = {}
    known: dict[tuple[Any, ...], ItemPeriod] = {}  # closed rows of earlier batches: they were open, hence live
    for _, event in batch.of(PeriodsOpened, PeriodsClosed):
        for period in event.periods:
            key = event.account, event.contract, period.item, period.start
            if isinstance(event, PeriodsOpened):
                rows[key] = [*key, period.end, period.full_start, period.full_end, False, True]
            elif key in rows:
                rows[key][4], rows[key][CLOSED] = period.end, True
            else:
                known[key] = period
    newest = _mark_last(rows)
    followed = {key[:3]: key for key, period in known.items() if newest.get(key[:3]) == period.end}  # the next one starts where it ends
    past = [[*key, known[key].end, known[key].full_start, known[key].full_end, True, False] for key in followed.values()]
    _replace([(key, rows.pop((*item, newest[item]))) for item, key in followed.items()])
    _close({key: period.end for key, period in known.items() if followed.get(key[:3]) != key})
    _retire_last([item for item in newest if item not in followed])
    bulk.copy("read_live_period", PERIOD_COLUMNS, [row for row in rows.values() if row[LAST] or not row[CLOSED]])
    bulk.copy("read_period", PERIOD_COLUMNS, [*past, *(row for row in rows.values() if row[CLOSED] and not row[LAST])])


def _mark_last(rows: dict[tuple[Any, ...], list[Any]]) -> dict[tuple[Any, ...], Any]:
    """(account, contract, item) → the start of its newest new row; these rows say that they are the last."""
    newest: dict[tuple[Any, ...], Any] = {}
    for account, contract, item, start in rows:
        newest[account, contract, item] = max(start, newest.get((account, contract, item), start))
    for (account, contract, item, start), row in rows.items():
        row[LAST] = newest[account, contract, item] == start
    return newest


def _replace(followed: Sequence[tuple[tuple[Any, ...], list[Any]]]) -> None:
    """The newest row takes the place of the one that it follows: no index learns of it."""
    bulk.execute(
        """UPDATE read_live_period held SET start = given.start, "end" = given.until, full_start = given.full_start,
                full_end = given.full_end, closed = given.closed, last = true FROM {rows}
            WHERE held.account = given.account AND held.contract = given.contract AND held.item = given.item
                AND held.start = given.before""",
        {
            **{name: ("text", [key[i] for key, _ in followed]) for i, name in enumerate(("account", "contract", "item"))},
            "before": ("timestamptz", [key[3] for key, _ in followed]),
            **{
                name: ("timestamptz", [row[i] for _, row in followed])
                for i, name in enumerate(("start", "until", "full_start", "full_end"), start=3)
            },
            "closed": ("boolean", [row[CLOSED] for _, row in followed]),
        },
    )


def _close(known: dict[tuple[Any, ...], Any]) -> None:
    """Close live rows: those that are not the newest are past then."""
    bulk.execute(
        f"""WITH given AS (SELECT * FROM {{rows}}),
            closed AS (UPDATE read_live_period held SET closed = true, "end" = given.until FROM given WHERE {_SAME} AND held.last),
            gone AS (DELETE FROM read_live_period held USING given WHERE {_SAME} AND NOT held.last
                RETURNING held.account, held.contract, held.item, held.start, given.until, held.full_start, held.full_end, true, false)
            INSERT INTO read_period ({_COLUMNS}) SELECT * FROM gone""",  # noqa: S608 - literals
        {
            **{
                name: (kind, bulk.column(list(known), i))
                for i, (name, kind) in enumerate((("account", "text"), ("contract", "text"), ("item", "text"), ("start", "timestamptz")))
            },
            "until": ("timestamptz", list(known.values())),
        },
    )


def _retire_last(items: list[tuple[Any, ...]]) -> None:
    """What was the newest row of these items is not any more: if it is closed, it is past."""
    bulk.execute(
        f"""WITH given AS (SELECT * FROM {{rows}}),
            retired AS (UPDATE read_live_period held SET last = false FROM given WHERE {_OF_ITEM} AND held.last AND NOT held.closed),
            gone AS (DELETE FROM read_live_period held USING given WHERE {_OF_ITEM} AND held.last AND held.closed
                RETURNING held.account, held.contract, held.item, held.start, held."end", held.full_start, held.full_end, true, false)
            INSERT INTO read_period ({_COLUMNS}) SELECT * FROM gone""",  # noqa: S608 - literals
        {name: ("text", bulk.column(items, i)) for i, name in enumerate(("account", "contract", "item"))},
    )


_OF_ITEM = "held.account = given.account AND held.contract = given.contract AND held.item = given.item"
_SAME = f"{_OF_ITEM} AND held.start = given.start"
_COLUMNS = 'account, contract, item, start, "end", full_start, full_end, closed, last'
