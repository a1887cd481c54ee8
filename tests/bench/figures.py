"""One figure: what was measured, how often, against which target, and what it cost; the table, and the JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.server import Used, measured

#: A loop of plain Python, in milliseconds of processor time, on the machine that the targets were set on.
CALM = 2.5


@dataclass
class Figure:
    """`values` are rates (higher is better) or, with `unit` ms or s, times (lower is better). `python` and `postgres`: processor time for
    one unit of work, in microseconds: what remains to be compared where a machine is shared."""

    name: str
    unit: str
    target: str
    values: list[float] = field(default_factory=list)
    python: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)
    note: str = ""

    def row(self) -> str:
        middle, spread = statistics.median(self.values), f"{min(self.values):,.1f} to {max(self.values):,.1f}"
        cpu = " + ".join(f"{statistics.median(part):,.0f}" for part in (self.python, self.postgres) if part)
        return f"{self.name:<44}{middle:>12,.1f} {self.unit:<12}{self.target:>12}  {spread:<26}{cpu:<16}{self.note}"

    def as_dict(self) -> dict[str, Any]:
        return vars(self) | {"median": statistics.median(self.values), "least": min(self.values), "most": max(self.values)}


@dataclass
class Bench:
    """The run: its database, and what was found so far."""

    url: str
    server: int
    size: str
    file: Path  # written anew with every figure, so that a run that is ended has not been for nothing
    figures: list[Figure] = field(default_factory=list)

    def rate(self, name: str, unit: str, target: str, work: Callable[[], int], *, times: int = 3, note: str = "") -> Figure:
        """Work done `times` times; it answers how many units it did."""
        figure = Figure(name, unit, target, note=note)
        for _ in range(times):
            with measured(self.server) as used:
                done = work()
            self.add(figure, done, used)
        return self.keep(figure)

    def add(self, figure: Figure, done: int, used: Used) -> None:
        figure.values.append(done / used.wall)
        figure.python.append(used.python / done * 1e6)
        figure.postgres.append(used.postgres / done * 1e6)

    def latency(self, name: str, target: str, work: Callable[[int], Any], *, times: int, percent: int) -> Figure:
        """The percentile of the single times, in milliseconds."""
        taken = []
        for number in range(times):
            started = time.perf_counter()
            work(number)
            taken.append((time.perf_counter() - started) * 1000)
        figure = Figure(f"{name}, p{percent}", "ms", target, [sorted(taken)[min(times - 1, times * percent // 100)]])
        figure.note = f"p50 {statistics.median(taken):.1f}"
        return self.keep(figure)

    def keep(self, figure: Figure) -> Figure:
        self.figures.append(figure)
        print(figure.row(), flush=True)
        self.write()
        return figure

    def write(self) -> None:
        facts = {
            "size": self.size,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "postgres": _version(self.url),
            "slowness": slowness(),
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"facts": facts, "figures": [figure.as_dict() for figure in self.figures]}, indent=1))


def _version(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else ""


def slowness() -> float:
    """How much slower plain Python runs just now than on a calm machine: processor time, so what others use is not in it."""
    best = 1e9
    for _ in range(5):
        started = time.process_time()
        total = 0
        for number in range(100_000):
            total += number
        best = min(best, time.process_time() - started)
    return round(best * 1000 / CALM, 2)
