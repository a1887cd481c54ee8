"""Changes of a draft: what one item costs in one period, decided by a person before its document is issued (RULES 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.bill_times import draft_until
from billing.command import Command
from billing.commands.common import account_stream, find_contract, money, open_state
from billing.engine import Context, Decision
from billing.events import ChargeOverridden, Key
from billing.journal import Draft
from billing.loading import policy
from billing.state import AccountState, Contract, PeriodRow
from billing.terms import Segment, segments
from plans.errors import Conflict, Invalid
from plans.money import plain, round_money
from plans.periods import Span, local_days
from plans.pricing import Consumption, rate


@dataclass(frozen=True)
class ChangeDraft:
    account: str
    item: str
    reason: str
    contract: str = ""
    period: datetime | None = None  # a moment inside it; the newest that has a draft where nothing is said
    component: str = ""
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True)
class Line:
    """One key of a draft: what was counted, or nothing yet."""

    segment: Segment
    period_start: datetime
    component: str
    quantity: Decimal

    def told(self) -> str:
        return f"{self.component} from {self.segment.start:%Y-%m-%d}"


def change_draft(context: Context, args: ChangeDraft) -> Decision:
    """Put a quantity, a unit price or an amount in place of what was counted for one item in one period whose document is not issued yet.
    It stays, whatever is counted later; taxes and percentages follow it."""
    state = open_state(args.account)
    contract = find_contract(state, args.contract, live=False)
    line = _only(_lines(state, contract, args, context.at), args)
    quantity, unit_price, amount = _decided(line, contract.currency, state.zone, args)
    event = ChargeOverridden(
        account=args.account,
        key=Key(
            contract=contract.id,
            item=args.item,
            terms=line.segment.key,
            period_start=line.period_start,
            component=line.component,
            currency=contract.currency,
        ),
        amount=-amount if line.segment.item.owes == "us" else amount,
        quantity=quantity,
        unit_price=unit_price,
        reason=args.reason,
    )
    return Decision([Draft(args.account, event, context.at)], {"amount": plain(event.amount)})


def _lines(state: AccountState, contract: Contract, args: ChangeDraft, now: datetime) -> list[Line]:
    """The lines of the item that are on a draft: those that stand open, and of a period that closed without a charge its only one."""
    found = []
    for row in state.periods:
        if (row.contract, row.item) != (contract.id, args.item) or not _meant(row, args):
            continue
        charges = [
            charge
            for charge in state.open_charges
            if charge.kind == "accrual" and (charge.contract, charge.item, charge.period_start) == (contract.id, args.item, row.start)
        ]
        span = Span(row.start, max(row.end, row.start + datetime.resolution))
        held = {segment.key: segment for segment in segments(policy(), contract, args.item, span, state.zone)}
        standing = {(charge.terms, charge.component): charge.quantity for charge in charges if charge.invoice_when != "wallet"}
        found += [
            Line(held[terms], row.start, component, quantity)
            for (terms, component), quantity in standing.items()
            if terms in held and not component.startswith("discount")
        ]
        waits = row.closed and draft_until(state, policy(), contract, row.end) > now
        if not standing and waits and held:
            last = list(held.values())[-1]
            found.append(Line(last, row.start, "usage" if last.item.charge == "usage" else "fee", Decimal(0)))
    return found


def _meant(row: PeriodRow, args: ChangeDraft) -> bool:
    return args.period is None or row.start <= args.period < row.end or row.start == args.period


def _only(lines: Sequence[Line], args: ChangeDraft) -> Line:
    """The line that is meant, of the newest period where none is said. Raises Conflict `no_draft`, `which_line`."""
    found = [line for line in lines if line.component == (args.component or line.component)]
    newest = max((line.period_start for line in found), default=None)
    found = [line for line in found if line.period_start == newest]
    if not found:
        message = f"no draft holds {args.item}: what is issued is corrected by credit_note or debit_note, what is to come by adjust"
        raise Conflict("no_draft", message, at="item")
    if len(found) > 1:
        raise Conflict("which_line", f"the draft holds {', '.join(line.told() for line in found)}; name one by component", at="component")
    return found[0]


def _decided(line: Line, currency: str, zone: str, args: ChangeDraft) -> tuple[Decimal, str, Decimal]:
    """Quantity, unit price and amount, as far as they were given: a quantity alone is priced by the terms."""
    if args.amount is not None and args.unit_price is not None:
        raise Invalid("conflict", "give the amount, or the unit price of a quantity, not both", at="amount")
    quantity = line.quantity if args.quantity is None else args.quantity
    for name, value in (("quantity", quantity), ("unit_price", args.unit_price), ("amount", args.amount)):
        if value is not None and value < 0:
            raise Invalid("negative", f"expected 0 or more, found {plain(value)}", at=name)
    if args.amount is not None:
        return quantity, "", money(args.amount, currency, least=Decimal(-1))
    if args.unit_price is not None:
        return quantity, plain(args.unit_price), round_money(quantity * args.unit_price, currency)
    if args.quantity is None:
        raise Invalid("missing_field", "give a quantity, a unit price or an amount", at="quantity")
    pricing = line.segment.pricing
    if pricing is None:
        raise Conflict("no_price", f"{args.item} has no price there; give its amount", at="quantity")
    days = local_days(line.segment.span, zone)
    return quantity, "", rate(pricing, Consumption(quantity=quantity), closed=True, days=days).amount


COMMANDS = (Command("change_draft", "Change what a draft charges", ChangeDraft, change_draft, account_stream),)
