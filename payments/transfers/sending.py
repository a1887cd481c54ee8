"""Making files for the bank: everything that waits goes into one, each transfer by its command; the file is made from what is recorded.

A process that dies in between leaves a file that can be made again by its name: nothing is sent twice, nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from accounts import vault
from billing.engine import Request, execute
from payments.documents.reading import seller_named
from payments.models import Transfer as TransferRow
from payments.transfers.pain import Payer, Transfer, pain001
from payments.transfers.waiting import payouts_of, statements_due
from plans.errors import Conflict, NotFound, Refusal

ACTOR = "bank"


@dataclass
class Sent:
    """A file with what it holds, and what was left out of it and why."""

    file: str
    content: bytes = b""
    count: int = 0
    refused: dict[str, str] = field(default_factory=dict)  # id → why


def request_due(seller: str, day: date, at: datetime) -> dict[str, str]:
    """Ask for payouts of all statements in EUR that are due by the day; answers what was refused. Repeating asks for nothing twice."""
    refused = {}
    for account, invoice, number in statements_due(seller, day.isoformat()):
        arguments = {"account": account, "statements": [invoice], "channel": "transfer", "settle": "later"}
        try:
            execute(Request("pay_out", arguments, at, actor=ACTOR))
        except Refusal as refusal:
            refused[number or invoice] = str(refusal)
    return refused


def send(seller: str, *, at: datetime, day: date | None = None) -> Sent:
    """A file of all that waits. Raises Conflict `no_iban` where the catalogue's seller has none, `nothing_waits` for an empty file."""
    payer_of(seller)
    sent = Sent(f"{at:%Y%m%d%H%M%S%f}-{seller}"[:35])
    for one in payouts_of(seller, waiting=True):
        try:
            execute(Request("send_transfer", {"account": one.account, "transfer": one.id, "file": sent.file}, at, actor=ACTOR))
        except Refusal as refusal:
            sent.refused[one.id] = str(refusal)
    if not TransferRow.objects.filter(file=sent.file).exists():
        left = "; ".join(sent.refused.values())
        raise Conflict("nothing_waits", f"no transfer can be put into a file{f': {left}' if left else ''}"[:500], at="seller")
    return again(sent, seller, day=day)


def again(sent: Sent, seller: str, *, day: date | None = None) -> Sent:
    """The file as it was, made from what is recorded; to be executed on `day`, else on the day that it was made.

    Raises NotFound `unknown_file`.
    """
    rows = list(TransferRow.objects.filter(file=sent.file).order_by("account", "sequence"))
    if not rows:
        raise NotFound("unknown_file", f"there is no file {sent.file[:60]!r}", at="file")
    transfers = [_transfer(row, vault.party(row.destination)) for row in rows]
    sent.content = pain001(sent.file, payer_of(seller), transfers, created=rows[0].sent_at, day=day or rows[0].sent_at.date())
    sent.count = len(rows)
    return sent


def _transfer(row: TransferRow, person: Mapping[str, str]) -> Transfer:
    if not person.get("iban"):
        raise Conflict("no_iban", f"the destination of {row.transfer} was erased", at="transfer")
    name = person.get("name") or row.account
    return Transfer(row.end_to_end, name, person["iban"], row.amount, row.text or row.end_to_end)


def payer_of(seller: str) -> Payer:
    found = seller_named(seller)
    if not found.get("iban"):
        raise Conflict("no_iban", f"the seller {seller} has no iban in its catalogue", at="seller")
    return Payer(found.get("name", seller), found["iban"], found.get("bic", ""))
