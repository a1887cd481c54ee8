"""Reading what dunning looks at, for many accounts in a few statements; accounts that owe nothing and have no case cost one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.due import DuePart
from billing.invoicing.terms import LATE
from billing.loading import trimmed
from billing.queries.money import due_parts
from billing.state import CUSTOMER_OWES, AccountState, OpenInvoice
from billing.terms import Policy
from payments.dunning.cases import Case, Debt, Pause, Standing
from payments.dunning.policies import Followed, followed
from plans.periods import local_date


def standings(states: Mapping[str, AccountState], rules: Policy) -> dict[str, tuple[Standing, Followed]]:
    """account → where its debts stand and the policy that it follows; accounts with nothing to pursue are left out."""
    cases = _cases(states)
    owing = {name: state for name, state in states.items() if payable(state) or name in cases}
    policies = followed(list(owing), rules)
    if not policies:
        return {}
    named = {one.id: one for name in policies for one in payable(states[name])}
    held, late, reopened = _held(named), late_amounts(named), _reopened(named)
    parts = due_parts(policies)
    pauses, moved = pauses_of(policies), _moved([name for name in policies if name in cases or payable(states[name])])
    found = {}
    for name, chosen in policies.items():
        state = states[name]
        debts = [replace(_debt(one, state, held, late, reopened), **_parts(one, parts)) for one in payable(state)]
        found[name] = (
            Standing(
                zone=state.zone,
                currency=state.currency,
                policy=chosen.policy,
                debts=tuple(debts),
                cases=tuple(cases.get(name, ())),
                pauses=tuple(pauses.get(name, ())),
                moved=moved.get(name),
                since=chosen.since,
            ),
            chosen,
        )
    return found


def payable(state: AccountState) -> list[OpenInvoice]:
    """What the account owes on documents that fall due."""
    return [one for one in state.open_invoices if one.document in CUSTOMER_OWES and one.due is not None]


def _debt(
    invoice: OpenInvoice,
    state: AccountState,
    held: Mapping[str, Decimal],
    late: Mapping[str, Decimal],
    reopened: Mapping[str, datetime],
) -> Debt:
    assert invoice.due is not None
    at = reopened.get(invoice.id)
    return Debt(
        invoice=invoice.id,
        number=invoice.number,
        currency=invoice.currency,
        open=invoice.open,
        held=held.get(invoice.id, Decimal(0)),
        parts=(DuePart(invoice.due, invoice.total),),
        issued=invoice.issued,
        reopened=local_date(at, state.zone) if at else None,
        charges_only=late.get(invoice.id, Decimal(0)) == invoice.total,
    )


def _parts(invoice: OpenInvoice, parts: Mapping[str, tuple[DuePart, ...]]) -> dict[str, tuple[DuePart, ...]]:
    return {"parts": parts[invoice.id]} if invoice.id in parts else {}


def _cases(accounts: Collection[str]) -> dict[str, list[Case]]:
    statement = """
        SELECT account, subject, base, ARRAY(SELECT jsonb_array_elements_text(taken)), last_at, overdue FROM read_dunning_case
        WHERE account = ANY(%s) ORDER BY account, subject"""
    found: dict[str, list[Case]] = {}
    for account, subject, base, taken, last, late in bulk.fetch(statement, [list(accounts)]):
        found.setdefault(account, []).append(Case(subject, base, tuple(taken), last, late))
    return found


def _held(invoices: Iterable[str]) -> dict[str, Decimal]:
    rows = bulk.fetch("SELECT invoice, held FROM read_invoice WHERE invoice = ANY(%s) AND held > 0", [list(invoices)])
    return {invoice: trimmed(held) for invoice, held in rows}


def late_amounts(invoices: Iterable[str], components: Sequence[str] = LATE) -> dict[str, Decimal]:
    """document → what of it, with tax, bills for being late: fees and interest, or one of them."""
    statement = """
        SELECT invoice, sum(net + tax) FROM read_invoice_line WHERE invoice = ANY(%s) AND component = ANY(%s) GROUP BY invoice"""
    return {invoice: trimmed(amount) for invoice, amount in bulk.fetch(statement, [list(invoices), list(components)])}


def _reopened(invoices: Iterable[str]) -> dict[str, datetime]:
    return dict(bulk.fetch("SELECT invoice, at FROM read_reopened WHERE invoice = ANY(%s)", [list(invoices)]))


def pauses_of(accounts: Collection[str]) -> dict[str, list[Pause]]:
    """account → when its dunning rests."""
    statement = "SELECT account, since, until FROM read_dunning_pause WHERE account = ANY(%s) ORDER BY account, since"
    found: dict[str, list[Pause]] = {}
    for account, since, until in bulk.fetch(statement, [list(accounts)]):
        found.setdefault(account, []).append(Pause(since, until))
    return found


def _moved(accounts: Collection[str]) -> dict[str, Any]:
    """account → when what it owes on documents, when that is due, or what it disputes, last changed."""
    statement = f"""
        SELECT account, max(at) FROM (
            SELECT account, effective_at AS at FROM read_posting WHERE account = ANY(%s) AND ledger = '{ledgers.RECEIVABLE}'
            UNION ALL SELECT account, greatest(since, until) FROM read_due_part WHERE account = ANY(%s)
            UNION ALL SELECT account, greatest(opened_at, closed_at) FROM read_hold WHERE account = ANY(%s)
        ) AS moves GROUP BY account"""  # noqa: S608 - a literal
    names = list(accounts)
    return dict(bulk.fetch(statement, [names, names, names]))
