"""One account and the catalogue behind it, as small as a test of documents needs them, and what every document must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.events import CreditNoteIssued, Entry, InvoiceIssued, ItemTerms, Place, Terms
from billing.invoicing import Composed, Composing, Issued, LineRef, Past, charge_key, compose
from billing.state import AccountState, Contract, Discount, OpenCharge, TermsRow
from plans.catalogue import Catalogue, InvoicePolicy, Item, PaymentTerms, Plan
from plans.discounts import discount_terms, parse_discount
from plans.tax import parse_tax_policy, parse_taxes

D = Decimal
START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = datetime(2026, 3, 31, 12, tzinfo=UTC)

VAT = [{"code": "VAT", "rate": "10"}]


@dataclass
class Shop:
    """One account and the catalogue behind it, as small as a test needs them."""

    invoice: InvoicePolicy = field(default_factory=InvoicePolicy)
    taxes: Any = ()
    tax_policy: Any = ()
    discounts: tuple[Discount, ...] = ()
    place: Place = field(default_factory=Place)
    credit: Mapping[str, Decimal] = field(default_factory=dict)
    end: datetime | None = None
    terms: str | None = None
    sequence: int = 0

    def catalogue(self, name: str = "house", version: int = 1) -> Catalogue:
        items = {
            code: Item(code=code, name=code.title(), charge=charge, owes=owes)
            for code, charge, owes in (
                ("room", "fee", "customer"),
                ("laundry", "usage", "customer"),
                ("share", "usage", "us"),
                ("cola", "sale", "customer"),
            )
        }
        plan = Plan(code="stay", name="Stay", currency="EUR", items=items, invoice=self.invoice, terms=self.terms)
        terms = {"net30": PaymentTerms("net30", 30), "eom": PaymentTerms("eom", 15, end_of_month=True)}
        return Catalogue(
            name=name,
            currency="EUR",
            zone="UTC",
            rounding="half_up",
            seller={"name": "House"},
            meters={},
            calendars={},
            lists={},
            items=items,
            plans={"stay": plan},
            taxes=parse_taxes(list(self.taxes)),
            tax_policy=parse_tax_policy(dict(self.tax_policy)),
            discounts={},
            coupons={},
            terms=terms,
            series={"invoice": "INV-{year}-{number:04}", "credit_note": "CN-{number}"},
            version=version,
        )

    def entries(self, catalogue: str, price_list: str) -> tuple[Any, ...]:
        raise AssertionError("no list is followed here")

    def index(self, catalogue: str, code: str) -> tuple[Any, ...]:
        raise AssertionError("no index is followed here")

    def state(self) -> AccountState:
        held = {code: ItemTerms(quantity=D(1)) for code in ("room", "laundry", "share")}
        terms = Terms(plan="stay", catalogue="house", version=1, items=held, anchor=START)
        contract = Contract("ana/2", "ana", "EUR", START, self.end, (TermsRow(2, START, terms),))
        return AccountState(
            account="ana",
            seller="main",
            currency="EUR",
            zone="UTC",
            locale="en",
            terms="",
            status="open",
            places=[(START, self.place)],
            contracts={contract.id: contract},
            credit=dict(self.credit),
            discounts=list(self.discounts),
        )

    def charge(self, item: str, amount: str, **given: Any) -> OpenCharge:
        """A charge of the contract's item for March unless it says otherwise."""
        self.sequence += 1
        fields: dict[str, Any] = {
            "address": f"ana/{100 + self.sequence}",
            "kind": "accrual",
            "contract": "ana/2",
            "item": item,
            "component": "usage" if item in ("laundry", "share") else "fee",
            "name": item.title(),
            "currency": "EUR",
            "amount": D(amount),
            "quantity": D(1),
            "unit_price": amount,
            "unit": "",
            "start": START,
            "end": datetime(2026, 4, 1, tzinfo=UTC),
            "effective_at": MOMENT,
            "supply_date": date(2026, 3, 31),
            "tax_category": "",
            "inclusive": bool(dict(self.tax_policy).get("inclusive")),
            "catalogue": "house",
            "version": 1,
            "invoice_when": "charges",
            "attributes": {},
            "period_start": START,
            "terms": "2",
        }
        return OpenCharge(**fields | given)

    def night(self, day: int, amount: str = "100.00", **given: Any) -> OpenCharge:
        start = datetime(2026, 3, day, tzinfo=UTC)
        return self.charge(
            "room", amount, start=start, end=start + timedelta(days=1), period_start=start, supply_date=start.date(), **given
        )

    def sale(self, item: str, amount: str, **given: Any) -> OpenCharge:
        unit = {"kind": "sale", "component": "sale", "start": MOMENT, "end": MOMENT, "period_start": None, "terms": ""}
        return self.charge(item, amount, **unit | given)

    def adjustment(self, amount: str, **given: Any) -> OpenCharge:
        fields = {"kind": "adjustment", "component": "adjustment", "start": MOMENT, "end": MOMENT, "period_start": None, "terms": ""}
        return self.charge("", amount, **fields | {"name": "Goodwill"} | given)

    def run(self, *charges: OpenCharge, past: Past | None = None, **given: Any) -> Composed:
        state = self.state()
        state.open_charges = list(charges)
        composing = Composing(state=state, policy=self, moment=MOMENT, next_sequence=500, past=past or Past(), buyer="b", **given)
        return compose(list(charges), composing)

    def invoice_of(self, *charges: OpenCharge, **given: Any) -> InvoiceIssued:
        [event] = self.run(*charges, **given).events
        assert isinstance(event, InvoiceIssued)
        assert_sound(event)
        return event


def assert_sound(event: InvoiceIssued | CreditNoteIssued) -> None:
    """What every document must be: postings that balance, sums that agree, nothing negative in all."""
    assert sum((posting.amount for posting in event.entry.postings), D(0)) == 0
    assert all(posting.amount for posting in event.entry.postings)
    assert event.total == event.net + event.tax >= 0
    assert event.net == sum((line.net for line in event.lines), D(0))
    assert event.tax == sum((line.tax for line in event.lines), D(0)) == sum((row.tax for row in event.taxes), D(0))
    for line in event.lines:
        assert line.tax == sum((tax.tax for tax in line.taxes), D(0))


def postings(entry: Entry) -> dict[str, str]:
    return {posting.ledger: str(posting.amount) for posting in entry.postings}


def shown(event: InvoiceIssued | CreditNoteIssued) -> list[tuple[str, str, str]]:
    return [(line.item, str(line.quantity), str(line.amount)) for line in event.lines]


def paid(issued: InvoiceIssued, *, open_amount: str = "0", number: str = "INV-1") -> Issued:
    return Issued(replace(issued, number=number), D(open_amount))


def past_of(issued: Issued, charges: list[OpenCharge]) -> Past:
    """Where the charges stand on the document."""
    lines = {}
    for charge in charges:
        for position, line in enumerate(issued.invoice.lines, start=1):
            if charge.address in line.charges:
                lines[charge_key(charge)] = (LineRef(issued.invoice.invoice, position),)
    return Past({issued.invoice.invoice: issued}, lines)


def coupon(**given: Any) -> Discount:
    terms = discount_terms(parse_discount({"code": "TEN", "amount": "10.00", "duration": "once"} | given))
    remainder = D(terms["amount"]) if terms["duration"] == "once" and "amount" in terms else None
    return Discount("ana/9", "", "Ten off", "document", terms, "EUR", START, None, remainder, 0, "TEN")
