"""What can be done with money that came in, by subject. Each module lists its commands; so does this one, in their order."""

from payments.commands import (
    bank,
    chargebacks,
    collections,
    credit_notes,
    deposits,
    disputes,
    exchanging,
    methods,
    moving_credit,
    payments,
    payouts,
    receipts,
    refunds,
    top_ups,
    write_offs,
)

COMMANDS = (
    *payments.COMMANDS,
    *credit_notes.COMMANDS,
    *refunds.COMMANDS,
    *write_offs.COMMANDS,
    *chargebacks.COMMANDS,
    *disputes.COMMANDS,
    *receipts.COMMANDS,
    *deposits.COMMANDS,
    *methods.COMMANDS,
    *collections.COMMANDS,
    *top_ups.COMMANDS,
    *payouts.COMMANDS,
    *bank.COMMANDS,
    *exchanging.COMMANDS,
    *moving_credit.COMMANDS,
)
