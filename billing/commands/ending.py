"""Whether a contract may end when somebody wants it to: its term, and the notice that its plan asks for."""

from __future__ import annotations

from datetime import datetime

from billing.loading import policy
from billing.state import Contract
from billing.terms import plan_of
from plans.errors import NotAllowed


def check_may_end(contract: Contract, moment: datetime, *, asked_at: datetime, zone: str) -> None:
    """Raises NotAllowed `within_term` before the agreed end of a plan that says `early_end: refused`, or `short_notice` where less notice
    is given than the plan asks for. At its agreed end every contract may end."""
    if contract.end is not None and moment >= contract.end:
        return
    plan = plan_of(policy(), contract.timeline[-1].terms)
    if plan.early_end == "refused" and contract.end is not None:
        until = f"{contract.end:%Y-%m-%d %H:%M} UTC"
        raise NotAllowed("within_term", f"the contract {contract.id} runs until {until} and may not be ended before", at="when", end=until)
    if plan.notice is not None and moment < (earliest := plan.notice.after(asked_at, zone)):
        first = f"{earliest:%Y-%m-%d %H:%M} UTC"
        message = f"the contract {contract.id} asks for a notice of {plan.notice}: it may end from {first} on"
        raise NotAllowed("short_notice", message, at="when", earliest=first)
