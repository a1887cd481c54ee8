"""`usage why`: the records of a meter beside what the contracts measured of them, through the code that bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing import bulk, measuring
from billing.counting import Counted
from billing.loading import load_one, policy
from billing.measuring import Need, measure_item, read_records
from billing.schedule import meters_of
from billing.state import AccountState, Contract, PeriodRow
from billing.terms import Segment, item_codes, item_of, segments
from billing.usage.explain import EARLIEST, LATEST, Explanation, Use, explain
from plans.fields import suggestion
from plans.metering import Meter, Record
from plans.periods import Span

Records = Mapping[tuple[str, str], list[Record]]


@dataclass(frozen=True)
class Reading:
    """An item of a contract and the meters that it is measured by: code in the catalogue → code under which its records are sent
    ("" for a meter made of meters)."""

    contract: Contract
    item: str
    meters: Mapping[str, str]

    def is_of(self, meter: str) -> bool:
        return meter in self.meters or meter in self.meters.values()

    def sources(self, meter: str) -> set[str]:
        """The codes under which the records of the meter are sent; of a meter made of meters, all that the item reads."""
        if meter in self.meters.values():
            return {meter}
        return {self.meters[meter]} if self.meters[meter] else set(self.meters.values()) - {""}


def why(account: str, meter: str, *, at: datetime, start: datetime | None = None, end: datetime | None = None) -> Explanation:
    """What each record of the meter counted for. `meter` is the code under which records are sent, or that of a meter of the catalogue.

    The stretch is `[start, end)`; without bounds, the billing periods that hold `at`, or the last ones before it. Raises NotFound
    `unknown_account`.
    """
    state = load_one(account)
    readings = [found for contract in state.contracts.values() for code in item_codes(contract) if (found := _reading(contract, code))]
    mine = [reading for reading in readings if reading.is_of(meter)]
    rows = [(reading, row) for reading in mine for row in _periods(state, reading, at, start, end)]
    lower = start or min((row.start for _, row in rows), default=EARLIEST)
    upper = end or max((row.end for _, row in rows), default=LATEST)
    span = Span(lower, max(upper, lower))
    sources = {name for reading in mine for name in reading.sources(meter)} or {meter}
    names = sorted(sources | {raw for reading in mine for raw in reading.meters.values() if raw})
    records = read_records([Need(account, name, measuring.EARLIEST, span.end, "all") for name in names])
    uses = [use for reading, row in rows for use in _uses(reading, row, state, records)]
    shown = [record for name in sorted(sources) for record in records.get((account, name), ())]
    return explain(account, meter, state.zone, span, uses, shown, missing="" if mine else _missing(state, meter, readings))


def _reading(contract: Contract, code: str) -> Reading | None:
    """The meters of a metered item, of all the terms that it had; None for other items."""
    found: dict[str, str] = {}
    for row in contract.timeline:
        item = item_of(policy(), row.terms, code)
        if item is None or item.charge != "usage":
            continue
        catalogue = policy().catalogue(row.terms.catalogue, row.terms.version)
        for name in meters_of(policy(), contract, item):
            held = catalogue.meters.get(name, Meter(code=name))
            found[name] = "" if held.parts else held.reads or name
    return Reading(contract, code, found) if found else None


def _periods(state: AccountState, reading: Reading, at: datetime, start: datetime | None, end: datetime | None) -> list[PeriodRow]:
    """The item's billing periods that touch the stretch; without one, that which holds `at`, else the newest."""
    rows = [row for row in state.periods if (row.contract, row.item) == (reading.contract.id, reading.item) and row.start < row.end]
    if start or end:
        return [row for row in rows if row.end > (start or EARLIEST) and row.start < (end or LATEST)]
    held = [row for row in rows if row.start <= at < row.end]
    return held or rows[-1:]


def _uses(reading: Reading, row: PeriodRow, state: AccountState, records: Records) -> list[Use]:
    """What each segment of the period measured: the same segments and the same function as in the tick."""
    found = segments(policy(), reading.contract, reading.item, Span(row.start, row.end), state.zone)
    counted = Counted(row, reading.contract, tuple(found), row.closed)
    return [_use(counted, segment, state, records) for segment in found if segment.item.meter is not None]


def _use(counted: Counted, segment: Segment, state: AccountState, records: Records) -> Use:
    meter, subject = segment.item.meter or "", segment.terms.subject
    measured = measure_item(counted, meter, segment.span, state, policy(), records, subject=subject)
    return Use(counted.contract.id, segment.item.code, meter, segment.span, subject, measured)


def _missing(state: AccountState, meter: str, readings: Sequence[Reading]) -> str:
    """Why nothing reads the meter: no catalogue knows it (with the closest known one), or no item of this account's contracts does."""
    known = {name for reading in readings for pair in reading.meters.items() for name in pair if name}
    catalogues = {(row.terms.catalogue, row.terms.version) for contract in state.contracts.values() for row in contract.timeline}
    meters = {code for name, version in catalogues for code in policy().catalogue(name, version).meters}
    sent = {row[0] for row in bulk.fetch("SELECT DISTINCT meter FROM usage_record WHERE account = %s", [state.account])}
    if not state.contracts:
        return f"the account {state.account!r} has no contract that could use the meter {meter!r}"
    if meter in meters:
        return f"no item of the contracts of {state.account!r} uses the meter {meter!r}{suggestion(meter, sorted(known))}"
    hint = suggestion(meter, sorted(known | meters | sent - {meter}))
    return f"no catalogue of the contracts of {state.account!r} knows the meter {meter!r}{hint}"
