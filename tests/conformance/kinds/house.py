"""`allowance`, `approval`, `relief`: what the policy of a house makes of amounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.accounting.buckets import allowance as expected_loss
from billing.accounting.buckets import buckets
from billing.corrections.rules import beyond, read_rule, within
from billing.house.policy import HousePolicy, Limit
from billing.house.relief import Debt, Relief, unmet
from plans.money import parse_decimal, plain


def allowance(inputs: Mapping[str, Any]) -> Any:
    """`percents` of what is `open`, bucket by bucket; of the standard buckets those that the case names."""
    percents = {bucket: parse_decimal(value) for bucket, value in inputs["percents"].items()}
    amounts = {bucket: parse_decimal(value) for bucket, value in inputs["open"].items()}
    assert set(percents) | set(amounts) <= set(buckets())
    total = expected_loss(amounts, percents, inputs["currency"])
    held = parse_decimal(inputs.get("held", "0"))
    return {"allowance": plain(total, 2), "booked": plain(total - held, 2)}


def approval(inputs: Mapping[str, Any]) -> Any:
    """amount → the first role, in the order of `limits`, that may decide it; `today` was decided by each of them on that day before."""
    limits = {role: {"any": _limit(value)} for role, value in inputs["limits"].items()}
    policy = HousePolicy(currency=inputs["currency"], limits=limits)
    today = parse_decimal(inputs.get("today", "0"))
    return {"by": [_decider(policy, parse_decimal(amount), inputs["currency"], today) for amount in inputs["amounts"]]}


def _limit(value: Any) -> Limit:
    return Limit() if value == "unlimited" else Limit(each=parse_decimal(value), day=parse_decimal(value))


def _decider(policy: HousePolicy, amount: Decimal, currency: str, today: Decimal) -> str:
    return next(role for role in policy.limits if policy.may_decide(role, "write_off", amount, currency, today=today))


def relief(inputs: Mapping[str, Any]) -> Any:
    """Why the tax of each of `debts` is not taken back; an empty list where it is."""
    rule = inputs["rule"]
    most = parse_decimal(rule["most"])
    terms = Relief(most=most, days=int(rule["days"]), notified=rule["notified"] == "yes", service_off=rule["service_off"] == "yes")
    missing = [
        list(unmet(terms, Debt(parse_decimal(debt["amount"]), int(debt["days"]), debt["notified"] == "yes", debt["service_off"] == "yes")))
        for debt in inputs["debts"]
    ]
    return {"missing": missing}


def excess(inputs: Mapping[str, Any]) -> Any:
    """An adjustment by the rule `excess`: what was `charged`, the amounts `before` it, and what the rule says of them."""
    words = {name: str(inputs[name]) for name in ("times", "percent", "least") if name in inputs}
    rule = read_rule(" ".join(["excess", "of=item", "at=2026-01-01", *(f"{name}={value}" for name, value in words.items())]))
    exact = beyond(parse_decimal(inputs["charged"]), [parse_decimal(one) for one in inputs["before"]], rule.times)
    return {"credit": plain(within(rule, exact, str(inputs.get("currency", "USD"))), 2)}
