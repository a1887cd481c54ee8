"""Correction sets and their items, as their events say."""

from __future__ import annotations

from typing import Any

import orjson

from billing import bulk
from billing.codec import encode_value
from billing.events import (
    CorrectionsApplied,
    CorrectionsApproved,
    CorrectionsDrafted,
    CorrectionsListed,
    CorrectionsPreviewed,
    CorrectionsReverted,
    CorrectionsRevertOrdered,
)
from billing.pipeline import Batch

SET = "name seller command code reason asked_by made_at items status decided_by approval".split()
ITEM = "name position account arguments state currency preview refusal".split()


def process(batch: Batch) -> None:
    drafted = batch.of(CorrectionsDrafted)
    bulk.copy(
        "read_correction_set",
        SET,
        [(e.name, e.seller, e.command, e.code, e.reason, e.by, r.effective_at, e.items, "draft", "", "") for r, e in drafted],
    )
    listed = [(e.name, one) for _, e in batch.of(CorrectionsListed) for one in e.items]
    bulk.copy("read_correction_item", ITEM, [(name, one.position, one.account, one.arguments, "new", "", "", "") for name, one in listed])
    for recorded, event in batch.of(CorrectionsApproved, CorrectionsRevertOrdered):
        status = "approved" if isinstance(event, CorrectionsApproved) else "reverting"
        _decided(event.name, status, event.by, recorded.address)
    _previewed(batch)
    _outcomes(batch)


def _decided(name: str, status: str, by: str, address: str) -> None:
    bulk.execute(
        """UPDATE read_correction_set SET status = given.status, decided_by = given.by, approval = given.address FROM {rows}
            WHERE read_correction_set.name = given.name""",
        {"name": ("text", [name]), "status": ("text", [status]), "by": ("text", [by]), "address": ("text", [address])},
    )


def _previewed(batch: Batch) -> None:
    rows = {(e.name, one.position): one for _, e in batch.of(CorrectionsPreviewed) for one in e.previews}
    found = list(rows.values())
    bulk.execute(
        """UPDATE read_correction_item item SET state = given.state, amount = given.amount, currency = given.currency,
            preview = given.preview, refusal = given.refusal FROM {rows} WHERE item.name = given.name AND item.position = given.position""",
        {
            "name": ("text", [name for name, _ in rows]),
            "position": ("int", [position for _, position in rows]),
            "state": ("text", ["refused" if one.refusal else "previewed" for one in found]),
            "amount": ("numeric", [one.amount for one in found]),
            "currency": ("text", [one.currency for one in found]),
            "preview": ("text", [orjson.dumps(encode_value(one.preview)).decode() if one.preview else "" for one in found]),
            "refusal": ("text", [one.refusal for one in found]),
        },
    )


def _outcomes(batch: Batch) -> None:
    rows: dict[tuple[str, int], tuple[str, str]] = {}
    for _, event in batch.of(CorrectionsApplied, CorrectionsReverted):
        done = "applied" if isinstance(event, CorrectionsApplied) else "reverted"
        for one in event.outcomes:
            rows[event.name, one.position] = f"not_{done}" if one.refusal else done, one.refusal
    columns: dict[str, tuple[str, list[Any]]] = {
        "name": ("text", [name for name, _ in rows]),
        "position": ("int", [position for _, position in rows]),
        "state": ("text", [state for state, _ in rows.values()]),
        "refusal": ("text", [refusal for _, refusal in rows.values()]),
    }
    bulk.execute(
        """UPDATE read_correction_item item SET state = given.state, refusal = given.refusal FROM {rows}
            WHERE item.name = given.name AND item.position = given.position""",
        columns,
    )
