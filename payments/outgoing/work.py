"""The clockwork's part of money that leaves: at its moment the same command runs as by hand, through the gateway of the default method
where that pays out, else by transfer, which waits for a file for the bank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from billing import bulk
from billing.engine import Context
from billing.events import InvoiceIssued
from billing.journal import Draft, Head
from billing.loading import policy as stored_policy
from billing.loading import trimmed
from billing.state import CUSTOMER_OWES, AccountState, OpenInvoice
from billing.terms import Policy
from billing.works import COLLECTION, Work, always
from payments.collecting import default_methods
from payments.commands.deposits import ApplyDeposit, ReleaseDeposit, apply_deposit, release_deposit
from payments.commands.payouts import PayOut, pay_out, way
from payments.dunning.policies import houses
from payments.outgoing.plans import Kept, Owed, deposits_leave, statements_leave
from plans.catalogue import Catalogue

FACT, ACTOR = "outgoing", "clockwork"


@dataclass
class Outgoing:
    """What may leave of an account, and by which rules."""

    house: Catalogue
    owed: dict[str, list[Owed]] = field(default_factory=dict)  # currency → statements
    failed: dict[str, datetime] = field(default_factory=dict)  # currency → when a payout last failed
    since: datetime | None = None
    kept: list[Kept] = field(default_factory=list)
    open: set[str] = field(default_factory=set)  # currencies in which the customer owes something
    disputed: bool = False
    ended: datetime | None = None  # when the last contract did; None: one runs, or there was none

    def least(self, currency: str) -> Decimal:
        return self.house.payouts.least if currency == self.house.currency else Decimal(0)


@dataclass(frozen=True)
class Due:
    """What leaves next: the statements of a currency, or a deposit (or what is open taken off it)."""

    moment: datetime
    statements: tuple[str, ...] = ()
    currency: str = ""
    deposit: Kept | None = None


class OutgoingWork(Work):
    """Statements and deposits that leave by themselves, one payout or one deposit at a time."""

    rank = COLLECTION
    holders = """SELECT account FROM read_deposit WHERE account = ANY(%(accounts)s) AND "left" > 0"""
    looks_at = frozenset({"open_invoices", "contracts"})
    moved_by: ClassVar = {InvoiceIssued: always}

    def concerns(self, state: AccountState, policy: Policy) -> bool:
        del policy
        return bool(state.open_invoices) and bool(_statements(state))

    def load(self, states: Mapping[str, AccountState]) -> None:
        found = {name: Outgoing(house) for name, house in _houses(states).items()}
        _load_statements({name: one for name, one in found.items() if one.house.payouts.automatic}, states)
        _load_deposits(found, [name for name, one in found.items() if one.house.payouts.deposits is not None])
        for name, state in states.items():
            state.facts[FACT] = found.get(name)

    def next_moment(self, state: AccountState, policy: Policy) -> datetime | None:
        del policy
        return min((due.moment for due in _due(state)), default=None)

    def perform(
        self, moments: Mapping[str, datetime], states: Mapping[str, AccountState], policy: Policy, heads: dict[str, Head]
    ) -> dict[str, list[Draft]]:
        del policy
        found = {}
        for account, moment in moments.items():
            context = Context(at=moment, actor=ACTOR, recorded_at=moment, heads=heads)
            due = next(one for one in _due(states[account]) if one.moment == moment)
            found[account] = _leaving(context, states[account], due)
        return found


def _houses(states: Mapping[str, AccountState]) -> dict[str, Catalogue]:
    """account → the catalogue of its newest contract, where that lets something leave by itself."""
    rules, found = stored_policy(), {}
    for name, state in states.items():
        if state.contracts:
            terms = list(state.contracts.values())[-1].timeline[-1].terms
            found[name] = rules.catalogue(terms.catalogue, terms.version)
    rest = [name for name in states if name not in found]  # nothing runs: ended contracts are not loaded with the rest
    found |= {name: house for name, (house, _) in houses(rest, rules).items()} if rest else {}
    return {name: house for name, house in found.items() if house.payouts.automatic or house.payouts.deposits is not None}


def _statements(state: AccountState) -> list[OpenInvoice]:
    return [one for one in state.open_invoices if one.document == "statement"]


def _load_statements(found: Mapping[str, Outgoing], states: Mapping[str, AccountState]) -> None:
    names = [one.id for account in found for one in _statements(states[account])]
    issued = dict(bulk.fetch("SELECT invoice, issued_at FROM read_invoice WHERE invoice = ANY(%s)", [names])) if names else {}
    for account, outgoing in found.items():
        for one in _statements(states[account]):
            owed = Owed(one.id, one.currency, one.open, one.due or one.issued, issued[one.id])
            outgoing.owed.setdefault(one.currency, []).append(owed)
    owing = [account for account, outgoing in found.items() if outgoing.owed]
    if not owing:
        return
    statement = "SELECT account, currency, max(closed_at) FROM read_payout WHERE account = ANY(%s) AND status = 'failed' GROUP BY 1, 2"
    for account, currency, failed in bulk.fetch(statement, [owing]):
        found[account].failed[currency] = failed
    statement = "SELECT account, default_since FROM read_payment_method WHERE account = ANY(%s) AND is_default"
    for account, since in bulk.fetch(statement, [owing]):
        found[account].since = since


def _load_deposits(found: Mapping[str, Outgoing], accounts: list[str]) -> None:
    statement = """
        SELECT account, deposit, currency, "left", taken_at FROM read_deposit
        WHERE account = ANY(%s) AND "left" > 0 ORDER BY account, sequence"""
    for account, deposit, currency, left, taken_at in bulk.fetch(statement, [accounts]) if accounts else []:
        found[account].kept.append(Kept(deposit, currency, trimmed(left), taken_at))
    holding = [account for account in accounts if found[account].kept]
    statement = """
        SELECT account, currency, held > 0 FROM read_invoice
        WHERE account = ANY(%s) AND document = ANY(%s) AND status = 'open' AND open > 0"""
    for account, currency, disputed in bulk.fetch(statement, [holding, list(CUSTOMER_OWES)]) if holding else []:
        found[account].open.add(currency)
        found[account].disputed |= disputed
    statement = """
        SELECT account, max("end") FROM read_contract WHERE account = ANY(%s) GROUP BY account HAVING bool_and(status = 'ended')"""
    for account, ended in bulk.fetch(statement, [holding]) if holding else []:
        found[account].ended = ended


def _due(state: AccountState) -> list[Due]:
    """What leaves by what stands, statements first."""
    outgoing: Outgoing | None = state.facts.get(FACT)
    if outgoing is None or state.status != "open":
        return []
    found = []
    for currency, owed in outgoing.owed.items():
        rules = {"least": outgoing.least(currency), "zone": state.zone}
        moment = statements_leave(owed, **rules, failed=outgoing.failed.get(currency), since=outgoing.since)
        if moment is not None:
            due_by = tuple(one.invoice for one in owed if one.leaves_from(state.zone) <= moment)
            found.append(Due(moment, due_by, currency))
    days = outgoing.house.payouts.deposits
    if days is not None and outgoing.ended is not None and not outgoing.disputed:
        moment = deposits_leave(outgoing.ended, days, state.zone)
        found += [Due(moment, deposit=one) for one in outgoing.kept if one.taken_at < outgoing.ended]
    return found


def _leaving(context: Context, state: AccountState, due: Due) -> list[Draft]:
    if due.deposit is None:
        decision = pay_out(context, PayOut(state.account, currency=due.currency, statements=due.statements, settle="later"))
    elif due.deposit.currency in state.facts[FACT].open:
        decision = apply_deposit(context, ApplyDeposit(state.account, due.deposit.deposit))
    else:
        channel, _ = way("", default_methods([state.account]).get(state.account))
        what = ReleaseDeposit(state.account, due.deposit.deposit, channel=channel, reason="The contract ended", settle="later")
        decision = release_deposit(context, what)
    return list(decision.drafts)


paying_out = OutgoingWork()
