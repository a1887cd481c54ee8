"""Stories kept with a catalogue: what must hold of every draft, played again with its very text before it is published.

A story is a row to work on, like the draft, and no event. What came of it counts for the text that it was played with, and for no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import QuerySet

from billing.command import Command
from billing.engine import Context, Decision
from billing.publications.stories import told
from billing.requests.standing import HOUSE
from plans import store
from plans.errors import Conflict, Invalid, NotFound, Refusal
from plans.fields import suggestion
from plans.loading.problems import check_code
from plans.models import CatalogueStory
from plans.store import Draft

MOST = 50  # stories of one catalogue
LONGEST = 100_000
SHOWN = 20_000
#: A database of its own for each play; what is played into the books is only a test's.
ISOLATION = "database"


@dataclass(frozen=True)
class KeepStory:
    catalogue: str
    story: str  # its name
    source: str = field(metadata={"longest": LONGEST})


def keep_story(context: Context, args: KeepStory) -> Decision:
    """Keep a story with a catalogue, in place of one of the same name. It says `catalogue: draft.yaml`, and the draft stands there."""
    name = check_code(args.story, "story")
    if args.catalogue not in store.names():
        store.draft(args.catalogue)
    others = stories(args.catalogue).exclude(name=name)
    if others.count() >= MOST:
        raise Conflict("too_many", f"{MOST} stories are kept with {args.catalogue} already; drop one first", at="story")
    if not args.source.strip():
        raise Invalid("missing_field", "write the story", at="source")
    kept = {"source": args.source, "kept_at": context.recorded_at, "kept_by": context.actor}
    unplayed = {"played": "", "holds": False, "said": "", "played_at": None}
    CatalogueStory.objects.update_or_create(catalogue=args.catalogue, name=name, defaults=kept | unplayed)
    return Decision(made={"story": name})


@dataclass(frozen=True)
class DropStory:
    catalogue: str
    story: str


def drop_story(context: Context, args: DropStory) -> Decision:
    """Keep a story no longer."""
    del context
    if not stories(args.catalogue).filter(name=args.story).delete()[0]:
        known = suggestion(args.story, list(stories(args.catalogue).values_list("name", flat=True)))
        raise NotFound("unknown_story", f"no story {args.story[:80]!r} is kept with {args.catalogue[:80]}{known}", at="story")
    return Decision()


@dataclass(frozen=True)
class PlayStories:
    catalogue: str


def play_stories(context: Context, args: PlayStories) -> Decision:
    """Play every kept story with the draft as it is now, those left out that were played with this text already. Each has a database of its
    own that is dropped afterwards; what came of it is kept.

    Raises NotFound `unknown_draft`, NotAllowed `no_database`.
    """
    draft = store.draft(args.catalogue)
    for row in stories(args.catalogue).exclude(played=draft.digest):
        holds, said = _played(row.source, draft)
        found = {"played": draft.digest, "holds": holds, "said": said[:SHOWN], "played_at": context.recorded_at}
        CatalogueStory.objects.filter(pk=row.pk, source=row.source).update(**found)  # not of what was kept in its place meanwhile
    held = list(stories(args.catalogue).values_list("name", "holds"))
    return Decision(made={"played": len(held), "failed": [name for name, holds in held if not holds]})


def _played(source: str, draft: Draft) -> tuple[bool, str]:
    try:
        return told(source, draft.source, isolation=ISOLATION)
    except Refusal as refusal:
        if refusal.code == "no_database":
            raise
        return False, refusal.message


def check_stories(catalogue: str, digest: str) -> None:
    """That every kept story was played with the text of this digest, and holds. Raises Conflict `story_not_played`, `story_fails`."""
    for row in stories(catalogue):
        if row.played != digest:
            message = f"the story {row.name} was not played with this text of {catalogue}; play the stories first (play_stories)"
            raise Conflict("story_not_played", message, at="catalogue", story=row.name)
        if not row.holds:
            message = f"the story {row.name} does not come out as it says with this text; mend the draft or the story"
            raise Conflict("story_fails", message, at="catalogue", story=row.name)


def stories(catalogue: str) -> QuerySet[CatalogueStory]:
    return CatalogueStory.objects.filter(catalogue=catalogue).order_by("name")


def _house(args: object) -> list[str]:
    del args
    return [HOUSE]


def _nothing(args: object) -> list[str]:
    """It only looks, for a while."""
    del args
    return []


COMMANDS = (
    Command("keep_story", "Keep a story with a catalogue", KeepStory, keep_story, _house),
    Command("drop_story", "Keep a story no longer", DropStory, drop_story, _house),
    Command("play_stories", "Play the kept stories with the draft", PlayStories, play_stories, _nothing),
)
