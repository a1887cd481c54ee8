"""Raw measurements as they were sent, and what stands of them once later records have voided or amended some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Literal

from plans.errors import Invalid
from plans.money import Exact, fraction
from plans.periods import as_utc

Kind = Literal["usage", "reading", "replacement"]
Key = tuple[str, str]  # source, id


@dataclass(frozen=True)
class Record:
    """One raw measurement: at an instant, or (with `until`) over `[at, until)`.

    `value` is the quantity used, the level or the register's reading; `amount` the money that the event carries, if any. `meter`: whom it
    was sent to ("" for any). `kind`: `reading` sets a level or reads a register; `replacement` changes a register: `final` is the closing
    value of the old one, `initial` the opening value of the new one. `sequence` is the order of arrival: it decides between records of
    one instant. `voids` and `amends` name an earlier record by (source, id): a void takes it away, an amendment stands in its place whole.
    """

    id: str
    at: datetime
    value: Exact | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None
    amount: Exact | None = None
    estimated: bool = False
    kind: Kind = "usage"
    initial: Exact | None = None
    final: Exact | None = None
    source: str = ""
    meter: str = ""
    sequence: int = 0
    voids: Key | None = None
    amends: Key | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_utc(self.at))
        if self.until is not None:
            object.__setattr__(self, "until", as_utc(self.until))
            if self.until <= self.at:
                message = f"the record {self.reference} ends at {self.until.isoformat()}, which is not after its start"
                raise Invalid("out_of_range", message, at="until")

    @property
    def key(self) -> Key:
        return self.source, self.id

    @property
    def reference(self) -> str:
        """The record named for a person: `source/id`, or the id alone."""
        return f"{self.source}/{self.id}" if self.source else self.id

    @property
    def order(self) -> tuple[datetime, int, str, str]:
        """Records sort by time, then arrival, so that no result depends on the order in which they are given."""
        return self.at, self.sequence, self.source, self.id

    @property
    def exact(self) -> Fraction:
        """The value, exact (0 where there is none)."""
        return fraction(self.value) if self.value is not None else Fraction(0)


@dataclass(frozen=True)
class Skipped:
    """A record that did not count: a stable code, and the reason for a person.

    Codes: `voided amended duplicate correction filtered outside_period no_value missing_dimension first_reading estimate_replaced
    superseded lower_reading unlikely_rollover beyond_register no_final`.
    """

    record: str
    code: str
    reason: str


@dataclass(frozen=True)
class Effective:
    """What stands, in order of time, and what does not, with the reason."""

    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]


def effective(records: Iterable[Record], corrections: Iterable[Record] = ()) -> Effective:
    """Apply corrections, wherever they stand among the records.

    The last correction of a record (by arrival) that is not itself voided decides: a void takes the record away, an amendment replaces it,
    earlier amendments of the same record fall with it. Voiding an amendment brings back what it replaced. A record given twice counts once.
    Raises Invalid `conflict` where corrections go round in a circle.
    """
    first, skipped = _once([*records, *corrections])
    targeting: dict[Key, list[Record]] = {}
    for record in first.values():
        target = record.voids or record.amends
        if target is not None:
            targeting.setdefault(target, []).append(record)
    if not targeting:
        return Effective(tuple(sorted(first.values(), key=lambda record: record.order)), tuple(skipped))
    state = _States(first, targeting)
    standing: list[Record] = []
    for record in sorted(first.values(), key=lambda record: record.order):
        found = state.of(record)
        if found is not None:
            skipped.append(found)
        else:
            standing.append(record)
    return Effective(tuple(standing), tuple(skipped))


def _once(records: Sequence[Record]) -> tuple[dict[Key, Record], list[Skipped]]:
    first: dict[Key, Record] = {}
    skipped = []
    for record in sorted(records, key=lambda record: (record.sequence, record.at)):
        if record.key in first:
            skipped.append(Skipped(record.reference, "duplicate", "a record with this source and id was counted already"))
        else:
            first[record.key] = record
    return first, skipped


class _States:
    """Whether each record stands. Corrections of corrections are followed, each record settled once."""

    def __init__(self, records: Mapping[Key, Record], targeting: Mapping[Key, list[Record]]) -> None:
        self.records = records
        self.targeting = targeting
        self.voided: dict[Key, Record | None] = {}
        self.following: set[Key] = set()

    def of(self, record: Record) -> Skipped | None:
        """Why the record does not count by itself; None where it does."""
        if record.voids is not None:
            return Skipped(record.reference, "correction", f"it voids {_named(record.voids)}, and has no quantity of its own")
        voided_by = self.voided_by(record.key)
        if voided_by is not None:
            return Skipped(record.reference, "voided", f"voided by {voided_by.reference}")
        last = self.last_live(record.key)
        if last is not None:
            return Skipped(record.reference, "amended", f"replaced by {last.reference}")
        return self._fallen(record)

    def _fallen(self, record: Record) -> Skipped | None:
        """An amendment that a later correction of what it replaced, or of what that replaced, outweighs."""
        link: Record | None = record
        while link is not None and link.amends is not None:
            last = self.last_live(link.amends)
            if last is not None and last.key != link.key:
                code = "voided" if last.voids else "amended"
                return Skipped(record.reference, code, f"it amended {_named(link.amends)}, which {last.reference} {code} later")
            link = self.records.get(link.amends)
        return None

    def voided_by(self, key: Key) -> Record | None:
        """The record that voids this one, if the last live correction is a void."""
        if key in self.following:
            raise Invalid("conflict", f"the corrections of {_named(key)} go round in a circle")
        if key not in self.voided:
            self.following.add(key)
            last = self.last_live(key)
            self.following.discard(key)
            self.voided[key] = last if last is not None and last.voids else None
        return self.voided[key]

    def last_live(self, key: Key) -> Record | None:
        """The last correction of the record that is not itself voided."""
        live = [other for other in self.targeting.get(key, ()) if self.voided_by(other.key) is None]
        return max(live, key=lambda other: (other.sequence, other.at, other.source, other.id), default=None)


def _named(key: Key | None) -> str:
    return "/".join(part for part in key or () if part)
