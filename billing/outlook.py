"""What the terms of a contract hold, resolved once per process for all contracts of the same plans and items: plans, items, codes.

A step of the clockwork asks the same of every contract: which items have periods, which of them tick. The answer depends on the catalogue's
versions, the plans and the codes of the items alone, not on anybody's dates, quantities or prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from billing.state import Contract
from billing.terms import Policy
from plans.catalogue import Catalogue, Item, Plan

MOST = 10_000


@dataclass(frozen=True, eq=False)
class Outlook:
    """`parts`: the catalogue and plan of each row of the timeline, with the codes of the items that its terms hold."""

    parts: tuple[tuple[Catalogue, Plan, tuple[str, ...]], ...]

    @cached_property
    def items(self) -> Mapping[str, tuple[Item, ...]]:
        """code → what it was by the rows of the timeline, each definition once, in their order. Codes as the terms name them."""
        found: dict[str, list[Item]] = {}
        for catalogue, plan, codes in self.parts:
            for code in codes:
                item = plan.items.get(code) or catalogue.items.get(code)
                known = found.setdefault(code, [])
                if item is not None and item not in known:
                    known.append(item)
        return {code: tuple(items) for code, items in found.items()}

    @cached_property
    def minimums(self) -> frozenset[str]:
        """The codes of the minimums over several items that one of the plans has."""
        return frozenset(minimum.code for _, plan, _ in self.parts for minimum in plan.minimums)

    @cached_property
    def with_periods(self) -> tuple[str, ...]:
        """The items that have periods, being charged by time or use, and the plans' minimums. In the order of the plan, then add-ons: so
        documents show them."""
        order: dict[str, int] = {}
        for _, plan, _ in self.parts:
            order |= plan.places
        codes = sorted(self.items, key=lambda code: order.get(code, len(order)))
        codes = [code for code in codes if any(item.charge != "sale" for item in self.items[code])]
        return (*codes, *dict.fromkeys(minimum.code for _, plan, _ in self.parts for minimum in plan.minimums))

    @cached_property
    def ticking(self) -> frozenset[str]:
        """The items that are counted at every tick."""
        return frozenset(code for code, items in self.items.items() if any(item.timing == "tick" for item in items))

    @cached_property
    def at_start(self) -> frozenset[str]:
        """The items that are charged when their period starts."""
        ahead = {code for code, items in self.items.items() if any(item.charge == "fee" and item.timing == "advance" for item in items)}
        return frozenset(ahead)

    @cached_property
    def phased(self) -> bool:
        return any(plan.phases for _, plan, _ in self.parts)

    @cached_property
    def grants(self) -> bool:
        """Whether one of the plans puts something into a wallet by itself."""
        return any(plan.grants for _, plan, _ in self.parts)


_KNOWN: dict[tuple[object, ...], Outlook] = {}


def outlook(policy: Policy, contract: Contract) -> Outlook:
    """What the contract's whole timeline holds. A step asks it of the same contract many times: it remembers the last answer."""
    remembered = contract.outlook
    if remembered.get("policy") is policy:
        found: Outlook = remembered["answer"]
        return found
    answer = _found(policy, contract)
    remembered["policy"], remembered["answer"] = policy, answer
    return answer


def _found(policy: Policy, contract: Contract) -> Outlook:
    if len(contract.timeline) > 1:
        return _resolved(policy, contract)
    terms = contract.timeline[0].terms  # of every round and of many accounts they are the same ones
    catalogue = policy.catalogue(terms.catalogue, terms.version)
    known: tuple[Catalogue, Outlook] | None = terms.remembered.get("outlook")
    if known is None or known[0] is not catalogue:
        known = terms.remembered["outlook"] = catalogue, _resolved(policy, contract)
    return known[1]


def _resolved(policy: Policy, contract: Contract) -> Outlook:
    named: list[object] = []
    for row in contract.timeline:
        terms = row.terms
        named += (id(policy.catalogue(terms.catalogue, terms.version)), terms.plan, *terms.items)
    key = tuple(named)
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) >= MOST:
            _KNOWN.clear()
        parts = []
        for row in contract.timeline:
            catalogue = policy.catalogue(row.terms.catalogue, row.terms.version)
            parts.append((catalogue, catalogue.plans[row.terms.plan], tuple(row.terms.items)))
        found = _KNOWN[key] = Outlook(tuple(parts))  # it holds the catalogues, so no other takes their ids while it is known
    return found
