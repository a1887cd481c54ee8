"""`manage.py run advance --at T`: bill everything that is due. `run effects`: deliver it. `run list|stop|resume`: look after runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from billing import bulk, clockwork, delivery, runs
from billing.engine import Request, execute
from billing.management.base import USAGE, BillingCommand, moment
from billing.models.runs import Run
from billing.processes import LANES, shared, side_by_side
from billing.publications.commands import expire_overdue

MOST_AHEAD = timedelta(days=366)
#: Names of one and the same run: at one moment ticks come before invoices, and these before dunning, so none can be run without the others.
ADVANCE = ("advance", "ticks", "invoices", "dunning")
ACTOR = "command line"
LISTED = 20
SHOWN = "kind until status started_at started_by finished_at expected done events parked failed note".split()


class Command(BillingCommand):
    help = (
        "advance (ticks, invoices and dunning are the same run, for each moment has one order): count, close, invoice, remind. "
        "effects: deliver what is owed to the outside, and list what failed or has nobody to deliver it. Safe to run twice. "
        "list: the newest runs; stop N, resume N. "
        "Exit status: 0 done, parked accounts and failed effects are named; 1 refused; 2 bad usage."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=[*ADVANCE, "effects", "list", "stop", "resume"])
        parser.add_argument("number", nargs="?", type=int, help="the run to stop or to resume")
        self.add_moment(parser, "--at", "do what is due up to and including then (default: now)")
        parser.add_argument("--far-ahead", action="store_true", help=f"do mean an --at that is more than {MOST_AHEAD.days} days from now")
        parser.add_argument("--chunk", type=int, default=None, metavar="N", help="accounts to a transaction, or effects to a claim")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="how many processes at once")
        parser.add_argument("--dry-run", action="store_true", help="do it, say what came of it, and undo it; not for effects")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["workers"] <= 64 or not 1 <= (1 if options["chunk"] is None else options["chunk"]) <= 100_000:
            self.fail("expected 1 to 64 workers and 1 to 100000 accounts to a chunk [out_of_range]", status=USAGE)
        what = options["what"]
        if what in ("stop", "resume") and options["number"] is None:
            self.fail(f"name the run: run {what} NUMBER [missing_field]", status=USAGE)
        if options["dry_run"] and (what not in ADVANCE or options["workers"] > 1):
            self.fail("a dry run is one of accounts, by one worker [out_of_range]", status=USAGE)
        if what == "list":
            self._list(as_json=options["json"])
        elif what == "stop":
            self._say("stop_run", options["number"])
            self.write(f"run {options['number']} stops after the chunk that it is at")
        elif what == "resume":
            self._say("resume_run", options["number"])
            self._conduct(runs.resume(options["number"], at=timezone.now()), options)
        else:
            kind = "advance" if what in ADVANCE else what
            at = moment(options["at"])
            self._check_sense(at, meant=options["far_ahead"] or options["dry_run"])
            if kind == "advance" and not options["dry_run"]:
                expire_overdue(at=at, actor=ACTOR)
            run = runs.start(kind, until=at, by=ACTOR, at=timezone.now(), dry_run=options["dry_run"])
            self._conduct(run, options)

    def _say(self, command: str, number: int) -> None:
        execute(Request(command, {"run": number}, timezone.now(), ACTOR))

    def _check_sense(self, at: datetime, *, meant: bool) -> None:
        """What is billed for the future can't be taken back: a slip in the year must not issue the documents of decades."""
        ahead = at - moment(None)
        if ahead > MOST_AHEAD and not meant:
            message = f"at: {at:%Y-%m-%d} is {ahead.days} days from now, and all documents until then would be issued for good"
            self.fail(f"{message}; say --far-ahead if that is meant, or see what comes by 'manage.py status' [out_of_range]")

    def _list(self, *, as_json: bool) -> None:
        now = timezone.now()
        rows = list(Run.objects.order_by("-started_at", "-pk")[:LISTED])
        if as_json:
            self.write_json([{"run": row.pk} | {name: getattr(row, name) for name in SHOWN} for row in rows])
            return
        for row in rows:
            pace = runs.pace(row, at=now)
            left = f", about {pace.left} left" if pace.left else ""
            rehearsal = " (dry run)" if row.dry_run else ""
            counts = f"{row.done} of {row.expected}, {row.events} events, {row.parked} parked, {row.failed} failed"
            self.write(
                f"{row.pk}: {row.kind}{rehearsal} to {row.until:%Y-%m-%d %H:%M}Z by {row.started_by}: {row.status}, "
                f"{counts}, {pace.per_second:.0f}/s{left}"
            )
            if row.note:
                self.write(f"    {row.note}")

    def _conduct(self, run: Run, options: dict[str, Any]) -> None:
        """Work on the run, and say what came of it."""
        before = dict(parked())
        size = options["chunk"] or (delivery.CHUNK if run.kind == "effects" else clockwork.CHUNK)
        alone = options["workers"] == 1 and run.kind == "advance" and not run.dry_run
        work = partial(_work, run.pk, size, quiet=options["json"], lanes=LANES if alone else 1)
        list(shared(work, range(options["workers"]), workers=options["workers"]))
        run.refresh_from_db()
        if run.kind == "effects":
            self._effects(run, as_json=options["json"])
        else:
            self._advanced(run, before, as_json=options["json"])

    def _effects(self, run: Run, *, as_json: bool) -> None:
        waiting = delivery.waiting(until=run.until)
        if as_json:
            failed = [{"effect": effect, "reason": reason} for effect, reason in waiting.failed]
            unhandled = [{"kind": kind, "owed": count} for kind, count in waiting.unhandled]
            counts = {"run": run.pk, "attempts": run.done + run.failed, "failed_now": run.failed}
            self.write_json({"at": run.until, **counts, "failed": failed, "unhandled": unhandled})
            return
        for effect, reason in waiting.failed:
            self.write(f"failed {effect}: {reason}")
        for kind, count in waiting.unhandled:
            self.write(f"nobody delivers {kind}: {count} owed")
        self.write(f"effects to {run.until:%Y-%m-%d %H:%M}Z: {run.done} delivered or to try again, {run.failed} failed (run {run.pk})")

    def _advanced(self, run: Run, before: dict[str, str], *, as_json: bool) -> None:
        new = [(account, reason) for account, reason in parked() if account not in before]
        if as_json:
            accounts = [{"account": account, "reason": reason} for account, reason in new]
            self.write_json({"run": run.pk, "at": run.until, "accounts": run.done, "events": run.events, "parked": accounts})
            return
        for account, reason in new:
            self.write(f"parked {account}: {reason}")
        resting = f", {len(before)} parked before" if before else ""
        word = "would advance" if run.dry_run else "advanced"
        stopped = "; stopped, 'run resume' goes on" if run.status == "stopped" else ""
        self.write(
            f"{word} {run.done} accounts to {run.until:%Y-%m-%d %H:%M}Z: {run.events} events, "
            f"{run.parked} parked now{resting} (run {run.pk}{stopped})"
        )


def _work(number: int, size: int, _: int, *, quiet: bool, lanes: int) -> None:
    """One worker of the run, until there is nothing left to claim."""

    def lane(interrupted: Callable[[], bool]) -> None:
        run = runs.find(number)

        def clock() -> datetime:
            if not quiet and sys.stderr.isatty():
                sys.stderr.write(f"{run.done} of {run.expected}, {run.events} events\r")
            return timezone.now()

        runs.work_for(run, actor=ACTOR, chunk=size, clock=clock, enough=interrupted)

    side_by_side(lane, lanes=lanes)


def parked() -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in bulk.fetch("SELECT account, reason FROM read_account WHERE status = 'parked' ORDER BY account")]
