"""The chart of accounts: which account of the seller's general ledger each ledger of ours belongs to, and what the text formats call it.

A ledger without an entry of its own belongs to the account of its nearest parent (`cash:card` to `cash`), so that a new tax or channel
needs no entry. A seller's policy may give other numbers and names (docs/money.md); types stay, because they say which side is normal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from plans.errors import Invalid

ASSET, LIABILITY, EQUITY, REVENUE, EXPENSE = "A", "L", "E", "R", "X"
ROOTS = {ASSET: "assets", LIABILITY: "liabilities", EQUITY: "equity", REVENUE: "income", EXPENSE: "expenses"}
#: A first word that the root says already: `revenue:usage` is `income:usage`.
SAID_BY_ROOT = ("revenue", "expense")


@dataclass(frozen=True)
class GeneralAccount:
    """An account of the general ledger. `type` is ASSET, LIABILITY, EQUITY, REVENUE or EXPENSE; contra accounts have their side's type."""

    number: str
    name: str
    type: str


STANDARD: Mapping[str, GeneralAccount] = {
    "cash": GeneralAccount("1000", "Cash and money in transit", ASSET),
    "disputes": GeneralAccount("1090", "Money held by banks for disputes", ASSET),
    "transfer": GeneralAccount("1099", "Transfers between customers", ASSET),
    "receivable": GeneralAccount("1200", "Trade receivables", ASSET),
    "allowance": GeneralAccount("1290", "Allowance for doubtful debts", ASSET),
    "unbilled": GeneralAccount("1300", "Contract assets: accrued and not billed", ASSET),
    "overdrawn": GeneralAccount("1310", "Prepaid accounts overdrawn", ASSET),
    "payable": GeneralAccount("2000", "Payables on statements", LIABILITY),
    "accrued_payable": GeneralAccount("2010", "Accrued payables", LIABILITY),
    "refunds_payable": GeneralAccount("2020", "Refunds payable", LIABILITY),
    "unidentified": GeneralAccount("2030", "Unidentified receipts", LIABILITY),
    "payouts_payable": GeneralAccount("2040", "Payouts decided and not confirmed", LIABILITY),
    "credit": GeneralAccount("2100", "Customer credit and unapplied payments", LIABILITY),
    "credit_held": GeneralAccount("2110", "Customer credit held for disputes", LIABILITY),
    "deposits": GeneralAccount("2120", "Security deposits", LIABILITY),
    "prepaid": GeneralAccount("2200", "Prepaid balances of customers", LIABILITY),
    "deferred": GeneralAccount("2300", "Deferred revenue", LIABILITY),
    "tax": GeneralAccount("2400", "Taxes payable", LIABILITY),
    "opening": GeneralAccount("3000", "Opening balances", EQUITY),
    "conversion": GeneralAccount("3100", "Currency conversion", EQUITY),
    "revenue": GeneralAccount("4000", "Revenue", REVENUE),
    "revenue:subscription": GeneralAccount("4010", "Subscriptions and fees", REVENUE),
    "revenue:usage": GeneralAccount("4020", "Usage", REVENUE),
    "revenue:sales": GeneralAccount("4030", "Sales", REVENUE),
    "revenue:interest": GeneralAccount("4040", "Interest earned", REVENUE),
    "revenue:late-fees": GeneralAccount("4041", "Late fees", REVENUE),
    "revenue:late-interest": GeneralAccount("4042", "Interest for late payment", REVENUE),
    "revenue:instalment-interest": GeneralAccount("4043", "Interest of instalments", REVENUE),
    "revenue:breakage": GeneralAccount("4050", "Breakage", REVENUE),
    "revenue:adjustments": GeneralAccount("4060", "Adjustments", REVENUE),
    "revenue:tax-included": GeneralAccount("4070", "Tax contained in prices", REVENUE),
    "revenue:forfeited-deposits": GeneralAccount("4080", "Forfeited deposits", REVENUE),
    "revenue:bad-debt-recovered": GeneralAccount("4090", "Bad debts recovered", REVENUE),
    "revenue:fx-gain": GeneralAccount("4095", "Exchange gains", REVENUE),
    "discounts": GeneralAccount("4100", "Discounts given", REVENUE),
    "credit_notes": GeneralAccount("4110", "Credit notes", REVENUE),
    "expense": GeneralAccount("5000", "Expenses", EXPENSE),
    "expense:fees": GeneralAccount("5010", "Fees", EXPENSE),
    "expense:revenue-share": GeneralAccount("5020", "Revenue shares", EXPENSE),
    "expense:purchases": GeneralAccount("5030", "Purchases", EXPENSE),
    "expense:interest": GeneralAccount("5040", "Interest owed", EXPENSE),
    "expense:bad-debt": GeneralAccount("5100", "Bad debts", EXPENSE),
    "expense:dispute-fees": GeneralAccount("5110", "Fees of disputes", EXPENSE),
    "expense:dispute-losses": GeneralAccount("5120", "Losses of disputes", EXPENSE),
    "expense:bank-fees": GeneralAccount("5130", "Bank fees", EXPENSE),
    "expense:by-bank": GeneralAccount("5131", "Other expenses paid by bank", EXPENSE),
    "expense:fx-loss": GeneralAccount("5190", "Exchange losses", EXPENSE),
}


@dataclass(frozen=True)
class Chart:
    """The accounts by ledger: the standard ones, and over them the seller's own."""

    own: Mapping[str, GeneralAccount] = field(default_factory=dict)

    def of(self, ledger: str) -> GeneralAccount:
        """The account of a ledger. Raises Invalid `ledger_without_account` for one whose first word is not known."""
        words = ledger.split(":")
        for length in range(len(words), 0, -1):
            name = ":".join(words[:length])
            found = self.own.get(name) or STANDARD.get(name)
            if found is not None:
                return found
        raise Invalid("ledger_without_account", f"the ledger {ledger!r} has no account in the chart; add it to STANDARD", at="ledger")


def path_of(ledger: str, kind: str) -> str:
    """The name in hledger and ledger: `assets:cash:card`, `income:usage`, `liabilities:tax:vat`."""
    first, _, rest = ledger.partition(":")
    words = rest if first in SAID_BY_ROOT and rest else ledger
    parts = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "other" for part in words.split(":")]
    return ":".join((ROOTS[kind], *parts))


def beancount_name(path: str) -> str:
    """The same name as beancount writes it: each part begins with a capital or a digit, only letters, digits and `-`."""
    return ":".join(part[:1].upper() + part[1:] for part in path.split(":"))


def paths(ledgers: Iterable[str], chart: Chart) -> dict[str, str]:
    """ledger → its name in the text formats. Two ledgers that would share one get a number, in the order of their names."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for ledger in sorted(ledgers):
        wanted = path = path_of(ledger, chart.of(ledger).type)
        copies = 1
        while path in taken:
            copies += 1
            path = f"{wanted}-{copies}"
        taken.add(path)
        found[ledger] = path
    return found
