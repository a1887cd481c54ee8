"""Pure: what became of each record of a meter, told from what the contract's items measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from plans.metering import Measured, Record, Skipped, effective
from plans.money import plain, round_to
from plans.periods import Span, to_local

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)  # what a stretch without bounds is bounded by


@dataclass(frozen=True)
class Use:
    """One stretch of one item of a contract that the meter was read for. `meter` is the catalogue's, made of the records' one."""

    contract: str
    item: str
    meter: str
    span: Span
    subject: str
    measured: Measured

    @property
    def name(self) -> str:
        return f"{self.contract} {self.item}"


@dataclass(frozen=True)
class Part:
    """What one record put into one use. `quantity` None: it was looked at, and its share can't be told apart (a maximum, an average)."""

    use: Use
    quantity: str | None
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """A record, what it counted for, and where it counted for nothing, why: (code, reason)."""

    record: Record
    counted: tuple[Part, ...]
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Explanation:
    account: str
    meter: str
    zone: str
    span: Span
    uses: tuple[Use, ...]
    records: tuple[Told, ...]
    conclusion: tuple[str, str]  # code, sentence


def explain(
    account: str, meter: str, zone: str, span: Span, uses: Sequence[Use], records: Sequence[Record], missing: str = ""
) -> Explanation:
    """Every record of the span with its verdict. `missing` is what to say where no contract uses the meter."""
    standing = {entry.record: entry for entry in effective(records).skipped}
    within = sorted((record for record in records if _touches(record, span)), key=lambda record: record.order)
    told = tuple(_told(record, uses, standing, zone) for record in within)
    return Explanation(account, meter, zone, span, tuple(uses), told, _conclusion(meter, uses, told, missing))


def _touches(record: Record, span: Span) -> bool:
    return span.contains(record.at) or (record.until is not None and record.at < span.end and record.until > span.start)


def _told(record: Record, uses: Sequence[Use], standing: Mapping[str, Skipped], zone: str) -> Told:
    counted = [part for use in uses for part in _parts(record, use)]
    if counted:
        return Told(record, tuple(counted), ())
    if record.reference in standing:
        entry = standing[record.reference]
        return Told(record, (), ((entry.code, entry.reason),))
    reasons = [reason for use in uses if (reason := _reason(record, use)) is not None]
    if not reasons and uses:
        reasons = [("outside_contract", f"no item of a contract counts this meter at {local_text(record.at, zone)}")]
    return Told(record, (), tuple(dict.fromkeys(reasons)) or (("no_item", "no item of a contract counts this meter"),))


def _parts(record: Record, use: Use) -> list[Part]:
    if record.reference not in use.measured.counted:
        return []
    events = [event for event in use.measured.events if event.record == record.reference]
    return [Part(use, plain(event.quantity), event.dimensions) for event in events] or [Part(use, None, {})]


def _reason(record: Record, use: Use) -> tuple[str, str] | None:
    """Why the record counts for nothing in this use; None where the use has nothing to do with its time."""
    found = next((entry for entry in use.measured.skipped if entry.record == record.reference), None)
    if use.subject and record.dimensions.get("subject") != use.subject and use.span.contains(record.at):
        named = record.dimensions.get("subject")
        told = f"its subject is {named!r}" if named else "it names no subject"
        return "other_subject", f"{told}; the contract {use.contract} counts {use.subject!r}"
    if found is None or found.code == "outside_period":
        return None
    return found.code, found.reason


def _conclusion(meter: str, uses: Sequence[Use], told: Sequence[Told], missing: str) -> tuple[str, str]:
    """What it comes to, and where that is nothing, why."""
    if not uses:
        waiting = f"; records that count for nothing: {len(told)}" if told else ""
        return "no_item", f"{missing or f'no contract uses the meter {meter!r}'}{waiting}"
    total = sum((Fraction(use.measured.quantity) for use in uses), Fraction(0))
    counted = sum(1 for one in told if one.counted)
    if counted and total:
        return "counted", f"{counted} of {len(told)} records count"
    if counted:
        return "zero_sum", f"{counted} of {len(told)} records count, and together they come to 0"
    if total:
        return "carried", "no record of this time counts; what it shows comes from the state before it"
    if not told:
        return "no_records", f"the total is 0 because no record of {meter!r} came for this time"
    codes = Counter(code for one in told for code, _ in one.reasons)
    why = ", ".join(f"{count} {code.replace('_', ' ')}" for code, count in codes.most_common())
    return "none_counted", f"the total is 0 because none of {len(told)} records counts: {why}"


# --- as data and as text ----------------------------------------------------------------------------------------------------------


def local_text(moment: datetime, zone: str) -> str:
    """The time on the account's wall clock."""
    return to_local(moment, zone).isoformat()


def _bound(moment: datetime, zone: str) -> str | None:
    return None if moment in (EARLIEST, LATEST) else local_text(moment, zone)


def short(quantity: str) -> str:
    """The quantity for a person: a share without finite decimals cut after six of them, and marked."""
    return f"{round_to(Fraction(quantity), 6, 'down')}…" if "/" in quantity else quantity


def as_dict(found: Explanation) -> dict[str, Any]:
    """The explanation as data; numbers and times as text."""
    return {
        "account": found.account,
        "meter": found.meter,
        "from": _bound(found.span.start, found.zone),
        "to": _bound(found.span.end, found.zone),
        "conclusion": {"code": found.conclusion[0], "message": found.conclusion[1]},
        "uses": [
            {
                "contract": use.contract,
                "item": use.item,
                "meter": use.meter,
                "from": local_text(use.span.start, found.zone),
                "to": local_text(use.span.end, found.zone),
                "quantity": plain(use.measured.quantity),
                "estimated": use.measured.estimated,
                "problems": [{"record": p.record, "code": p.code, "reason": p.reason} for p in use.measured.problems],
            }
            for use in found.uses
        ],
        "records": [_record_dict(told, found.zone) for told in found.records],
    }


def _record_dict(told: Told, zone: str) -> dict[str, Any]:
    record = told.record
    numbers = {name: getattr(record, name) for name in ("value", "amount", "initial", "final")}
    return {
        "record": record.reference,
        "at": local_text(record.at, zone),
        "until": local_text(record.until, zone) if record.until else None,
        **{name: plain(number) for name, number in numbers.items() if number is not None},
        "kind": record.kind,
        "estimated": record.estimated,
        "dimensions": dict(record.dimensions),
        "counted": [
            {"contract": part.use.contract, "item": part.use.item, "quantity": part.quantity, "dimensions": dict(part.dimensions)}
            for part in told.counted
        ],
        "not_counted": [{"code": code, "reason": reason} for code, reason in told.reasons],
    }


def as_lines(found: Explanation) -> list[str]:
    """The explanation for a person."""
    start, end = _bound(found.span.start, found.zone), _bound(found.span.end, found.zone)
    lines = [f"{found.account} {found.meter}" + (f", {start or '…'} to {end or '…'}" if start or end else "")]
    for use in found.uses:
        estimated = " (partly estimated)" if use.measured.estimated else ""
        lines.append(f"  {use.name}: {use.meter} = {short(plain(use.measured.quantity))}{estimated}")
        lines += [f"    look at {problem.record}: {problem.reason} [{problem.code}]" for problem in use.measured.problems]
    lines += [line for told in found.records for line in _record_lines(told, found.zone)]
    return [*lines, found.conclusion[1]]


def _record_lines(told: Told, zone: str) -> list[str]:
    record = told.record
    shown = " ".join(f"{name}={value}" for name, value in sorted(record.dimensions.items()))
    value = "-" if record.value is None else plain(record.value)
    lines = [f"  {local_text(record.at, zone)}  {record.reference}  {value}  {shown}".rstrip()]
    for part in told.counted:
        extra = {name: band for name, band in part.dimensions.items() if record.dimensions.get(name) != band}
        where = "".join(f" {name}={band}" for name, band in sorted(extra.items()))
        lines.append(f"      {'looked at' if part.quantity is None else f'+ {short(part.quantity)}'} in {part.use.name}{where}")
    return lines + [f"      not counted: {reason} [{code}]" for code, reason in told.reasons]
