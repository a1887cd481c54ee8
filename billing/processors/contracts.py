"""Contracts, the terms that they had over time, and their billing periods."""

from __future__ import annotations

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
    """Rows by key, as the batch leaves them: opened, then perhaps closed. The newest row of an item is its `last`."""
    rows: dict[tuple[Any, ...], list[Any]] = {}
    known: dict[tuple[Any, ...], Any] = {}
    for _, event in batch.of(PeriodsOpened, PeriodsClosed):
        for period in event.periods:
            key = event.account, event.contract, period.item, period.start
            if isinstance(event, PeriodsOpened):
                rows[key] = [*key, period.end, period.full_start, period.full_end, False, True]
            elif key in rows:
                rows[key][4], rows[key][7] = period.end, True
            else:
                known[key] = period.end
    newest = _mark_last(rows)
    followed = {key: end for key, end in known.items() if newest.get(key[:3]) == end}  # closed, and the next one starts there
    _close({key: end for key, end in known.items() if key not in followed}, "")
    _close(followed, ", last = false")
    retired = {key[:3] for key in followed}
    _retire_last([key for key in newest if key not in retired])
    bulk.copy("read_period", PERIOD_COLUMNS, rows.values())


def _close(known: dict[tuple[Any, ...], Any], retired: str) -> None:
    """Close rows of earlier batches, and say in the same breath that they are not the newest any more."""
    bulk.execute(
        f"""UPDATE read_period SET closed = true, "end" = given.until{retired} FROM {{rows}}
            WHERE read_period.account = given.account AND read_period.contract = given.contract AND read_period.item = given.item
            AND read_period.start = given.start""",  # noqa: S608 - literals
        {
            **{
                name: (kind, bulk.column(list(known), i))
                for i, (name, kind) in enumerate((("account", "text"), ("contract", "text"), ("item", "text"), ("start", "timestamptz")))
            },
            "until": ("timestamptz", list(known.values())),
        },
    )


def _mark_last(rows: dict[tuple[Any, ...], list[Any]]) -> dict[tuple[Any, ...], Any]:
    """(account, contract, item) → the start of its newest new row; these rows say that they are the last."""
    newest: dict[tuple[Any, ...], Any] = {}
    for account, contract, item, start in rows:
        newest[account, contract, item] = max(start, newest.get((account, contract, item), start))
    for (account, contract, item, start), row in rows.items():
        row[8] = newest[account, contract, item] == start
    return newest


def _retire_last(items: list[tuple[Any, ...]]) -> None:
    bulk.execute(
        """UPDATE read_period SET last = false FROM {rows}
            WHERE read_period.account = given.account AND read_period.contract = given.contract
                AND read_period.item = given.item AND read_period.last""",
        {name: ("text", bulk.column(items, i)) for i, name in enumerate(("account", "contract", "item"))},
    )
