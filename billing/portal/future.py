"""What lies ahead, in a customer's words: the next document, what is due, planned changes, ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing.models import Contract
from billing.portal.guard import Visit
from billing.portal.offers import planned
from billing.portal.words import contract_name, money
from billing.queries.ahead import Ahead
from billing.queries.forecast import timeline
from billing.queries.money import OpenDocument
from plans.periods import day_start

MOST = 10


@dataclass(frozen=True)
class Coming:
    at: datetime
    what: str


def coming(visit: Visit, documents: Sequence[OpenDocument], look: Ahead) -> list[Coming]:
    """The next things that happen if nobody does anything else, in order."""
    found = [*_documents(look), *_due(visit, documents), *_changes(visit), *ends(visit)]
    return sorted((one for one in found if one.at >= visit.at), key=lambda one: one.at)[:MOST]


def _documents(look: Ahead) -> Iterator[Coming]:
    for one in look.documents:
        yield Coming(one.at, _("the next invoice, over %(total)s so far") % {"total": money(one.total, one.currency)})


def _due(visit: Visit, documents: Sequence[OpenDocument]) -> Iterator[Coming]:
    for one in documents:
        if one.due is not None:
            said = {"number": one.number or one.invoice, "sum": money(one.open, one.currency)}
            yield Coming(day_start(one.due, visit.account.zone), _("%(number)s is due: %(sum)s") % said)


def _changes(visit: Visit) -> Iterator[Coming]:
    for one in planned(visit):
        yield Coming(one.at, f"{one.title}: {one.arguments}" if one.arguments else one.title)


def ends(visit: Visit) -> list[Coming]:
    """Ends of contracts, and of their phases (a free trial is one)."""
    contracts = Contract.objects.filter(account=visit.account.account, end__gte=visit.at).exclude(status="ended")
    found = [Coming(row.end, _("%(name)s ends") % {"name": contract_name(row)}) for row in contracts if row.end]
    names = {row.contract: contract_name(row) for row in Contract.objects.filter(account=visit.account.account)}
    for one in timeline(visit.account.account, at=visit.at):
        if one.kind == "phase":
            found.append(Coming(one.at, _("the first terms of %(name)s end; its full price begins") % {"name": names.get(one.source, "")}))
    return found
