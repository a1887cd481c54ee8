"""Why an account may use a feature or not: the answer of the moment, and the events that gave and took it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from billing.entitlements.changes import changed
from billing.entitlements.checking import check
from billing.events import CreditStatusChanged, EndSet, TermsSet
from billing.journal import Recorded
from billing.queries.why.tree import Node


def entitlement_node(account: str, feature: str, *, at: datetime) -> Node:
    """The answer, and below it each change of it, oldest first."""
    answer = check(account, feature, at=at)
    verb = "may use" if answer.allowed else "may not use"
    facts = {"until": f"{answer.until:%Y-%m-%d %H:%M}"} if answer.until else {}
    children = tuple(
        Node(
            "access",
            f"{one.before} → {one.after}",
            address=one.address,
            facts={"on": f"{one.at:%Y-%m-%d %H:%M}", "by": one.by or "time"},
            values={"on": one.at},
        )
        for one in changed(account, until=at)
        if one.feature == feature
    )
    return Node(
        "entitlement",
        f"{account} {verb} {feature}: {answer.why}",
        facts=facts,
        children=children,
        values={"feature": feature, "allowed": answer.allowed},
    )


def access_of(events: Iterable[Recorded]) -> dict[str, list[Node]]:
    """The address of each of the events → what the account may do otherwise because of it. An agreed end counts on its own day."""
    found: dict[str, list[Node]] = {}
    wanted = [one for one in events if isinstance(one.event, TermsSet | EndSet | CreditStatusChanged)]
    for account in {one.stream for one in wanted}:
        days = [one.event.end for one in wanted if isinstance(one.event, EndSet) and one.event.end is not None]
        last = max([*days, *(one.effective_at for one in wanted)])
        for change in changed(account, until=last):
            if change.address in {one.address for one in wanted}:
                node = Node("access", f"may use {change.title}", facts={"on": f"{change.at:%Y-%m-%d %H:%M}"}, values={"on": change.at})
                found.setdefault(change.address, []).append(node)
    return found
