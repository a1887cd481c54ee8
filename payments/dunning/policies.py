"""Which dunning policy an account follows: that set for it, else of the plan it signed last, else its catalogue's default."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from billing import bulk
from billing.terms import Policy
from billing.works import asked_once
from plans.catalogue import Catalogue
from plans.dunning import DunningPolicy


@dataclass(frozen=True)
class Followed:
    """A policy, and the catalogue that says it. `since`: the day on which it was set for the account."""

    policy: DunningPolicy
    catalogue: Catalogue
    since: date | None = None


def followed(accounts: Collection[str], rules: Policy) -> dict[str, Followed]:
    """account → the policy that it follows; accounts without one are left out."""
    return asked_once(("followed", *accounts), lambda: _followed(accounts, rules))


def _followed(accounts: Collection[str], rules: Policy) -> dict[str, Followed]:
    choices = _choices(accounts)
    found: dict[str, Followed] = {}
    for name, (house, plan) in houses([name for name in accounts if name not in choices], rules).items():
        code = (house.plans[plan].dunning if plan in house.plans else None) or house.default_dunning
        if code in house.dunning:
            found[name] = Followed(house.dunning[code], house)
    for name, (code, catalogue, version, since) in choices.items():
        chosen = rules.catalogue(catalogue, version)
        found[name] = Followed(chosen.dunning[code], chosen, since)
    return found


def houses(accounts: Collection[str], rules: Policy) -> dict[str, tuple[Catalogue, str]]:
    """account → the catalogue whose rules hold for its debts, and its plan: those of the contract that it signed last, running or not; or
    else the catalogue of what it was charged last, and no plan."""
    signed = """
        SELECT DISTINCT ON (account) account, catalogue, version, plan FROM unnest(%s::text[]) AS given(account)
            JOIN read_contract USING (account) ORDER BY account, start DESC, contract DESC"""
    found = {row[0]: (rules.catalogue(row[1], row[2]), row[3]) for row in bulk.fetch(signed, [list(accounts)])}
    others = [name for name in accounts if name not in found]
    if others:
        charged = """
            SELECT DISTINCT ON (account) account, catalogue, version FROM read_charge
            WHERE account = ANY(%s) AND catalogue <> '' ORDER BY account, sequence DESC"""
        found |= {row[0]: (rules.catalogue(row[1], row[2]), "") for row in bulk.fetch(charged, [others])}
    return found


def _choices(accounts: Collection[str]) -> dict[str, tuple[str, str, int, date]]:
    statement = "SELECT account, policy, catalogue, version, since FROM read_dunning_choice WHERE account = ANY(%s)"
    return {row[0]: (row[1], row[2], row[3], row[4]) for row in bulk.fetch(statement, [list(accounts)])}
