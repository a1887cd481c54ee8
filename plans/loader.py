"""Catalogues from text: every field typed, every reference checked, every worked example priced, every mistake named with file and line.

`docs/catalogue.md` describes each field. A catalogue is read whole: the answer is either a `Catalogue` or all the problems of the file
(up to a hundred), never a part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from plans.calendars import parse_calendar
from plans.catalogue import Catalogue, InvoicePolicy, PayoutPolicy
from plans.dunning import AllocationPolicy
from plans.errors import Invalid
from plans.fields import Fields, suggestion
from plans.loading.agreements import read_indexes
from plans.loading.dunning import read_allocation, read_dunning, read_instalments, read_rates
from plans.loading.examples import check_examples
from plans.loading.house import read_coupons, read_discounts, read_meters, read_payouts, read_seller, read_series, read_taxes, read_terms
from plans.loading.items import read_item, read_list
from plans.loading.mentions import read_mentions
from plans.loading.plans import Surroundings, read_features, read_invoice, read_plan
from plans.loading.problems import Problems, check_code, entries_of
from plans.loading.reading import Reading, read_currency
from plans.loading.references import EVERYTHING, Names, check_references
from plans.money import ROUNDINGS
from plans.periods import parse_date, zone_of
from plans.resources import read_resource
from plans.strict_yaml import Document, load_file, located
from plans.tax import TaxPolicy, parse_tax_policy

LARGEST = 2_000_000  # bytes; a larger file is no catalogue
#: The fields of a catalogue, in the order in which people write them.
SECTIONS = (
    "catalogue about effective currency zone seller rounding tax taxes calendars meters lists rates indexes terms collection payouts series"
    " mentions invoice dunning allocation instalments items discounts coupons features resources plans"
).split()


@dataclass(frozen=True)
class Loaded:
    """What a file says. `catalogue` is None where there are problems; warnings keep nobody from publishing."""

    catalogue: Catalogue | None
    problems: tuple[Invalid, ...] = ()
    warnings: tuple[Invalid, ...] = ()
    document: Document | None = None
    source: str = ""  # the canonical text; "" where it can't be read

    def unwrap(self) -> Catalogue:
        """The catalogue. Raises the first problem; its message says how many more there are."""
        if self.catalogue is not None:
            return self.catalogue
        first, more = self.problems[0], len(self.problems) - 1
        message = f"{first.message} (and {more} more problem{'s' if more > 1 else ''})" if more else first.message
        raise type(first)(first.code, message, at=first.at, **first.facts)


def load_catalogue(text: str | bytes, *, name: str, published: bool = False) -> Catalogue:
    """The catalogue that the text says; `name` is the file's. Raises Invalid `file:line: path: …`."""
    return read_catalogue(text, name=name, published=published).unwrap()


def read_catalogue(text: str | bytes, *, name: str, published: bool = False) -> Loaded:
    """Read YAML or JSON. Never raises: whatever is wrong is among the problems. A `published` text was checked then: its references and
    examples are not checked again, so that it can be read by every later version of the checks."""
    try:
        source = canonical_source(text, name=name)
        document = load_file(source, name=name)
    except Invalid as problem:
        return Loaded(None, (problem,))
    loaded = parse_catalogue(document.value, published=published)
    catalogue = loaded.catalogue and replace(loaded.catalogue, digest=digest_of(source))
    problems = tuple(located(problem, document) for problem in loaded.problems)
    return Loaded(catalogue, problems, tuple(located(warning, document) for warning in loaded.warnings), document, source)


def canonical_source(text: str | bytes, *, name: str) -> str:
    """The text as it is stored: UTF-8 without a byte order mark, every line ended by LF. Raises Invalid `bad_file`."""
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogatepass")
    if len(text) > LARGEST:
        raise Invalid("bad_file", f"longer than {LARGEST} bytes", at=name)
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise Invalid("bad_file", "this is not UTF-8 text", at=f"{name}:{line}") from None
    return decoded.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def digest_of(source: str) -> str:
    """SHA-256 of a canonical source, in hexadecimal. The database checks the same."""
    return hashlib.sha256(source.encode()).hexdigest()


def parse_catalogue(value: object, *, published: bool = False) -> Loaded:
    """A catalogue that was read already: plain values whose numbers are exact text. Problems say the path, not the line."""
    problems = Problems()
    catalogue = None
    with problems.collecting():
        fields = Fields(value)
        for problem in _unknown(fields):
            problems.add(problem)
        catalogue = _catalogue(fields, problems)
        if not published:
            check_references(catalogue, _all_names(fields), problems)
            check_examples(catalogue.examples, problems)
    found = tuple(problems.found)
    return Loaded(None if found else catalogue, found, () if found else tuple(problems.warnings))


def _unknown(fields: Fields) -> list[Invalid]:
    return [
        Invalid("unknown_field", f"the field {name!r} is not known here{suggestion(name, SECTIONS)}", at=name)
        for name in fields.values
        if name not in SECTIONS
    ]


def _catalogue(fields: Fields, problems: Problems) -> Catalogue:
    """Everything, section by section; a section with a mistake is left out and the mistake kept."""
    reading = _reading(fields, problems)
    attempt = problems.attempt
    name = attempt(lambda: fields.read("catalogue", check_code), "")
    terms, default_terms = attempt(lambda: read_terms(fields, "terms", problems), ({}, None))
    dunning, default_dunning = attempt(lambda: read_dunning(fields, "dunning", problems), ({}, None))
    invoice = attempt(lambda: read_invoice(fields, "invoice", InvoicePolicy()), InvoicePolicy())
    features = attempt(lambda: read_features(fields, "features", reading), {})
    around = Surroundings(reading, invoice, features, _names(fields, "features"))
    calendars = attempt(lambda: problems.by_code(entries_of(fields, "calendars"), lambda _, one, at: parse_calendar(one, at)), {})
    meters = attempt(lambda: read_meters(fields, "meters", dict.fromkeys(_names(fields, "calendars")), problems), {})
    catalogue = Catalogue(
        name=name,
        currency=reading.currency,
        zone=reading.zone,
        rounding=reading.rounding,
        seller=attempt(lambda: read_seller(fields, "seller", name), {}),
        meters=meters,
        calendars=calendars,
        lists=attempt(lambda: _lists(fields, reading), {}),
        items=attempt(lambda: _items(fields, reading), {}),
        plans=attempt(lambda: _plans(fields, around), {}),
        taxes=attempt(lambda: read_taxes(fields, "taxes", problems), ()),
        tax_policy=attempt(lambda: _tax_policy(fields, reading), TaxPolicy()),
        discounts=attempt(lambda: read_discounts(fields, "discounts", problems), {}),
        coupons=attempt(lambda: read_coupons(fields, "coupons", problems), {}),
        terms=terms,
        series=attempt(lambda: read_series(fields, "series", problems), {}),
        mentions=attempt(lambda: read_mentions(fields, "mentions", problems), ()),
        features=features,
        resources=attempt(lambda: _resources(fields, reading), {}),
        examples=tuple(reading.examples),
        invoice=invoice,
        default_terms=default_terms,
        payouts=attempt(lambda: read_payouts(fields, "payouts"), PayoutPolicy()),
        collection=attempt(lambda: fields.choice("collection", ("automatic", "manual"), "manual"), "manual"),
        dunning=dunning,
        default_dunning=default_dunning,
        rates=attempt(lambda: read_rates(fields, "rates", problems), {}),
        indexes=attempt(lambda: read_indexes(fields, "indexes", problems), {}),
        allocation=attempt(lambda: read_allocation(fields, "allocation"), AllocationPolicy()),
        instalments=attempt(lambda: read_instalments(fields, "instalments", problems), {}),
        effective=attempt(lambda: fields.read("effective", parse_date, None)),
    )
    attempt(lambda: fields.text("about", None, longest=10_000))
    return catalogue


def _reading(fields: Fields, problems: Problems) -> Reading:
    """Currency, zone and rounding come first; where they are wrong the rest is read in a stand-in, so that its mistakes are named too."""
    currency = problems.attempt(lambda: read_currency(fields, "currency"), "EUR")
    zone = problems.attempt(lambda: _zone(fields), "UTC")
    rounding = problems.attempt(lambda: fields.choice("rounding", ROUNDINGS, "half_up"), "half_up")
    return Reading(currency, zone, rounding, problems)


def _zone(fields: Fields) -> str:
    zone: str = fields.text("zone", "UTC")
    zone_of(zone, at="zone")
    return zone


def _tax_policy(fields: Fields, reading: Reading) -> TaxPolicy:
    """How documents are taxed; rounded as the catalogue rounds unless it says otherwise."""
    value = fields.raw("tax", {})
    if isinstance(value, Mapping) and "rounding" not in value:
        value = {**value, "rounding": reading.rounding}
    return parse_tax_policy(value, "tax")


def _lists(fields: Fields, reading: Reading) -> dict[str, Any]:
    return reading.problems.by_code(entries_of(fields, "lists"), lambda code, value, at: read_list(code, value, at, reading=reading))


def _items(fields: Fields, reading: Reading) -> dict[str, Any]:
    entries = entries_of(fields, "items")
    return reading.problems.by_code(entries, lambda code, value, at: read_item(code, value, at, reading=reading, alone=True))


def _plans(fields: Fields, around: Surroundings) -> dict[str, Any]:
    entries = entries_of(fields, "plans")
    return around.reading.problems.by_code(entries, lambda code, value, at: read_plan(code, value, at, around=around))


def _resources(fields: Fields, reading: Reading) -> dict[str, Any]:
    entries = entries_of(fields, "resources")
    return reading.problems.by_code(entries, lambda code, value, at: read_resource(code, value, at, zone=reading.zone))


def _names(fields: Fields, section: str) -> tuple[str, ...]:
    """The codes that a section names, whether or not they can be read."""
    value = fields.values.get(section)
    if isinstance(value, list):
        return tuple(one["code"] for one in value if isinstance(one, Mapping) and isinstance(one.get("code"), str))
    return tuple(value) if isinstance(value, Mapping) else ()


def _elements(value: Any) -> Collection[Any]:
    """The elements of a section that is a mapping or a list."""
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def _all_names(fields: Fields) -> Names:
    sections: dict[str, Collection[str]] = {
        name: _names(fields, name) for name in ("meters", "lists", "terms", "discounts", "features", "dunning", "rates", "indexes")
    }
    inside = [plan.get("items") for plan in _elements(fields.values.get("plans")) if isinstance(plan, Mapping)]
    sections["own items"] = _names(fields, "items")
    sections["any plans"] = _names(fields, "plans")
    sections["any items"] = {*_names(fields, "items"), *(code for items in inside if isinstance(items, Mapping) for code in items)}
    sections["tax"] = set(_tax_categories(fields))
    return Names(sections)


def _tax_categories(fields: Fields) -> Iterator[str]:
    """The categories that taxes name, `*` for a tax that falls on all."""
    for tax in _elements(fields.values.get("taxes")):
        named = tax.get("categories") if isinstance(tax, Mapping) else None
        if not named:
            yield EVERYTHING
        yield from (one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str))


# -- publishing --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Publication:
    """What the event `catalogue.published` says, apart from the version number. With problems nothing may be published.

    `readable`: it is YAML or JSON at all, so that what is wrong is what it says."""

    source: str
    digest: str
    catalogue: Catalogue | None
    problems: tuple[Invalid, ...]
    warnings: tuple[Invalid, ...]
    readable: bool = True


def prepare_publication(text: str | bytes, *, name: str) -> Publication:
    """Read a text that someone wants to publish, checking everything. Never raises; `name` is that of the file or draft."""
    loaded = read_catalogue(text, name=name)
    readable = loaded.document is not None
    return Publication(loaded.source, digest_of(loaded.source), loaded.catalogue, loaded.problems, loaded.warnings, readable)
