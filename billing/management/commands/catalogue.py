"""`manage.py catalogue check|load|publish|show|diff|…`: policy, from a file to a published version, alone or with somebody's approval.

See `docs/catalogue.md`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError
from django.utils import timezone

from billing.engine import Outcome, Request, execute
from billing.publications.kept import stories
from plans import store
from plans.catalogue import Catalogue
from plans.errors import Invalid, NotFound, Refusal
from plans.loader import LARGEST, Loaded, Publication, prepare_publication, read_catalogue
from plans.loading.difference import changes
from plans.periods import parse_time
from plans.strict_yaml import Value, load_file

GOOD, PROBLEMS, UNREADABLE = 0, 1, 2
DRAFT = "draft"  # NAME@draft
NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)
PUBLISH = "publish_catalogue"  # the engine's command


class Unreadable(Exception):
    """A file that can't be read, or a name that is neither a file nor published."""


class Command(BaseCommand):
    help = (
        "Check catalogue files, keep them as drafts, publish, show and compare them. "
        "Exit status: 0 all good; 1 problems were found, or something was refused; 2 bad usage, or a file that can't be read."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        check = actions.add_parser("check", help="name every mistake, with file and line; check every example")
        check.add_argument("files", nargs="+", metavar="FILE", help="- is standard input")
        load = actions.add_parser("load", help="keep a good file as the draft of its catalogue")
        load.add_argument("file", metavar="FILE")
        publish = actions.add_parser("publish", help="make a file or a draft the next version, for good")
        publish.add_argument("file", metavar="FILE|DRAFT")
        publish.add_argument("--at", metavar="TIME", help="when it counts (default: now), in the catalogue's zone")
        show = actions.add_parser("show", help="print a published version, or a draft")
        show.add_argument("name", metavar="NAME[@VERSION]", help="the newest where no version is given; NAME@draft is the draft")
        show.add_argument("--json", action="store_true", help="the policy as one JSON document, nothing else")
        diff = actions.add_parser("diff", help="say which fields changed from what to what")
        diff.add_argument("before", metavar="A", help="a file, or NAME[@VERSION]")
        diff.add_argument("after", metavar="B")
        diff.add_argument("--json", action="store_true", help="the changes as one JSON list, nothing else")
        for action in (load, publish, *_deciding_arguments(actions)):
            action.add_argument("--by", metavar="ACTOR", default="command line", help="who does it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            status: int = getattr(self, f"do_{options['action']}")(options)
        except (Unreadable, NotFound) as error:
            self.stderr.write(str(error))
            status = UNREADABLE
        except Refusal as error:
            self.stderr.write(str(error))
            status = PROBLEMS
        except DatabaseError as error:
            self.stderr.write(f"the database can't be used: {str(error).strip().splitlines()[0]}")
            status = UNREADABLE
        if status:
            sys.exit(status)

    # -- check ---------------------------------------------------------------------------------------------------------------------

    def do_check(self, options: dict[str, Any]) -> int:
        return max(self._check_one(name) for name in options["files"])

    def _check_one(self, name: str) -> int:
        try:
            loaded = read_catalogue(read_source(name), name=display(name))
        except Unreadable as error:
            self.stderr.write(str(error))
            return UNREADABLE
        self._say_problems(loaded)
        if loaded.catalogue is None:
            return UNREADABLE if loaded.document is None else PROBLEMS
        self.stdout.write(f"{display(name)}: good: {summary(loaded.catalogue)}")
        return GOOD

    def _say_problems(self, found: Loaded | Publication) -> None:
        for problem in found.problems:
            self.stderr.write(str(problem))
        for warning in found.warnings:
            self.stderr.write(f"warning: {warning}")

    # -- load and publish ----------------------------------------------------------------------------------------------------------

    def do_load(self, options: dict[str, Any]) -> int:
        publication = prepare_publication(read_source(options["file"]), name=display(options["file"]))
        self._say_problems(publication)
        if publication.catalogue is None:
            return PROBLEMS if publication.readable else UNREADABLE
        name = publication.catalogue.name
        execute(Request("draft_catalogue", {"catalogue": name, "source": publication.source}, timezone.now(), options["by"]))
        self.stdout.write(f"{name}@draft: {summary(publication.catalogue)}")
        return GOOD

    def do_publish(self, options: dict[str, Any]) -> int:
        given = options["file"]
        text = read_source(given) if given == "-" or os.path.exists(given) else draft_source(given)
        publication = prepare_publication(text, name=display(given))
        self._say_problems(publication)
        if publication.catalogue is None:
            return PROBLEMS if publication.readable else UNREADABLE
        at = parse_time(options["at"], publication.catalogue.zone, "--at") if options["at"] else timezone.now()
        self.stdout.write(self._publish(publication, publication.catalogue.name, at, options["by"]))
        return GOOD

    def _publish(self, publication: Publication, name: str, at: datetime, by: str) -> str:
        """Publish through the engine, unless the newest version says the same already; a line that says what happened."""
        known = store.versions(name)
        if known and known[-1].digest == publication.digest:
            return f"{name}@{known[-1].version} says exactly this already; nothing was published"
        version = publish_source(publication, at=at, by=by).made["version"]
        store.discard_draft(name)
        return f"published {name}@{version} {publication.digest[:12]}"

    # -- trying, asking and deciding ---------------------------------------------------------------------------------------------------

    def do_backtest(self, options: dict[str, Any]) -> int:
        given = {name: options[name] for name in ("months", "sample", "moved") if options[name] is not None}
        name = options["name"].removesuffix(f"@{DRAFT}")
        run("backtest_catalogue", {"catalogue": name} | given, by=options["by"])
        kept = store.newest_backtest(name, store.draft(name).digest)
        assert kept is not None
        self.stdout.write(kept.result if options["json"] else told(json.loads(kept.result)))
        return GOOD

    def do_stories(self, options: dict[str, Any]) -> int:
        name = options["name"].removesuffix(f"@{DRAFT}")
        run("play_stories", {"catalogue": name}, by=options["by"])
        found = list(stories(name))
        for row in found:
            self.stdout.write(f"{row.name}: {'holds' if row.holds else 'does not hold'}")
            if not row.holds:
                self.stdout.write(row.said)
        return GOOD if all(row.holds for row in found) else PROBLEMS

    def do_request(self, options: dict[str, Any]) -> int:
        effective = {"effective": options["effective"]} if options["effective"] else {}
        asked = {"catalogue": options["name"].removesuffix(f"@{DRAFT}"), "reason": options["reason"]} | effective
        made = run("request_publication", asked | speaking(options), by="command line").made
        self.stdout.write(f"asked for: {made['request']}; somebody else must approve it")
        return GOOD

    def do_approve(self, options: dict[str, Any]) -> int:
        made = run("approve_publication", speaking(options, "request"), by="command line").made
        self.stdout.write(f"published {made['catalogue']}@{made['version']}")
        return GOOD

    def do_reject(self, options: dict[str, Any]) -> int:
        run("reject_publication", speaking(options, "request", "reason"), by="command line")
        self.stdout.write("rejected; the draft stays")
        return GOOD

    def do_discard(self, options: dict[str, Any]) -> int:
        run("discard_draft", {"catalogue": options["name"].removesuffix(f"@{DRAFT}")}, by=options["by"])
        self.stdout.write("the draft is gone; what is published stays as it is")
        return GOOD

    # -- show and diff -------------------------------------------------------------------------------------------------------------

    def do_show(self, options: dict[str, Any]) -> int:
        name, version = split_name(options["name"])
        if version == DRAFT:
            source, facts = store.draft(name).source, {"catalogue": name, "version": DRAFT}
        else:
            row = store.published(name, int(version) if version else None)
            source = row.source
            facts = {"catalogue": name, "version": row.version, "digest": row.digest, "seller": row.seller}
            facts |= {"effective": row.effective and row.effective.isoformat(), "published_at": row.published_at.isoformat()}
            facts |= {"published_by": row.published_by, "event": row.event}
        if options["json"]:
            policy = load_file(source, name=options["name"]).value
            self.stdout.write(json.dumps(facts | {"policy": policy}, ensure_ascii=False, indent=1))
            return GOOD
        for label, value in facts.items():
            self.stdout.write(f"# {label}: {'at once' if value is None else value}")
        self.stdout.write(source)
        return GOOD

    def do_diff(self, options: dict[str, Any]) -> int:
        found = changes(policy_of(options["before"]), policy_of(options["after"]))
        if options["json"]:
            self.stdout.write(json.dumps([change.as_dict() for change in found], ensure_ascii=False, indent=1))
            return GOOD
        for change in found:
            self.stdout.write(str(change))
        self.stdout.write(f"{len(found)} changes" if len(found) != 1 else "1 change")
        return GOOD


def _deciding_arguments(actions: Any) -> list[CommandParser]:
    backtest = actions.add_parser("backtest", help="try a draft on the real contracts and use of the last months")
    backtest.add_argument("--months", metavar="N", help="how far back (default: 12)")
    backtest.add_argument("--sample", metavar="N", help="accounts at most (default: 300)")
    backtest.add_argument("--moved", metavar="WHO", help="everybody (default), or followers: only who follows a price list")
    backtest.add_argument("--json", action="store_true", help="the result as one JSON document, nothing else")
    request = actions.add_parser("request", help="ask that a draft be published; somebody else must approve it")
    request.add_argument("--effective", metavar="DATE", help="the day from which new contracts take it")
    played = actions.add_parser("stories", help="play the stories that are kept with the catalogue, with the draft")
    discard = actions.add_parser("discard", help="give a draft up")
    approve = actions.add_parser("approve", help="approve what somebody else asked for, and publish it")
    reject = actions.add_parser("reject", help="say no to what somebody else asked for")
    for action in (backtest, played, request, discard):
        action.add_argument("name", metavar="DRAFT")
    for action in (approve, reject):
        action.add_argument("request", metavar="REQUEST", nargs="?", default="", help="its id (default: the newest)")
    for action in (request, reject):
        action.add_argument("--reason", required=True, metavar="TEXT")
    for action in (request, approve, reject):
        action.add_argument("--role", default="", metavar="ROLE", help="in which role")
    return [backtest, played, request, discard, approve, reject]


def speaking(options: dict[str, Any], *more: str) -> dict[str, str]:
    """For whom the command line speaks, and in which role; and more of the options that were given."""
    return {name: value for name in ("by", "role", *more) if (value := options[name])}


def run(command: str, arguments: dict[str, Any], *, by: str) -> Outcome:
    return execute(Request(command, arguments, timezone.now(), by))


def told(result: dict[str, Any]) -> str:
    """A back-test as text."""
    lines = [f"{result['catalogue']}@draft on {result['tested']} of {result['accounts']} accounts, {result['periods']} periods, before tax"]
    lines += [f"not compared: {why} ({count})" for why, count in result["left_out"].items()]
    for one in result["currencies"]:
        estimate = f"; for all about {one['estimate']}" if one["estimate"] else ""
        lines.append(f"{one['before']} → {one['after']} {one['currency']}, {one['difference']}{estimate}")
        lines.append(f"  {one['more']} pay more, {one['less']} less, {one['same']} the same")
    for one in result["movers"]:
        percent = f" ({one['percent']} %)" if one["percent"] else ""
        lines.append(f"  {one['account']}: {one['before']} → {one['after']} {one['currency']}, {one['difference']}{percent}")
    return "\n".join(lines)


def publish_source(publication: Publication, *, at: datetime, by: str) -> Outcome:
    """One run of the engine's command."""
    assert publication.catalogue is not None
    arguments = {"source": publication.source, "name": publication.catalogue.name, "seller": publication.catalogue.seller["code"]}
    return execute(Request(PUBLISH, arguments, at, by))


def summary(catalogue: Catalogue) -> str:
    """How much there is, in one line."""
    items = len(catalogue.items) + sum(len(plan.items) for plan in catalogue.plans.values())
    counts = {"plan": len(catalogue.plans), "item": items, "meter": len(catalogue.meters), "example": len(catalogue.examples)}
    said = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
    return f"catalogue {catalogue.name}, {said}"


def display(name: str) -> str:
    """The name of a file as it can be printed anywhere."""
    return "standard input" if name == "-" else os.fsencode(name).decode("utf-8", "backslashreplace")


def read_source(name: str) -> bytes:
    """The bytes of a file, or a little more than a catalogue may have: the loader refuses those. Raises Unreadable."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        with Path(name).open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"{display(name)}: {error.strerror or error}") from None
    except ValueError:
        raise Unreadable(f"{display(name)!r} is no name of a file") from None


def draft_source(name: str) -> str:
    """The text of the draft of that name. Raises Unreadable where it is neither a file nor a draft."""
    try:
        return store.draft(name.removesuffix(f"@{DRAFT}")).source
    except NotFound as error:
        raise Unreadable(f"{display(name)} is no file, and {error.message}") from None


def split_name(text: str) -> tuple[str, str]:
    """NAME[@VERSION] → (name, version or ""). Raises Unreadable for another form."""
    name, _, version = text.partition("@")
    if version and version != DRAFT and not NUMBER.fullmatch(version):
        raise Unreadable(f"{display(text)!r}: expected NAME, NAME@VERSION with a number, or NAME@draft")
    return name, version


def policy_of(given: str) -> Value:
    """The plain values of a file, of a published version or of a draft. Raises Unreadable, or Invalid for a text that is no YAML."""
    if given == "-" or os.path.exists(given):
        try:
            return load_file(read_source(given), name=display(given)).value
        except Invalid as error:
            raise Unreadable(str(error)) from None
    name, version = split_name(given)
    try:
        source = store.draft(name).source if version == DRAFT else store.published(name, int(version) if version else None).source
    except NotFound as error:
        raise Unreadable(f"{display(given)} is no file, and {error.message}") from None
    return load_file(source, name=given).value
