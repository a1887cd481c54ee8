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
    day: date | None  # None: a bar that is still to come
    quantity: Decimal

    @property
    def likely(self) -> bool:
        return self.day is None


def bars(days: Sequence[tuple[date, Decimal]], *, slots: int, likely: Decimal = Decimal(0)) -> list[Bar]:
    """One bar a day, in a drawing of WIDTH × HEIGHT that has room for `slots` of them; those still to come are as high as is `likely`. The
    highest fills the height; what is below 0 is drawn as nothing, the table says it."""
    ahead = [(None, likely)] * (slots - len(days)) if likely > 0 else []
    drawn: list[tuple[date | None, Decimal]] = [*days, *ahead]
    most = max((quantity for _, quantity in drawn), default=Decimal(0))
    step = Decimal(WIDTH) / max(slots, len(days), 1)
    found = []
    for place, (day, quantity) in enumerate(drawn):
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
