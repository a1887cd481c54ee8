"""Pure: CloudEvents 1.0 as measurements.

| event | measurement |
|---|---|
| `source`, `id` | the same: once each, for ever |
| `type` | the meter |
| `subject` | the account, by its name or its id elsewhere (`external_id`) |
| `time` | when it was used; without one, when it arrived |
| `data.value` | the quantity; else the only number in `data`; else the only text that is one; else none, as meters that count need |
| `data` fields named as a measurement's (`until kind voids …`) | the same |
| other fields of `data` | dimensions |

A number is exact: text, or a JSON number read as decimal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from plans.errors import Invalid
from plans.fields import describe

NEEDED = ("id", "source", "type", "subject")
OWN = frozenset("value amount until subject kind estimated initial final voids amends".split())
_WRITTEN = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)


def measurement_of(event: object, accounts: Mapping[str, str]) -> dict[str, Any]:
    """The measurement that the event says, to be read as any other. `accounts`: id elsewhere → account. Raises Invalid with the field."""
    if not isinstance(event, Mapping):
        raise Invalid("wrong_type", f"expected a CloudEvent, found {describe(event)}")
    for name in NEEDED:
        if event.get(name) is None:
            raise Invalid("missing_field", f"the field {name!r} is missing", at=name)
    if event.get("specversion", "1.0") != "1.0":
        raise Invalid("unknown_choice", f"expected specversion 1.0, found {describe(event['specversion'])}", at="specversion")
    subject = event["subject"]
    found = {
        "id": event["id"],
        "source": source_of(event["source"]),
        "meter": event["type"],
        "account": accounts.get(subject, subject) if isinstance(subject, str) else subject,
        "at": event.get("time"),
    }
    data = event.get("data")
    if data:
        _take_data(data, found)
    return found


def source_of(value: object) -> object:
    """A source may be an address, as CloudEvents wants it; a slash in it would end the name of the source in `source/id`."""
    return value.replace("/", "|") if isinstance(value, str) else value


def _take_data(data: object, found: dict[str, Any]) -> None:
    if not isinstance(data, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of fields, found {describe(data)}", at="data")
    dimensions: dict[str, Any] = {}
    numbers: list[str] = []
    for name, value in data.items():
        if name in OWN:
            found[name] = value
        else:
            dimensions[name] = value
            if isinstance(value, int | Decimal) and not isinstance(value, bool):
                numbers.append(name)
    if "value" not in data:
        written = [name for name, value in dimensions.items() if isinstance(value, str) and _WRITTEN.fullmatch(value)]
        if len(numbers) == 1:
            found["value"] = dimensions.pop(numbers[0])
        elif not numbers and len(written) == 1:
            found["value"] = dimensions[written[0]]  # it may be a name all the same (a postcode), so it stays a dimension too
    if dimensions:
        found["dimensions"] = dimensions


def subjects_of(events: Sequence[object]) -> list[str]:
    """The subjects that the events name, each once."""
    found = {event["subject"] for event in events if isinstance(event, Mapping) and isinstance(event.get("subject"), str)}
    return sorted(subject for subject in found if len(subject) <= 200 and subject.isprintable())
