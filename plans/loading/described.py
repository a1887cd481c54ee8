"""What each field of a catalogue means, read from the tables of `docs/catalogue.md`: the page that people read is the help beside a form.

A part of a catalogue (a plan, an item, a tax) is a kind; a kind has the fields of one table. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from plans.pricing import PRICING_FIELDS

#: (heading, how many tables of fields stand before it under that heading) → the kind of thing that the table describes.
TABLES: Mapping[tuple[str, int], str] = {
    ("Top level", 0): "catalogue",
    ("seller", 0): "seller",
    ("terms", 0): "terms",
    ("mentions", 0): "mention",
    ("Items", 0): "item",
    ("Price lists", 0): "entry",
    ("Plans", 0): "plan",
    ("Plans", 1): "phase",
    ("Plans", 2): "minimum",
    ("Invoices", 0): "invoice",
    ("Discounts and coupons", 0): "discount",
    ("Discounts and coupons", 1): "coupon",
    ("Debts", 0): "dunning",
    ("Debts", 1): "step",
    ("Features", 0): "feature",
    ("Resources", 0): "resource",
    ("Taxes", 0): "tax policy",
    ("Taxes", 1): "tax",
    ("Meters", 0): "meter",
    ("Calendars", 0): "calendar",
}
#: The table of payment plans is the last one of its heading, wherever others come in between.
LAST = {"Debts": "instalments"}
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


@dataclass(frozen=True)
class Described:
    """What a field means, and what holds where it is not given; both may hold `words` of the file between backticks."""

    name: str
    meaning: str
    default: str

    @property
    def required(self) -> bool:
        return self.default in ("required", "needed")


Help = Mapping[str, Mapping[str, Described]]  # kind → field


def described(page: str) -> Help:
    """The tables of the page, by kind; fields in the order of the page."""
    found: dict[str, dict[str, Described]] = {}
    heading, count = "", -1
    rows: dict[str, Described] | None = None
    last: dict[str, dict[str, Described]] = {}
    for line in page.splitlines():
        if line.startswith("#"):
            heading, count, rows = line.strip("# `"), -1, None
        elif line.startswith("| field"):
            count += 1
            rows = {}
            kind = TABLES.get((heading, count))
            if kind is not None:
                found[kind] = rows
            last[heading] = rows
        elif rows is not None and line.startswith("| `"):
            rows |= {one.name: one for one in _row(line)}
        elif not line.startswith("|"):
            rows = None
    beside = {name: one for name, one in found.get("item", {}).items() if name in PRICING_FIELDS}
    found["entry"] = found.get("entry", {}) | {name: one for name, one in beside.items() if name not in found.get("entry", {})}
    return found | {kind: last[heading] for heading, kind in LAST.items() if heading in last}


def _row(line: str) -> list[Described]:
    """A row may describe several fields at once."""
    names, meaning, default = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:4]]
    plain = LINK.sub(r"\1", meaning).replace("\\|", "|")
    return [Described(name, plain, default) for name in re.findall(r"`([^`]+)`", names)]
