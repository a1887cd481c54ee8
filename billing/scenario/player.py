"""Playing a story: the catalogue is published, the accounts are opened; then, for each step, what is due is done, the step, and the checks.

Everything goes through the doors of production: commands through the engine, usage through ingest, time through the clockwork's run.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils.module_loading import import_string

from billing import bulk, clockwork, delivery, engine, journal, usage
from billing.codec import time_text
from billing.command import registry
from billing.engine import Outcome, Request, Rollback, Stamp
from billing.scenario import facts
from billing.scenario.comparing import Check, Comparing, compare
from billing.scenario.past import folded
from billing.scenario.reading import OPEN, PUBLISH
from billing.scenario.story import Expectation, Step, Story
from billing.scenario.world import NoDatabase, own_database
from billing.works import answers_matter
from plans.errors import Refusal

ACTOR = "scenario"
#: Arguments whose words are never names given by `as`: codes of the catalogue and free text.
WORDS = frozenset(
    "plan item items quantities prices attributes reason name reference channel currency zone catalogue key source coupon gateway"
    " gateway_token".split()
)


@dataclass(frozen=True)
class Setting:
    """Where the story is played. A `shared` database holds others' accounts: ours get a prefix, and the clockwork runs for ours alone."""

    prefix: str = ""
    seller: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a story stopped: a step did not do what the file says."""

    line: int
    message: str
    code: str = ""


@dataclass
class Played:
    """What came out. `moment` is where the story stands; `ids` are the accounts of the file as the database knows them."""

    story: Story
    setting: Setting
    moment: datetime
    ids: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    failure: Failure | None = None
    steps: int = 0
    events: int = 0

    @property
    def holds(self) -> bool:
        return self.failure is None and all(check.holds for check in self.checks)


def _fault(error: Exception) -> str:
    """An error that is no refusal: the database's own sentence, or where in the program it came from."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, DatabaseError):
        return f"the database refused: {text}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"a fault of the program: {type(error).__name__}: {text} ({Path(frame.filename).name}:{frame.lineno})"


class Stopped(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@contextmanager
def played(story: Story, *, until: datetime | None = None, isolation: str = "database", setting: Setting | None = None) -> Iterator[Played]:
    """Play the story; inside, the database is as the story left it.

    `isolation`: `database`, one of its own that is dropped afterwards (where the server refuses, the configured one under the seller
    `scenario`); `rollback`, a transaction on the current connection that is undone; `shared`, the configured database, for good.
    """
    if isolation == "database" and setting is None:
        try:
            with own_database():
                yield play(story, Setting(), until=until)
            return
        except NoDatabase:
            isolation = "shared"
    setting = setting or (Setting() if isolation == "rollback" else shared_setting(story))
    if isolation == "shared":
        yield play(story, setting, until=until)
        return
    try:
        with transaction.atomic():
            yield play(story, setting, until=until)
            raise Rollback
    except Rollback:
        pass


def shared_setting(story: Story) -> Setting:
    """A prefix that no account of the configured database has yet, and the seller `scenario`."""
    number = 1
    while True:
        prefix = f"scenario-{story.slug}-" if number == 1 else f"scenario-{story.slug}-{number}-"
        if not bulk.fetch("SELECT 1 FROM read_account WHERE starts_with(account, %s) LIMIT 1", [prefix]):
            return Setting(prefix, "scenario", shared=True)
        number += 1


def play(story: Story, setting: Setting, *, until: datetime | None = None) -> Played:
    """Play the story on the current connection up to and including `until`. A step that fails stops it; nothing is raised for that."""
    return _Player(story, setting, until).play()


@dataclass
class _Player:
    story: Story
    setting: Setting
    until: datetime | None
    names: dict[str, str] = field(default_factory=dict)
    doing: str = "the beginning"  # the step that is played, and where it stands
    path: str = ""

    def play(self) -> Played:
        first = self.story.steps[0].at
        self.outcome = Played(self.story, self.setting, first if self.until is None else min(first, self.until))
        try:
            self._begin(self.outcome.moment)
            for step in self.story.steps:
                if self.until is not None and step.at > self.until:
                    break
                self.outcome.moment, self.doing, self.path = step.at, step.title, step.path
                self._advance(step.at)
                self._step(step)
                self.outcome.steps += 1
            if self.until is not None:
                self.outcome.moment = self.until
                self._advance(self.until)
        except Stopped as stopped:
            self.outcome.failure = replace(stopped.failure, message=stopped.failure.message + self._parked())
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is told with the step's line
            self.outcome.failure = Failure(self.story.line(self.path), f"{self.doing}: {_fault(error)}{self._parked()}", "fault")
        self.outcome.events = self._event_count()
        return self.outcome

    def _parked(self) -> str:
        """Accounts that the clockwork put aside: often why a later step fails."""
        statement = "SELECT account, reason FROM read_account WHERE status = 'parked' AND account = ANY(%s) ORDER BY account"
        rows = bulk.fetch(statement, [list(self.outcome.ids.values())])
        return "".join(f"; the account {account} is parked: {reason}" for account, reason in rows)

    # --- before the first step

    def _begin(self, at: datetime) -> None:
        policy = self.story.policy
        if policy is not None:
            self._run_or_stop(PUBLISH, {"source": policy.source, "name": policy.name}, at, "catalogue", accept="catalogue_unchanged")
        for account, details in self.story.accounts.items():
            self._run_or_stop(OPEN, details, at, f"accounts.{account}")

    def _run_or_stop(self, command: str, arguments: Mapping[str, Any], at: datetime, path: str, *, accept: str = "") -> None:
        try:
            self._run(command, arguments, at)
        except Refusal as refusal:
            if refusal.code != accept:
                raise self._stop(path, f"{command}: {refusal}", refusal.code) from None

    def _stop(self, path: str, message: str, code: str = "") -> Stopped:
        return Stopped(Failure(self.story.line(path), message, code))

    # --- time

    def _advance(self, until: datetime) -> None:
        """What production's beats would have done by now: effects are delivered at their moment, before what falls due later."""
        ours = list(self.outcome.ids.values()) if self.setting.shared else None
        before = None
        while answers_matter() and (moment := self._next_moment(until, ours)) is not None and moment != before:
            self._clockwork(moment)
            before = None if self._deliver(moment, ours) else moment
        self._clockwork(until)
        if delivery.next_due(until=until, accounts=ours, story=True) is not None:
            self._deliver(until, ours)

    def _deliver(self, moment: datetime, ours: list[str] | None) -> int:
        return delivery.deliver(until=moment, known_at=moment, story=True, accounts=ours).attempts

    def _next_moment(self, until: datetime, ours: list[str] | None) -> datetime | None:
        """The earliest moment up to `until` at which an effect is due, or may become owed by what falls due then."""
        moments = [clockwork.next_due(until=until, accounts=ours), delivery.next_due(until=until, accounts=ours, story=True)]
        return min((moment for moment in moments if moment is not None), default=None)

    def _clockwork(self, until: datetime) -> None:
        """For everybody, or for our accounts where others live beside them."""
        if not self.setting.shared:
            clockwork.run(until=until, actor=ACTOR, known_at=until)
        elif self.outcome.ids:
            with transaction.atomic():
                heads = journal.lock(list(self.outcome.ids.values()), create=False)
                clockwork.advance(list(heads), until=until, heads=heads, stamp=Stamp(ACTOR, "advance", until))

    # --- steps

    def _step(self, step: Step) -> None:
        before = self._recorded()
        refusal = self._do(step)
        if step.refused:
            self._check_refused(step, refusal, self._recorded() - before)
        elif refusal is not None:
            raise self._stop(step.path, f"{step.title} was refused: {refusal}", refusal.code)
        for expectation in step.expect:
            self.outcome.checks += self._check(step, expectation)

    def _do(self, step: Step) -> Refusal | None:
        """The step itself; what refused it, if anything did."""
        try:
            if step.do:
                arguments = self._named(step.arguments, step.arguments.get("account"))
                outcome = self._run(step.do, arguments, step.at, dry_run=step.preview, token=self.names.get(step.token, ""))
                self._remember(step, {"token": outcome.preview.token} if outcome.preview else outcome.made)
            elif step.usage:
                self._ingest(step)
            elif step.bank:
                bring = import_string(settings.BILLING_STORY_BANK)
                own = f"{self.setting.prefix}bank" if self.setting.prefix else ""
                bring(step.bank, seller=self.setting.seller or "main", own=own, currency=self.story.currency, at=step.at)
        except Refusal as refusal:
            return refusal
        return None

    def _check_refused(self, step: Step, refusal: Refusal | None, added: int) -> None:
        path = f"{step.title} on line {self.story.line(step.path)}"
        found = refusal.code if refusal else "not refused"
        line = self.story.line(f"{step.path}.refused")
        self.outcome.checks.append(Check(f"{path} is refused", step.refused, found, found == step.refused, line))
        if refusal is None:
            raise self._stop(f"{step.path}.refused", f"{step.title} should have been refused with {step.refused}, and was done")
        self.outcome.checks.append(Check(f"{path} changes nothing", "nothing", f"{added} records" if added else "nothing", not added, line))

    def _remember(self, step: Step, made: Mapping[str, Any]) -> None:
        if step.name:
            if not made:
                raise self._stop(f"{step.path}.as", f"{step.do} made nothing that could be called {step.name!r}")
            self.names[step.name] = str(next(iter(made.values())))

    def _run(self, command: str, arguments: Mapping[str, Any], at: datetime, *, dry_run: bool = False, token: str = "") -> Outcome:
        given = self._placed(command, arguments)
        outcome = engine.execute(Request(command, given, at, ACTOR, known_at=at, token=token), dry_run=dry_run)
        if command == OPEN:
            self.outcome.ids[str(arguments["account"])] = given["account"]
        return outcome

    def _placed(self, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as this database needs them: the account's id, the seller, and which of several catalogues is meant."""
        known = {one.name for one in fields(registry()[command].arguments)}
        given = dict(arguments)
        if isinstance(given.get("account"), str):
            given["account"] = self._id(given["account"])
        if self.setting.seller and "seller" in known:
            given.setdefault("seller", self.setting.seller)
        if self.setting.shared and self.story.policy is not None and "catalogue" in known:
            given.setdefault("catalogue", self.story.policy.catalogue)
        return given

    def _id(self, account: str) -> str:
        return self.outcome.ids.get(account, self.setting.prefix + account)

    def _ingest(self, step: Step) -> None:
        records = [{**record, "account": self._id(record["account"])} for record in step.usage]
        source = f"{self.setting.prefix}scenario"
        batch = f"{source} {time_text(step.at)} step {step.number}"
        report = usage.ingest(records, source=source, arrived_at=step.at, known_at=step.at, batch=batch)
        if report.rejected:
            one = report.rejected[0]
            raise Refusal(one.code, f"record {one.number}: {one.reason}", at=f"usage[{one.number - 1}]")
        self._advance(step.at)

    # --- names

    def _named(self, arguments: Mapping[str, Any], account: Any) -> dict[str, Any]:
        """Names given by `as` become ids, positions in the account's list of invoices too."""
        found = {name: value if name in WORDS else self._with_ids(value) for name, value in arguments.items()}
        for name in ("invoice", "invoices"):
            if name in found and isinstance(account, str):
                found[name] = self._positions(found[name], account)
        return found

    def _with_ids(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._with_ids(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._with_ids(one) for one in value]
        return self.names.get(value, value) if isinstance(value, str) else value

    def _positions(self, value: Any, account: str) -> Any:
        if isinstance(value, list):
            return [self._positions(one, account) for one in value]
        if isinstance(value, Mapping):
            return {name: self._positions(one, account) if name == "invoice" else one for name, one in value.items()}
        return self._document(value, account) if isinstance(value, str) else value

    def _document(self, name: str, account: str) -> str:
        """The id of a document named by `as`, by number, by id, or by its position; the name itself where there is none such."""
        if name in self.names:
            return self.names[name]
        listed = facts.invoice_ids(self._id(account))
        for document, number in listed:
            if name in (document, number):
                return document
        if name.isascii() and name.isdigit() and 1 <= int(name) <= len(listed):
            return listed[int(name) - 1][0]
        rows = bulk.fetch("SELECT invoice FROM read_invoice WHERE account = %s AND number = %s", [self._id(account), name])
        return rows[0][0] if rows else name

    # --- expectations

    def _check(self, step: Step, expectation: Expectation) -> Sequence[Check]:
        account = self._id(expectation.account)
        rows = bulk.fetch("SELECT currency, zone FROM read_account WHERE account = %s", [account])
        if not rows:
            raise self._stop(expectation.path, f"the account {expectation.account!r} is not open yet")
        currency, zone = rows[0]
        comparing = Comparing(currency, zone, lambda name: self._document(name, expectation.account), self.story.line)
        try:
            return compare(expectation, self._find(step, expectation.fact, account), comparing)
        except Refusal as refusal:
            raise self._stop(expectation.path, refusal.message, refusal.code) from None

    def _find(self, step: Step, fact: str, account: str) -> Any:
        catalogue = self.story.policy.catalogue if self.story.policy else ""
        view = facts.View(account, step.at, step.as_of, step.known_at, catalogue)
        if not view.past or fact in facts.MONEY or fact in facts.DATED:
            return facts.find(fact, view)
        with folded(account, as_of=step.as_of, known_at=step.known_at):
            return facts.find(fact, view)

    def _recorded(self) -> int:
        """Events and measurements: what a refused step must not add to."""
        ours = list(self.outcome.ids.values())
        return self._event_count() + int(bulk.fetch("SELECT count(*) FROM usage_record WHERE account = ANY(%s)", [ours])[0][0])

    def _event_count(self) -> int:
        """How many events the journal holds; where others write too, those of our accounts."""
        if not self.setting.shared:
            return int(bulk.fetch("SELECT coalesce(sum(last_sequence), 0) FROM stream")[0][0])
        ours = list(self.outcome.ids.values())
        return int(bulk.fetch("SELECT coalesce(sum(last_sequence), 0) FROM stream WHERE id = ANY(%s)", [ours])[0][0])
