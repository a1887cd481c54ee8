"""Alerts on usage: set and removed by the customer or the office. The mail is an effect of the event that says it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.alerts.reaching import GROWING, reached
from billing.command import Command
from billing.commands.common import account_stream, find_contract, find_item, money, open_state
from billing.effects import Owed, owed_of
from billing.engine import Context, Decision
from billing.events import Event
from billing.events.alerts import UsageAlertReached, UsageAlertRemoved, UsageAlertSet
from billing.journal import Draft
from billing.loading import policy
from billing.models import UsageAlert
from billing.terms import plan_of
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion

KIND = "usage.alert"
MOST = 20  # alerts of one account
MEASURES = ("units", "amount")


@dataclass(frozen=True)
class SetUsageAlert:
    account: str
    item: str
    threshold: Decimal
    measure: str = "units"  # units amount
    contract: str = ""


def set_usage_alert(context: Context, args: SetUsageAlert) -> Decision:
    """Tell once in each period when the use of an item reaches so many units, or so much money before tax. What is reached already is told
    at once."""
    state = open_state(args.account)
    contract = find_contract(state, args.contract)
    if UsageAlert.objects.filter(account=args.account).count() >= MOST:
        raise Conflict("too_many", f"the account has {MOST} alerts; remove one first", most=MOST, at="account")
    if args.measure not in MEASURES:
        raise Invalid("unknown_choice", f"expected one of {', '.join(MEASURES)}; found {args.measure[:40]!r}", at="measure")
    terms = contract.timeline[-1].terms
    catalogue = policy().catalogue(terms.catalogue, terms.version)
    item = find_item(catalogue, plan_of(policy(), terms), args.item)
    meter = catalogue.meters.get(item.meter or "")
    if item.charge != "usage" or args.item not in terms.items or (meter is not None and meter.aggregate not in GROWING):
        raise Conflict("not_metered", f"{item.name} is not charged by a use that grows; choose one that is", at="item")
    if args.measure == "amount":
        money(args.threshold, contract.currency, at="threshold")
    elif args.threshold <= 0:
        raise Invalid("out_of_range", f"expected more than 0, found {args.threshold}", at="threshold", above=0)
    alert = UsageAlert(
        alert=context.next_address(args.account),
        account=args.account,
        contract=contract.id,
        item=args.item,
        measure=args.measure,
        threshold=args.threshold,
    )
    event = UsageAlertSet(
        account=args.account,
        alert=alert.alert,
        contract=contract.id,
        item=args.item,
        measure=args.measure,
        threshold=args.threshold,
        currency=contract.currency,
    )
    said = reached({args.account: [alert]}, {args.account: state}, policy(), at={args.account: context.at}).get(args.account, [])
    return Decision([Draft(args.account, one, context.at) for one in (event, *said)], {"alert": alert.alert})


@dataclass(frozen=True)
class RemoveUsageAlert:
    account: str
    alert: str


def remove_usage_alert(context: Context, args: RemoveUsageAlert) -> Decision:
    """Tell no more."""
    known = list(UsageAlert.objects.filter(account=args.account).values_list("alert", flat=True))
    if args.alert not in known:
        raise NotFound("unknown_alert", f"the account has no alert {args.alert[:80]!r}{suggestion(args.alert, known)}", at="alert")
    return Decision([Draft(args.account, UsageAlertRemoved(account=args.account, alert=args.alert), context.at)])


@owed_of(UsageAlertReached)
def owed_by(event: Event) -> list[Owed]:
    """One mail for each time that an alert is reached: once for a period, because the event is."""
    return [(KIND, {"alert": event.alert})] if isinstance(event, UsageAlertReached) else []


COMMANDS = (
    Command("set_usage_alert", "Tell when a use reaches a threshold", SetUsageAlert, set_usage_alert, account_stream),
    Command("remove_usage_alert", "Remove an alert on usage", RemoveUsageAlert, remove_usage_alert, account_stream),
)
