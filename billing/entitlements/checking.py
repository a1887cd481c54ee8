"""Asking: few statements, none of which grows with the account's past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import orjson

from billing import bulk
from billing.accrual import decimal_of
from billing.codec import decode_value
from billing.entitlements.rules import Entitlement, Source, Standing, decide, period_of
from billing.events import Terms
from billing.loading import load_one, policy
from billing.measuring import Need, read_records
from billing.terms import Policy, plan_of
from billing.totals import adds_up
from billing.wallets.loading import load_wallets
from plans import store
from plans.catalogue import Catalogue, Feature
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.metering import Meter, measure
from plans.periods import Span

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
ZERO = Decimal(0)


def check(account: str, feature: str, quantity: Decimal | int = 1, *, at: datetime) -> Entitlement:
    """May the account use so much (more) of the feature at that moment? Of a limit without a meter `quantity` is what it would have in all.

    Raises NotFound `unknown_account` or `unknown_feature`, Invalid `out_of_range` for a quantity below 0.
    """
    wanted = Decimal(quantity)
    if not wanted.is_finite() or wanted < 0:
        raise Invalid("out_of_range", f"expected 0 or more, found {quantity}", at="quantity")
    with store.steady():
        found = _ask(account, at)
        known = features_of(found.sources, feature)
        if feature not in known:
            raise NotFound("unknown_feature", f"there is no feature {feature!r}{suggestion(feature, sorted(known))}", at="feature")
        return found.answer(known[feature], wanted)


def check_all(account: str, *, at: datetime) -> list[Entitlement]:
    """Every feature that the account's contracts and the catalogues of its seller name, in their order, each asked for 1."""
    with store.steady():
        found = _ask(account, at)
        return [found.answer(feature, Decimal(1)) for feature in features_of(found.sources, seller=found.seller).values()]


def features_of(sources: Sequence[Source], wanted: str = "", *, seller: str = "") -> dict[str, Feature]:
    """code → feature: as the versions of the running contracts say, then as the newest catalogues do, of all sellers or of one; these are
    not looked at where the contracts know the one that is wanted."""
    rules = policy()
    found: dict[str, Feature] = {}
    for one in sources:
        found = dict(found) | {c: f for c, f in rules.catalogue(one.terms.catalogue, one.terms.version).features.items() if c not in found}
    if wanted in found:
        return found
    for newest in map(store.newest, store.names()):
        if seller in ("", newest.seller["code"]):
            found |= {code: feature for code, feature in newest.features.items() if code not in found}
    return found


@dataclass(frozen=True)
class _Asked:
    account: str
    seller: str
    status: str
    zone: str
    credit: str
    sources: tuple[Source, ...]
    rules: Policy
    at: datetime

    def answer(self, feature: Feature, quantity: Decimal) -> Entitlement:
        standing = Standing(self.status, self.credit, self.zone)
        if feature.kind == "limit" and self.sources:
            used = self._used(feature)
            granted, empty = self._wallets(feature)
            standing = Standing(self.status, self.credit, self.zone, used, granted, empty)
        return decide(self.rules, feature, self.sources, standing, quantity, self.at)

    def _used(self, feature: Feature) -> Decimal:
        """What the feature's meter shows for its period, up to now."""
        if feature.meter is None:
            return ZERO
        first = min(self.sources, key=lambda one: (one.start, one.contract))
        span = period_of(self.rules, first, feature, self.at, self.zone) or Span(LONG_AGO, self.at)
        until = Span(span.start, max(self.at, span.start)) if span.end > self.at else span
        catalogue = self.rules.catalogue(first.terms.catalogue, first.terms.version)
        return used_of(self.account, catalogue.meters.get(feature.meter, Meter(code=feature.meter)), catalogue, until, self.zone)

    def _wallets(self, feature: Feature) -> tuple[Decimal, str]:
        """Units granted on top, and the currency of an empty wallet that would have to pay."""
        wallets = load_wallets([self.account])[self.account]
        units = wallets.get(feature.code)
        granted = max(units.spendable(at=self.at), ZERO) if units else ZERO
        for one in self.sources:
            plan = plan_of(self.rules, one.terms)
            drawing = [item for code, item in plan.items.items() if code in one.terms.items and item.draws == "tick"]
            for item in drawing if feature.meter else ():
                unit = item.wallet or plan.currency
                if item.meter == feature.meter and (unit not in wallets or wallets[unit].allowed(at=self.at, item=item.code) <= 0):
                    return granted, unit
        return granted, ""


def used_of(account: str, meter: Meter, catalogue: Catalogue, span: Span, zone: str) -> Decimal:
    """What the meter shows for `[start, end)`: added up by the database where that says it, else measured record by record."""
    source = meter.reads or meter.code
    if adds_up(meter):
        statement = """
            SELECT count(*), coalesce(sum(value), 0), coalesce(bool_or(until IS NOT NULL), false), EXISTS (SELECT 1 FROM usage_record
                WHERE account = %s AND meter = %s AND (voids <> '' OR amends <> ''))
            FROM usage_record WHERE account = %s AND meter = %s AND at >= %s AND at < %s"""
        count, total, lasting, corrected = bulk.fetch(statement, [account, source, account, source, span.start, span.end])[0]
        if not lasting and not corrected:
            return decimal_of(Fraction(count) if meter.aggregate == "count" else Fraction(total) * Fraction(meter.factor))
    parts = [catalogue.meters.get(part, Meter(code=part)) for part in meter.parts] or [meter]
    needs = [Need(account, part.reads or part.code, LONG_AGO, span.end) for part in parts]
    records = [record for listed in read_records(needs).values() for record in listed]
    before, within = [r for r in records if r.at < span.start], [r for r in records if r.at >= span.start]
    shown = measure(meter, within, span, zone=zone, calendars=catalogue.calendars, before=before, meters=catalogue.meters)
    return decimal_of(shown.quantity)


def _ask(account: str, at: datetime) -> _Asked:
    """The account and its running contracts with the terms of the moment: one statement."""
    statement = """
        SELECT a.seller, a.status, a.zone, coalesce(s.status, 'good'), c.contract, c.start, c."end", t.terms::text,
            stopped.contract IS NOT NULL
        FROM read_account a LEFT JOIN read_credit_status s ON s.account = a.account
            LEFT JOIN read_contract c ON c.account = a.account AND c.status <> 'ended' AND c.start <= %s
                AND (c."end" IS NULL OR c."end" > %s)
            LEFT JOIN LATERAL (SELECT terms FROM read_contract_terms t WHERE t.account = c.account AND t.contract = c.contract
                AND t.effective_at <= %s ORDER BY t.effective_at DESC, t.sequence DESC LIMIT 1) t ON true
            LEFT JOIN read_suspended_service stopped ON stopped.contract = c.contract
        WHERE a.account = %s ORDER BY c.start, c.contract"""
    rows = bulk.fetch(statement, [at, at, at, account])
    if not rows:
        load_one(account)  # says who is meant
    sources = []
    for _, _, _, _, contract, start, end, text, stopped in rows:
        terms: Terms | None = decode_value(Terms, orjson.loads(text)) if text else None
        if terms is not None and (not terms.paused or stopped):
            sources.append(Source(contract, terms, start, end, stopped))
    seller, status, zone, credit = rows[0][:4]
    return _Asked(account, seller, status, zone, credit, tuple(sources), policy(), at)
