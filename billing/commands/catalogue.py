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
    """Publish a version. Refused where anything in the text is wrong, an example does not hold, or the newest version says the same.

    A version that is not in effect yet is taken back, or replaced, by a newer one that is in effect by then: of the versions in effect on
    a day the newest counts.
    """
    publication = prepare_publication(args.source, name=args.name)
    catalogue = publication.catalogue
    if catalogue is None:
        raise publication.problems[0]
    known = store.versions(catalogue.name)
    moved = args.effective is not None and bool(known) and args.effective != known[-1].effective
    if known and known[-1].digest == publication.digest and not moved:
        message = f"{catalogue.name}@{known[-1].version} says exactly this already"
        raise Conflict("catalogue_unchanged", message, at="source", version=known[-1].version)
    version = store.next_version(catalogue.name)
    if args.on_conflict not in ("refuse", "rebase"):
        raise Invalid("unknown_choice", f"expected refuse or rebase, found {args.on_conflict!r}", at="on_conflict")
    if args.on_conflict == "refuse":
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
    """No change is scheduled to a plan, nor for a discount or coupon, that this version takes away from its day on. A version that states
    price lists alone takes nothing away."""
    if not (catalogue.plans or catalogue.items or catalogue.resources):
        return
    statement = """
        SELECT change, moment, command, named, actor FROM (
            SELECT change.change, change.moment, command, actor, contract.catalogue, arguments->>'version' AS version,
                CASE command WHEN 'change_plan' THEN arguments->>'plan' WHEN 'discount' THEN arguments->>'discount'
                    ELSE arguments->>'coupon' END AS named
            FROM read_change change LEFT JOIN read_contract contract USING (contract)
            WHERE change.status = 'scheduled' AND command IN ('change_plan', 'discount', 'apply_coupon')
        ) found
        WHERE (%s::date IS NULL OR moment >= %s::date) AND CASE command
            WHEN 'change_plan' THEN version IS NULL AND catalogue = %s AND NOT named = ANY(%s)
            WHEN 'discount' THEN named = ANY(%s) ELSE named = ANY(%s) END
        ORDER BY moment, change LIMIT 1"""
    held = [store.catalogue(row.name, row.version) for row in store.versions(catalogue.name)]
    discounts = {code for one in held for code in one.discounts} - set(catalogue.discounts)
    coupons = {code for one in held for code in one.coupons} - set(catalogue.coupons)
    given = [effective, effective, catalogue.name, list(catalogue.plans), list(discounts), list(coupons)]
    for change, moment, command, named, actor in bulk.fetch(statement, given):
        what = {"change_plan": "plan", "discount": "discount"}.get(command, "coupon")
        message = (
            f"{command} with the {what} {named!r} is scheduled for {moment:%Y-%m-%d %H:%M} UTC by {actor} ({change}), and this version "
            f"has no such {what}; keep the {what}, withdraw the change, or say on_conflict: rebase: then it waits for a person"
        )
        raise Conflict("change_conflict", message, at="source", event=change)


COMMANDS = (Command("publish_catalogue", "Publish a version of a catalogue", PublishCatalogue, publish_catalogue, _house),)
