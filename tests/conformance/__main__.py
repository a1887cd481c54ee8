"""`python -m tests.conformance [--check]`: run every case, then write docs/conformance.md, or with `--check` compare it.

Exit status: 0, or 1 where a case does not hold or the page is not up to date.
"""

from __future__ import annotations

import os
import sys

import django

from tests.conformance.registry import cases
from tests.conformance.table import TABLE, written

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from tests.conformance import stories  # noqa: E402  (the player needs Django)


def main(arguments: list[str]) -> int:
    found = cases()
    faults = [f"{case.origin} {case.id}: {fault}" for case in found for fault in case.run()]
    for play in sorted({case.play for case in found if case.play is not None}):
        faults += [f"{play.parent.parent.name} {play.stem}: {fault}" for fault in stories.play(play, isolation="database")]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    page = written(found)
    if "--check" in arguments:
        stands = TABLE.read_text() if TABLE.exists() else ""
        if stands != page:
            print("docs/conformance.md is not up to date: python -m tests.conformance", file=sys.stderr)
        return int(stands != page)
    TABLE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
