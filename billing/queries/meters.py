"""What meters show: of accounts, in windows of time, by the newest catalogue that has the meter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing.accrual import decimal_of
from billing.measuring import EARLIEST, Need, read_records
from plans import store
from plans.catalogue import Catalogue
from plans.errors import Invalid, NotFound
from plans.fields import suggestion
from plans.metering import Meter, measure, measure_windows
from plans.periods import Period, Span

MOST_WINDOWS = 10_000


@dataclass(frozen=True)
class Shown:
    """What the meter shows of the account in `[start, end)`."""

    account: str
    start: datetime
    end: datetime
    value: Decimal


def known_meters() -> dict[str, tuple[Catalogue, Meter]]:
    """code → the meter and the newest catalogue that has it, by code."""
    found: dict[str, tuple[Catalogue, Meter]] = {}
    for name in store.names():
        catalogue = store.newest(name)
        found |= {code: (catalogue, meter) for code, meter in catalogue.meters.items()}
    return dict(sorted(found.items()))


def meter_shows(code: str, account: str, *, start: datetime, end: datetime, zone: str, window: Period | None = None) -> Iterator[Shown]:
    """The whole span, or each calendar window of it in the zone, the empty ones too.

    Raises NotFound `unknown_meter`; Invalid `out_of_range` for a span that ends before it starts, or too many windows.
    """
    known = known_meters()
    if code not in known:
        raise NotFound("unknown_meter", f"there is no meter {code[:80]!r}{suggestion(code, list(known))}", at="meter")
    if end <= start:
        raise Invalid("out_of_range", "it would end before it starts", at="to")
    if window is not None and (end - start) / window.about > MOST_WINDOWS:
        raise Invalid("out_of_range", f"more than {MOST_WINDOWS} windows; ask for a shorter span or longer ones", at="windowSize")
    catalogue, meter = known[code]
    span = Span(start, end)
    parts = [catalogue.meters.get(part, Meter(code=part)) for part in meter.parts] or [meter]
    needs = [Need(account, part.reads or part.code, EARLIEST, end) for part in parts]
    records = [record for listed in read_records(needs).values() for record in listed]
    before, within = [one for one in records if one.at < start], [one for one in records if one.at >= start]
    if window is None:
        shown = measure(meter, within, span, zone=zone, calendars=catalogue.calendars, before=before, meters=catalogue.meters)
        yield Shown(account, start, end, decimal_of(shown.quantity))
        return
    found = measure_windows(
        meter, within, span, window=window, zone=zone, calendars=catalogue.calendars, before=before, meters=catalogue.meters
    )
    yield from (Shown(account, part.start, part.end, decimal_of(one.quantity)) for part, one in found)
