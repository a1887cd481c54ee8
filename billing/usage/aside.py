"""Lines that could not be taken: put aside with their number and the reason, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing import bulk

LONGEST_CONTENT = 2000
LONGEST_REASON = 500


@dataclass(frozen=True)
class Rejected:
    """A line that was put aside. `content` is the line itself, shortened."""

    number: int
    code: str
    reason: str
    content: str = field(default="", compare=False)

    def as_dict(self) -> dict[str, Any]:
        return {"line": self.number, "code": self.code, "reason": self.reason}


def put_aside(batch: str, rejected: Sequence[Rejected], *, recorded_at: datetime) -> None:
    """Keep the lines under the batch's name. A line that was put aside under this name before is kept as it is now."""
    statement = """
        INSERT INTO rejected_record (batch, line, code, reason, content, recorded_at)
        SELECT batch, line, code, reason, content, recorded_at FROM {rows}
        ON CONFLICT (batch, line) DO UPDATE
            SET code = excluded.code, reason = excluded.reason, content = excluded.content, recorded_at = excluded.recorded_at"""
    bulk.execute(
        statement,
        {
            "batch": ("text", [batch] * len(rejected)),
            "line": ("bigint", [line.number for line in rejected]),
            "code": ("text", [line.code for line in rejected]),
            "reason": ("text", [storable(line.reason)[:LONGEST_REASON] for line in rejected]),
            "content": ("text", [storable(line.content)[:LONGEST_CONTENT] for line in rejected]),
            "recorded_at": ("timestamptz", [recorded_at] * len(rejected)),
        },
    )


def storable(text: str) -> str:
    """The text with what no column can hold (NUL, half characters) written as escapes."""
    return text[: 2 * LONGEST_CONTENT].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def batches() -> list[tuple[str, int, datetime]]:
    """Every batch with lines put aside: its name, how many, when; the newest first."""
    found = bulk.fetch("SELECT batch, count(*), max(recorded_at) FROM rejected_record GROUP BY batch ORDER BY 3 DESC, 1")
    return [(batch, count, recorded_at) for batch, count, recorded_at in found]


def lines_of(batch: str) -> list[Rejected]:
    """The lines of a batch, in order."""
    found = bulk.fetch("SELECT line, code, reason, content FROM rejected_record WHERE batch = %s ORDER BY line", [batch])
    return [Rejected(*row) for row in found]
