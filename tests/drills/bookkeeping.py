"""Other people's bookkeeping programs: they accept the books as exported, and refuse each that was changed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.bookkeepers import AMOUNT, CHECKS, POSTING, accepts, exported, four_months
from tests.drills.base import Drill, Tally, check

NEEDS = ("hledger", "ledger", "bean-check")
Change = Callable[[list[str], Random], list[str]]


def _entries(blocks: list[str]) -> list[int]:
    """The places of the entries that events made: neither heads nor openings nor proofs."""
    return [i for i, block in enumerate(blocks) if re.match(r"\d{4}-\d\d-\d\d \* ", block) and "balances at the start" not in block
            and "proof:" not in block]  # fmt: skip


def _changed(blocks: list[str], place: int, old: str, new: str) -> list[str]:
    return [*blocks[:place], blocks[place].replace(old, new, 1), *blocks[place + 1 :]]


def _posting(blocks: list[str], random: Random) -> tuple[int, str]:
    place = random.choice(_entries(blocks))
    return place, random.choice([line for line in blocks[place].splitlines() if POSTING.match(line)])


def a_cent(blocks: list[str], random: Random) -> list[str]:
    place, line = _posting(blocks, random)
    found = AMOUNT.search(line)
    assert found is not None
    cents = f"{(int(found[2]) + random.randrange(1, 100)) % 100:02d}"
    return _changed(blocks, place, line, line.replace(found[0], f"{found[1]}.{cents} {found[3]}"))


def an_entry(blocks: list[str], random: Random) -> list[str]:
    place = random.choice(_entries(blocks))
    return blocks[:place] + blocks[place + 1 :]


def an_account(blocks: list[str], random: Random) -> list[str]:
    place, line = _posting(blocks, random)
    name = line.split()[0]
    others = sorted({found.split()[0] for block in blocks for found in block.splitlines() if POSTING.match(found)} - {name})
    return _changed(blocks, place, line, line.replace(name, random.choice(others)))


def a_date(blocks: list[str], random: Random) -> list[str]:
    """To a day before everything: within the month an assertion at its end would not see it."""
    place = random.choice(_entries(blocks)[1:])
    return _changed(blocks, place, blocks[place][:10], "2026-01-01")


CHANGES: dict[str, Change] = {"a cent": a_cent, "a lost entry": an_entry, "another account": an_account}


def _refused(count: int, random: Random, *, proofs: bool) -> Tally:
    four_months()
    tally = Tally(0)
    with tempfile.TemporaryDirectory() as folder:
        for program in CHECKS:
            blocks = exported(program, "--from", "2026-02", "--to", "2026-04").split("\n\n")
            if not proofs:
                blocks = [block for block in blocks if "proof:" not in block and not re.match(r"\d{4}-\d\d-\d\d balance ", block)]
            if not accepts(program, "\n\n".join(blocks), Path(folder)):
                tally.wrong.append(f"{program} refuses the books as they are")
            for name, change in (CHANGES | ({"a moved date": a_date} if program == "hledger" else {})).items():
                for _ in range(count):
                    tally.injected += 1
                    changed = change(blocks, random)
                    if changed == blocks or accepts(program, "\n\n".join(changed), Path(folder)):
                        tally.wrong.append(f"{program} accepts {name}")
    tally.note = "hledger, ledger, beancount; a moved date within a month is seen by hledger alone"
    return tally


def changed_books(count: int, random: Random) -> Tally:
    return check(_refused(count, random, proofs=True), random)


def books_without_proofs(count: int, random: Random) -> Tally:
    """Without what is asserted at the end of each month."""
    return _refused(count, random, proofs=False)


DRILLS = (
    Drill(
        "F36",
        "changed exports given to three programs",
        changed_books,
        "exported without assertions",
        books_without_proofs,
        1,
        40,
        1,
        False,
        NEEDS,
    ),
)
