"""Published catalogues, from the database. Each version is parsed once per process, because it never changes.

What may change is which version is the newest: asked of the database each time, or once inside `steady()`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.db import connection

from plans.agreements import IndexEntry
from plans.catalogue import Catalogue, ListEntry
from plans.dunning import RateEntry
from plans.errors import Conflict, NotFound
from plans.fields import suggestion
from plans.loader import digest_of, load_catalogue
from plans.models import CatalogueBacktest, CatalogueDraft, CatalogueVersion
from plans.once import Memory, once

T = TypeVar("T")
D = TypeVar("D", RateEntry, IndexEntry)
VERSION_FIELDS = ("name", "version", "digest", "effective", "seller", "published_at", "published_by", "event")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One published version, as a row says it. `event` is the address of the event that published it."""

    name: str
    version: int
    digest: str
    effective: date | None
    seller: str
    published_at: datetime
    published_by: str
    event: str
    source: str = ""


# -- within one unit of work ---------------------------------------------------------------------------------------------------------

_steady: Memory = ContextVar("plans.store.steady", default=None)


@contextmanager
def steady() -> Iterator[None]:
    """Inside, what was asked once is not asked again: for one batch or command, in one transaction. May be nested."""
    if _steady.get() is not None:
        yield
        return
    token = _steady.set({})
    try:
        yield
    finally:
        _steady.reset(token)


@contextmanager
def apart() -> Iterator[None]:
    """Inside, nothing is known of what was asked outside: for a play in another database."""
    token = _steady.set(None)
    try:
        yield
    finally:
        _steady.reset(token)


def forget() -> None:
    """Inside `steady`: ask again, because something was published or rolled back."""
    memory = _steady.get()
    if memory is not None:
        memory.clear()


def _once(key: Hashable, ask: Callable[[], T]) -> T:
    return once(_steady, key, ask)


# -- reading -------------------------------------------------------------------------------------------------------------------------

#: By database connection, (name, version) → catalogue, of versions that are committed: a rolled-back one must not be remembered.
_committed: WeakKeyDictionary[Any, dict[tuple[str, int], Catalogue]] = WeakKeyDictionary()


def catalogue(name: str, version: int) -> Catalogue:
    """One published version. Raises NotFound `unknown_catalogue` or `unknown_version`."""
    asked = "catalogue", name, version
    memory = _steady.get()
    if memory is not None and asked in memory:
        steady: Catalogue = memory[asked]
        return steady
    connection.ensure_connection()
    known = _committed.setdefault(connection.connection, {})
    found = known.get((name, version))
    if found is None:
        found, committed = _read(name, version)
        if committed:
            known[name, version] = found
    if memory is not None:
        memory[asked] = found
    return found


def _read(name: str, version: int) -> tuple[Catalogue, bool]:
    """The catalogue, and whether its row was added by another transaction than this one, hence for good."""
    statement = """
        SELECT digest, source, published_in IS DISTINCT FROM pg_current_xact_id_if_assigned()
        FROM catalogue_version WHERE name = %s AND version = %s"""
    with connection.cursor() as cursor:
        cursor.execute(statement, [name, version])
        row = cursor.fetchone()
    if row is None:
        raise _unknown(name, version)
    digest, source, committed = row
    return _parsed(name, version, digest, source), committed


@lru_cache(maxsize=1000)
def _parsed(name: str, version: int, digest: str, source: str) -> Catalogue:
    parsed = load_catalogue(source, name=f"{name}@{version}", published=True)
    return replace(parsed, version=version, digest=digest)


def _unknown(name: str, version: int | None = None) -> NotFound:
    published = [row.version for row in versions(name)]
    if published and version is not None:
        message = f"the catalogue {name!r} has no version {version}; published: 1 to {published[-1]}"
        return NotFound("unknown_version", message, at="version")
    return NotFound("unknown_catalogue", f"there is no published catalogue {name!r}{suggestion(name, names())}", at="catalogue")


def names() -> tuple[str, ...]:
    """Every published catalogue."""
    return _once("names", lambda: tuple(CatalogueVersion.objects.order_by("name").values_list("name", flat=True).distinct()))


def versions(name: str) -> tuple[Version, ...]:
    """The published versions, oldest first, without their sources."""
    rows = CatalogueVersion.objects.filter(name=name).order_by("version").values(*VERSION_FIELDS)
    return _once(("versions", name), lambda: tuple(Version(**row) for row in rows))


def published(name: str, version: int | None = None) -> Version:
    """One published version with its source; the newest where no number is given. Raises NotFound as `catalogue` does."""
    rows = CatalogueVersion.objects.filter(name=name, **({} if version is None else {"version": version}))
    row = rows.order_by("-version").values(*VERSION_FIELDS, "source").first()
    if row is None:
        raise _unknown(name, version)
    return Version(**row)


def newest(name: str, on: date | None = None) -> Catalogue:
    """The newest published version; with `on`, of those that are in effect on that day. Raises NotFound `unknown_catalogue`."""
    found = [row.version for row in versions(name) if on is None or row.effective is None or row.effective <= on]
    if not found:
        raise _unknown(name)
    return catalogue(name, found[-1])


def entries(name: str, price_list: str) -> tuple[ListEntry, ...]:
    """The entries of a price list that items follow, oldest first. Raises NotFound `unknown_list`."""
    found = lists(name)
    if price_list not in found:
        hint = suggestion(price_list, list(found))
        raise NotFound("unknown_list", f"the catalogue {name!r} has no price list {price_list!r}{hint}", at="follows")
    return found[price_list]


def lists(name: str) -> Mapping[str, tuple[ListEntry, ...]]:
    """All price lists of the catalogue as its versions built them up: what a version says of a list replaces, from its own first entry on,
    what the versions before it said; so a new version may repeat the whole history or state only what is new."""
    return _once(("lists", name), lambda: _merged([catalogue(name, row.version) for row in versions(name)]))


def rates(name: str) -> Mapping[str, tuple[RateEntry, ...]]:
    """All rates by date, built up by the versions as price lists are."""
    return _once(("rates", name), lambda: _merged_by_day([catalogue(name, row.version).rates for row in versions(name)]))


def indexes(name: str) -> Mapping[str, tuple[IndexEntry, ...]]:
    """All values of published indexes, built up by the versions as price lists are."""
    return _once(("indexes", name), lambda: _merged_by_day([catalogue(name, row.version).indexes for row in versions(name)]))


def _merged_by_day(stated_by_version: Sequence[Mapping[str, tuple[D, ...]]]) -> dict[str, tuple[D, ...]]:
    merged: dict[str, tuple[D, ...]] = {}
    for listed in stated_by_version:
        for code, stated in listed.items():
            merged[code] = tuple(entry for entry in merged.get(code, ()) if entry.start < stated[0].start) + stated
    return merged


def _merged(catalogues: Sequence[Catalogue]) -> dict[str, tuple[ListEntry, ...]]:
    merged: dict[str, tuple[ListEntry, ...]] = {}
    for one in catalogues:
        for code, stated in one.lists.items():
            kept = tuple(entry for entry in merged.get(code, ()) if entry.start < stated[0].start)
            merged[code] = kept + stated
    return merged


# -- writing -------------------------------------------------------------------------------------------------------------------------


def next_version(name: str) -> int:
    """The number that the next publication takes. Gapless while the house stream is locked; the database refuses a second one."""
    row = CatalogueVersion.objects.filter(name=name).order_by("-version").values_list("version", flat=True).first()
    return (row or 0) + 1


def store_versions(rows: Sequence[Version]) -> None:
    """Add published versions, as their events say. Those that are there stay as they are, so that a rebuild may repeat it.

    Raises Conflict `catalogue_differs` where a version is there with another text.
    """
    if not rows:
        return
    made = [CatalogueVersion(**{field: getattr(row, field) for field in (*VERSION_FIELDS, "source")}) for row in rows]
    CatalogueVersion.objects.bulk_create(sorted(made, key=lambda row: (row.name, row.version)), ignore_conflicts=True)
    forget()
    for row in rows:
        stored = published(row.name, row.version)
        if stored.digest != row.digest:
            raise Conflict("catalogue_differs", f"{row.name}@{row.version} is published with another text", at="catalogue")


@dataclass(frozen=True)
class Draft:
    """A text that is being worked on. `based_on`: the version that it was taken from; None where none was published."""

    name: str
    source: str
    digest: str
    based_on: int | None
    changed_at: datetime
    changed_by: str


def save_draft(name: str, source: str, *, at: datetime, by: str, based_on: int | None = None) -> None:
    """Keep a text to work on; it replaces the draft of that name."""
    row = {"source": source, "digest": digest_of(source), "based_on": based_on, "changed_at": at, "changed_by": by}
    CatalogueDraft.objects.update_or_create(name=name, defaults=row)


def drafts() -> tuple[Draft, ...]:
    """Every draft, by name."""
    return tuple(_draft(row) for row in CatalogueDraft.objects.order_by("name"))


def find_draft(name: str) -> Draft | None:
    """The draft of a catalogue, if there is one."""
    row = CatalogueDraft.objects.filter(name=name).first()
    return _draft(row) if row else None


def _draft(row: CatalogueDraft) -> Draft:
    return Draft(row.name, row.source, row.digest or digest_of(row.source), row.based_on, row.changed_at, row.changed_by)


def draft(name: str) -> Draft:
    """The draft of a catalogue. Raises NotFound `unknown_draft`."""
    found = find_draft(name)
    if found is None:
        known = [one.name for one in drafts()]
        raise NotFound("unknown_draft", f"there is no draft of {name!r}{suggestion(name, known)}", at="catalogue")
    return found


def discard_draft(name: str) -> None:
    """Forget a draft, because it was published or given up."""
    CatalogueDraft.objects.filter(name=name).delete()


@dataclass(frozen=True)
class KeptBacktest:
    """The result of a back-test (JSON), and the digest of the text that it is of."""

    digest: str
    at: datetime
    by: str
    result: str


def save_backtest(name: str, digest: str, result: str, *, at: datetime, by: str) -> None:
    CatalogueBacktest.objects.create(catalogue=name, digest=digest, result=result, at=at, by=by)


def newest_backtest(name: str, digest: str = "") -> KeptBacktest | None:
    """The newest one of the catalogue; with `digest`, of exactly that text."""
    rows = CatalogueBacktest.objects.filter(catalogue=name, **({"digest": digest} if digest else {}))
    row = rows.order_by("-at", "-id").first()
    return KeptBacktest(row.digest, row.at, row.by, row.result) if row else None
