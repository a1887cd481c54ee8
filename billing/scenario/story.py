"""The format of a story, as frozen values. `docs/scenarios.md` shows it, `manage.py scenario --schema` is made from these classes.

What `expect` may say is declared here too: each class below is a row, each of its fields a column whose type says how it is compared.
A field whose name is a word of Python ends in `_`, which the file does not have; the text beside a type is its explanation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, NewType

# How a value is read and compared. All of them stand in the file as text or number.
Money = NewType("Money", object)  # an amount of the account's currency, or currency → amount; what is not named must be 0
Amount = NewType("Amount", Decimal)  # one amount, to the last digit
Number = NewType("Number", Decimal)  # an exact number
Time = NewType("Time", datetime)  # on the wall clock of the account
Day = NewType("Day", date)
Text = NewType("Text", str)
Document = NewType("Document", str)  # a position in the account's list, a number, an id, or a name given by `as`
Quantities = NewType("Quantities", object)  # a number, or item → number
Prepaid = NewType("Prepaid", object)  # an amount of the account's currency, or currency or unit → amount; what is not named must be 0
Ledgers = NewType("Ledgers", object)  # every posting as a row, or ledger → balance; what is not named must be 0
Switch = NewType("Switch", bool)


@dataclass(frozen=True)
class TaxRow:
    """One tax of a document or of a line."""

    code: Text | None = None
    name: Text | None = None
    rate: Annotated[Number | None, "Percent"] = None
    base: Amount | None = None
    tax: Amount | None = None
    reason: Annotated[Text | None, "Why nothing is due"] = None


@dataclass(frozen=True)
class LineRow:
    """One line of a document."""

    item: Text | None = None
    name: Text | None = None
    quantity: Number | None = None
    unit: Text | None = None
    unit_price: Number | None = None
    amount: Annotated[Amount | None, "As charged, after discounts: net, or gross where prices include tax"] = None
    net: Amount | None = None
    tax: Amount | None = None
    discount: Annotated[Amount | None, "Share of the document's discounts, negative"] = None
    from_: Time | None = None
    to: Time | None = None
    component: Text | None = None
    taxes: tuple[TaxRow, ...] | None = None


@dataclass(frozen=True)
class InvoiceRow:
    """What a customer has to pay: an invoice, or a balance brought over."""

    number: Text | None = None
    total: Amount | None = None
    net: Amount | None = None
    tax: Amount | None = None
    open: Annotated[Amount | None, "What is still to be paid"] = None
    held: Annotated[Amount | None, "The part that the customer disputes"] = None
    written_off: Annotated[Amount | None, "Stays when money arrives after all"] = None
    due: Day | None = None
    status: Annotated[Text | None, "open, paid, credited, written_off or void"] = None
    issued: Day | None = None
    currency: Text | None = None
    lines: tuple[LineRow, ...] | None = None
    taxes: tuple[TaxRow, ...] | None = None


@dataclass(frozen=True)
class DocumentRow(InvoiceRow):
    """Any document, in the order of issue."""

    kind: Annotated[Text | None, "invoice, debit_note, statement, credit_note or opening"] = None
    corrects: Annotated[Document | None, "The invoice that a credit note takes from, or a debit note adds to"] = None


@dataclass(frozen=True)
class ChargeRow:
    """One recorded charge; an accrual is the difference to what stood before."""

    item: Text | None = None
    name: Text | None = None
    amount: Amount | None = None
    currency: Text | None = None
    quantity: Number | None = None
    from_: Time | None = None
    to: Time | None = None
    kind: Annotated[Text | None, "accrual, sale or adjustment"] = None
    component: Text | None = None
    invoice: Annotated[Document | None, "The document that digested it"] = None


@dataclass(frozen=True)
class PaidRow:
    """What one payment gave to one invoice."""

    invoice: Document | None = None
    amount: Amount | None = None


@dataclass(frozen=True)
class PaymentRow:
    amount: Amount | None = None
    currency: Text | None = None
    channel: Text | None = None
    status: Text | None = None
    reference: Text | None = None
    invoices: Annotated[tuple[PaidRow, ...] | None, "Amount for each invoice"] = None


@dataclass(frozen=True)
class RequestRow:
    """A correction that was asked for."""

    command: Text | None = None
    status: Annotated[Text | None, "pending, approved, executed, rejected, withdrawn, expired or undone"] = None
    amount: Annotated[Amount | None, "What is decided about"] = None
    currency: Text | None = None
    code: Text | None = None
    asked_by: Text | None = None
    decided_by: Annotated[Text | None, "Nobody where it was within the limit of who asked"] = None


@dataclass(frozen=True)
class MethodRow:
    """A way to charge the customer."""

    gateway: Text | None = None
    brand: Text | None = None
    last4: Text | None = None
    status: Annotated[Text | None, "active or removed"] = None
    default: Switch | None = None


@dataclass(frozen=True)
class CollectionRow:
    """What a gateway was asked to charge, and what became of it."""

    amount: Amount | None = None
    currency: Text | None = None
    status: Annotated[Text | None, "requested, processing, confirmation, settled or failed"] = None
    decline: Annotated[Text | None, "soft, hard or confirmation"] = None
    code: Text | None = None
    attempt: Number | None = None
    trigger: Annotated[Text | None, "due, retry, asked or checkout"] = None


@dataclass(frozen=True)
class DepositRow:
    """A security deposit, with what is left of it."""

    amount: Amount | None = None
    left: Amount | None = None
    currency: Text | None = None
    channel: Text | None = None
    name: Text | None = None


@dataclass(frozen=True)
class PayoutRow:
    """Money on its way to somebody whom we owe."""

    amount: Amount | None = None
    currency: Text | None = None
    channel: Text | None = None
    status: Annotated[Text | None, "requested, settled or failed"] = None
    reference: Text | None = None


@dataclass(frozen=True)
class InstalmentRow:
    """An instalment of a payment plan, as it was agreed."""

    due: Day | None = None
    amount: Annotated[Amount | None, "Principal and finance charge"] = None
    interest: Annotated[Amount | None, "The finance charge in it"] = None
    plan: Annotated[Text | None, "active, completed, broken, settled or cancelled"] = None


@dataclass(frozen=True)
class ContractRow:
    plan: Text | None = None
    quantity: Annotated[Quantities | None, "Of the plan's fee, or item → quantity"] = None
    status: Annotated[Text | None, "active, paused, suspended or ended"] = None
    from_: Time | None = None
    to: Time | None = None
    name: Text | None = None
    version: Annotated[Number | None, "Of the catalogue"] = None


@dataclass(frozen=True)
class ScheduledRow:
    """A change that is still to come, in the order of its moment."""

    what: Annotated[Text | None, "The command"] = None
    at: Time | None = None
    status: Annotated[Text | None, "scheduled, or questioned: a person must look"] = None
    contract: Text | None = None
    by: Text | None = None


@dataclass(frozen=True)
class EntitlementRow:
    feature: Text | None = None
    allowed: Switch | None = None
    remaining: Annotated[Number | None, "Of a limit"] = None
    limit: Number | None = None
    used: Number | None = None
    until: Annotated[Time | None, "When it counts anew, or the contract ends"] = None
    value: Annotated[Text | None, "Of a feature that is a text"] = None
    why: Text | None = None


@dataclass(frozen=True)
class StockRow:
    item: Text | None = None
    level: Number | None = None
    free: Annotated[Number | None, "Level less what is reserved"] = None
    location: Annotated[Text | None, "The place; `main` where nobody named one"] = None
    value: Annotated[Amount | None, "What the goods that are there had cost"] = None


@dataclass(frozen=True)
class BookingRow:
    thing: Text | None = None
    from_: Time | None = None
    to: Time | None = None
    unit: Annotated[Text | None, "The single thing"] = None
    quantity: Number | None = None
    status: Annotated[Text | None, "held, confirmed, started, cancelled, expired, no_show or completed"] = None
    fee: Amount | None = None
    overbooked: Switch | None = None


@dataclass(frozen=True)
class LotRow:
    """One top-up or grant, the empty ones too, in the order in which they came."""

    unit: Text | None = None
    amount: Amount | None = None
    left: Amount | None = None
    paid: Annotated[Amount | None, "What was paid for it; 0: it is promotional"] = None
    from_: Time | None = None
    to: Annotated[Time | None, "When what is left expires"] = None
    grant: Annotated[Text | None, "Of the plan that gave it"] = None


@dataclass(frozen=True)
class PostingRow:
    ledger: Text | None = None
    amount: Annotated[Amount | None, "Debit positive, credit negative"] = None
    currency: Text | None = None


@dataclass(frozen=True)
class EffectRow:
    kind: Text | None = None
    state: Text | None = None


@dataclass(frozen=True)
class Facts:
    """What must be true of one account. Lists are complete and in order; in each row only the named fields are compared."""

    owed: Annotated[Money | None, "Open amounts of issued invoices"] = None
    credit: Annotated[Money | None, "Money of the customer not yet used"] = None
    balance: Annotated[Money | None, "owed - credit: positive, the customer owes"] = None
    wallet: Annotated[Prepaid | None, "Spendable prepaid, less what is reserved"] = None
    lots: tuple[LotRow, ...] | None = None
    unbilled: Annotated[Money | None, "Charges recorded and on no issued document"] = None
    accrued: Annotated[Money | None, "unbilled plus what a tick now would add"] = None
    overdue: Annotated[Money | None, "Past due"] = None
    status: Annotated[Text | None, "overdue, owes, in_credit or settled; parked or closed"] = None
    credit_status: Annotated[Text | None, "good, grace, limited or suspended"] = None
    invoices: tuple[InvoiceRow, ...] | None = None
    charges: tuple[ChargeRow, ...] | None = None
    payments: tuple[PaymentRow, ...] | None = None
    refunds: tuple[PaymentRow, ...] | None = None
    requests: tuple[RequestRow, ...] | None = None
    methods: tuple[MethodRow, ...] | None = None
    collections: tuple[CollectionRow, ...] | None = None
    deposits: tuple[DepositRow, ...] | None = None
    payouts: tuple[PayoutRow, ...] | None = None
    instalments: tuple[InstalmentRow, ...] | None = None
    documents: tuple[DocumentRow, ...] | None = None
    contracts: tuple[ContractRow, ...] | None = None
    scheduled: tuple[ScheduledRow, ...] | None = None
    entitlements: tuple[EntitlementRow, ...] | None = None
    stock: tuple[StockRow, ...] | None = None
    bookings: tuple[BookingRow, ...] | None = None
    postings: Annotated[Ledgers | None, "Every posting as a row, or ledger → balance, unnamed ones 0"] = None
    events: Annotated[tuple[Text, ...] | None, "Kinds in order"] = None
    effects: tuple[EffectRow, ...] | None = None


@dataclass(frozen=True)
class Expectation:
    """One fact of one account, as the file states it. `value` holds typed values; rows are mappings of the named fields."""

    account: str
    fact: str
    value: Any
    path: str  # in the file


@dataclass(frozen=True)
class Step:
    """One dated step: a command (`do`), measurements (`usage`) or a statement of the bank (`bank`), with what must be true right after it;
    or only that."""

    number: int
    path: str
    at: datetime
    do: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    usage: tuple[Mapping[str, Any], ...] = ()
    bank: str = ""  # a statement of the bank, as it came
    expect: tuple[Expectation, ...] = ()
    name: str = ""  # `as`
    refused: str = ""
    preview: bool = False  # show what would happen, and do nothing; `as` names the token
    token: str = ""  # of a preview: do exactly that
    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def title(self) -> str:
        return self.do or ("usage" if self.usage else "bank" if self.bank else "expect")


@dataclass(frozen=True)
class Policy:
    """The catalogue of a story: its text, and how messages name it."""

    source: str
    name: str
    catalogue: str  # its own name


@dataclass(frozen=True)
class Story:
    name: str  # how messages call the file
    scenario: str
    about: str
    zone: str
    currency: str
    policy: Policy | None
    accounts: Mapping[str, Mapping[str, Any]]  # account → arguments of `open_account`, for those that are there from the start
    zones: Mapping[str, str]  # of every account, those that a step opens too
    steps: tuple[Step, ...]
    lines: Any = field(repr=False, compare=False)  # path → line

    @property
    def slug(self) -> str:
        """The title as a part of an account's id: at most 24 of a-z 0-9 -."""
        letters = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in self.scenario.lower())
        words = "-".join(letters.split())
        return (words if len(words) <= 24 else words[:25].rpartition("-")[0] or words[:24]) or "story"

    def line(self, path: str) -> int:
        return self.lines(path) or 1

    def zone_of(self, account: str) -> str:
        return self.zones.get(account, self.zone)
