"""Publishing a catalogue: an event of the house that carries the whole text."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from billing import bulk
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import CataloguePublished
from billing.journal import Draft
from billing.requests.standing import HOUSE
from plans import store
from plans.catalogue import Catalogue
from plans.errors import Conflict, Invalid
from plans.loader import LARGEST, prepare_publication


@dataclass(frozen=True)
class PublishCatalogue:
    source: str = field(metadata={"longest": LARGEST})
    name: str = "catalogue"  # how messages name the file
    effective: date | None = None
    seller: str = "main"
    on_conflict: str = "refuse"  # or rebase: scheduled changes to a plan that is gone wait for a person when their moment comes


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
    if args.on_conflict not in ("refuse", "rebase"):
        raise Invalid("unknown_choice", f"expected refuse or rebase, found {args.on_conflict!r}", at="on_conflict")
    if args.on_conflict == "refuse" and catalogue.plans:
        _check_scheduled(catalogue, args.effective or catalogue.effective)
    event = CataloguePublished(
        catalogue=catalogue.name,
        version=version,
        digest=publication.digest,
        effective=args.effective or catalogue.effective,
        source=publication.source,
        seller=args.seller,
    )
    return Decision([Draft(HOUSE, event, context.at)], {"catalogue": catalogue.name, "version": version})


def _check_scheduled(catalogue: Catalogue, effective: date | None) -> None:
    """No change is scheduled to a plan that this version takes away from its day on."""
    statement = """
        SELECT change, change.moment, arguments->>'plan', actor FROM read_change change JOIN read_contract USING (contract)
        WHERE change.status = 'scheduled' AND command = 'change_plan' AND arguments->>'version' IS NULL AND catalogue = %s
            AND NOT arguments->>'plan' = ANY(%s) AND (%s::date IS NULL OR change.moment >= %s::date) ORDER BY moment, change LIMIT 1"""
    for change, moment, plan, actor in bulk.fetch(statement, [catalogue.name, list(catalogue.plans), effective, effective]):
        message = (
            f"a change to the plan {plan!r} is scheduled for {moment:%Y-%m-%d %H:%M} UTC by {actor} ({change}), and this version "
            "has no such plan; keep the plan, withdraw the change, or say on_conflict: rebase: then it waits for a person"
        )
        raise Conflict("change_conflict", message, at="source", event=change)


COMMANDS = (Command("publish_catalogue", "Publish a version of a catalogue", PublishCatalogue, publish_catalogue, _house),)
