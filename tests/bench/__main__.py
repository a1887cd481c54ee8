"""`make bench SIZE=tiny|small|full`: build the world, measure, print the table, write `var/bench.json`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import django

from tests.bench import server

PARTS = ("runs", "single", "whole", "ingest")


@dataclass(frozen=True)
class Size:
    """How much of everything: accounts of the runs and how often these are repeated, events of a long past, wallets, batches over HTTP and
    rows that were there before them, events for verify, accounts of the scale."""

    accounts: int
    times: int
    past: int
    wallets: int
    batches: int
    beforehand: int
    events: int
    scale: int


SIZES = {
    "tiny": Size(300, 1, 1_000, 20, 5, 20_000, 2_000, 1_000),
    "small": Size(2_000, 1, 10_000, 100, 30, 500_000, 20_000, 10_000),
    "full": Size(5_000, 3, 100_000, 1_000, 200, 5_000_000, 100_000, 100_000),
}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["worker"]:
        django.setup()
        from tests.bench import runs  # noqa: PLC0415 - Django must be ready first

        runs.worker(arguments[1], int(arguments[2]))
        return
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure speed, in a database of its own that is made anew.")
    parser.add_argument("size", choices=sorted(SIZES), nargs="?", default="small")
    parser.add_argument(
        "--only",
        choices=[*PARTS, "scale"],
        action="append",
        help="measure these parts alone; scale, the longest, is measured only where named",
    )
    parser.add_argument("--accounts", type=int, help="so many accounts for scale instead of those of the size; a tenth of them goes first")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], metavar="N", help="numbers of workers for scale (default: 1 2)")
    parser.add_argument(
        "--json", type=Path, default=server.ROOT / "var" / "bench.json", metavar="FILE", help="where the figures go (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    parts = options.only or list(PARTS)
    if "scale" in parts and len(parts) > 1:
        parser.error("scale takes a database of its own: name it alone")
    if len(options.workers) > 5:
        parser.error("scale has a month for each number of workers, twice: five are too many for a year")
    url = server.prepare()
    django.setup()
    measure(url, options, parts)


def measure(url: str, options: argparse.Namespace, parts: list[str]) -> None:
    from tests.bench import http, runs, scale, single, whole, world  # noqa: PLC0415 - Django must be ready first
    from tests.bench.figures import Bench, slowness  # noqa: PLC0415

    size = SIZES[options.size]
    bench = Bench(url, server.postmaster_pid(url), options.size, options.json)
    print(f"size {options.size}; plain Python runs {slowness()} times as long as on a calm machine")
    world.publish()
    if "scale" in parts:
        scale.measure_scale(bench, options.accounts or size.scale, options.workers)
    if "runs" in parts:
        runs.measure_runs(bench, size.accounts, 20, size.times)
        runs.measure_copy(bench, 10_000)
    if "single" in parts:
        single.measure_commands(bench)
        single.measure_wallets(bench, size.wallets, 300)
        single.measure_questions(bench, 100, size.past)
    if "whole" in parts:
        whole.measure_whole(bench, min(size.accounts, 2_000), size.events)
    if "ingest" in parts:
        names = world.sign("u", min(2 * size.accounts, 10_000), "metered")
        http.measure_ingest(bench, names, size.batches, note="empty months")
        world.measure(names, size.beforehand // len(names), 1)
        world.tidy()
        http.measure_ingest(bench, names, size.batches, note=f"{size.beforehand:,} rows there")


if __name__ == "__main__":
    main(sys.argv[1:])
