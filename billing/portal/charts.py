"""Charts drawn on the server: an SVG without any script, whose numbers stand in a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

WIDTH, HEIGHT = 640, 120


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    day: date
    quantity: Decimal


def bars(days: Sequence[tuple[date, Decimal]], *, slots: int) -> list[Bar]:
    """One bar a day, in a drawing of WIDTH × HEIGHT that has room for `slots` of them. The highest fills the height; what is below 0 is
    drawn as nothing, the table says it."""
    most = max((quantity for _, quantity in days), default=Decimal(0))
    step = Decimal(WIDTH) / max(slots, len(days), 1)
    found = []
    for place, (day, quantity) in enumerate(days):
        height = Decimal(HEIGHT) * max(quantity, Decimal(0)) / most if most > 0 else Decimal(0)
        found.append(
            Bar(
                x=f"{step * place + step / 10:.1f}",
                y=f"{HEIGHT - height:.1f}",
                width=f"{step * 8 / 10:.1f}",
                height=f"{height:.1f}",
                day=day,
                quantity=quantity,
            )
        )
    return found
