"""Interest that is charged before a payment is shared out, where the law says that money pays interest first."""

from __future__ import annotations

from datetime import datetime

from billing import stored
from billing.journal import Draft
from billing.loading import load_one, policy
from payments.dunning.policies import houses
from payments.interest.loading import bearing
from payments.interest.work import FACT, interest_events
from plans.dunning import AllocationPolicy
from plans.periods import local_date


def allocation_of(account: str) -> AllocationPolicy:
    """What the account's catalogue says of the order in which money pays."""
    found = stored.fact(account, "contracts", lambda: houses([account], policy()).get(account))
    return found[0].allocation if found else AllocationPolicy()


def settled_until(account: str, at: datetime) -> list[Draft]:
    """The late interest of the account's documents until the day of `at`, on a document at once; nothing where it is not paid first."""
    if "interest" not in allocation_of(account).first:
        return []
    state = load_one(account)
    known = bearing({account: state}, policy()).get(account)
    if known is None:
        return []
    state.facts[FACT] = known
    until = local_date(at, state.zone)
    events = [event for late in known.documents for event in interest_events(state, late, until=until, moment=at, bill="now")]
    return [Draft(account, event, at) for event in events]
