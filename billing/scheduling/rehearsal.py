"""Trying changes one after the other, in a transaction that is undone: which of them would be refused?

The commands themselves are run, each on what those before it leave. Only the terms matter here, so nothing is billed; but where an account
has a credit limit, the clockwork is played up to each change that buys, and what the account then owes is held against the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from billing import bulk, journal
from billing.command import Command
from billing.engine import Context, Rollback, Stamp, record
from billing.events import ChangeWithdrawn
from billing.journal import Draft
from billing.limits import check_fits, counted, limit_of
from billing.loading import load_one
from billing.scheduling.pending import Pending, load_pending
from billing.stored import afresh
from plans.errors import Refusal
from plans.periods import local_date


@dataclass(frozen=True)
class Try:
    """One change to try. `arguments` are plain; `when` is `now` except for what takes effect now and says itself what lies ahead."""

    name: str
    command: Command
    arguments: Mapping[str, Any]
    moment: datetime


def of(pending: Pending) -> Try:
    """A scheduled change, tried as the clockwork will carry it out. Raises a Refusal where it can't be read any more."""
    command, _ = pending.parsed()
    return Try(pending.address, command, pending.given, pending.moment)


def rehearse(context: Context, tries: Sequence[Try]) -> dict[str, Refusal]:
    """name → the refusal of each that would be refused, on what the others leave. A shared thing that another holds right now is not
    waited for: what concerns it is found out when the moment has come."""
    refused: dict[str, Refusal] = {}
    try:
        with transaction.atomic(), afresh():
            rehearsal = _Rehearsal(context, dict(context.heads), _limited(tries))
            if rehearsal.counting:
                rehearsal.set_aside()
            for one in tries:
                if (refusal := rehearsal.tried(one)) is not None:
                    refused[one.name] = refusal
            raise Rollback
    except Rollback:
        pass
    return refused


def _limited(tries: Sequence[Try]) -> bool:
    """Whether a credit limit may be in the way of one of them."""
    if any(one.command.name == "set_credit_limit" for one in tries):
        return True
    named = {name for one in tries for name in (one.arguments.get("account"), one.arguments.get("to")) if isinstance(name, str)}
    return bool(bulk.fetch("SELECT 1 FROM read_credit_limit WHERE account = ANY(%s) LIMIT 1", [list(named)]))


@dataclass
class _Rehearsal:
    """`counting`: what the changes come to is counted as well, for a credit limit. What falls due until a change is taken as paid."""

    context: Context
    heads: dict[str, journal.Head]
    counting: bool

    def set_aside(self) -> None:
        """The changes that are scheduled are tried here, so the clockwork must not carry them out besides."""
        accounts = [stream for stream in self.heads if journal.is_account(stream)]
        pending = [one for listed in load_pending(accounts).values() for one in listed]
        self._record([Draft(p.account, ChangeWithdrawn(account=p.account, change=p.address, reason=""), self.context.at) for p in pending])

    def tried(self, one: Try) -> Refusal | None:
        moment, before = max(one.moment, self.context.at), dict(self.heads)
        try:
            with transaction.atomic():
                arguments = one.command.parse(one.arguments, at=moment)
                missing = [stream for stream in one.command.streams(arguments) if stream not in self.heads]
                found = journal.lock(missing, skip_locked=True) if missing else {}
                self.heads |= found
                if len(found) < len(missing):
                    return None
                self._run(one, arguments, moment)
        except Refusal as refusal:
            self.heads.clear()
            self.heads.update(before)
            return refusal
        return None

    def _run(self, one: Try, arguments: Any, moment: datetime) -> None:
        buyer = one.command.buyer(arguments) if self.counting and one.command.buyer is not None else ""
        limit = limit_of(buyer) if buyer else None
        if limit is not None:
            self._advance(moment)
            state = load_one(buyer)
            paid = local_date(self.context.at, state.zone), local_date(moment, state.zone)
            before = counted(buyer, limit.currency, paid=paid)
        decision = one.command.run(Context(moment, self.context.actor, self.context.recorded_at, self.heads), arguments)
        made = self._record(decision.drafts)
        if limit is not None:
            self._advance(moment, after=made)
            after = counted(buyer, limit.currency, paid=paid)
            check_fits(limit, before=before, after=after, at=moment, what=one.command.name)

    def _record(self, drafts: Sequence[Draft]) -> list[journal.Recorded]:
        return record(drafts, heads=self.heads, stamp=Stamp(self.context.actor, "rehearse", self.context.recorded_at, dry_run=True))

    def _advance(self, until: datetime, *, after: Sequence[journal.Recorded] = ()) -> None:
        accounts = [stream for stream in self.heads if journal.is_account(stream)]
        stamp = Stamp(self.context.actor, "advance", self.context.recorded_at, dry_run=True)
        import_string(settings.BILLING_CLOCKWORK)(accounts, until=until, heads=self.heads, stamp=stamp, after=after)
