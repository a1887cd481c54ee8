"""`make bench SIZE=tiny|small|full`: build the world, measure, print the table, write `var/bench.json`."""

from __future__ import annotations

import argparse
import sys

import django

from tests.bench import server

#: accounts, records for each a month, runs of each kind, events of the long past, wallets, batches over HTTP, rows beforehand
SIZES = {
    "tiny": (300, 20, 1, 1_000, 20, 5, 20_000),
    "small": (2_000, 20, 1, 10_000, 100, 30, 500_000),
    "full": (100_000, 20, 3, 100_000, 1_000, 200, 5_000_000),
}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["worker"]:
        django.setup()
        from tests.bench import runs  # noqa: PLC0415 - Django must be ready first

        runs.worker(arguments[1])
        return
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("size", choices=sorted(SIZES), nargs="?", default="small")
    parser.add_argument("--only", choices=["runs", "ingest", "single"], action="append", help="measure these parts alone")
    options = parser.parse_args(arguments)
    url = server.prepare()
    django.setup()
    measure(url, options.size, options.only or ["runs", "ingest", "single"])


def measure(url: str, size: str, parts: list[str]) -> None:
    from tests.bench import http, runs, single, world  # noqa: PLC0415 - Django must be ready first
    from tests.bench.figures import Bench, slowness  # noqa: PLC0415

    accounts, each, times, past, wallets, batches, beforehand = SIZES[size]
    bench = Bench(url, server.postmaster_pid(url), size)
    print(f"size {size}; plain Python runs {slowness()} times as long as on a calm machine")
    world.publish()
    if "runs" in parts:
        runs.measure_runs(bench, accounts, each, times)
        runs.measure_copy(bench, 10_000)
    if "single" in parts:
        if "runs" not in parts:
            world.sign("h", accounts, "house")
        single.measure_commands(bench)
        single.measure_wallets(bench, wallets, 100)
        single.measure_questions(bench, 100, past)
        single.measure_whole(bench, min(accounts, 5_000))
    if "ingest" in parts:
        names = world.sign("u", min(accounts, 10_000), "metered")
        http.measure_ingest(bench, names, batches, note="empty months")
        world.measure(names, beforehand // len(names), 1)
        world.tidy()
        http.measure_ingest(bench, names, batches, note=f"{beforehand:,} rows there")
    bench.write(server.ROOT / "var" / "bench.json")


if __name__ == "__main__":
    main(sys.argv[1:])
