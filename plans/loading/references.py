"""Whether everything that a catalogue names exists in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from plans.catalogue import Catalogue, Item, Plan
from plans.errors import Invalid
from plans.fields import join, suggestion
from plans.loading.problems import Problems
from plans.tax import UNTAXED

EVERYTHING = "*"  # among tax categories: a tax that names none falls on all


@dataclass(frozen=True)
class Names:
    """What the sections of the file name, whether or not it could be read: a thing with a mistake in it is not unknown as well."""

    sections: Mapping[str, Collection[str]]

    def check(self, section: str, code: str, at: str) -> None:
        """Raises Invalid `unknown_choice` where the section has no such code."""
        known = self.sections[section]
        if code not in known:
            what = {
                "lists": "price list",
                "terms": "payment terms",
                "rates": "list of rates",
                "dunning": "dunning",
                "indexes": "index",
            }.get(section, section.removeprefix("any ").removeprefix("own ").removesuffix("s"))
            raise Invalid("unknown_choice", f"there is no {what} {code!r}{suggestion(code, sorted(known))}", at=at)


Reference = tuple[str, str, str]  # section, code, path


def check_references(catalogue: Catalogue, names: Names, problems: Problems) -> None:
    """Every reference of every part; each that leads nowhere is a problem of its own."""
    for section, code, at in _references(catalogue):
        with problems.collecting():
            names.check(section, code, at)
    for plan in catalogue.plans.values():
        for code, item in plan.items.items():
            _check_followed(catalogue, item, item.follows, plan.currency, f"plans.{plan.code}.items.{code}", problems)
        for number, phase in enumerate(plan.phases):
            for code, name in phase.follows.items():
                where = f"plans.{plan.code}.phases[{number}].prices.{code}"
                _check_followed(catalogue, plan.items[code], name, plan.currency, where, problems)
    for code, item in catalogue.items.items():
        _check_followed(catalogue, item, item.follows, catalogue.currency, f"items.{code}", problems)
    _check_taxes(catalogue, names, problems)
    _check_drawn(catalogue, problems)
    _check_unused(catalogue, problems)


def _references(catalogue: Catalogue) -> Iterator[Reference]:
    for code, item in catalogue.items.items():
        yield from _of_item(item, f"items.{code}")
    for plan in catalogue.plans.values():
        yield from _of_plan(plan, f"plans.{plan.code}")
    for code, discount in catalogue.discounts.items():
        for field in ("items", "plans"):
            yield from ((f"any {field}", name, f"discounts.{code}.{field}") for name in getattr(discount, field))
    for code, coupon in catalogue.coupons.items():
        yield "discounts", coupon.discount, f"coupons.{code}.discount"
        yield from (("any plans", name, f"coupons.{code}.plans") for name in coupon.plans)
    for code, policy in catalogue.dunning.items():
        if policy.interest and policy.interest.rates:
            yield "rates", policy.interest.rates, f"dunning.{code}.interest.rates"
    for code, feature in catalogue.features.items():
        if feature.meter:
            yield "meters", feature.meter, f"features.{code}.meter"
    for code, resource in catalogue.resources.items():
        if resource.plan:
            yield "any plans", resource.plan, f"resources.{code}.plan"
        yield from (("own items", name, f"resources.{code}.{at}") for at in ("item", "fee_item") if (name := getattr(resource, at)))


def _of_plan(plan: Plan, at: str) -> Iterator[Reference]:
    if plan.terms:
        yield "terms", plan.terms, join(at, "terms")
    if plan.dunning:
        yield "dunning", plan.dunning, join(at, "dunning")
    yield from (("discounts", code, join(at, "discounts")) for code in plan.discounts)
    for code, item in plan.items.items():
        yield from _of_item(item, f"{at}.items.{code}")
    for number, phase in enumerate(plan.phases):
        yield from (("lists", name, f"{at}.phases[{number}].prices.{code}.follows") for code, name in phase.follows.items())


def _of_item(item: Item, at: str) -> Iterator[Reference]:
    if item.meter:
        yield "meters", item.meter, join(at, "meter")
    yield from (("meters", meter, f"{at}.quantities.{name}") for name, meter in item.choose.items())
    for meter in _chosen(item):
        if meter not in item.choose:
            yield "meters", meter, f"{at}.choose.by"
    if item.follows:
        yield "lists", item.follows, join(at, "follows")
    if item.indexation:
        yield "indexes", item.indexation.index, join(at, "index")
    yield from (("features", code, join(at, "features")) for code in item.features)


def _check_followed(catalogue: Catalogue, item: Item, name: str | None, currency: str, at: str, problems: Problems) -> None:
    """The list that an item follows must be in its currency and of a kind that its charge can use."""
    for entry in catalogue.lists.get(name or "", ()):
        if entry.pricing.currency != currency:
            message = f"the price list {name!r} is in {entry.pricing.currency}, the item in {currency}"
            problems.add(Invalid("conflict", message, at=join(at, "follows")))
            return
        if item.charge != "usage" and (entry.pricing.needs_events or entry.pricing.choose is not None):
            message = f"the price list {name!r} looks at what was used; only usage has that"
            problems.add(Invalid("conflict", message, at=join(at, "follows")))
            return


def _check_taxes(catalogue: Catalogue, names: Names, problems: Problems) -> None:
    """A category that no tax reaches is a mistake: nobody would notice the missing tax. `none` says that no tax is due."""
    reached = set(names.sections["tax"])
    for category, at in _categories(catalogue):
        if category == UNTAXED or EVERYTHING in reached or category in reached:
            continue
        hint = suggestion(category, sorted({*reached, UNTAXED}))
        problems.add(Invalid("unknown_choice", f"no tax names the category {category!r}{hint}", at=at))


def _check_drawn(catalogue: Catalogue, problems: Problems) -> None:
    """What a wallet pays is drawn before tax: a tax on it would be lost, so it is refused."""
    items = [(f"items.{code}", item) for code, item in catalogue.items.items()]
    items += [(f"plans.{plan.code}.items.{code}", item) for plan in catalogue.plans.values() for code, item in plan.items.items()]
    for at, item in items:
        taxed = item.tax != UNTAXED and any(not tax.categories or item.tax in tax.categories for tax in catalogue.taxes)
        if item.wallet:
            _check_units(catalogue, item, at, problems)
        elif item.draws == "tick" and taxed:
            message = "what draws on a wallet at each tick can't bear a tax: say 'tax: none'"
            problems.add(Invalid("conflict", message, at=join(at, "tax")))


def _check_units(catalogue: Catalogue, item: Item, at: str, problems: Problems) -> None:
    """Units are no money: no tax is due on them, and no minimum of money counts them."""
    if item.tax not in (None, UNTAXED):
        problems.add(Invalid("conflict", "units of a wallet bear no tax", at=join(at, "tax")))
    for plan in catalogue.plans.values():
        for minimum in plan.minimums:
            if plan.items.get(item.code) is item and item.code in minimum.items:
                message = f"the minimum {minimum.code!r} is in money, and {item.code!r} takes units of a wallet"
                problems.add(Invalid("conflict", message, at=f"plans.{plan.code}.minimums.{minimum.code}.items"))


def _categories(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for code, item in catalogue.items.items():
        if item.tax:
            yield item.tax, f"items.{code}.tax"
    for plan in catalogue.plans.values():
        for code, item in plan.items.items():
            if item.tax:
                yield item.tax, f"plans.{plan.code}.items.{code}.tax"
        if plan.early_fee and plan.early_fee.tax:
            yield plan.early_fee.tax, f"plans.{plan.code}.early_fee.tax"
        for minimum in plan.minimums:
            if minimum.tax:
                yield minimum.tax, f"plans.{plan.code}.minimums.{minimum.code}.tax"
    for code, policy in catalogue.dunning.items():
        for name, charge in (("interest", policy.interest), ("reconnection", policy.reconnection)):
            if charge and charge.tax:
                yield charge.tax, f"dunning.{code}.{name}.tax"
        yield from ((step.fee.tax, f"dunning.{code}.steps") for step in policy.steps if step.fee and step.fee.tax)
    for code, terms in catalogue.terms.items():
        if terms.surcharge and terms.surcharge.tax:
            yield terms.surcharge.tax, f"terms.{code}.surcharge.tax"
    for code, offer in catalogue.instalments.items():
        if offer.tax:
            yield offer.tax, f"instalments.{code}.tax"


def _check_unused(catalogue: Catalogue, problems: Problems) -> None:
    """Warnings: what nothing refers to, and what is sold without a tax category where others have one."""
    items = [*catalogue.items.values(), *(item for plan in catalogue.plans.values() for item in plan.items.values())]
    used = {meter for item in items for meter in (item.meter, *item.choose.values(), *_chosen(item)) if meter}
    used |= {part for meter in catalogue.meters.values() for part in meter.parts}
    used |= {feature.meter for feature in catalogue.features.values() if feature.meter}
    for code in catalogue.meters:
        if code not in used:
            problems.warn("unused", f"nothing uses the meter {code!r}", at=f"meters.{code}")
    in_phases = {name for plan in catalogue.plans.values() for phase in plan.phases for name in phase.follows.values()}
    for code in catalogue.lists:
        if all(item.follows != code for item in items) and code not in in_phases:
            problems.warn("unused", f"no item follows the price list {code!r}", at=f"lists.{code}")
    if catalogue.taxes:
        untaxed = [(f"items.{code}", item) for code, item in catalogue.items.items()]
        untaxed += [(f"plans.{plan.code}.items.{code}", item) for plan in catalogue.plans.values() for code, item in plan.items.items()]
        for at, item in untaxed:
            if item.tax is None and item.owes == "customer" and all(tax.categories for tax in catalogue.taxes):
                problems.warn("untaxed", f"{item.code!r} has no tax category, so no tax; write `tax: none` if that is meant", at=at)


def _chosen(item: Item) -> tuple[str, ...]:
    """The name of the other quantity that picks the price; `quantity` is the item's own."""
    by = item.pricing.choose.by if item.pricing and item.pricing.choose else "quantity"
    return () if by == "quantity" else (by,)
