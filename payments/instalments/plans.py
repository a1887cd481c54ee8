"""A running payment plan as it stands, and what its interest comes to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import orjson

from billing import bulk, ledgers
from billing.charged import accrual_entry
from billing.due import DuePart, oldest_unpaid
from billing.events import ChargeAccrued, Event, Key
from billing.loading import trimmed
from billing.queries.money import due_parts
from billing.state import AccountState
from billing.terms import Policy
from payments.instalments.schedule import Part, interest_until
from plans.catalogue import Item
from plans.periods import day_start, local_date

ZERO = Decimal(0)
ITEM = "instalment-interest"


@dataclass(frozen=True)
class Covered:
    """A document of a plan: one that it divides, or one that bills its interest."""

    invoice: str
    number: str
    open: Decimal
    parts: tuple[DuePart, ...]


@dataclass(frozen=True)
class Plan:
    """`charged`: due date of the instalment → interest that was charged for it; `moved`: when an open amount of it last changed."""

    plan: str
    account: str
    name: str
    currency: str
    parts: tuple[Part, ...]
    divided: tuple[str, ...]
    tolerance: int
    tax_category: str
    catalogue: str
    version: int
    agreed_at: datetime
    documents: tuple[Covered, ...] = ()
    charged: tuple[tuple[date, Decimal], ...] = ()
    moved: datetime | None = None

    @property
    def open(self) -> Decimal:
        """What is open on the documents that it divides."""
        return sum((one.open for one in self.documents if one.invoice in self.divided), ZERO)

    @property
    def last_moved(self) -> datetime:
        return max(self.agreed_at, self.moved or self.agreed_at)

    def breaks_on(self) -> date | None:
        """The first day on which the oldest unpaid instalment is later than tolerated; None where nothing is open."""
        oldest = [due for one in self.documents if (due := oldest_unpaid(one.open, one.parts)) is not None]
        return min(oldest) + timedelta(days=self.tolerance + 1) if oldest else None

    def interest_by(self, day: date) -> list[tuple[Part, Decimal]]:
        """Each instalment with the interest that is due by the day, less what was charged; those of 0 left out."""
        charged = dict(self.charged)
        found = [(part, interest_until(part, self.currency, day) - charged.get(part.due, ZERO)) for part in self.parts]
        return [(part, amount) for part, amount in found if amount]


def running(accounts: Collection[str]) -> dict[str, list[Plan]]:
    """account → its running plans, with their documents."""
    statement = """
        SELECT plan, account, name, currency, instalments::text, invoices::text, tolerance, tax_category, catalogue, version, agreed_at
        FROM read_instalment_plan WHERE account = ANY(%s) AND status = 'active' ORDER BY account, sequence"""
    found: dict[str, list[Plan]] = {}
    rows = bulk.fetch(statement, [list(accounts)])
    for plan, account, name, currency, instalments, invoices, *rest in rows:
        parts = tuple(_part(one) for one in orjson.loads(instalments))
        found.setdefault(account, []).append(Plan(plan, account, name, currency, parts, tuple(orjson.loads(invoices)), *rest))
    return {account: [_with_documents(one) for one in plans] for account, plans in found.items()}


def _part(stored: dict[str, str]) -> Part:
    start, due = date.fromisoformat(stored["start"]), date.fromisoformat(stored["due"])
    return Part(start, due, Decimal(stored["principal"]), Decimal(stored["interest"]))


def _with_documents(plan: Plan) -> Plan:
    charges = """
        SELECT split_part(terms, '@', 2), amount, invoice FROM read_charge
        WHERE account = %s AND contract = '' AND item = %s AND split_part(terms, '@', 1) = %s"""
    charged: dict[date, Decimal] = {}
    invoices = list(plan.divided)
    for due, amount, invoice in bulk.fetch(charges, [plan.account, ITEM, plan.plan]):
        charged[date.fromisoformat(due)] = charged.get(date.fromisoformat(due), ZERO) + trimmed(amount)
        invoices += [invoice] if invoice else []
    parts = due_parts([plan.account])
    statement = (
        "SELECT invoice, number, open, due, total FROM read_invoice WHERE invoice = ANY(%s) AND document <> 'credit_note' ORDER BY sequence"
    )
    documents = tuple(
        Covered(invoice, number, trimmed(is_open), parts.get(invoice) or (DuePart(due, trimmed(total)),))
        for invoice, number, is_open, due, total in bulk.fetch(statement, [invoices])
    )
    moved = f"""
        SELECT max(effective_at) FROM read_posting
        WHERE account = %s AND ledger = '{ledgers.RECEIVABLE}' AND invoice = ANY(%s)"""  # noqa: S608 - a literal
    latest = bulk.fetch(moved, [plan.account, invoices])[0][0]
    values = {name: getattr(plan, name) for name in plan.__dataclass_fields__}
    return Plan(**values | {"documents": documents, "charged": tuple(charged.items()), "moved": latest})


def interest_events(plan: Plan, state: AccountState, rules: Policy, due: Sequence[tuple[Part, Decimal]], at: datetime) -> list[Event]:
    """Charge what is due of the instalments' interest, each as its own target, due with its instalment."""
    return [_charge(plan, state, rules, part, amount, at) for part, amount in due]


def _charge(plan: Plan, state: AccountState, rules: Policy, part: Part, amount: Decimal, at: datetime) -> ChargeAccrued:
    catalogue = rules.catalogue(plan.catalogue, plan.version) if plan.catalogue else None
    zone = catalogue.zone if catalogue else state.zone
    item = Item(code=ITEM, name=plan.name, charge="interest", tax=plan.tax_category or None, ledger=ledgers.INSTALMENT_INTEREST)
    charged = dict(plan.charged).get(part.due, ZERO)
    start, today = day_start(part.start, state.zone), local_date(at, state.zone)
    return ChargeAccrued(
        account=plan.account,
        key=Key(
            contract="",
            item=ITEM,
            terms=f"{plan.plan}@{part.due.isoformat()}",
            period_start=start,
            component="instalment_interest",
            currency=plan.currency,
        ),
        name=plan.name,
        amount=amount,
        target=charged + amount,
        quantity=Decimal(1),
        unit_price="",
        start=start,
        end=day_start(min(part.due, max(today, part.start)), state.zone),
        supply_date=today,
        tax_category=plan.tax_category,
        inclusive=catalogue.tax_policy.inclusive if catalogue else False,
        catalogue=plan.catalogue,
        version=plan.version,
        cause="instalment",
        invoice_when="now",
        entry=accrual_entry(item, amount, plan.currency, at, zone, state.seller),
        attributes={"due": min(part.due, max(today, part.start)).isoformat()},
    )
