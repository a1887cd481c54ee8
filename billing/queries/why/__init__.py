"""Why an account owes what it owes: from the balance down to the raw measurement.

why(account)              the balance: open documents, credit, what is not billed yet
why(account, what)        a document (number or id), an event (`ana/17`), a contract or item, or everything of an amount;
                          or a feature (`reports`, `feature:calls`): whether it may be used, and what gave and took it
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from billing import bulk
from billing.queries.status import Amounts, Status, status
from billing.queries.why.access import access_of, entitlement_node
from billing.queries.why.charges import charge_node
from billing.queries.why.documents import document_node, event_node, event_title
from billing.queries.why.evidence import Evidence, credit_postings, gather
from billing.queries.why.target import find
from billing.queries.why.tree import Node, text
from billing.state import CUSTOMER_OWES

__all__ = ["Node", "text", "why"]

MOST_CREDITS = 20
MOST_OPEN = 200  # charges and documents shown below one balance


def why(account: str, what: str = "", *, at: datetime) -> Node:
    """The tree. Raises NotFound `unknown_account`, `nothing_found`."""
    stand = status(account, at=at)
    return _of_target(stand, what) if what.strip() else _of_balance(stand)


def _of_target(stand: Status, what: str) -> Node:
    account = stand.account.account
    target = find(account, what)
    if target.feature:
        return entitlement_node(account, target.feature, at=stand.at)
    evidence = gather(account, documents=list(target.documents), charges=target.charges, others=target.events)
    access = access_of(evidence.events[name] for name in target.events if name in evidence.events)
    found = [document_node(name, evidence, only_lines=lines) for name, lines in target.documents.items()]
    found += [charge_node(address, evidence) for address in target.charges]
    found += [event_node(evidence.events[address], access) for address in target.events if address in evidence.events]
    return (
        found[0] if len(found) == 1 else Node("found", f"{len(found)} things of {account} that are {what.strip()}", children=tuple(found))
    )


def _of_balance(stand: Status) -> Node:
    account = stand.account.account
    charges = _open_charges(account)
    documents = [one.invoice for one in stand.documents][:MOST_OPEN]
    evidence = gather(account, documents=documents, charges=[address for address, _ in charges])
    currencies = tuple(_currency(stand, amounts, charges, evidence) for amounts in stand.amounts)
    if len(currencies) == 1:
        return currencies[0]
    return Node("account", f"{account} stands in {len(currencies)} currencies", children=currencies)


def _open_charges(account: str) -> list[tuple[str, str]]:
    """(address, currency) of what is on no document yet, oldest first."""
    statement = """
        SELECT sequence, currency FROM read_open_charge JOIN read_charge USING (account, sequence)
        WHERE account = %s ORDER BY sequence LIMIT %s"""
    return [(f"{account}/{sequence}", currency) for sequence, currency in bulk.fetch(statement, [account, MOST_OPEN])]


def _currency(stand: Status, amounts: Amounts, charges: list[tuple[str, str]], evidence: Evidence) -> Node:
    account = stand.account.account
    mine = [one for one in stand.documents if one.currency == amounts.currency and one.invoice in evidence.events]
    ours = tuple(document_node(one.invoice, evidence) for one in mine if one.document not in CUSTOMER_OWES)
    theirs = tuple(document_node(one.invoice, evidence) for one in mine if one.document in CUSTOMER_OWES)
    open_charges = tuple(charge_node(address, evidence) for address, currency in charges if currency == amounts.currency)
    parts = [_part("owed", f"owed on {len(theirs)} open documents", amounts.owed, amounts.currency, theirs)]
    parts += [_part("credit", "less unused credit", -amounts.credit, amounts.currency, _credit(account, amounts))] if amounts.credit else []
    parts += [_part("payable", "we owe on our statements", amounts.payable, amounts.currency, ours)] if amounts.payable else []
    parts += [_part("unbilled", "not on a document yet", amounts.unbilled, amounts.currency, open_charges)] if open_charges else []
    facts = {"overdue": str(amounts.overdue) if amounts.overdue else "", "status": stand.account.status}
    title, children = f"{account} {_verb(amounts.balance)}", tuple(parts)
    return Node("balance", title, amounts.balance, amounts.currency, facts=facts, children=children, values={"overdue": amounts.overdue})


def _part(kind: str, title: str, amount: Decimal, currency: str, children: tuple[Node, ...]) -> Node:
    return Node(kind, title, amount, currency, children=children)


def _verb(balance: Decimal) -> str:
    if balance > 0:
        return "owes"
    return "has in credit" if balance < 0 else "owes nothing"


def _credit(account: str, amounts: Amounts) -> tuple[Node, ...]:
    """The last events that moved the customer's credit."""
    posted = credit_postings(account, amounts.currency, MOST_CREDITS)
    sources = gather(account, others=[one.address for one in posted]).events
    return tuple(
        Node(
            "posting",
            event_title(sources[one.address]),
            one.amount,
            one.currency,
            one.address,
            {"on": f"{one.effective_at:%Y-%m-%d}"},
            values={"event": sources[one.address].event, "on": one.effective_at},
        )
        for one in posted
        if one.address in sources
    )
