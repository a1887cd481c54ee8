"""What a step, or the easing of a case, records: itself first, then what follows from it, each naming it as its cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing import credit, ledgers
from billing.charged import accrual_entry
from billing.events import ChargeAccrued, ContractCancelled, Event, Key
from billing.journal import Draft
from billing.state import AccountState
from billing.terms import Policy
from payments.dunning.cases import Debt, Next, Standing, amount_overdue, worst_status
from payments.dunning.events import Eased, HandedOver, OverdueDocument, StepTaken
from payments.dunning.policies import Followed
from plans.catalogue import Item
from plans.dunning import Fee
from plans.money import round_money
from plans.periods import day_start, local_date

ZERO = Decimal(0)
LATE_FEE, RECONNECTION = "late-fee", "reconnection"


@dataclass
class Recording:
    """The drafts of one account at one moment. `sequence` is that of the next event of its stream."""

    state: AccountState
    rules: Policy
    standing: Standing
    chosen: Followed
    moment: datetime
    sequence: int
    free_reconnection: bool = False  # the suspension that ends was wrong, by what is known now
    drafts: list[Draft] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The address of the event that is added next."""
        return f"{self.state.account}/{self.sequence + len(self.drafts)}"

    def add(self, event: Event, cause: str = "") -> str:
        address = self.address
        self.drafts.append(Draft(self.state.account, event, self.moment, cause))
        return address


def record(next_up: Next, recording: Recording) -> list[Draft]:
    """The events of what is next."""
    if next_up.step is None:
        _ease(next_up, recording)
    else:
        _take(next_up, recording)
    return recording.drafts


# --- a step -----------------------------------------------------------------------------------------------------------------------


def _take(next_up: Next, recording: Recording) -> None:
    step, state = next_up.step, recording.state
    assert step is not None
    assert next_up.base is not None
    standing, catalogue = recording.standing, recording.chosen.catalogue
    today = local_date(recording.moment, state.zone)
    case = standing.case(next_up.subject)
    held = case.taken if case is not None and (case.overdue or case.base == next_up.base) else ()
    documents = tuple(_document(debt, today) for debt in next_up.debts)
    cause = recording.add(
        StepTaken(
            account=state.account,
            subject=next_up.subject,
            policy=standing.policy.code,
            catalogue=catalogue.name,
            version=catalogue.version,
            step=step.code,
            after=step.after,
            base=next_up.base,
            taken=(*held, step.code),
            overdue=step.after > 0,
            remind=step.remind,
            documents=documents,
        )
    )
    if step.fee and not all(debt.charges_only for debt in next_up.debts):
        amount = fee_amount(step.fee, amount_overdue(standing, next_up.subject, today), state.currency)
        terms = f"{next_up.subject}:{step.code}"
        charge(recording, FeeCharge(step.fee, LATE_FEE, amount, terms, day_start(next_up.base, state.zone), "late_fee"), cause)
    if step.status and credit.worse(step.status, than=state.credit_status):
        _set_status(recording, step.status, f"{standing.policy.code}: {step.code}", cause)
    if step.cancel:
        _cancel(recording, f"{standing.policy.code}: {step.code}", cause)
    if step.collection:
        recording.add(HandedOver(account=state.account, subject=next_up.subject, documents=documents), cause)


def _document(debt: Debt, today: date) -> OverdueDocument:
    return OverdueDocument(invoice=debt.invoice, number=debt.number, open=debt.open, overdue=debt.overdue(today), currency=debt.currency)


def fee_amount(fee: Fee, overdue: Decimal, currency: str) -> Decimal:
    """The amount and the percent of what is overdue, between the least and the most; rounded once."""
    amount = fee.amount + overdue * fee.percent / 100
    if fee.least is not None:
        amount = max(amount, fee.least)
    if fee.most is not None:
        amount = min(amount, fee.most)
    return round_money(amount, currency)


@dataclass(frozen=True)
class FeeCharge:
    """A fee that is to be charged once: `terms` and `start` are its key."""

    fee: Fee
    item: str
    amount: Decimal
    terms: str
    start: datetime
    component: str


def charge(recording: Recording, due: FeeCharge, cause: str) -> None:
    """Charge a fee as its own target: nothing where the key stands at it already."""
    state, stands = recording.state, charged(recording, due)
    difference = due.amount - stands
    if not difference:
        return
    catalogue = recording.chosen.catalogue
    item = Item(code=due.item, name=due.fee.name, charge="sale", tax=due.fee.tax, ledger=ledgers.LATE_FEES)
    key = Key(contract="", item=due.item, terms=due.terms, period_start=due.start, component=due.component, currency=state.currency)
    recording.add(
        ChargeAccrued(
            account=state.account,
            key=key,
            name=due.fee.name,
            amount=difference,
            target=due.amount,
            quantity=Decimal(1),
            unit_price="",
            start=recording.moment,
            end=recording.moment,
            supply_date=local_date(recording.moment, state.zone),
            tax_category=due.fee.tax or "",
            inclusive=catalogue.tax_policy.inclusive,
            catalogue=catalogue.name,
            version=catalogue.version,
            cause="dunning",
            invoice_when=bill_when(due.fee.bill, state),
            entry=accrual_entry(item, difference, state.currency, recording.moment, catalogue.zone, state.seller),
        ),
        cause,
    )


def charged(recording: Recording, due: FeeCharge) -> Decimal:
    fees: Mapping[tuple[str, str, datetime], tuple[Decimal, datetime]] = recording.state.facts.get("fees", {})
    return fees.get((due.item, due.terms, due.start), (ZERO, None))[0]


def without_contract(event: ChargeAccrued) -> bool:
    """Whether a charge is for being late, not for what a contract gives: fees and interest have none."""
    return not event.key.contract


def bill_when(asked: str, state: AccountState) -> str:
    """`next_invoice` only where there will be one: with a running contract."""
    running = any(contract.status != "ended" for contract in state.contracts.values())
    return "next_invoice" if asked == "next_invoice" and running else "now"


def _set_status(recording: Recording, status: str, reason: str, cause: str) -> None:
    recording.drafts += credit.changed(
        recording.state,
        recording.rules,
        status=status,
        reason=reason,
        set_by="dunning",
        at=recording.moment,
        address=recording.address,
        cause=cause,
    )


def _cancel(recording: Recording, reason: str, cause: str) -> None:
    """End every running contract now; what was charged for later is credited."""
    for contract in recording.state.contracts.values():
        running = contract.status != "ended" and (contract.end is None or contract.end > recording.moment)
        if running and contract.start < recording.moment:
            event = ContractCancelled(
                account=contract.account,
                contract=contract.id,
                end=recording.moment,
                reason=reason,
                credit_unused=True,
                early=contract.end is not None,
            )
            recording.add(event, cause)


# --- easing -----------------------------------------------------------------------------------------------------------------------


def _ease(next_up: Next, recording: Recording) -> None:
    """Fewer steps hold now. A status that dunning set is that of the steps that hold in all cases; a suspension that ends may cost."""
    state, standing = recording.state, recording.standing
    case = standing.case(next_up.subject)
    assert case is not None
    cause = recording.add(
        Eased(
            account=state.account,
            subject=next_up.subject,
            previous=case.taken,
            remaining=next_up.remaining,
            base=next_up.base,
        )
    )
    others = [code for one in standing.cases if one.overdue and one.subject != next_up.subject for code in one.taken]
    status = worst_status(standing.policy, [*next_up.remaining, *others])
    if state.credit_set_by == "dunning" and credit.worse(state.credit_status, than=status):
        _set_status(recording, status, "paid" if status == "good" else "older debts are paid", cause)
        reconnected = state.credit_status == credit.SUSPENDED and bool(state.suspended)
        fee = standing.policy.reconnection
        if fee is not None and reconnected and _served_again(state) and not recording.free_reconnection:
            charge(
                recording,
                FeeCharge(fee, RECONNECTION, round_money(fee.amount, state.currency), cause, recording.moment, "reconnection"),
                cause,
            )


def _served_again(state: AccountState) -> bool:
    return any(name in state.contracts and state.contracts[name].status != "ended" for name in state.suspended)
