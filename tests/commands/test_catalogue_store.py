"""Published catalogues in the database: gapless, immutable, side by side; read once, never stale."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from plans import store
from plans.errors import Conflict, NotFound
from plans.loader import digest_of
from plans.models import CatalogueVersion
from plans.pricing import Consumption, rate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def text_of(price: str, *, more: str = "") -> str:
    return f"catalogue: gym\ncurrency: EUR\nitems: {{towel: {{price: {price}}}}}\n{more}"


def version_of(number: int, source: str, **given: Any) -> store.Version:
    facts: dict[str, Any] = {"name": "gym", "effective": None, "seller": "main", "published_at": NOON, "published_by": "ana"}
    return store.Version(
        **(facts | {"version": number, "source": source, "digest": digest_of(source), "event": f"house:catalogue/{number}"} | given)
    )


def publish(*sources: str) -> None:
    first = store.next_version("gym")
    store.store_versions([version_of(first + i, source) for i, source in enumerate(sources)])


def price_of(catalogue: Any) -> Decimal:
    return rate(catalogue.items["towel"].pricing, Consumption(quantity=Decimal(1)), closed=True).amount


def test_versions_live_side_by_side() -> None:
    publish(text_of("1"), text_of("2"))
    assert [price_of(store.catalogue("gym", number)) for number in (1, 2)] == [Decimal("1.00"), Decimal("2.00")]
    assert price_of(store.newest("gym")) == Decimal("2.00")
    assert (store.newest("gym").version, store.newest("gym").digest) == (2, digest_of(text_of("2")))
    assert (store.names(), store.next_version("gym"), store.next_version("spa")) == (("gym",), 3, 1)
    assert store.published("gym").source == text_of("2")


def test_what_takes_effect_later_is_not_yet_the_newest() -> None:
    store.store_versions([version_of(1, text_of("1")), version_of(2, text_of("2"), effective=date(2026, 6, 1))])
    assert store.newest("gym", on=date(2026, 5, 31)).version == 1
    assert store.newest("gym", on=date(2026, 6, 1)).version == 2
    assert store.newest("gym").version == 2


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: store.catalogue("gim", 1), "unknown_catalogue"),
        (lambda: store.catalogue("gym", 7), "unknown_version"),
        (lambda: store.newest("gim"), "unknown_catalogue"),
        (lambda: store.newest("later", on=date(2025, 1, 1)), "unknown_catalogue"),
        (lambda: store.published("gym", 7), "unknown_version"),
        (lambda: store.entries("gym", "tariff"), "unknown_list"),
        (lambda: store.draft("gym"), "unknown_draft"),
    ],
)
def test_what_is_not_there_is_named(ask: Any, code: str) -> None:
    publish(text_of("1"))
    with pytest.raises(NotFound) as refused:
        ask()
    assert refused.value.code == code


def test_storing_the_same_again_changes_nothing() -> None:
    publish(text_of("1"), text_of("2"))
    store.store_versions([version_of(1, text_of("1")), version_of(2, text_of("2"))])
    store.store_versions([])
    assert [row.version for row in store.versions("gym")] == [1, 2]


def test_another_text_under_a_published_number_is_refused() -> None:
    publish(text_of("1"))
    with pytest.raises(Conflict) as refused:
        store.store_versions([version_of(1, text_of("2"))])
    assert refused.value.code == "catalogue_differs"
    assert price_of(store.catalogue("gym", 1)) == Decimal("1.00")


# -- price lists ---------------------------------------------------------------------------------------------------------------------


def listing(*entries: tuple[str, str]) -> str:
    stated = ", ".join(f"{{from: {start}, price: {price}}}" for start, price in entries)
    return text_of("1", more=f"lists: {{tariff: [{stated}]}}\n")


def entries_of() -> list[tuple[str, Decimal]]:
    found = store.entries("gym", "tariff")
    return [(f"{entry.start:%Y-%m-%d}", rate(entry.pricing, Consumption(quantity=Decimal(1)), closed=True).amount) for entry in found]


def test_a_new_version_states_only_what_is_new_of_a_list() -> None:
    publish(listing(("2025-01-01", "1"), ("2026-01-01", "2")), listing(("2026-06-01", "3")))
    assert entries_of() == [("2025-01-01", Decimal(1)), ("2026-01-01", Decimal(2)), ("2026-06-01", Decimal(3))]


def test_a_new_version_replaces_a_list_from_its_first_entry_on() -> None:
    publish(listing(("2025-01-01", "1"), ("2026-01-01", "2"), ("2026-09-01", "9")), listing(("2026-01-01", "4")), text_of("5"))
    assert entries_of() == [("2025-01-01", Decimal(1)), ("2026-01-01", Decimal(4))]


# -- what is remembered --------------------------------------------------------------------------------------------------------------


def test_a_version_that_is_rolled_back_is_forgotten() -> None:
    publish(text_of("1"))
    for price in ("2", "3"):
        with transaction.atomic():
            publish(text_of(price))
            assert price_of(store.catalogue("gym", 2)) == Decimal(price)
            transaction.set_rollback(True)
    assert store.newest("gym").version == 1
    with pytest.raises(NotFound):
        store.catalogue("gym", 2)


@pytest.mark.django_db(transaction=True)
def test_a_committed_version_is_asked_for_once() -> None:
    publish(text_of("1"))
    found = store.catalogue("gym", 1)
    with CaptureQueriesContext(connection) as queries:
        assert all(store.catalogue("gym", 1) is found for _ in range(10))
    assert len(queries) == 0


def test_inside_steady_nothing_is_asked_twice() -> None:
    publish(listing(("2025-01-01", "1")))
    with store.steady():
        store.entries("gym", "tariff")
        store.newest("gym")
        with CaptureQueriesContext(connection) as queries, store.steady():
            store.entries("gym", "tariff")
            store.newest("gym")
        assert len(queries) == 0
        publish(listing(("2026-01-01", "2")))
        assert len(store.entries("gym", "tariff")) == 2


# -- what the database refuses -------------------------------------------------------------------------------------------------------

CHANGES = [
    "UPDATE catalogue_version SET source = source",
    "UPDATE catalogue_version SET effective = now()",
    "DELETE FROM catalogue_version",
    "TRUNCATE catalogue_version",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_the_application_may_not_change_a_version(statement: str) -> None:
    publish(text_of("1"))
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_nor_may_the_owner(statement: str, role: str, owner: psycopg.Connection[Any]) -> None:
    publish(text_of("1"))
    owner.execute(f"SET session_replication_role = {role}")
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changes"):
        owner.execute(statement)
    assert CatalogueVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("number", "given", "why"),
    [
        (3, {}, "would leave a gap"),
        (0, {}, "catalogue_version_counts_from_one"),
        (2, {"digest": "0" * 64}, "catalogue_version_digest_of_source"),
        (2, {"digest": digest_of(text_of("2")).upper()}, "catalogue_version_digest_of_source"),
    ],
)
def test_the_database_refuses_gaps_and_wrong_digests(number: int, given: dict[str, Any], why: str) -> None:
    publish(text_of("1"))
    with pytest.raises(DatabaseError, match=why), transaction.atomic():
        store.store_versions([version_of(number, text_of("2"), **given)])


@pytest.mark.django_db(transaction=True)
def test_the_database_knows_each_digest(owner: psycopg.Connection[Any]) -> None:
    publish(text_of("1", more="# ñandú €\n"))
    assert owner.execute("SELECT digest FROM catalogue_version").fetchone() == (digest_of(text_of("1", more="# ñandú €\n")),)
