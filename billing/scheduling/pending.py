"""Scheduled changes that are not carried out yet, read for commands and for the clockwork."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from billing import bulk
from billing.command import Command, Timed, registry
from billing.conflicts import Change
from billing.models.changes import SCHEDULED


@dataclass(frozen=True)
class Pending:
    """A scheduled change as its row says it."""

    address: str
    account: str
    command: str
    arguments: Mapping[str, Any]
    moment: datetime
    rule: str
    contract: str
    order: int
    status: str
    by: str
    at: datetime
    reason: str = ""
    code: str = ""
    message: str = ""

    @property
    def place(self) -> tuple[datetime, int, int]:
        """Its place in the order in which changes are carried out."""
        return self.moment, self.order, int(self.address.rpartition("/")[2])

    @property
    def given(self) -> Mapping[str, Any]:
        """The arguments with which it is run when its moment has come: for then."""
        return {**self.arguments, "when": "now"}

    def parsed(self) -> tuple[Command, Timed]:
        """The command and its arguments, for now: they are run when the moment has come. Raises a Refusal where they are
        unreadable by now."""
        command = registry()[self.command]
        arguments: Timed = command.parse(self.given, at=self.moment)
        return command, arguments

    def change(self) -> Change:
        """As the rules of conflict see it."""
        _, arguments = self.parsed()
        return Change(
            address=self.address,
            command=self.command,
            account=self.account,
            contract=self.contract,
            moment=self.moment,
            writes=arguments.writes(),
            needs=arguments.needs(),
            by=self.by,
            at=self.at,
            order=self.order,
        )


COLUMNS = 'change, account, command, arguments::text, moment, rule, contract, "order", status, actor, asked_at, reason, code, message'


def load_pending(accounts: Collection[str], *, statuses: Collection[str] = (SCHEDULED,)) -> dict[str, list[Pending]]:
    """account → its changes that are still to come, in the order in which they are carried out."""
    statement = f"SELECT {COLUMNS} FROM read_change WHERE account = ANY(%s) AND status = ANY(%s)"  # noqa: S608 - columns of ours
    found: dict[str, list[Pending]] = {}
    for change, account, command, arguments, *rest in bulk.fetch(statement, [list(accounts), list(statuses)]):
        found.setdefault(account, []).append(Pending(change, account, command, orjson.loads(arguments), *rest))
    return {account: sorted(rows, key=lambda row: row.place) for account, rows in found.items()}
