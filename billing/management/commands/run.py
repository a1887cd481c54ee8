"""`manage.py run advance --at T`: bill everything that is due."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db import connections

from billing import bulk, clockwork
from billing.clockwork import RunReport
from billing.management.base import USAGE, BillingCommand, moment


class Command(BillingCommand):
    help = (
        "Advance every account that is due: count, close, invoice. Safe to run twice and beside other runs. "
        "Exit status: 0 done, parked accounts are named; 1 refused; 2 bad usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["advance"])
        self.add_moment(parser, "--at", "bill what is due up to and including then (default: now)")
        parser.add_argument("--chunk", type=int, default=clockwork.CHUNK, metavar="N", help="accounts to a transaction")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="how many at once")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["workers"] <= 64 or not 1 <= options["chunk"] <= 100_000:
            self.fail("expected 1 to 64 workers and 1 to 100000 accounts to a chunk [out_of_range]", status=USAGE)
        at = moment(options["at"])
        before = dict(parked())
        report = self._run(at, chunk=options["chunk"], workers=options["workers"], quiet=options["json"])
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
            try:
                return clockwork.run(until=at, actor="command line", chunk=chunk, progress=lambda report: progress(position, report))
            finally:
                if workers > 1:
                    connections.close_all()

        if workers == 1:
            return work(0)
        with ThreadPoolExecutor(workers) as pool:
            done = list(pool.map(work, range(workers)))
        return RunReport(*(sum(getattr(one, name) for one in done) for name in ("accounts", "events", "parked")))


def parked() -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked' ORDER BY account")]
