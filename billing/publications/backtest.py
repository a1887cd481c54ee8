"""A draft tried on the history of the last months: who would have paid more or less, by how much. Sums, how it is spread, the most moved.

Bounded: at most so many accounts and periods. Accounts are taken in the order of a hash of their names, so that whatever was tested is a
fair sample, the same one each time; the result says how many of how many they are. Amounts are before tax.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from billing import bulk
from billing.publications.replaying import ZERO, Line, Replayed, Trial, replay
from plans.money import DECIMALS, plain, round_to

CHUNK = 50
MOST_ACCOUNTS = 2_000
MOST_PERIODS = 20_000
MOST_MOVERS = 20
#: Bounds of the spread, in percent of what was paid; a bar holds what lies above its lower bound, up to the upper one.
BOUNDS = (-50, -20, -5, 0, 5, 20, 50)
SAME = "same"


@dataclass(frozen=True)
class Mover:
    """One account in one currency."""

    account: str
    currency: str
    before: Decimal
    after: Decimal

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


def population(trial: Trial) -> list[str]:
    """Everybody who has had a contract of the catalogue or bought of it in the span, in the order in which samples are taken."""
    statement = """
        SELECT account FROM (
            SELECT account FROM read_contract WHERE catalogue = %s AND start < %s AND ("end" IS NULL OR "end" > %s)
            UNION SELECT account FROM read_charge
                WHERE kind = 'sale' AND catalogue = %s AND effective_at >= %s AND effective_at < %s) AS known
        ORDER BY md5(account), account"""
    name, since, until = trial.draft.name, trial.since, trial.until
    return [row[0] for row in bulk.fetch(statement, [name, until, since, name, since, until])]


def backtest(trial: Trial, *, sample: int) -> dict[str, Any]:
    """Try the draft on at most `sample` accounts. The answer is plain data, amounts as text, as it is kept and shown."""
    accounts = population(trial)
    wanted, found, tested = accounts[: min(sample, MOST_ACCOUNTS)], Replayed(), 0
    for i in range(0, len(wanted), CHUNK):
        if found.periods >= MOST_PERIODS:
            break
        part = replay(wanted[i : i + CHUNK], trial)
        found.lines += part.lines
        found.periods += part.periods
        found.left_out += part.left_out
        tested += len(wanted[i : i + CHUNK])
    return {
        "catalogue": trial.draft.name,
        "digest": trial.draft.digest,
        "since": _text(trial.since),
        "until": _text(trial.until),
        "moved": trial.moved,
        "accounts": len(accounts),
        "tested": tested,
        "periods": found.periods,
        "left_out": dict(sorted(found.left_out.items())),
        **summarised(found.lines, tested=tested, accounts=len(accounts)),
    }


def _text(moment: datetime) -> str:
    return moment.isoformat()


def summarised(lines: Iterable[Line], *, tested: int, accounts: int) -> dict[str, Any]:
    """What the lines come to, by currency, by item, and by account."""
    movers: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    items: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for line in lines:
        for sums, key in ((movers, (line.account, line.currency)), (items, (line.item, line.currency))):
            sums[key][0] += line.before
            sums[key][1] += line.after
    listed = [Mover(account, currency, *amounts) for (account, currency), amounts in movers.items()]
    most = sorted((one for one in listed if one.difference), key=lambda one: (-abs(one.difference), one.account))[:MOST_MOVERS]
    return {
        "currencies": [_currency(name, listed, tested=tested, accounts=accounts) for name in sorted({one.currency for one in listed})],
        "movers": [_mover(one) for one in most],
        "items": [
            {"item": item, "currency": currency, **_sums(before, after, currency)}
            for (item, currency), (before, after) in sorted(items.items(), key=lambda one: (-abs(one[1][1] - one[1][0]), one[0]))
        ],
    }


def _currency(name: str, movers: Sequence[Mover], *, tested: int, accounts: int) -> dict[str, Any]:
    """`estimate`: the difference for everybody, scaled from the sample to the whole; none where all were tested."""
    mine = [one for one in movers if one.currency == name]
    before, after = sum((one.before for one in mine), ZERO), sum((one.after for one in mine), ZERO)
    scaled = Fraction(after - before) * accounts / tested if 0 < tested < accounts else None
    return {
        "currency": name,
        **_sums(before, after, name),
        "estimate": None if scaled is None else _said(round_to(scaled, DECIMALS.get(name, 2)), name),
        "more": sum(one.difference > 0 for one in mine),
        "less": sum(one.difference < 0 for one in mine),
        "same": sum(not one.difference for one in mine),
        "spread": spread(mine),
    }


def _mover(one: Mover) -> dict[str, str]:
    share = f"{100 * one.difference / one.before:+.1f}" if one.before else ""
    return {"account": one.account, "currency": one.currency, **_sums(one.before, one.after, one.currency), "percent": share}


def _sums(before: Decimal, after: Decimal, currency: str) -> dict[str, str]:
    return {"before": _said(before, currency), "after": _said(after, currency), "difference": _said(after - before, currency)}


def _said(amount: Decimal, currency: str) -> str:
    """With the decimals of the currency; units of a wallet as they are."""
    return plain(amount, DECIMALS.get(currency))


def spread(movers: Iterable[Mover]) -> list[dict[str, Any]]:
    """How many accounts pay so many percent more or less, from the most saved to the most added; whoever paid nothing before and pays now
    stands with the most added."""
    counts: Counter[str] = Counter(bucket(one.before, one.after) for one in movers)
    return [{"label": label, "accounts": counts[label]} for label in LABELS]


def _labels() -> tuple[str, ...]:
    """In percent; written with a real minus sign."""
    below = [f"{low}…{high}".replace("-", "−") for low, high in pairwise(BOUNDS[:4])]
    above = [f"+{low}…+{high}".replace("+0…", "0…") for low, high in pairwise(BOUNDS[3:])]
    return (f"< −{-BOUNDS[0]}", *below, SAME, *above, f"> +{BOUNDS[-1]}")


LABELS = _labels()


def bucket(before: Decimal, after: Decimal) -> str:
    """Which bar of the spread an account belongs to."""
    if before == after:
        return SAME
    if before <= 0:
        return LABELS[-1] if after > before else LABELS[0]
    percent = 100 * (after - before) / before
    below = sum(percent >= bound for bound in BOUNDS[:3]) if percent < 0 else 0
    return LABELS[below] if percent < 0 else LABELS[5 + sum(percent > bound for bound in BOUNDS[4:])]


def lines_of(account: str, trial: Trial) -> Mapping[str, Any]:
    """One account's lines, what differs most first, and what of it could not be compared."""
    found = replay([account], trial)
    lines = sorted(found.lines, key=lambda line: (-abs(line.difference), line.item, line.start))
    return {"lines": lines, "left_out": dict(found.left_out)}
