"""Statements, futures and entitlements as data, for the API and for the command line with `--json`. Amounts are text."""

from __future__ import annotations

from typing import Any

from billing.entitlements import Entitlement
from billing.previews import Balances
from billing.queries.forecast import Ahead, Forecast
from billing.queries.history import summary
from billing.queries.money import ZERO
from billing.queries.statement import Statement
from billing.queries.status import money_text
from plans.money import plain


def statement_data(one: Statement) -> dict[str, Any]:
    def shown(amount: Any) -> str:
        return money_text(amount, one.currency)

    entries = [
        {"at": e.at, "address": e.address, "kind": e.kind, "title": e.title, "amount": shown(e.amount), "balance": shown(e.balance)}
        for e in one.entries
    ]
    answer: dict[str, Any] = {"account": one.account.account, "currency": one.currency, "from": one.start, "to": one.end}
    return answer | {"opening": shown(one.opening), "entries": entries, "closing": shown(one.closing)}


def forecast_data(found: Forecast) -> dict[str, Any]:
    return {
        "account": found.account,
        "until": found.until,
        "events": [{"at": one.effective_at, "kind": one.event.kind, "summary": summary(one.event)} for one in found.events],
        "documents": [
            {
                "at": at,
                "document": getattr(one, "document", "credit_note"),
                "currency": one.currency,
                "total": money_text(one.total, one.currency),
                "lines": [{"item": line.item, "name": line.name, "amount": money_text(line.amount, one.currency)} for line in one.lines],
            }
            for at, one in found.documents
        ],
        "balances": [
            {"currency": currency, "before": money_text(before, currency), "after": money_text(after, currency)}
            for currency, before, after in both_balances(found.before, found.after)
        ],
    }


def both_balances(before: Balances, after: Balances) -> list[tuple[str, Any, Any]]:
    """(currency, before, after) of each currency that has either, of one account."""
    names = sorted({*before, *after})
    return [(currency, before.get((account, currency), ZERO), after.get((account, currency), ZERO)) for account, currency in names]


def schedule_data(found: list[Ahead]) -> list[dict[str, Any]]:
    return [{"at": one.at, "kind": one.kind, "what": one.what, "source": one.source} for one in found]


def entitlement_data(one: Entitlement) -> dict[str, Any]:
    numbers = {name: None if (value := getattr(one, name)) is None else plain(value) for name in ("remaining", "limit", "used")}
    plainly = {name: getattr(one, name) for name in ("feature", "name", "kind", "allowed", "why", "until", "value")}
    return plainly | numbers
