"""`make faults`: every drill at length on a server of its own, and its wrong variant; prints the table, writes `var/faults.json`.

python -m tests.drills [--size short|full] [--only F1 F12=60] [--seed N] [--minutes N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
NAME = "billing_faults"
HOME = "var/postgres-faults"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills")
    parser.add_argument("--size", choices=["short", "full"], default="full")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID[=N]", help="these drills alone, each so often")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--minutes", type=float, help="how long the soak lasts (10, short: seconds)")
    options = parser.parse_args(arguments)
    url = urlsplit(os.environ.get("DATABASE_URL") or _embedded())
    os.environ["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{NAME}"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    _migrated(urlunsplit(url))
    django.setup()
    rows = _run(urlunsplit(url), options)
    return 0 if all(row["holds"] and row["caught"] for row in rows) else 1


def _embedded() -> str:
    command = [sys.executable, "-m", "config.postgres", "start", "--home", HOME]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    command[3] = "url"
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _migrated(url: str) -> None:
    """The database that every drill begins with is a copy of this one."""
    _copy(url, "template1", NAME)
    for command in ("migrate", "createcachetable"):
        subprocess.run([sys.executable, "manage.py", command, "--verbosity", "0"], cwd=ROOT, check=True)
    _copy(url, NAME, f"{NAME}_migrated")


def _copy(url: str, source: str, target: str) -> None:
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


def _run(url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    from django.conf import settings  # noqa: PLC0415 - Django must be ready first

    from tests.drills import listing  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["*"]
    rows = []
    only = {name: int(count or 0) for name, _, count in (word.partition("=") for word in options.only)}
    for drill in listing.DRILLS:
        if not only or drill.id in only:
            rows.append(_drilled(url, drill, options, only.get(drill.id, 0)))
            print(_line(rows[-1]), flush=True)
            (ROOT / "var" / "faults.json").write_text(json.dumps(rows, indent=2) + "\n")
    return rows


def _drilled(url: str, drill: Any, options: argparse.Namespace, count: int) -> dict[str, Any]:
    """The drill and its wrong variant, each in a fresh copy of the database."""
    from django.db import connections  # noqa: PLC0415

    from tests.drills.base import Tally, missing  # noqa: PLC0415

    count = count or getattr(drill, options.size)
    if drill.id == "soak" and options.minutes:
        count = round(options.minutes * 60)
    row: dict[str, Any] = {"id": drill.id, "injects": drill.injects, "variant": drill.variant, "seed": options.seed}
    if why := missing(drill):
        return row | {"injected": 0, "holds": True, "caught": True, "found": f"not run: {why}", "note": "", "seconds": 0, "wrong": ""}
    tallies, began = [], time.perf_counter()
    for act, times in ((drill.run, count), (drill.wrong, drill.wrong_count)):
        connections.close_all()
        _copy(url, f"{NAME}_migrated", NAME)
        try:
            tallies.append(act(times, Random(options.seed)))
        except Exception as error:  # noqa: BLE001 - a drill that breaks is a row of the table too
            traceback.print_exc()
            tallies.append(Tally(0, wrong=[f"broke: {type(error).__name__}: {error}"[:300]]) if act is drill.run else Tally(0))
        if act is drill.run:
            row["seconds"] = round(time.perf_counter() - began, 1)
    ran, wrong = tallies
    return row | {
        "injected": ran.injected,
        "doubles": ran.doubles,
        "lost": ran.lost,
        "found": ran.caught,
        "note": ran.note,
        "holds": not ran.caught,
        "caught": bool(wrong.caught),
        "wrong": " ".join(wrong.caught.split())[:160],
    }


def _line(row: dict[str, Any]) -> str:
    """A row of the table in docs/faults.md."""
    inv = "holds" if row["holds"] else "BROKEN"
    result = row["found"] or row["note"]
    caught = f"caught: {row['wrong']}" if row["caught"] else "NOT CAUGHT"
    cells = [row["id"], row["injects"], f"{row['injected']:,}", row.get("doubles", ""), row.get("lost", ""), inv, result]
    return "| " + " | ".join(map(str, [*cells, f"{row['variant']}: {caught}", row["seconds"], row["seed"]])) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
