"""What a "why" is about: a document by number or id, an event by address, a contract, an amount."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing import bulk
from billing.entitlements.checking import features_of
from plans import store
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.money import parse_decimal

MOST = 50
FEATURE = "feature:"


@dataclass
class Target:
    """What was found: documents (with the lines meant, all where none are named), charges, and other events, all by address; or a feature
    that the account may use or not."""

    documents: dict[str, list[int]] = field(default_factory=dict)
    charges: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    feature: str = ""

    @property
    def empty(self) -> bool:
        return not (self.documents or self.charges or self.events or self.feature)


def find(account: str, wanted: str) -> Target:
    """Raises NotFound `nothing_found` with what is known; a name is tried before an amount."""
    word = wanted.strip().replace("\x00", "")
    for search in (_document, _address, _contract, _feature, _amount):
        target = search(account, word)
        if not target.empty:
            return target
    numbers = [
        row[0] for row in bulk.fetch("SELECT number FROM read_invoice WHERE account = %s AND number <> '' ORDER BY sequence", [account])
    ]
    hint = suggestion(word, numbers[-20:])[:300] if numbers else ""
    message = f"{account} has no document, event, contract or amount {word[:60]!r}{hint}"
    raise NotFound("nothing_found", message, at="what")


def _document(account: str, word: str) -> Target:
    statement = "SELECT invoice FROM read_invoice WHERE account = %s AND (number = %s OR invoice = %s) ORDER BY sequence"
    return Target(documents={row[0]: [] for row in bulk.fetch(statement, [account, word, word])})


def _address(account: str, word: str) -> Target:
    """`ana/17`, `/17` or `#17`: an event of the account."""
    stream, _, sequence = word.replace("#", "/").rpartition("/")
    if stream not in ("", account) or not sequence.isascii() or not sequence.isdigit() or len(sequence) > 18 or sequence == word:
        return Target()
    statement = "SELECT kind FROM journal WHERE stream = %s AND sequence = %s"
    found = bulk.fetch(statement, [account, int(sequence)])
    address = f"{account}/{int(sequence)}"
    if not found:
        return Target()
    if found[0][0] in ("charge.accrued", "sale.made", "adjustment.made"):
        return Target(charges=[address])
    return Target(events=[address])


def _contract(account: str, word: str) -> Target:
    """The charges of a contract, or of an item: the last ones."""
    statement = """
        SELECT sequence FROM read_charge WHERE account = %s AND (contract = %s OR item = %s) ORDER BY sequence DESC LIMIT %s"""
    rows = bulk.fetch(statement, [account, word, word, MOST])
    return Target(charges=[f"{account}/{row[0]}" for row in reversed(rows)])


def _feature(account: str, word: str) -> Target:
    """A feature of the catalogues: its code; `feature:calls` where an item is called so too."""
    code = word.removeprefix(FEATURE)
    with store.steady():
        return Target(feature=code) if code in features_of(()) else Target()


def _amount(account: str, word: str) -> Target:
    """Lines, documents, charges and payments of this amount, whatever its sign."""
    try:
        amount = abs(parse_decimal(word.replace(",", "") if "." in word else word.replace(",", ".")))
    except Invalid:
        return Target()
    target = Target()
    totals = "SELECT invoice FROM read_invoice WHERE account = %s AND %s IN (total, net, tax, open) ORDER BY sequence LIMIT %s"
    target.documents = {row[0]: [] for row in bulk.fetch(totals, [account, amount, MOST])}
    lines = """
        SELECT invoice, line FROM read_invoice_line
        WHERE account = %s AND %s IN (abs(amount), abs(net), abs(net + tax)) ORDER BY invoice, line LIMIT %s"""
    for invoice, line in bulk.fetch(lines, [account, amount, MOST]):
        if target.documents.get(invoice) != []:
            target.documents.setdefault(invoice, []).append(line)
    charges = """
        SELECT sequence FROM read_charge WHERE account = %s AND abs(amount) = %s AND NOT (invoice = ANY(%s)) ORDER BY sequence LIMIT %s"""
    target.charges = [f"{account}/{row[0]}" for row in bulk.fetch(charges, [account, amount, list(target.documents), MOST])]
    payments = "SELECT payment FROM read_payment WHERE account = %s AND amount = %s ORDER BY sequence LIMIT %s"
    target.events = [row[0] for row in bulk.fetch(payments, [account, amount, MOST])]
    return target
