"""A story played with a draft: the draft stands where the story names its catalogue, in a database of its own, dropped afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from django.db import connection

from billing.scenario import report
from billing.scenario.player import played
from billing.scenario.reading import BadStory, parse_story
from billing.scenario.statement import statement
from billing.scenario.world import NoDatabase, own_database
from plans import store
from plans.errors import Invalid, NotAllowed
from plans.strict_yaml import load_file

NAME = "story.yaml"


def told(story: str, draft: str, *, isolation: str = "database") -> tuple[bool, str]:
    """Whether every expectation of the story holds with the draft, and what became of each account, as `manage.py scenario` prints it.

    Raises Invalid `bad_story` with every mistake of the story, NotAllowed `no_database` where the server makes no databases: nothing is
    played into the books.
    """
    with store.apart():
        return _told(story, draft, isolation)


def _told(story: str, draft: str, isolation: str) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, _named(story)).write_text(draft, encoding="utf-8")
            read = parse_story(story, path=Path(folder, NAME), name=NAME)
        except BadStory as bad:
            raise Invalid("bad_story", "\n".join(str(one) for one in bad.problems), at="story") from None
    if isolation == "database":
        try:
            with own_database(), played(read, isolation="rollback") as outcome:
                return _said(outcome)
        except NoDatabase:
            raise _no_database() from None
    with played(read, isolation=isolation) as outcome:
        return _said(outcome)


def _no_database() -> NotAllowed:
    user = connection.get_connection_params().get("user", "")
    message = (
        f"a story is played in a database of its own, and the server lets the user {user!r} make none: let an administrator say "
        f'ALTER ROLE "{user}" CREATEDB, then play again; or play it beside its draft on another server (manage.py scenario), and '
        "drop it here (drop_story) where it is kept, so that the draft can be published without it"
    )
    return NotAllowed("no_database", message, at="story")


def _said(outcome: report.Played) -> tuple[bool, str]:
    statements = [statement(key, account, at=outcome.moment) for key, account in outcome.ids.items()]
    return bool(report.as_document(outcome, statements)["holds"]), report.as_text(outcome, statements)


def _named(story: str) -> str:
    """The name of the file that the story calls its catalogue: the draft takes that name. Raises Invalid `bad_story`."""
    try:
        value = load_file(story, name=NAME).value
    except Invalid as bad:
        raise Invalid("bad_story", str(bad), at="story") from None
    name = value.get("catalogue") if isinstance(value, Mapping) else None
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", "..", NAME) or "\x00" in name or len(name) > 200:
        raise Invalid("bad_story", "say 'catalogue: draft.yaml' in the story: the draft stands in its place", at="story")
    return name
