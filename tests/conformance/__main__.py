"""`python -m tests.conformance [--check]`: run every case, then write docs/conformance.md, or with `--check` compare it.

Exit status: 0, or 1 where a case does not hold or the page is not up to date.
"""

from __future__ import annotations

import sys

from tests.conformance import stories
from tests.conformance.registry import cases
from tests.conformance.table import TABLE, written


def main(arguments: list[str]) -> int:
    found = cases()
    faults = [f"{case.origin} {case.id}: {fault}" for case in found for fault in case.run()]
    faults += stories.play_all([case for case in found if case.play])
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
