"""Writing and reading the vault. Called by commands inside their transaction, so that the row and the event stand or fall together."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime

import orjson
from django.db import connection

FIELDS = ("name", "email", "phone", "street", "postcode")
PRIVATE = ("iban",)  # never frozen, because no document shows them
WRITTEN = FIELDS + PRIVATE


def write(account: str, values: Mapping[str, str], *, at: datetime, clear: Collection[str] = ()) -> list[str]:
    """Set the given personal fields of the account and empty those in `clear`; answers the names of both, for the event."""
    given = {name: value for name, value in values.items() if name in WRITTEN and value}
    columns = ", ".join(WRITTEN)
    stays = {name: "excluded" if name in clear else "vault_person" for name in WRITTEN}
    kept = ", ".join(f"{name} = coalesce(nullif(excluded.{name}, ''), {stays[name]}.{name})" for name in WRITTEN)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO vault_person (account, {columns}, changed_at) VALUES (%s, {", ".join(["%s"] * len(WRITTEN))}, %s)
                ON CONFLICT (account) DO UPDATE SET {kept}, changed_at = excluded.changed_at""",
            [account, *(given.get(name, "") for name in WRITTEN), at],
        )
    return sorted({*given, *(name for name in clear if name in WRITTEN)})


def freeze(accounts: Collection[str]) -> dict[str, str]:
    """Freeze the accounts' people as they are now, for documents; answers account → hash. The same person is frozen once."""
    asked = f"""
        SELECT given.account, person.account IS NOT NULL, ARRAY(SELECT hash FROM vault_frozen_party WHERE account = given.account),
            {", ".join(FIELDS)}
        FROM unnest(%s::text[]) AS given(account) LEFT JOIN vault_person person USING (account)"""
    found, new = {}, []
    with connection.cursor() as cursor:
        cursor.execute(asked, [list(dict.fromkeys(accounts))])
        for account, named, frozen, *fields in cursor.fetchall():
            details = orjson.dumps(dict(zip(FIELDS, fields, strict=True)) if named else {}, option=orjson.OPT_SORT_KEYS).decode()
            digest = hashlib.sha256(f"{account}\n{details}".encode()).hexdigest()
            found[account] = digest
            if digest not in frozen:
                new.append((digest, account, details))
        if new:
            cursor.execute(
                """INSERT INTO vault_frozen_party (hash, account, details)
                    SELECT hash, account, details::jsonb FROM unnest(%s::text[], %s::text[], %s::text[]) AS given(hash, account, details)
                    ON CONFLICT DO NOTHING""",
                [[row[i] for row in new] for i in range(3)],
            )
    return found


def freeze_destination(account: str) -> str:
    """Freeze where money for the account goes, as it is now: name and IBAN. Answers the hash."""
    known = person(account)
    details = orjson.dumps({name: known.get(name, "") for name in ("name", "iban")}, option=orjson.OPT_SORT_KEYS).decode()
    digest = hashlib.sha256(f"{account}\n{details}".encode()).hexdigest()
    with connection.cursor() as cursor:
        statement = "INSERT INTO vault_frozen_party (hash, account, details) VALUES (%s, %s, %s::jsonb) ON CONFLICT DO NOTHING"
        cursor.execute(statement, [digest, account, details])
    return digest


def names(accounts: Collection[str]) -> dict[str, str]:
    """Display names by account."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, name FROM vault_person WHERE account = ANY(%s)", [list(accounts)])
        return dict(cursor.fetchall())


def person(account: str) -> dict[str, str]:
    """Who stands behind the account, as known now; empty where nobody was ever named, or was erased."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(WRITTEN)} FROM vault_person WHERE account = %s", [account])
        row = cursor.fetchone()
    return dict(zip(WRITTEN, row, strict=True)) if row else {}


def ibans() -> dict[str, str]:
    """account → the IBAN that it gave."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, iban FROM vault_person WHERE iban <> ''")
        return dict(cursor.fetchall())


def party(digest: str) -> dict[str, str]:
    """The frozen person behind a hash; of one who was erased only that, as `erased`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT details::text FROM vault_frozen_party WHERE hash = %s", [digest])
        row = cursor.fetchone()
    if row and row[0] is None:
        return {"erased": "yes"}
    return dict(orjson.loads(row[0])) if row else {}
