"""`manage.py demo`: play the example worlds into the configured database, and say for each account who owes how much, and why."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.db import transaction

from billing import bulk
from billing.queries.status import money_text
from billing.scenario.player import Played, Setting, play
from billing.scenario.reading import BadStory, read_story
from billing.scenario.report import KINDS, tax_title, times
from billing.scenario.statement import Statement, statement
from billing.scenario.story import Story
from plans.periods import to_local

WIDTH = 110
SHOWN = 3  # open documents of an account


class Command(BaseCommand):
    help = (
        "Play every examples/*/story.yaml into the configured database, each world under a seller of its own, and print who owes how much "
        "and why. Worlds that were played before are only shown. Exit status: 0 done; 1 a world did not come out as its story says."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--examples", default=str(settings.BASE_DIR / "examples"), metavar="FOLDER", help="where the worlds are")

    def handle(self, *args: Any, **options: Any) -> None:
        files = sorted(Path(options["examples"]).glob("*/story.yaml"))
        if not files:
            self.stdout.write("There are no worlds to play yet.")
            return
        good, shown = True, []
        for file in files:
            try:
                statements = self._world(file)
                good = good and statements is not None
                shown += statements or []
            except (BadStory, DatabaseError) as error:
                self.stderr.write(f"{file.parent.name}: {error}")
                good = False
        for line in _next_steps(shown):
            self.stdout.write(line)
        if not good:
            sys.exit(1)

    def _world(self, file: Path) -> list[Statement] | None:
        """Play or find one world and show it; None where it did not come out as its story says."""
        story = read_story(file, name=f"{file.parent.name}/{file.name}")
        world = file.parent.name
        outcome = _known(story, world) or _play(story, world)
        if outcome.failure is not None:
            self.stderr.write(f"{story.name}:{outcome.failure.line}: {outcome.failure.message}; nothing of this world was kept")
            return None
        statements = [statement(key, account, at=outcome.moment) for key, account in outcome.ids.items()]
        for line in _show(world, outcome, statements):
            self.stdout.write(line)
        wrong = [check for check in outcome.checks if not check.holds]
        for check in wrong:
            self.stderr.write(f"{story.name}:{check.line}: {check.path}: expected {check.expected}, found {check.found}")
        return None if wrong else statements


def _setting(world: str) -> Setting:
    return Setting(prefix=f"{world}-", seller=world, shared=True)


def _known(story: Story, world: str) -> Played | None:
    """The world as it was left, if it was played before."""
    rows = bulk.fetch("SELECT account FROM read_account WHERE seller = %s", [world])
    if not rows:
        return None
    ids = {account: f"{world}-{account}" for account in story.zones if (f"{world}-{account}",) in rows}
    return Played(story, _setting(world), story.steps[-1].at, ids)


def _play(story: Story, world: str) -> Played:
    """The whole world or, where a step fails or the process ends, nothing of it."""
    with transaction.atomic():
        outcome = play(story, _setting(world))
        if outcome.failure is not None:
            transaction.set_rollback(True)
    return outcome


# --- what is shown


def _show(world: str, outcome: Played, statements: list[Statement]) -> Iterator[str]:
    moment = to_local(outcome.moment, outcome.story.zone)
    title = f"{world.upper()}  {outcome.story.scenario}"
    yield f"{title}{f'on {moment:%Y-%m-%d}':>{max(2, WIDTH - len(title))}}"
    yield "─" * WIDTH
    for one in statements:
        yield from _account(one)
    yield ""


def _account(one: Statement) -> Iterator[str]:
    """A line that says who owes how much, and below it the documents that say why."""
    amounts = one.status.amounts
    verdict = ", ".join(one.verdict(amount) for amount in amounts)
    overdue = [f"{money_text(amount.overdue, amount.currency)} {amount.currency} of it overdue" for amount in amounts if amount.overdue]
    yield f"{one.title:<50}{', '.join([verdict, *overdue]):>{WIDTH - 50}}"
    if one.status.account.reason:
        yield f"    {one.status.account.status}: {one.status.account.reason}"
    open_documents = [document for document in one.documents if document["open"]]
    for document in open_documents[-SHOWN:]:
        yield from _document(document)
    if len(open_documents) > SHOWN:
        yield f"    {len(open_documents) - SHOWN} older ones are open too"
    paid = len(one.documents) - len(open_documents)
    if paid:
        yield f"    {paid} {'document' if paid == 1 else 'documents'} more, settled"
    for amount in amounts:
        running = one.accrued.get(amount.currency, Decimal(0))
        if running:
            yield f"    since then, on no document yet: {money_text(running, amount.currency)} {amount.currency}"


def _document(document: Mapping[str, Any]) -> Iterator[str]:
    currency, kind = document["currency"], KINDS.get(document["kind"], document["kind"])
    open_part, total = money_text(document["open"], currency), money_text(document["total"], currency)
    amount = total if document["open"] == document["total"] else f"{open_part} left of {total}"
    due = f", due {document['due']}" if document["due"] else ""
    yield f"    {kind} {document['number']} of {document['issued']}{due}: {amount} {currency}"
    parts = [f"{line['name']}{times(line, currency)} = {money_text(line['amount'], currency)}" for line in document["lines"]]
    parts += [f"{tax_title(tax)} = {money_text(tax['tax'], currency)}" for tax in document["taxes"] if tax["tax"]]
    yield from textwrap.wrap(" · ".join(" ".join(part.split()) for part in parts), WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)


def _next_steps(statements: list[Statement]) -> Iterator[str]:
    """Commands to go on with, of those that there are."""
    if not statements:
        return
    owing = next((one for one in statements if any(amount.balance > 0 for amount in one.status.amounts)), statements[0])
    account = owing.status.account.account
    known = get_commands()
    ways = [
        ("why", f"manage.py why {account}", "from the balance down to the raw measurements"),
        ("status", f"manage.py status {account}", "what is owed, due, in credit, and what comes next"),
        ("statement", f"manage.py statement {account}", "the account's movements"),
        ("events", f"manage.py events {account}", "everything that happened to it"),
        ("scenario", "manage.py scenario examples/", "the same worlds with all that they promise, in databases of their own"),
    ]
    yield "Where to look next"
    for name, command, what in ways:
        if name in known:
            yield f"    {command:<48} {what}"
