"""Steps that what is known now makes wrong: money came before them and was recorded after them. What they charged is taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal

from billing import bulk, ledgers
from billing.state import AccountState
from payments.dunning.cases import Case, Standing
from payments.dunning.steps import LATE_FEE, FeeCharge
from plans.periods import day_start

ZERO = Decimal(0)
FACT = "excused"
Excused = frozenset[tuple[str, str, date]]  # subject, step, base


def excused_steps(accounts: Collection[str]) -> dict[str, Excused]:
    """account → the steps on whose morning nothing of what they name was overdue, by all that is known now."""
    statement = f"""
        SELECT stream, subject, step, base FROM (
            SELECT j.stream, j.sequence, j.data->>'subject' AS subject, j.data->>'step' AS step, (j.data->>'base')::date AS base,
                (d.value->>'overdue')::numeric + coalesce(sum(p.amount), 0) AS overdue
            FROM journal j CROSS JOIN jsonb_array_elements(j.data->'documents') AS d
                LEFT JOIN read_posting p ON p.account = j.stream AND p.ledger = '{ledgers.RECEIVABLE}' AND p.invoice = d.value->>'invoice'
                    AND p.sequence > j.sequence AND p.effective_at < j.effective_at
            WHERE j.stream = ANY(%s) AND j.kind = 'dunning.step_taken' AND j.data->>'overdue' = 'true'
            GROUP BY j.stream, j.sequence, j.data, d.value
        ) AS documents GROUP BY stream, sequence, subject, step, base HAVING max(overdue) <= 0"""  # noqa: S608 - a literal
    found: dict[str, set[tuple[str, str, date]]] = {}
    for account, subject, step, base in bulk.fetch(statement, [list(accounts)]):
        found.setdefault(account, set()).add((subject, step, base))
    return {account: frozenset(steps) for account, steps in found.items()}


def wrong_fees(state: AccountState, standing: Standing) -> Iterator[tuple[datetime, FeeCharge]]:
    """The late fees of excused steps that stand, each with the moment at which it is taken back: once the money is known, and not before
    the fee was charged."""
    steps: Excused = state.facts.get(FACT, frozenset())
    for subject, code, base in sorted(steps):
        step, terms, start = standing.policy.step(code), f"{subject}:{code}", day_start(base, state.zone)
        amount, at = state.facts["fees"].get((LATE_FEE, terms, start), (ZERO, None))
        if amount > 0 and step is not None and step.fee is not None:
            yield max(at, standing.moved or at), FeeCharge(step.fee, LATE_FEE, ZERO, terms, start, "late_fee")


def suspended_wrongly(case: Case, state: AccountState, standing: Standing) -> bool:
    """Whether every step of the case that suspended is excused."""
    steps: Excused = state.facts.get(FACT, frozenset())
    suspending = [code for code in case.taken if (step := standing.policy.step(code)) is not None and step.status == "suspended"]
    return bool(suspending) and all((case.subject, code, case.base) in steps for code in suspending)
