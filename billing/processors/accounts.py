"""Accounts and the places where they are taxed."""

from __future__ import annotations

from billing import bulk
from billing.codec import canonical, encode_value
from billing.events import AccountClosed, AccountOpened, AccountParked, AccountReleased, DetailsChanged
from billing.pipeline import Batch

ACCOUNT_COLUMNS = "account seller currency zone locale terms status reason opened_at external_id".split()


def process(batch: Batch) -> None:
    opened = batch.of(AccountOpened)
    bulk.copy(
        "read_account",
        ACCOUNT_COLUMNS,
        [(e.account, e.seller, e.currency, e.zone, e.locale, e.terms, "open", "", r.effective_at, e.external_id) for r, e in opened],
    )
    places = [(r, e) for r, e in batch.of(AccountOpened, DetailsChanged) if e.place is not None]
    bulk.copy(
        "read_account_place",
        ["account", "sequence", "effective_at", "place"],
        [(e.account, r.sequence, r.effective_at, canonical(encode_value(e.place)).decode()) for r, e in places],
    )
    _details(batch)
    _status(batch)


def _details(batch: Batch) -> None:
    """The last value given for each detail; an empty one leaves what stands."""
    latest: dict[str, dict[str, str]] = {}
    for _, event in batch.of(DetailsChanged):
        given = {"zone": event.zone, "locale": event.locale, "terms": event.terms}
        latest.setdefault(event.account, {}).update({name: value for name, value in given.items() if value})
    rows = [(account, given.get("zone", ""), given.get("locale", ""), given.get("terms", "")) for account, given in latest.items()]
    bulk.execute(
        """UPDATE read_account SET zone = coalesce(nullif(given.zone, ''), read_account.zone),
            locale = coalesce(nullif(given.locale, ''), read_account.locale), terms = coalesce(nullif(given.terms, ''), read_account.terms)
            FROM {rows} WHERE read_account.account = given.account""",
        {name: ("text", bulk.column(rows, i)) for i, name in enumerate(("account", "zone", "locale", "terms"))},
    )


def _status(batch: Batch) -> None:
    latest = {}
    for recorded, event in batch.of(AccountParked, AccountReleased, AccountClosed):
        status = {AccountParked: "parked", AccountReleased: "open", AccountClosed: "closed"}[type(event)]
        reason = "" if status == "open" else event.reason
        latest[event.account] = (status, reason, recorded.effective_at if status == "closed" else None)
    bulk.execute(
        """UPDATE read_account SET status = given.status, reason = given.reason, closed_at = given.closed_at
            FROM {rows} WHERE read_account.account = given.account""",
        {
            "account": ("text", list(latest)),
            "status": ("text", [row[0] for row in latest.values()]),
            "reason": ("text", [row[1] for row in latest.values()]),
            "closed_at": ("timestamptz", [row[2] for row in latest.values()]),
        },
    )
