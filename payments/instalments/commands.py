"""Agreeing on a payment plan, and ending one by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.access import is_customer
from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream, money, open_state
from billing.commands.offers import offered
from billing.engine import Context, Decision
from billing.events import DueSchedule, PartDue
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState, OpenInvoice
from payments.allocation import find
from payments.dunning.policies import houses
from payments.instalments.events import Instalment, InstalmentsAgreed
from payments.instalments.plans import Plan, running
from payments.instalments.schedule import Part, over_documents, parts_of
from payments.instalments.work import ended
from payments.standing import receivable_invoices
from plans.catalogue import Catalogue
from plans.dunning import InstalmentOffer
from plans.errors import Conflict, Invalid, NotFound
from plans.fields import suggestion
from plans.money import round_money
from plans.periods import Period, day_start, local_date

ZERO = Decimal(0)


@dataclass(frozen=True)
class AgreeInstalments:
    account: str
    invoices: tuple[Any, ...] = ()  # none: all that is open
    offer: str = ""  # of the catalogue; none: as the other arguments say
    count: int | None = None
    rate: Decimal | None = None  # percent for each period
    method: str = ""
    first: date | None = None  # when the first instalment is due
    down: Decimal | None = None  # an amount that is due today
    reason: str = ""


def agree(context: Context, args: AgreeInstalments) -> Decision:
    """Let documents be paid in instalments, as an offer of the catalogue or as the arguments say (each of them wins over the offer).

    Until an instalment is late what they cover is not overdue. Refused for what is disputed or divided already.
    """
    state = open_state(args.account)
    invoices = _covered(args)
    offer, catalogue = _offer(args, local_date(context.at, state.zone))
    if is_customer(context.actor) and not offer.public:
        raise NotFound("unknown_offer", f"there is no payment plan {args.offer!r} on offer; ask us for one", at="offer")
    principal, currency = sum((one.open for one in invoices), ZERO), invoices[0].currency
    parts = _parts(args, offer, principal, currency, local_date(context.at, state.zone), state)
    shares = over_documents(parts, [(one.id, one.open) for one in invoices])
    plan = context.next_address(args.account)
    event = InstalmentsAgreed(
        account=args.account,
        schedules=tuple(
            DueSchedule(invoice=invoice, parts=tuple(PartDue(due=part.due, amount=part.amount) for part in found))
            for invoice, found in shares.items()
        ),
        plan=plan,
        offer=args.offer,
        name=offer.name,
        currency=currency,
        principal=principal,
        method=offer.method,
        rate=offer.rate,
        instalments=tuple(Instalment(start=one.start, due=one.due, principal=one.principal, interest=one.interest) for one in parts),
        tolerance=offer.tolerance,
        tax_category=offer.tax or "",
        catalogue=catalogue.name if catalogue else "",
        version=catalogue.version if catalogue else 0,
        reason=args.reason,
    )
    return Decision([Draft(args.account, event, context.at)], {"plan": plan})


def _covered(args: AgreeInstalments) -> list[OpenInvoice]:
    """The documents, the oldest due first. Raises Conflict `nothing_open`, `currency`, `disputed`, `in_plan`."""
    known = receivable_invoices(args.account)
    named = [find(str(name), known) for name in args.invoices] or list(known.values())
    found = sorted({one.id: one for one in named if one.open}.values(), key=lambda one: (one.due is None, one.due, one.sequence))
    if not found or (args.invoices and len(found) < len(set(args.invoices))):
        raise Conflict("nothing_open", "nothing is open on what is to be paid in instalments", at="invoices")
    if len({one.currency for one in found}) > 1:
        raise Conflict("currency", "a plan is in one currency; name the invoices", at="invoices")
    names = [one.id for one in found]
    held = bulk.fetch("SELECT number FROM read_invoice WHERE invoice = ANY(%s) AND held > 0", [names])
    if held:
        raise Conflict("disputed", f"{held[0][0]} is disputed; resolve the dispute first", at="invoices", number=held[0][0])
    taken = [plan.plan for plan in running([args.account]).get(args.account, []) if set(plan.divided) & set(names)]
    if taken:
        raise Conflict("in_plan", f"the plan {taken[0]} covers a part of this already; end it first", at="invoices", plan=taken[0])
    return found


def _offer(args: AgreeInstalments, today: date) -> tuple[InstalmentOffer, Catalogue | None]:
    """The offer with what the arguments change of it, and its catalogue. Raises NotFound `unknown_offer`, Invalid `missing_field`."""
    if not args.offer and not args.count:
        raise Invalid("missing_field", "name an offer, or say how many instalments", at="count")
    own = houses([args.account], policy()).get(args.account)
    catalogues = [*([own[0]] if own else []), *offered(today)]
    holding = [one for one in catalogues if args.offer in one.instalments] if args.offer else catalogues
    if args.offer and not holding:
        known = sorted({code for one in catalogues for code in one.instalments})
        raise NotFound("unknown_offer", f"there is no payment plan {args.offer!r}{suggestion(args.offer, known)}", at="offer")
    catalogue = holding[0] if holding else None
    month = Period(1, "month")
    free = InstalmentOffer("", "Instalments", args.count or 1, month, month)
    offer = catalogue.instalments.get(args.offer, free) if catalogue else free
    rate = offer.rate if args.rate is None else args.rate
    method = args.method or ("none" if not rate else offer.method if offer.method != "none" else "french")
    if method not in ("none", "flat", "french") or (method == "none") != (not rate) or rate < 0:
        raise Invalid("conflict", "a rate and a method (flat or french) go together", at="rate")
    count = args.count or offer.count
    if not 1 <= count <= 600:
        raise Invalid("out_of_range", f"expected 1 to 600 instalments, found {count}", at="count")
    return replace(offer, count=count, rate=rate, method=method), catalogue  # type: ignore[arg-type]


def _parts(
    args: AgreeInstalments, offer: InstalmentOffer, principal: Decimal, currency: str, today: date, state: AccountState
) -> list[Part]:
    first = args.first or local_date(offer.first.after(day_start(today, state.zone), state.zone), state.zone)
    if first < today:
        raise Invalid("out_of_range", f"the first instalment can't be due before today, {today}", at="first")
    start = day_start(first, state.zone)
    later = [offer.every.after(start, state.zone, number) for number in range(1, offer.count)]
    dues = [first, *(local_date(moment, state.zone) for moment in later)]
    down = round_money(principal * offer.down / 100, currency) if args.down is None else money(args.down, currency, at="down", least=None)
    if not 0 <= down < principal:
        raise Invalid("out_of_range", f"a down payment is less than the {principal} {currency} to be paid", at="down")
    financed = parts_of(principal - down, currency, dues=dues, start=today, method=offer.method, rate=offer.rate)
    return [*([Part(today, today, down, ZERO)] if down else []), *financed]


@dataclass(frozen=True)
class EndInstalments:
    account: str
    outcome: str = "settled"
    plan: str = ""  # none: the only running one
    reason: str = ""


def end(context: Context, args: EndInstalments) -> Decision:
    """End a payment plan: `settled` early, or `cancelled`. What is open is due at once, with the interest of the days until now."""
    state = open_state(args.account)
    if args.outcome not in ("settled", "cancelled"):
        raise Invalid("unknown_choice", f"expected settled or cancelled; found {args.outcome!r}", at="outcome")
    plan = _named(args)
    events = ended(plan, state, policy(), context.at, outcome=args.outcome, reason=args.reason)
    return Decision([Draft(args.account, event, context.at, plan.plan) for event in events])


def _named(args: EndInstalments) -> Plan:
    found = [plan for plan in running([args.account]).get(args.account, []) if args.plan in ("", plan.plan)]
    if len(found) != 1:
        message = f"the account {args.account} has {len(found)} running payment plans{f' {args.plan!r}' if args.plan else ''}"
        raise NotFound("unknown_plan", message, at="plan")
    return found[0]


COMMANDS = (
    Command("instalments", "Let documents be paid in instalments", AgreeInstalments, agree, account_stream),
    Command("end_instalments", "End a payment plan early", EndInstalments, end, account_stream),
)
