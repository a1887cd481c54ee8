"""Taking back what a document says: voiding it whole, or crediting a part. Nothing is edited."""

from __future__ import annotations

from dataclasses import dataclass, replace

from billing import bulk, ledgers
from billing.accounting.releasing import released, with_released
from billing.command import Command
from billing.commands.common import account_stream, entry, open_state
from billing.engine import Context, Decision
from billing.events import InvoiceIssued, InvoiceVoided, Posting
from billing.journal import Draft
from billing.loading import policy
from billing.past import find_issued
from plans.errors import Conflict
from plans.money import plain


@dataclass(frozen=True)
class Void:
    account: str
    invoice: str
    reason: str
    forgive: bool = False


def void(context: Context, args: Void) -> Decision:
    """Void an invoice that should never have been, as long as nothing was paid or credited on it. Its charges are open again, or
    forgiven."""
    state = open_state(args.account)
    issued = find_issued(args.account, args.invoice)
    invoice = issued.invoice
    if issued.open != invoice.total:
        moved = plain(invoice.total - issued.open)
        message = f"{moved} was paid or credited on {invoice.number}; a document with money on it is corrected by a credit note"
        raise Conflict("invoice_moved", message, at="invoice", moved=moved)
    if bulk.fetch("SELECT 1 FROM read_invoice WHERE invoice = %s AND held > 0", [invoice.invoice]):
        message = f"a part of {invoice.number} is disputed; resolve the dispute first"
        raise Conflict("invoice_disputed", message, at="invoice", invoice=invoice.invoice)
    event = InvoiceVoided(
        account=args.account,
        invoice=invoice.invoice,
        number=invoice.number,
        reason=args.reason,
        forgive=args.forgive,
        open=issued.open,
        charges=tuple(charge for line in invoice.lines for charge in line.charges),
        entry=entry(context, state, _reversed(invoice, forgive=args.forgive)),
    )
    if args.forgive:
        taken = [(line.charges, line.amount - line.discount) for line in invoice.lines]
        event = with_released(event, released(state, policy(), taken, at=context.at))
    return Decision([Draft(args.account, event, context.at)])


def _reversed(invoice: InvoiceIssued, *, forgive: bool) -> list[Posting]:
    """The entry of the issue with its signs turned; what is forgiven goes off revenue instead of back to unbilled."""
    legs = [replace(posting, amount=-posting.amount) for posting in invoice.entry.postings]
    if not forgive:
        return legs
    return [replace(leg, ledger=ledgers.CREDIT_NOTES) if leg.ledger == ledgers.UNBILLED else leg for leg in legs]


COMMANDS = (Command("void", "Void an invoice on which nothing was paid or credited", Void, void, account_stream),)
