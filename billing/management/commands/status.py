"""`manage.py status [ACCOUNT]`: who owes how much, now or as of any two dates, and what comes next."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand, moment, optional_moment
from billing.queries.accounts import find_account
from billing.queries.ahead import Ahead, ahead
from billing.queries.credit import CreditLimit, credit_limit
from billing.queries.money import OpenDocument
from billing.queries.status import Amounts, Status, money_text, status, statuses

COLUMNS = ("owed", "due", "overdue", "credit", "balance", "payable", "unbilled")


class Command(BillingCommand):
    help = "Who owes how much: all accounts, those who owe most first, or one account with what comes next. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", nargs="?", metavar="ACCOUNT")
        self.add_moment(parser, "--as-of", "count what is effective up to and including T")
        self.add_moment(parser, "--known-at", "count what was recorded up to and including T")
        self.add_moment(parser, "--at", "the moment that decides what is due (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        account = options["account"]
        zone = find_account(account).zone if account else "UTC"
        at = moment(options["at"], zone=zone, at="at")
        as_of, known_at = (optional_moment(options[name], zone=zone, at=name) for name in ("as_of", "known_at"))
        if account is None:
            found = statuses(at=at, as_of=as_of, known_at=known_at)
            self.write_json([_data(one, None) for one in found]) if options["json"] else self.write(_table(found))
            return
        one = status(account, at=at, as_of=as_of, known_at=known_at)
        next_up = ahead(account, at=at) if as_of is None and known_at is None else None
        limit = credit_limit(account) if next_up is not None else None
        self.write_json(_data(one, next_up, limit)) if options["json"] else self.write(_page(one, next_up, limit))


def _data(one: Status, next_up: Ahead | None, limit: CreditLimit | None = None) -> dict[str, Any]:
    amounts = [{"currency": a.currency} | {name: money_text(getattr(a, name), a.currency) for name in COLUMNS} for a in one.amounts]
    answer: dict[str, Any] = {
        "account": one.account.account,
        "name": one.account.name,
        "status": one.standing,
        "at": one.at,
        "amounts": amounts,
    }
    if one.account.reason:
        answer["reason"] = one.account.reason
    answer["documents"] = [
        {name: str(getattr(d, name) or "") for name in ("number", "invoice", "document", "currency", "issued", "due")}
        | {name: money_text(getattr(d, name), d.currency) for name in ("total", "open")}
        for d in one.documents
    ]
    if next_up is not None:
        answer["accrued"] = {currency: money_text(amount, currency) for currency, amount in next_up.accrued.items()}
        expected = [{"at": e.at, "document": e.document, "currency": e.currency, "total": e.total} for e in next_up.documents]
        if limit is not None:
            answer["credit_limit"] = {"currency": limit.currency} | {
                name: money_text(getattr(limit, name), limit.currency) for name in ("amount", "owed", "left")
            }
        answer["next"] = {"due_at": next_up.due_at, "documents": expected}
    return answer


def _table(found: list[Status]) -> str:
    width = max([len(one.account.account) for one in found], default=7)
    head = f"{'account':<{width}}  {'status':<9}  cur  " + "  ".join(f"{name:>12}" for name in COLUMNS)
    rows = [_row(one, amounts, width) for one in found for amounts in one.amounts]
    return "\n".join([head, *rows, f"{len(found)} accounts"])


def _row(one: Status, amounts: Amounts, width: int) -> str:
    values = "  ".join(f"{money_text(getattr(amounts, name), amounts.currency):>12}" for name in COLUMNS)
    return f"{one.account.account:<{width}}  {one.standing:<9}  {amounts.currency}  {values}"


def _page(one: Status, next_up: Ahead | None, limit: CreditLimit | None) -> str:
    named = f" ({one.account.name})" if one.account.name else ""
    reason = f": {one.account.reason}" if one.account.reason else ""
    lines = [f"{one.account.account}{named}: {one.standing.replace('_', ' ')}{reason}, at {one.at:%Y-%m-%d %H:%M}Z"]
    for amounts in one.amounts:
        lines += [f"  {name:<9} {money_text(getattr(amounts, name), amounts.currency):>14} {amounts.currency}" for name in COLUMNS]
        if next_up is not None:
            accrued = next_up.accrued.get(amounts.currency, amounts.unbilled)
            lines.append(f"  {'accrued':<9} {money_text(accrued, amounts.currency):>14} {amounts.currency}")
    if limit is not None:
        amount, left = money_text(limit.amount, limit.currency), money_text(limit.left, limit.currency)
        lines.append(f"  credit limit {amount} {limit.currency}, {left} left  [{limit.event}]")
    lines += [_document(document) for document in one.documents]
    lines += _next(next_up) if next_up is not None else []
    return "\n".join([*lines, f"Why: manage.py why {one.account.account}"])


def _document(one: OpenDocument) -> str:
    due = f"due {one.due}" if one.due else "no due date"
    left, total = money_text(one.open, one.currency), money_text(one.total, one.currency)
    return f"  open: {one.number or one.document} of {one.issued}, {due}: {left} of {total} {one.currency}"


def _next(next_up: Ahead) -> list[str]:
    if next_up.due_at is None:
        return ["  next: nothing is ahead"]
    lines = [f"  next: {next_up.due_at:%Y-%m-%d %H:%M}Z"]
    return lines + [
        f"    {one.document} of {money_text(one.total, one.currency)} {one.currency} at {one.at:%Y-%m-%d %H:%M}Z"
        for one in next_up.documents
    ]
