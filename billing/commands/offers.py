"""What is on offer: the newest catalogue versions that are in effect on a day, and the plans and items in them."""

from __future__ import annotations

from datetime import date

from accounts.access import is_customer
from plans import store
from plans.catalogue import Catalogue, Plan
from plans.dunning import InstalmentOffer
from plans.errors import Conflict, NotFound
from plans.fields import suggestion


def offered(on: date, name: str = "") -> list[Catalogue]:
    """The newest version in effect on the day of every catalogue (or of the one named). One that states price lists alone offers nothing:
    the version before it does."""
    found = []
    for one in [name] if name else store.names():
        in_effect = [row.version for row in store.versions(one) if row.effective is None or row.effective <= on]
        versions = (store.catalogue(one, version) for version in reversed(in_effect))
        newest = next((version for version in versions if version.plans or version.items or version.resources), None)
        if newest is not None:
            found.append(newest)
    return found


def public_offers(on: date) -> list[InstalmentOffer]:
    """The payment plans that customers may take themselves on the day."""
    return [one for held in offered(on) for one in held.instalments.values() if one.public]


def find_catalogue(name: str, plan: str, version: int | None, on: date) -> Catalogue:
    """The catalogue named, or the only one that holds the plan, as it is in effect on the day (or in the version asked for).

    Raises NotFound `unknown_catalogue` or `unknown_plan`, Conflict `which_catalogue`.
    """
    if name:
        return store.catalogue(name, version) if version else next(iter(offered(on, name)), None) or store.newest(name, on=on)
    holding = [found for found in offered(on) if plan in found.plans]
    if len(holding) > 1:
        raise Conflict(
            "which_catalogue", f"the plan {plan!r} stands in {', '.join(c.name for c in holding)}; name the catalogue", at="catalogue"
        )
    if not holding:
        known = [code for found in offered(on) for code in found.plans]
        raise NotFound("unknown_plan", f"there is no plan {plan!r}{suggestion(plan, known)}", at="plan")
    return store.catalogue(holding[0].name, version) if version else holding[0]


def find_plan(catalogue: Catalogue, code: str, *, actor: str) -> Plan:
    """A plan of the catalogue. Raises NotFound `unknown_plan`; of a plan that an older version had, it tells the office which version
    has it no more, who published that and when, and the ways out."""
    if code in catalogue.plans:
        return catalogue.plans[code]
    message = f"the catalogue {catalogue.name} has no plan {code!r}{suggestion(code, list(catalogue.plans))}"
    older = [row for row in store.versions(catalogue.name) if row.version < catalogue.version]
    last = next((row for row in reversed(older) if code in store.catalogue(row.name, row.version).plans), None)
    if last is None or is_customer(actor):
        raise NotFound("unknown_plan", message, at="plan")
    by = store.published(catalogue.name, catalogue.version)
    since = f", in effect from {by.effective:%Y-%m-%d} on" if by.effective else ""
    message = (
        f"{catalogue.name}@{by.version}, published on {by.published_at:%Y-%m-%d} by {by.published_by} ({by.event}){since}, has no plan "
        f"{code!r} any more; choose another plan or an earlier moment, ask for version: {last.version}, or publish a version that has it"
    )
    facts = {"event": by.event, "by": by.published_by, "recorded_at": by.published_at, "effective": by.effective, "version": last.version}
    raise NotFound("unknown_plan", message, at="plan", **facts)


def check_public(actor: str, plan: Plan, catalogue: Catalogue) -> None:
    """That a customer takes only what is offered to the public (`public: true`); the office may sell every plan. The refusal is that of a
    plan that does not exist: NotFound `unknown_plan`."""
    if not plan.public and is_customer(actor):
        known = [one.code for one in catalogue.plans.values() if one.public]
        raise NotFound("unknown_plan", f"there is no plan {plan.code!r} on offer{suggestion(plan.code, known)}", at="plan")


def public_plans(on: date) -> list[tuple[Catalogue, Plan]]:
    """What customers may take themselves on the day, in the order of the catalogues."""
    return [(catalogue, plan) for catalogue in offered(on) for plan in catalogue.plans.values() if plan.public]


def kept_in_stock(item: str) -> bool:
    """Whether any published version keeps the item in stock: then a sale of it locks the stock too."""
    for name in store.names():
        for version in store.versions(name):
            catalogue = store.catalogue(name, version.version)
            if any(item in items and items[item].stock for items in (catalogue.items, *(plan.items for plan in catalogue.plans.values()))):
                return True
    return False
