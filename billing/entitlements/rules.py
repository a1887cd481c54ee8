"""Whether a feature may be used, from what was found. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.events import Terms
from billing.terms import Policy, phase_spans, plan_of
from plans.catalogue import Feature
from plans.money import plain
from plans.periods import Cycle, Span

ORDER = ("good", "grace", "limited", "suspended")
ZERO = Decimal(0)


@dataclass(frozen=True)
class Source:
    """A running contract: where features come from. `stopped`: its service is suspended."""

    contract: str
    terms: Terms
    start: datetime
    end: datetime | None
    stopped: bool


@dataclass(frozen=True)
class Standing:
    """What else counts: the account's status, its credit status, what was used in the limit's period, and what was granted on top."""

    status: str
    credit: str
    zone: str
    used: Decimal = ZERO
    granted: Decimal = ZERO  # units of the feature in the account's wallet
    empty: str = ""  # the currency of an empty wallet that would have to pay the use


@dataclass(frozen=True)
class Entitlement:
    """The answer. `remaining` None: no limit, or nothing that counts. `until`: when it is asked anew at the latest. `why` in words."""

    feature: str
    name: str
    kind: str
    allowed: bool
    why: str
    remaining: Decimal | None = None
    limit: Decimal | None = None
    used: Decimal | None = None
    until: datetime | None = None
    value: str = ""  # of a configuration value


def allowance(policy: Policy, source: Source, feature: Feature, at: datetime, zone: str) -> bool | Decimal | str | None:
    """What one contract allows at the moment: by its plan, and by the items that it has in this phase; None: nothing."""
    plan = plan_of(policy, source.terms)
    catalogue = policy.catalogue(source.terms.catalogue, source.terms.version)
    found: bool | Decimal | str | None = plan.features.get(feature.code)
    phase = next((s.phase for s in phase_spans(plan, source.terms, zone) if s.start <= at and (s.end is None or at < s.end)), None)
    for code, held in source.terms.items.items():
        item = plan.items.get(code) or catalogue.items.get(code)
        hidden = phase is not None and phase.only is not None and code not in phase.only
        if item is None or hidden or feature.code not in item.features or held.quantity <= 0:
            continue
        if feature.kind == "limit":
            found = found if isinstance(found, str) else (found or ZERO) + held.quantity
        elif feature.kind == "switch":
            found = True
    return found


def period_of(policy: Policy, source: Source, feature: Feature, at: datetime, zone: str) -> Span | None:
    """The period in which a limit counts, from the contract's anchor; None where it never starts anew."""
    del policy
    if feature.period is None:
        return None
    anchor = source.terms.anchor
    return Cycle(period=feature.period, anchor=anchor, zone=zone, align="anchor", day=None).period_at(at)


def decide(policy: Policy, feature: Feature, sources: Sequence[Source], standing: Standing, quantity: Decimal, at: datetime) -> Entitlement:
    """The whole answer, the first reason that forbids first."""
    given = [(one, found) for one in sources if (found := allowance(policy, one, feature, at, standing.zone)) not in (None, False)]
    serving = [(one, found) for one, found in given if not one.stopped]
    answer = Entitlement(feature.code, feature.name, feature.kind, False, "")
    if standing.status in ("closed", "parked"):
        return _no(answer, f"the account is {standing.status}")
    if not given:
        return _no(answer, "no running contract allows it")
    if ORDER.index(standing.credit) > ORDER.index(feature.credit):
        return _no(answer, f"the credit status is {standing.credit}; it needs {feature.credit} or better")
    if not serving:
        return _no(answer, f"the service of {given[0][0].contract} is suspended")
    if standing.empty:
        return _no(answer, f"the wallet of {standing.empty} is empty")
    if feature.kind == "limit":
        return _limit(policy, answer, feature, serving, standing, quantity, at)
    source, found = serving[0]
    value = found if isinstance(found, str) else ""
    said = f"{source.terms.plan} of {source.contract} says {value}" if value else f"{source.terms.plan} of {source.contract} allows it"
    return Entitlement(feature.code, feature.name, feature.kind, True, said, until=source.end, value=value)


def _no(answer: Entitlement, why: str) -> Entitlement:
    zero = ZERO if answer.kind == "limit" else None
    return Entitlement(answer.feature, answer.name, answer.kind, False, why, remaining=zero)


def _limit(
    policy: Policy,
    answer: Entitlement,
    feature: Feature,
    serving: Sequence[tuple[Source, bool | Decimal | str | None]],
    standing: Standing,
    quantity: Decimal,
    at: datetime,
) -> Entitlement:
    """A limit: the sum of what the contracts allow, less what was used in the period, plus what was granted on top."""
    first = min((one for one, _ in serving), key=lambda one: (one.start, one.contract))
    span = period_of(policy, first, feature, at, standing.zone)
    ends = [one for one in (span.end if span else None, first.end) if one is not None]
    until = min(ends, default=None)
    unit = f" {feature.unit}" if feature.unit else ""
    if any(isinstance(found, str) for _, found in serving):
        said = f"{first.terms.plan} of {first.contract} sets no limit"
        return Entitlement(feature.code, feature.name, feature.kind, True, said, used=standing.used, until=until)
    limit = sum((found for _, found in serving if isinstance(found, Decimal)), ZERO)
    remaining = max(limit - standing.used, ZERO) + standing.granted
    fits = quantity <= remaining
    said = f"{plain(standing.used)} of {plain(limit)}{unit} used" if feature.meter else f"{plain(limit)}{unit} allowed"
    if standing.granted:
        said += f", {plain(standing.granted)} granted on top"
    if not fits:
        said += f"; {plain(quantity)} wanted" + (": beyond the limit, which is soft" if feature.soft else "")
    return Entitlement(feature.code, feature.name, feature.kind, fits or feature.soft, said, remaining, limit, standing.used, until)
