"""`manage.py run advance --at T`: bill everything that is due. `manage.py run effects --at T`: deliver everything that is due."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.core.management.base import CommandParser
from django.db import connections

from billing import bulk, clockwork, delivery
from billing.clockwork import RunReport
from billing.delivery import DeliveryReport
from billing.management.base import USAGE, BillingCommand, moment

T = TypeVar("T")
MOST_AHEAD = timedelta(days=366)


class Command(BillingCommand):
    help = (
        "advance: advance every account that is due: count, close, invoice. effects: deliver what is owed to the outside, "
        "and list what failed or has nobody to deliver it. Both are safe to run twice and beside other runs. "
        "Exit status: 0 done, parked accounts and failed effects are named; 1 refused; 2 bad usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["advance", "effects"])
        self.add_moment(parser, "--at", "do what is due up to and including then (default: now)")
        parser.add_argument("--far-ahead", action="store_true", help=f"do mean an --at that is more than {MOST_AHEAD.days} days from now")
        parser.add_argument("--chunk", type=int, default=None, metavar="N", help="accounts to a transaction, or effects to a claim")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="how many at once")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["workers"] <= 64 or not 1 <= (1 if options["chunk"] is None else options["chunk"]) <= 100_000:
            self.fail("expected 1 to 64 workers and 1 to 100000 accounts to a chunk [out_of_range]", status=USAGE)
        at = moment(options["at"])
        self._check_sense(at, meant=options["far_ahead"])
        if options["what"] == "effects":
            self._effects(at, chunk=options["chunk"] or delivery.CHUNK, workers=options["workers"], as_json=options["json"])
        else:
            self._advance(at, options)

    def _check_sense(self, at: datetime, *, meant: bool) -> None:
        """What is billed for the future can't be taken back: a slip in the year must not issue the documents of decades."""
        ahead = at - moment(None)
        if ahead > MOST_AHEAD and not meant:
            message = f"at: {at:%Y-%m-%d} is {ahead.days} days from now, and all documents until then would be issued for good"
            self.fail(f"{message}; say --far-ahead if that is meant, or see what comes by 'manage.py status' [out_of_range]")

    def _effects(self, at: datetime, *, chunk: int, workers: int, as_json: bool) -> None:
        reports = at_once(workers, lambda _: delivery.deliver(until=at, chunk=chunk))
        report = DeliveryReport(*(sum(getattr(one, name) for one in reports) for name in ("done", "later", "failed", "stale")))
        waiting = delivery.waiting(until=at)
        if as_json:
            failed = [{"effect": effect, "reason": reason} for effect, reason in waiting.failed]
            unhandled = [{"kind": kind, "owed": count} for kind, count in waiting.unhandled]
            counts = {"done": report.done, "later": report.later, "failed_now": report.failed, "stale": report.stale}
            self.write_json({"at": at, **counts, "failed": failed, "unhandled": unhandled})
            return
        for effect, reason in waiting.failed:
            self.write(f"failed {effect}: {reason}")
        for kind, count in waiting.unhandled:
            self.write(f"nobody delivers {kind}: {count} owed")
        stale = f", {report.stale} taken over by another worker" if report.stale else ""
        self.write(f"effects to {at:%Y-%m-%d %H:%M}Z: {report.done} delivered, {report.later} to try again, {report.failed} failed{stale}")

    def _advance(self, at: datetime, options: dict[str, Any]) -> None:
        before = dict(parked())
        chunk = options["chunk"] or clockwork.CHUNK
        report = self._run(at, chunk=chunk, workers=options["workers"], quiet=options["json"])
        new = [(account, reason) for account, reason in parked() if account not in before]
        if options["json"]:
            accounts = [{"account": account, "reason": reason} for account, reason in new]
            self.write_json({"at": at, "accounts": report.accounts, "events": report.events, "parked": accounts})
            return
        for account, reason in new:
            self.write(f"parked {account}: {reason}")
        resting = f", {len(before)} parked before" if before else ""
        self.write(f"advanced {report.accounts} accounts to {at:%Y-%m-%d %H:%M}Z: {report.events} events, {len(new)} parked now{resting}")

    def _run(self, at: datetime, *, chunk: int, workers: int, quiet: bool) -> RunReport:
        lock = threading.Lock()
        reports = [RunReport() for _ in range(workers)]

        def progress(position: int, report: RunReport) -> None:
            reports[position] = report
            if not quiet and sys.stderr.isatty():
                with lock:
                    self.stderr.write(
                        f"{sum(one.accounts for one in reports)} accounts, {sum(one.events for one in reports)} events\r", ending=""
                    )

        def work(position: int) -> RunReport:
            return clockwork.run(until=at, actor="command line", chunk=chunk, progress=lambda report: progress(position, report))

        done = at_once(workers, work)
        return RunReport(*(sum(getattr(one, name) for one in done) for name in ("accounts", "events", "parked")))


def at_once(workers: int, work: Callable[[int], T]) -> list[T]:
    """The work by that many threads, each with a connection of its own."""

    def alone(position: int) -> T:
        try:
            return work(position)
        finally:
            connections.close_all()

    if workers == 1:
        return [work(0)]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(alone, range(workers)))


def parked() -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked' ORDER BY account")]
