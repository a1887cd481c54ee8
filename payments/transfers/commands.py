"""Putting a transfer into a file for the bank."""

from __future__ import annotations

import re
from dataclasses import dataclass

from accounts import vault
from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.transfers.events import TransferSent
from payments.transfers.waiting import payout_of
from plans.errors import Conflict, Invalid, NotFound

_FILE = re.compile(r"[A-Za-z0-9-]{1,35}")


@dataclass(frozen=True)
class SendTransfer:
    account: str
    transfer: str  # the id of a refund or payout by transfer
    file: str  # the name of the file, up to 35 letters, digits and -


def send_transfer(context: Context, args: SendTransfer) -> Decision:
    """Put a refund, a released deposit or a payout into a file for the bank: once, and only with the account's IBAN.

    The name and the IBAN are frozen in the vault, so that the file can be made again as it was.
    """
    open_state(args.account)
    if not _FILE.fullmatch(args.file):
        raise Invalid("wrong_type", f"{args.file[:60]!r} can't name a file: use 1 to 35 letters, digits and -", at="file")
    payout = payout_of(args.account, args.transfer)
    if payout is None:
        raise NotFound(
            "unknown_thing", f"the account {args.account} has no refund or payout {args.transfer[:80]} by transfer", at="transfer"
        )
    if payout.file:
        raise Conflict("already_sent", f"{payout.id} stands in the file {payout.file}", at="transfer", file=payout.file)
    if payout.status != "requested":
        raise Conflict("payout_closed", f"{payout.id} is {payout.status}", at="transfer", status=payout.status)
    if payout.currency != "EUR":
        raise Conflict("currency", f"a SEPA transfer is in EUR; {payout.id} is in {payout.currency}", at="transfer")
    if not vault.person(args.account).get("iban"):
        raise Conflict("no_iban", f"the account {args.account} gave no IBAN; set it by change_details", at="account")
    event = TransferSent(
        account=args.account,
        transfer=payout.id,
        file=args.file,
        end_to_end=payout.end_to_end,
        amount=payout.amount,
        currency=payout.currency,
        destination=vault.freeze_destination(args.account),
        text=payout.reason,
    )
    return Decision([Draft(args.account, event, context.at, payout.id)])


COMMANDS = (Command("send_transfer", "Put a refund or payout into a file for the bank", SendTransfer, send_transfer, account_stream),)
