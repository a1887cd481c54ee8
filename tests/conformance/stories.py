"""Cases told as scenarios, played by `manage.py scenario` as anybody would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.conformance.registry import Case

ROOT = Path(__file__).parents[2]


def play_all(cases: Iterable[Case]) -> list[str]:
    """What does not hold, one line for each story; empty where all do."""
    files = sorted({case.play for case in cases if case.play is not None})
    return play(files) if files else []


def play(files: Sequence[Path]) -> list[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "scenario", *map(str, files)]
    played = subprocess.run(command, cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True, check=False)
    if played.returncode == 0:
        return []
    return [f"manage.py scenario exits {played.returncode}", *(played.stdout + played.stderr).splitlines()]
