"""The sums of tax on a document. Pure: lines with the taxes that fall on them in, net and tax of each line out.

Tax accrues to its own target. Per document and rate it is `round(rate × base so far) − taxed so far`; with the level `line` the same holds
per line and rate. So a document that is credited in any parts ends with exactly no tax, and the credit that exhausts it takes what remains.

1. Lines whose amount contains tax are split: net = round((gross − fixed taxes) / (1 + rates)), tax = gross − net (`net_first`).
2. Lower `order` first: each tax has its base, the net amount (a compound tax: with the taxes of lower order), and its target.
3. What is due per rate is shared over the lines by largest remainder, so the lines' taxes add up to the document's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from math import floor

from plans.errors import Invalid
from plans.frozen import frozen
from plans.money import decimals, round_to
from plans.tax import AppliedTax, TaxPolicy

RateKey = tuple[str, str]  # code, rate as text ("" for a fixed amount)
ZERO = Decimal(0)
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])


@frozen()
class TaxableLine:
    """An amount to tax: net, or gross where `inclusive`; negative where it is taken back. `id` names the line of the document, so that a
    correction finds what was taxed before. A correction's fixed taxes are the share that it takes back, negative."""

    id: str
    amount: Decimal
    taxes: tuple[AppliedTax, ...]
    inclusive: bool = False


@frozen()
class TaxShare:
    """Base and tax of one rate on a line or a document, in the currency's decimals."""

    applied: AppliedTax
    base: Decimal
    tax: Decimal

    @property
    def key(self) -> RateKey:
        return self.applied.code, self.applied.rate_text


@frozen()
class TaxedLine:
    """A line with its tax: `net + tax` is what is owed for it; `taxes` add up to `tax`."""

    id: str
    amount: Decimal
    net: Decimal
    tax: Decimal
    taxes: tuple[TaxShare, ...]
    inclusive: bool = False

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def tax_lines(lines: Sequence[TaxableLine], *, policy: TaxPolicy, currency: str, prior: Sequence[TaxedLine] = ()) -> list[TaxedLine]:
    """Tax the lines of one document. `prior` are its lines already issued, credits of it included (negative): what was taxed so far.

    Answers one line for each given, in their order. Amounts must have no more than the currency's decimals.
    """
    if policy.level == "document":
        return _Bucket(lines, prior, policy, decimals(currency)).taxed()
    if not prior and (quick := _each_alone(lines, policy, decimals(currency))) is not None:
        return quick
    answers: dict[int, TaxedLine] = {}
    for name in dict.fromkeys(line.id for line in lines):
        here = [i for i, line in enumerate(lines) if line.id == name]
        before = [line for line in prior if line.id == name]
        taxed = _Bucket([lines[i] for i in here], before, policy, decimals(currency)).taxed()
        answers |= dict(zip(here, taxed, strict=True))
    return [answers[i] for i in range(len(lines))]


def _each_alone(lines: Sequence[TaxableLine], policy: TaxPolicy, places: int) -> list[TaxedLine] | None:
    """The everyday document, without the detours: every line net, with one rate of its own. None where a line is otherwise."""
    if len({line.id for line in lines}) < len(lines):
        return None
    found = []
    for line in lines:
        applied = line.taxes[0] if len(line.taxes) == 1 else None
        if line.inclusive or applied is None or applied.rate is None:
            return None
        tax = round_to(_EXACT.multiply(line.amount, applied.rate.scaleb(-2, _EXACT)), places, policy.rounding)
        found.append(TaxedLine(line.id, line.amount, line.amount, tax, (TaxShare(applied, line.amount, tax),)))
    return found


def rate_totals(lines: Iterable[TaxedLine]) -> list[TaxShare]:
    """The rows of a document's taxes: base and tax of each rate (and reason of exemption), in the order in which the taxes apply."""
    shares: dict[tuple[str, str, str], list[TaxShare]] = {}
    for line in lines:
        for share in line.taxes:
            applied = share.applied
            shares.setdefault((applied.code, applied.rate_text, applied.reason), []).append(share)
    totals = [
        TaxShare(found[0].applied, sum([share.base for share in found], ZERO), sum([share.tax for share in found], ZERO))
        for found in shares.values()
    ]
    return sorted(totals, key=lambda share: share.applied.order)


def tax_differences(wanted: Iterable[TaxedLine], stands: Iterable[TaxedLine]) -> list[TaxShare]:
    """What to add per rate where a rule rewrites what was taxed (a stay became longer): the old rate goes back, the new one is due."""
    found: dict[tuple[str, str, str], TaxShare] = {}
    for lines, sign in ((wanted, 1), (stands, -1)):
        for share in rate_totals(lines):
            key = (*share.key, share.applied.reason)
            before = found.get(key, TaxShare(share.applied, ZERO, ZERO))
            found[key] = replace(before, base=before.base + sign * share.base, tax=before.tax + sign * share.tax)
    return [share for share in found.values() if share.tax or share.base]


def spread(total: Decimal, ideals: Sequence[Fraction], places: int) -> list[Decimal]:
    """Share `total` as near to the ideal parts as whole units of 10^-places allow: round each down, then give the units left to the largest
    remainders (ties: the earlier). Parts may have either sign; the split of a negative total mirrors that of the positive one."""
    if len(ideals) == 1:
        return [round_to(total, places)]
    if total < 0:
        return [-share if share else share for share in spread(-total, [-ideal for ideal in ideals], places)]
    scaled = [ideal * 10**places for ideal in ideals]
    shares = [floor(part) for part in scaled]
    missing = int(total.scaleb(places)) - sum(shares)
    if missing and not shares:
        raise Invalid("out_of_range", f"{total} can't be shared among no lines")
    order = sorted(range(len(shares)), key=lambda i: (-(scaled[i] - shares[i]), i))
    for step in range(abs(missing)):
        i = order[step % len(order)] if missing > 0 else order[-1 - step % len(order)]
        shares[i] += 1 if missing > 0 else -1
    return [Decimal(share).scaleb(-places) for share in shares]


def _percent(applied: AppliedTax) -> Fraction:
    return Fraction(applied.rate or 0) / 100


@dataclass
class _Bucket:
    """Lines that are rounded together: those of a document, or one line with its corrections."""

    lines: Sequence[TaxableLine]
    prior: Sequence[TaxedLine]
    policy: TaxPolicy
    places: int
    net: dict[int, Decimal] = field(default_factory=dict)
    shares: dict[int, list[TaxShare]] = field(default_factory=dict)

    def taxed(self) -> list[TaxedLine]:
        self.shares = {i: [] for i in range(len(self.lines))}
        for members in self._inclusive_sets():
            _Inclusive(self, members).split()
        outside = [i for i, line in enumerate(self.lines) if not line.inclusive]
        self.net |= {i: self.lines[i].amount for i in outside}
        for order in sorted({tax.order for i in outside for tax in self.lines[i].taxes}):
            self._tax_order(outside, order)
        return [self._line(i) for i in range(len(self.lines))]

    def _line(self, i: int) -> TaxedLine:
        line, taxes = self.lines[i], tuple(self.shares[i])
        return TaxedLine(line.id, line.amount, self.net[i], sum((share.tax for share in taxes), ZERO), taxes, line.inclusive)

    def base(self, i: int, tax: AppliedTax) -> Decimal:
        """What the tax is taken of: the net amount, for a compound one with the line's taxes of lower order."""
        lower = (share.tax for share in self.shares[i] if share.applied.order < tax.order) if tax.compound else ()
        return self.net[i] + sum(lower, ZERO)

    def _tax_order(self, outside: Sequence[int], order: int) -> None:
        """All taxes of one order on the lines whose amount is net, each group of them rounded together."""
        groups: dict[str, dict[RateKey, dict[int, AppliedTax]]] = {}
        for i in outside:
            for tax in self.lines[i].taxes:
                if tax.order == order:
                    key = tax.code, tax.rate_text
                    name = f"group {tax.group}" if tax.group else f"rate {key}"
                    groups.setdefault(name, {}).setdefault(key, {})[i] = tax
        due: dict[int, list[TaxShare]] = {}
        for rates in groups.values():
            for i, share in self._tax_group(rates):
                due.setdefault(i, []).append(share)
        for i, shares in due.items():
            self.shares[i] += shares

    def _tax_group(self, rates: Mapping[RateKey, Mapping[int, AppliedTax]]) -> list[tuple[int, TaxShare]]:
        parts = {key: {i: self._exact(i, tax) for i, tax in members.items()} for key, members in rates.items()}
        before = {key: self._before(key) for key in rates}
        exact = {key: before[key].exact + sum(parts[key].values(), Fraction(0)) for key in rates}
        target = round_to(sum(exact.values(), Fraction(0)), self.places, self.policy.rounding)
        found = []
        for key, wanted in zip(rates, spread(target, list(exact.values()), self.places), strict=True):
            dues = spread(wanted - before[key].tax, list(parts[key].values()), self.places)
            for (i, tax), due in zip(rates[key].items(), dues, strict=True):
                found.append((i, TaxShare(tax, self.base(i, tax), due)))
        return found

    def _exact(self, i: int, tax: AppliedTax) -> Fraction:
        return tax.fixed if tax.fixed is not None else _percent(tax) * Fraction(self.base(i, tax))

    def _before(self, key: RateKey) -> _Before:
        """What was taxed so far of one rate on net amounts; a fixed amount counts as it was recorded."""
        shares = [share for line in self.prior if not line.inclusive for share in line.taxes if share.key == key]
        tax = sum((share.tax for share in shares), ZERO)
        exact = sum(
            (Fraction(share.tax) if share.applied.rate is None else _percent(share.applied) * Fraction(share.base) for share in shares),
            Fraction(0),
        )
        return _Before(exact, tax)

    def _inclusive_sets(self) -> list[list[int]]:
        """The lines that contain tax, by the set of taxes that they contain."""
        sets: dict[tuple[RateKey, ...], list[int]] = {}
        for i, line in enumerate(self.lines):
            if line.inclusive:
                sets.setdefault(_rates_of(line.taxes), []).append(i)
        return list(sets.values())


@frozen()
class _Before:
    exact: Fraction
    tax: Decimal


def _rates_of(taxes: Iterable[AppliedTax]) -> tuple[RateKey, ...]:
    return tuple((tax.code, tax.rate_text) for tax in taxes)


class _Inclusive:
    """Lines that contain the same taxes. Each tax is `a × net + b` exactly (b from fixed amounts), so net = (gross − Σb) / (1 + Σa)."""

    def __init__(self, bucket: _Bucket, members: Sequence[int]) -> None:
        self.bucket, self.members = bucket, members
        self.taxes = bucket.lines[members[0]].taxes
        rates = _rates_of(self.taxes)
        self.prior = [line for line in bucket.prior if line.inclusive and _rates_of(share.applied for share in line.taxes) == rates]
        self.slopes = _compounded(self.taxes, [_percent(tax) for tax in self.taxes])
        if sum(self.slopes) <= -1:
            raise Invalid("out_of_range", "an amount can't contain taxes of -100 percent or less", at="rate")

    def split(self) -> None:
        """Net by its target over all lines so far; then each line's tax, gross − net, over its rates."""
        places, rounding = self.bucket.places, self.bucket.policy.rounding
        nets = {i: self._exact_net(self.bucket.lines[i].amount, self._fixed(i)) for i in self.members}
        gross = sum((self.bucket.lines[i].amount for i in self.members), ZERO)
        exact = self._prior_net() + sum(nets.values(), Fraction(0))
        so_far = sum((line.gross for line in self.prior), ZERO) + gross
        target = round_to(exact, places, rounding)
        if self.bucket.policy.order == "tax_first":
            target = so_far - round_to(Fraction(so_far) - exact, places, rounding)
        due = target - sum((line.net for line in self.prior), ZERO)
        for i, net in zip(self.members, spread(due, list(nets.values()), places), strict=True):
            self.bucket.net[i] = net
        self._share_rates(nets)

    def _share_rates(self, nets: Mapping[int, Fraction]) -> None:
        """Over the rates by running totals, so that what was split off in parts adds up to what a single line would have."""
        exact = [slope * self._prior_net() + fixed for slope, fixed in zip(self.slopes, self._prior_fixed(), strict=True)]
        stands = [sum((line.taxes[k].tax for line in self.prior), ZERO) for k in range(len(self.taxes))]
        for i in self.members:
            line = self.bucket.lines[i]
            total = sum(stands, ZERO) + line.amount - self.bucket.net[i]
            exact = [old + slope * nets[i] + fixed for old, slope, fixed in zip(exact, self.slopes, self._fixed(i), strict=True)]
            wanted = spread(total, exact, self.bucket.places) if self.taxes else []
            for tax, now, before in zip(line.taxes, wanted, stands, strict=True):
                self.bucket.shares[i].append(TaxShare(tax, self.bucket.base(i, tax), now - before))
            stands = wanted

    def _fixed(self, i: int) -> list[Fraction]:
        return _compounded(self.taxes, [Fraction(0)] * len(self.taxes), [tax.fixed or Fraction(0) for tax in self.bucket.lines[i].taxes])

    def _prior_fixed(self) -> list[Fraction]:
        recorded = [
            Fraction(sum((line.taxes[k].tax for line in self.prior), ZERO)) if tax.rate is None else Fraction(0)
            for k, tax in enumerate(self.taxes)
        ]
        return _compounded(self.taxes, [Fraction(0)] * len(self.taxes), recorded)

    def _prior_net(self) -> Fraction:
        return self._exact_net(sum((line.gross for line in self.prior), ZERO), self._prior_fixed())

    def _exact_net(self, gross: Decimal, fixed: Sequence[Fraction]) -> Fraction:
        return (Fraction(gross) - sum(fixed, Fraction(0))) / (1 + sum(self.slopes, Fraction(0)))


def _compounded(taxes: Sequence[AppliedTax], own: Sequence[Fraction], fixed: Sequence[Fraction] | None = None) -> list[Fraction]:
    """The taxes' parts where a compound one also takes its rate of the parts of lower order."""
    found: list[Fraction] = []
    for k, tax in enumerate(taxes):
        lower = sum((part for part, other in zip(found, taxes[:k], strict=True) if other.order < tax.order), Fraction(0))
        extra = fixed[k] if fixed is not None else Fraction(0)
        found.append(own[k] + extra + (_percent(tax) * lower if tax.compound else 0))
    return found
