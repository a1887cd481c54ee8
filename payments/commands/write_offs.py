"""What will not be paid: written off, recovered after all, or reinstated. The tax in it goes the same way where the law relieves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing import bulk, ledgers
from billing.command import Command
from billing.commands.common import account_stream, entry, money, open_state, seller_zone
from billing.engine import Context, Decision
from billing.events import Allocation, InvoiceReinstated, InvoiceWrittenOff, Posting, WriteOffRecovered
from billing.house.published import house_policy
from billing.house.relief import Debt, unmet
from billing.invoicing.terms import thawed_tax
from billing.journal import Draft
from billing.loading import trimmed
from billing.past import find_issued
from billing.state import AccountState, OpenInvoice
from payments.allocation import find
from payments.paying import cash, check_channel, receivable_legs
from payments.standing import receivable_invoices
from plans.errors import Conflict, NotAllowed
from plans.money import allocate, decimals, plain
from plans.periods import local_date

ZERO = Decimal(0)
Shares = Mapping[str, Decimal]  # ledger → amount, all of one sign


@dataclass(frozen=True)
class WriteOff:
    account: str
    invoice: str
    reason: str
    amount: Decimal | None = None  # none: all that is open
    vat_relief: bool = False
    notified: bool = False  # the debtor was told, where the policy's rule of tax relief asks for it


def write_off(context: Context, args: WriteOff) -> Decision:
    """Take what will not be paid off the receivables: bad debt, and with `vat_relief: yes` the tax in it, as the document shared it.

    Where the policy of the house has a rule of tax relief, all its conditions must hold (`relief_not_due`).
    The document stays marked; money that arrives after all is taken by `recover`.
    """
    state = open_state(args.account)
    invoice = find(args.invoice, receivable_invoices(args.account))
    amount = invoice.open if args.amount is None else money(args.amount, invoice.currency)
    if not invoice.open:
        raise Conflict("nothing_open", f"nothing is open on {invoice.number or invoice.id}", at="invoice")
    if amount > invoice.open:
        message = f"{plain(invoice.open)} is open on {invoice.number or invoice.id}, not {plain(amount)}"
        raise Conflict("more_than_open", message, at="amount", open=plain(invoice.open))
    if args.vat_relief:
        _must_be_relieved(context, state, invoice, amount, notified=args.notified)
    weights = _net_and_taxes(args.account, invoice) if args.vat_relief and invoice.document != "opening" else {ledgers.BAD_DEBT: amount}
    allocations = (Allocation(invoice=invoice.id, number=invoice.number, amount=amount),)
    legs = _tagged(_shared(amount, weights, invoice.currency), invoice) + receivable_legs(allocations, invoice.currency)
    event = InvoiceWrittenOff(
        account=args.account,
        invoice=invoice.id,
        number=invoice.number,
        amount=amount,
        currency=invoice.currency,
        allocations=allocations,
        reason=args.reason,
        vat_relief=args.vat_relief,
        entry=entry(context, state, legs),
    )
    return Decision([Draft(args.account, event, context.at)])


def _must_be_relieved(context: Context, state: AccountState, invoice: OpenInvoice, amount: Decimal, *, notified: bool) -> None:
    """Raises NotAllowed `relief_not_due` with every condition of the policy that does not hold."""
    rule = house_policy(state.seller, at=context.at).relief
    if rule is None:
        return
    late = (local_date(context.at, seller_zone(state)) - invoice.due).days if invoice.due else 0
    missing = list(unmet(rule, Debt(amount, late, notified, _service_off(state.account))))
    if missing:
        message = f"the tax in {invoice.number or invoice.id} is not to be taken back yet: {'; '.join(missing)}"
        raise NotAllowed("relief_not_due", message, at="vat_relief")


def _service_off(account: str) -> bool:
    """Whether no contract of the account is served any more."""
    statement = """
        SELECT 1 FROM read_contract WHERE account = %s AND status = 'active'
        AND NOT EXISTS (SELECT 1 FROM read_suspended_service s WHERE s.contract = read_contract.contract) LIMIT 1"""
    return not bulk.fetch(statement, [account])


def _net_and_taxes(account: str, invoice: OpenInvoice) -> dict[str, Decimal]:
    """What corrections left of the document: its net as bad debt, and each tax by its ledger."""
    issued = find_issued(account, invoice.id)
    found = {ledgers.BAD_DEBT: ZERO}
    lines = [(line, 1) for line in issued.invoice.lines] + [(one.line, one.sign) for one in issued.corrections]
    for line, sign in lines:
        found[ledgers.BAD_DEBT] += sign * line.net
        for tax in line.taxes:
            applied = thawed_tax(tax, issued.invoice.policy)
            ledger = f"{ledgers.TAX}:{applied.ledger or applied.code}"
            found[ledger] = found.get(ledger, ZERO) + sign * tax.tax
    return {ledger: amount for ledger, amount in found.items() if amount > 0}


def _shared(amount: Decimal, weights: Shares, currency: str) -> dict[str, Decimal]:
    shares = allocate(amount, list(weights.values()), decimals(currency))
    return dict(zip(weights, shares, strict=True))


def _tagged(shares: Shares, invoice: OpenInvoice) -> list[Posting]:
    """Legs that name the document, so that what comes back can be shared as it went."""
    return [
        Posting(ledger=ledger, amount=amount, currency=invoice.currency, invoice=invoice.id) for ledger, amount in shares.items() if amount
    ]


def _missing(account: str, invoice: OpenInvoice) -> dict[str, Decimal]:
    """What of the document's write-offs neither came nor was reinstated: bad debt, and each tax. Raises Conflict `not_written_off`."""
    statement = """
        SELECT CASE WHEN ledger = %s THEN %s ELSE ledger END, sum(amount) FROM read_posting
        WHERE account = %s AND invoice = %s AND (ledger IN (%s, %s) OR ledger LIKE 'tax:%%') GROUP BY 1 HAVING sum(amount) <> 0"""
    names = [ledgers.RECOVERED, ledgers.BAD_DEBT, account, invoice.id, ledgers.BAD_DEBT, ledgers.RECOVERED]
    found = {ledger: trimmed(amount) for ledger, amount in bulk.fetch(statement, names)}
    if not found:
        raise Conflict("not_written_off", f"nothing of {invoice.number or invoice.id} is written off", at="invoice")
    return found


def _part_of(missing: Shares, asked: Decimal | None, invoice: OpenInvoice) -> dict[str, Decimal]:
    whole = sum(missing.values(), ZERO)
    amount = whole if asked is None else money(asked, invoice.currency)
    if amount > whole:
        message = f"{plain(whole)} of {invoice.number or invoice.id} is written off, not {plain(amount)}"
        raise Conflict("more_than_written_off", message, at="amount", written_off=plain(whole))
    return _shared(amount, missing, invoice.currency)


@dataclass(frozen=True)
class Recover:
    account: str
    invoice: str
    amount: Decimal | None = None  # none: all that was written off
    channel: str = "transfer"
    reference: str = ""


def recover(context: Context, args: Recover) -> Decision:
    """Take money that arrives for a document that was written off: revenue, and the tax that had been relieved is due again.

    The document stays marked as written off, with what was recovered.
    """
    state = open_state(args.account)
    invoice = find(args.invoice, receivable_invoices(args.account))
    shares = _part_of(_missing(args.account, invoice), args.amount, invoice)
    amount, channel = sum(shares.values(), ZERO), check_channel(args.channel)
    back = {ledgers.RECOVERED if ledger == ledgers.BAD_DEBT else ledger: -share for ledger, share in shares.items()}
    payment = context.next_address(args.account)
    event = WriteOffRecovered(
        account=args.account,
        payment=payment,
        amount=amount,
        currency=invoice.currency,
        channel=channel,
        reference=args.reference,
        allocations=(),
        unapplied=ZERO,
        invoice=invoice.id,
        number=invoice.number,
        entry=entry(context, state, [Posting(ledger=cash(channel), amount=amount, currency=invoice.currency), *_tagged(back, invoice)]),
    )
    return Decision([Draft(args.account, event, context.at)], {"payment": payment})


@dataclass(frozen=True)
class Reinstate:
    account: str
    invoice: str
    reason: str
    amount: Decimal | None = None  # none: all that was written off and did not come


def reinstate(context: Context, args: Reinstate) -> Decision:
    """Undo a write-off: the document is open again, to be paid or credited."""
    state = open_state(args.account)
    invoice = find(args.invoice, receivable_invoices(args.account))
    shares = _part_of(_missing(args.account, invoice), args.amount, invoice)
    amount = sum(shares.values(), ZERO)
    allocations = (Allocation(invoice=invoice.id, number=invoice.number, amount=-amount),)
    back = {ledger: -share for ledger, share in shares.items()}
    event = InvoiceReinstated(
        account=args.account,
        invoice=invoice.id,
        number=invoice.number,
        amount=amount,
        currency=invoice.currency,
        allocations=allocations,
        reason=args.reason,
        entry=entry(context, state, [*receivable_legs(allocations, invoice.currency), *_tagged(back, invoice)]),
    )
    return Decision([Draft(args.account, event, context.at)])


COMMANDS = (
    Command("write_off", "Write off what will not be paid", WriteOff, write_off, account_stream),
    Command("recover", "Take money for what was written off", Recover, recover, account_stream),
    Command("reinstate", "Undo a write-off", Reinstate, reinstate, account_stream),
)
