"""`manage.py corrections new|preview|approve|apply|revert|show NAME`: many corrections as one thing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from billing import bulk
from billing.corrections.rules import adjustments, read_rule
from billing.corrections.running import carry_out, preview
from billing.corrections.standing import counts, find_set, items, totals
from billing.engine import Request, execute
from billing.management.base import BillingCommand, moment
from plans.errors import Invalid
from plans.money import plain

SHOWN = 10
LARGEST = 50_000_000  # bytes of a file


class Command(BillingCommand):
    help = (
        "Correct many accounts as one thing: `new` lists the corrections (from a CSV file with a column for each argument, or for all "
        "accounts of a plan), `preview` runs them dry, `approve` is for somebody else, `apply` does them (again after a crash: each once), "
        "`revert` takes all of it back, `show` says how it stands. Exit status: 0 done; 1 refused, or some corrections were refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["new", "preview", "approve", "apply", "revert", "show"])
        parser.add_argument("name")
        parser.add_argument("arguments", nargs="*", metavar="ARGUMENT=VALUE", help="new: the same for every account, such as amount=-5.00")
        parser.add_argument("--command", dest="wanted", metavar="COMMAND", help="new: the command that corrects, such as adjust")
        parser.add_argument("--file", metavar="CSV", help="new: a line for each correction; the heading names the arguments")
        parser.add_argument("--plan", help="new: all accounts with a running contract of the plan")
        parser.add_argument("--all", action="store_true", help="new: all open accounts of the seller")
        parser.add_argument(
            "--rule", help="new: the amounts by a rule, as in 'share of=fee from=2026-01-10T08:00 to=2026-01-10T20:00' (docs/money.md)"
        )
        parser.add_argument("--seller", default="main")
        parser.add_argument("--code", default="", help="new: why, in a word of the policy")
        parser.add_argument("--reason", default="", help="new, revert: why")
        parser.add_argument("--by", default="", metavar="NAME", help="who asks or decides")
        parser.add_argument("--role", default="", help="in which role")
        self.add_moment(parser, "--at", "do it then (default: now)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        at, name, what = moment(options["at"]), options["name"], options["what"]
        if what == "new":
            self._run("draft_corrections", self._draft(options), at)
        elif what == "preview":
            for done in preview(name, at=at, actor="command line"):
                self._progress(done, options)
        elif what == "approve":
            self._run("approve_corrections", _given(options, "name", "by", "role"), at)
        elif what in ("apply", "revert"):
            if what == "revert" and find_set(name).status != "reverting":
                self._run("revert_corrections", _given(options, "name", "reason", "by", "role"), at)
            for done in carry_out(name, what, at=at, actor="command line"):
                self._progress(done, options)
        self._show(name, options)

    def _run(self, command: str, given: Mapping[str, Any], at: Any) -> None:
        execute(Request(command, given, at, "command line"))

    def _progress(self, done: int, options: dict[str, Any]) -> None:
        if not options["json"]:
            self.stderr.write(f"… {done}")

    def _draft(self, options: dict[str, Any]) -> dict[str, Any]:
        if not options["wanted"]:
            raise Invalid("missing_field", "say which command corrects: --command adjust", at="command")
        sources = [name for name in ("file", "plan", "all") if options[name]]
        if len(sources) != 1:
            raise Invalid("missing_field", "say whom it is for, once: --file, --plan or --all", at="file")
        common = dict(_pair(text) for text in options["arguments"])
        rows = _rows_of(options["file"]) if options["file"] else [{"account": one} for one in _accounts(options["seller"], options["plan"])]
        if options["rule"]:
            rows = self._by_rule(options, rows, moment(options["at"]))
        given = _given(options, "name", "wanted", "seller", "code", "reason", "by", "role")
        return {**given, "items": [{**common, **row} for row in rows]}

    def _by_rule(self, options: dict[str, Any], rows: list[dict[str, str]], at: Any) -> list[dict[str, str]]:
        """What the rule gives to each of the accounts; those that get nothing are left out."""
        if options["wanted"] != "adjust":
            raise Invalid("conflict", "a rule says the amounts of adjust", at="command")
        if any(set(row) != {"account"} for row in rows):
            raise Invalid("conflict", "beside a rule the file names accounts alone", at="file")
        accounts = [row["account"] for row in rows]
        found = adjustments(read_rule(options["rule"]), accounts, at=at)
        if not options["json"]:
            self.stderr.write(f"{len({row['account'] for row in found})} of {len(set(accounts))} accounts get something by the rule")
        return found

    def _show(self, name: str, options: dict[str, Any]) -> None:
        standing, found, sums = find_set(name), counts(name), totals(name)
        refused = items(name, ("refused", "not_applied", "not_reverted"), limit=SHOWN)
        if options["json"]:
            told = [{"position": one.position, "account": one.account, "refusal": one.refusal} for one in refused]
            self.write_json({"name": name, "status": standing.status, "items": found, "totals": sums, "refused": told})
        else:
            self.write(f"{name}: {standing.command} for {standing.items} items, {standing.status}; asked by {standing.asked_by}")
            self.write("  " + ", ".join(f"{count} {state}" for state, count in found.items()))
            for currency, amount in sums.items():
                self.write(f"  in all {plain(amount) if amount is not None else 'an unknown amount'} {currency}")
            for account, amount, currency in _largest(name):
                self.write(f"  {account}: {plain(amount)} {currency}")
            for one in refused:
                self.write(f"  refused: {one.account} (item {one.position}): {one.refusal}")
        if refused:
            sys.exit(1)


def _given(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name]}


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise Invalid("wrong_type", f"{text[:60]!r} is no argument; write amount=-5.00", at="arguments")
    return name, value


def _rows_of(path: str) -> list[dict[str, str]]:
    try:
        if Path(path).stat().st_size > LARGEST:
            raise Invalid("out_of_range", f"{path} is larger than {LARGEST} bytes; make several sets of it", at="file")
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid("bad_file", f"{path}: {error}", at="file") from None
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise Invalid("bad_file", f"{path}:{number}: the line has not as many values as the heading", at="file")
    return [{name: value for name, value in row.items() if value != ""} for row in rows]


def _accounts(seller: str, plan: str | None) -> list[str]:
    statement = """
        SELECT account FROM read_account a WHERE seller = %s AND status = 'open' AND (%s::text IS NULL OR EXISTS (
            SELECT 1 FROM read_contract c JOIN read_contract_terms t ON t.account = c.account AND t.contract = c.contract
            WHERE c.account = a.account AND c.status = 'active' AND c.plan = %s)) ORDER BY account"""
    return [row[0] for row in bulk.fetch(statement, [seller, plan, plan])]


def _largest(name: str) -> list[tuple[Any, ...]]:
    """The accounts with the largest corrections."""
    statement = """
        SELECT account, sum(amount), currency FROM read_correction_item WHERE name = %s AND amount IS NOT NULL
        GROUP BY account, currency ORDER BY 2 DESC, 1 LIMIT %s"""
    return bulk.fetch(statement, [name, SHOWN])
