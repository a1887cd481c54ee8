"""Publishing a catalogue: an event of the house that carries the whole text."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from billing.command import Command
from billing.engine import Context, Decision
from billing.events import CataloguePublished
from billing.journal import Draft
from plans import store
from plans.errors import Conflict
from plans.loader import LARGEST, prepare_publication

HOUSE = "house:catalogue"


@dataclass(frozen=True)
class PublishCatalogue:
    source: str = field(metadata={"longest": LARGEST})
    name: str = "catalogue"  # how messages name the file
    effective: date | None = None
    seller: str = "main"


def _house(args: Any) -> list[str]:
    del args
    return [HOUSE]


def publish_catalogue(context: Context, args: PublishCatalogue) -> Decision:
    """Publish a version. Refused where anything in the text is wrong, an example does not hold, or the newest version says the same."""
    publication = prepare_publication(args.source, name=args.name)
    catalogue = publication.catalogue
    if catalogue is None:
        raise publication.problems[0]
    known = store.versions(catalogue.name)
    if known and known[-1].digest == publication.digest:
        message = f"{catalogue.name}@{known[-1].version} says exactly this already"
        raise Conflict("catalogue_unchanged", message, at="source", version=known[-1].version)
    version = store.next_version(catalogue.name)
    event = CataloguePublished(
        catalogue=catalogue.name,
        version=version,
        digest=publication.digest,
        effective=args.effective or catalogue.effective,
        source=publication.source,
        seller=args.seller,
    )
    return Decision([Draft(HOUSE, event, context.at)], {"catalogue": catalogue.name, "version": version})


COMMANDS = (Command("publish_catalogue", "Publish a version of a catalogue", PublishCatalogue, publish_catalogue, _house),)
