"""What an account uses in its running periods: day by day, so far, in the period before, and what it comes to if it goes on like this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from billing.accrual import decimal_of
from billing.loading import load_one, policy
from billing.measuring import Need, history, read_records, records_of_subject
from billing.models import Period as PeriodRow
from billing.state import AccountState, Contract
from billing.terms import item_of, plan_of
from plans.catalogue import Catalogue, Item
from plans.metering import Meter, Record, measure, measure_windows
from plans.periods import Period, Span, local_date

ADDING = ("sum", "count")  # aggregates that grow in step with time, so that a forecast means something
MOST_DAYS = 62  # a longer period is shown by the month
LEAST_SHARE = Fraction(1, 20)  # of a period must be over before a forecast is made


@dataclass(frozen=True)
class Used:
    """One metered item of one contract in its running period `[start, end)`. `forecast` is None where nothing sensible can be said."""

    contract: str
    plan: str
    item: str
    name: str
    unit: str
    start: datetime
    end: datetime
    so_far: Decimal
    days: tuple[tuple[date, Decimal], ...]
    forecast: Decimal | None
    before: Decimal | None  # in the period before; None: there was none
    included: Decimal | None

    @property
    def share(self) -> int | None:
        """How much of what is included is used, in whole percents."""
        return int(self.so_far * 100 / self.included) if self.included else None


def usage(account: str, *, at: datetime) -> list[Used]:
    """Every metered item whose period runs at `at`. Raises NotFound `unknown_account`."""
    state = load_one(account)
    found = [_Look(state, state.contracts[row.contract], row.item, Span(row.start, row.end), at) for row in _running(state, at)]
    return [look.used() for look in found if look.item is not None and look.item.charge == "usage" and look.item.meter]


def _running(state: AccountState, at: datetime) -> Iterable[PeriodRow]:
    rows = PeriodRow.objects.filter(account=state.account, start__lte=at, end__gt=at).order_by("contract", "item")
    return [row for row in rows if row.contract in state.contracts]


class _Look:
    """One item in one period, looked at."""

    def __init__(self, state: AccountState, contract: Contract, code: str, span: Span, at: datetime) -> None:
        self.state, self.contract, self.span, self.at = state, contract, span, at
        self.terms = contract.timeline[-1].terms
        self.item: Item | None = item_of(policy(), self.terms, code)
        self.catalogue: Catalogue = policy().catalogue(self.terms.catalogue, self.terms.version)

    def used(self) -> Used:
        item = self.item
        assert item is not None
        assert item.meter is not None
        meter = self.catalogue.meters.get(item.meter, Meter(code=item.meter))
        past = self._span_before(item.code)
        records = self._records(meter, (past or self.span).start)
        now = Span(self.span.start, max(self.at, self.span.start))
        so_far = self._quantity(meter, records, now)
        return Used(
            contract=self.contract.id,
            plan=self.contract.name or plan_of(policy(), self.terms).name,
            item=item.code,
            name=item.name,
            unit=item.unit or meter.unit,
            start=self.span.start,
            end=self.span.end,
            so_far=so_far,
            days=self._days(meter, records, now),
            forecast=self._forecast(meter, so_far),
            before=self._quantity(meter, records, past) if past else None,
            included=item.pricing.beside.included if item.pricing else None,
        )

    def _span_before(self, code: str) -> Span | None:
        row = PeriodRow.objects.filter(account=self.state.account, contract=self.contract.id, item=code, end=self.span.start).first()
        return Span(row.start, row.end) if row is not None and row.start < row.end else None

    def _records(self, meter: Meter, start: datetime) -> list[Record]:
        parts = [self.catalogue.meters.get(part, Meter(code=part)) for part in meter.parts] or [meter]
        needs = [Need(self.state.account, part.reads or part.code, start, self.at, history(part)) for part in parts]
        found = [record for records in read_records(needs).values() for record in records]
        return records_of_subject(found, self.terms.subject) if self.terms.subject else found

    def _quantity(self, meter: Meter, records: Sequence[Record], span: Span) -> Decimal:
        within = [record for record in records if record.at >= span.start]
        before = [record for record in records if record.at < span.start]
        shown = measure(
            meter,
            within,
            span,
            zone=self.state.zone,
            calendars=self.catalogue.calendars,
            before=before,
            meters=self.catalogue.meters,
        )
        return decimal_of(shown.quantity)

    def _days(self, meter: Meter, records: Sequence[Record], span: Span) -> tuple[tuple[date, Decimal], ...]:
        """Each day (or month, of a long period) of the span alone."""
        window = Period(1, "day" if (self.span.end - self.span.start).days <= MOST_DAYS else "month")
        measured = measure_windows(
            meter,
            [record for record in records if record.at >= span.start],
            span,
            window=window,
            zone=self.state.zone,
            calendars=self.catalogue.calendars,
            before=[record for record in records if record.at < span.start],
            meters=self.catalogue.meters,
        )
        return tuple((local_date(part.start, self.state.zone), decimal_of(shown.quantity)) for part, shown in measured)

    def _forecast(self, meter: Meter, so_far: Decimal) -> Decimal | None:
        """The quantity at the end if use goes on as it was on average until now."""
        gone, whole = self.at - self.span.start, self.span.end - self.span.start
        if meter.aggregate not in ADDING or gone < whole * LEAST_SHARE.numerator / LEAST_SHARE.denominator:
            return None
        likely = Fraction(so_far) * Fraction(int(whole.total_seconds()), int(gone.total_seconds()))
        return Decimal(round(likely))
