"""Registers: counters that go up. What was used lies between two readings; rollover, replacement, estimates, and readings that can't be.

A reading lower than the one before, without rollover or replacement, is reported and left out: the next good reading is compared with
the last good one, so nothing is charged twice or silently negative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from plans.metering.extents import MOMENT, Extent
from plans.metering.levels import Identity, pick
from plans.metering.meters import Meter
from plans.metering.records import Record, Skipped
from plans.money import fraction, plain
from plans.periods import Span


@dataclass(frozen=True)
class Reading:
    """A value that a register showed. `least`: the last value that was not an estimate; no correction goes below it."""

    record: Record
    at: datetime
    value: Fraction
    least: Fraction


@dataclass
class Registered:
    """What readings amount to: differences placed in time, readings left out, and those a person should look at."""

    extents: list[Extent] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[Skipped] = field(default_factory=list)

    def leave_out(self, record: Record, code: str, reason: str, *, problem: bool = False) -> None:
        entry = Skipped(record.reference, code, reason)
        self.skipped.append(entry)
        if problem:
            self.problems.append(entry)


def register_extents(meter: Meter, records: Iterable[Record]) -> Registered:
    """The differences of every register (told apart by the meter's dimensions and `per`)."""
    registers: dict[Identity, list[Record]] = {}
    for record in records:
        registers.setdefault(pick(record.dimensions, meter.identity), []).append(record)
    found = Registered()
    for readings in registers.values():
        ordered = sorted(readings, key=lambda record: (record.at, record.kind == "replacement", record.sequence, record.source, record.id))
        _read(meter, _without_superseded(meter, ordered, found), found)
    return found


def _without_superseded(meter: Meter, readings: Sequence[Record], found: Registered) -> list[Record]:
    """Leave out readings corrected by another one of the same instant, and estimates that a later actual reading replaced."""
    kept: list[Record] = []
    actual_later = False
    for record in reversed(_one_for_each_instant(readings, found)):
        if record.estimated and actual_later and meter.register.estimates == "replaced":
            found.leave_out(record, "estimate_replaced", "an actual reading came later")
        else:
            kept.append(record)
        actual_later = actual_later or not record.estimated
    return kept[::-1]


def _one_for_each_instant(readings: Sequence[Record], found: Registered) -> list[Record]:
    """Of the readings of one instant the last actual one, else the last estimate. Replacements all stay."""
    best: dict[tuple[datetime, str], Record] = {}
    for record in readings:
        place = (record.at, record.reference if record.kind == "replacement" else "")
        rival = best.get(place)
        better = record if rival is None or rival.estimated or not record.estimated else rival
        worse = rival if better is record else record
        if worse is not None:
            found.leave_out(worse, "superseded", f"{better.reference} reads the register at the same instant")
        best[place] = better
    return list(best.values())


def _read(meter: Meter, readings: Sequence[Record], found: Registered) -> None:
    """Walk the readings of one register, each compared with the last good one."""
    base: Reading | None = None
    for record in readings:
        if record.kind == "replacement":
            base = _replace(meter, record, base, found)
            continue
        if record.value is None:
            found.leave_out(record, "no_value", "the reading has no value", problem=True)
            continue
        reading = _reading(record, record.exact, base)
        if base is None and _possible(meter, reading, found):
            found.leave_out(record, "first_reading", "there is no earlier reading to compare it with")
            base = reading
        elif base is not None and _count(meter, base, reading, found):
            base = reading


def _replace(meter: Meter, record: Record, base: Reading | None, found: Registered) -> Reading:
    """Close the old register with its final value and open the new one with its initial value (0 unless said)."""
    if record.final is None:
        found.leave_out(record, "no_final", "the register was replaced without the closing value of the old one", problem=True)
    elif base is not None:
        _count(meter, base, _reading(record, fraction(record.final), base), found)
    else:
        found.leave_out(record, "first_reading", "there is no earlier reading to compare the closing value with")
    initial = fraction(record.initial) if record.initial is not None else Fraction(0)
    return Reading(record, record.at, initial, initial)


def _reading(record: Record, value: Fraction, base: Reading | None) -> Reading:
    return Reading(record, record.at, value, base.least if record.estimated and base is not None else value)


def _possible(meter: Meter, reading: Reading, found: Registered) -> bool:
    modulus = meter.register.modulus
    if reading.value < 0 or (modulus is not None and reading.value >= fraction(modulus)):
        reason = f"{plain(reading.value)} can't stand on this register"
        found.leave_out(reading.record, "beyond_register", reason, problem=True)
        return False
    return True


def _count(meter: Meter, base: Reading, reading: Reading, found: Registered) -> bool:
    """Place the difference between two readings; False where the later one can't be, and is left out."""
    if not _possible(meter, reading, found):
        return False
    difference = reading.value - base.value
    correction = meter.register.estimates == "kept" and reading.value >= base.least
    if difference < 0 and not correction:
        modulus = meter.register.modulus
        told = f"{plain(reading.value)} is below {plain(base.value)}, read by {base.record.reference}"
        if modulus is None:
            found.leave_out(reading.record, "lower_reading", f"{told}, and the register was not replaced", problem=True)
            return False
        difference += fraction(modulus)
        if 2 * difference > fraction(modulus):
            reason = f"{told}: started again, it would have counted more than half its range"
            found.leave_out(reading.record, "unlikely_rollover", reason, problem=True)
            return False
    found.extents.append(_place(meter, base, reading, difference))
    return True


def _place(meter: Meter, base: Reading, reading: Reading, difference: Fraction) -> Extent:
    """Evenly between the readings, or at the moment before the later one: what it read was used by then."""
    last = max(reading.at - MOMENT, base.at)
    where = Span(base.at, reading.at) if meter.register.spread == "days" and base.at < reading.at else Span(last, last)
    return Extent(reading.record, where, difference * fraction(meter.factor), None, reading.record.dimensions, base.record)
