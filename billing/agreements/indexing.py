"""The value of an index that a price was signed at: frozen in the terms, so that no later publication changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing.events import ItemTerms
from billing.loading import policy
from plans.agreements import value_on
from plans.catalogue import Catalogue, Plan
from plans.errors import Conflict
from plans.periods import local_date


def with_bases(
    catalogue: Catalogue,
    plan: Plan,
    items: Mapping[str, ItemTerms],
    moment: datetime,
    zone: str,
    *,
    held: Mapping[str, ItemTerms] | None = None,
) -> dict[str, ItemTerms]:
    """The items with the base of each index; what is `held` already keeps the one it was signed at.

    Raises Conflict `no_index_value` where nothing is published for the day.
    """
    found = dict(items)
    for code, one in items.items():
        item = plan.items.get(code) or catalogue.items.get(code)
        if item is None or item.indexation is None:
            continue
        before = held.get(code) if held else None
        base = before.index_base if before and before.index_base is not None else None
        if base is None:
            rule = item.indexation
            base = value_on(policy().index(catalogue.name, rule.index), local_date(moment, zone))
            if base is None:
                message = f"{item.name} follows the index {rule.index!r}, of which no value is published for {local_date(moment, zone)} yet"
                raise Conflict("no_index_value", message, at="start", index=rule.index)
        found[code] = replace(one, index_base=base)
    return found
