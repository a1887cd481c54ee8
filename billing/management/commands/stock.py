"""`manage.py stock [ITEM]`: what is there, what is reserved, and how it came to be."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.management.base import BillingCommand
from billing.queries.status import money_text
from billing.stock.levels import Level
from billing.stock.queries import Goods, Move, all_goods, goods
from plans.money import plain


class Command(BillingCommand):
    help = "What is in stock: all items, or one with its reservations and how each piece came and went. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("item", nargs="?", metavar="ITEM")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="the last N movements (default: 50)")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["item"] is None:
            found = all_goods()
            self.write_json([_data(one) for one in found]) if options["json"] else self.write(_table(found))
            return
        one = goods(options["item"], limit=max(1, options["limit"]))
        self.write_json(_data(one)) if options["json"] else self.write(_page(one))


def _data(one: Goods) -> dict[str, Any]:
    return {
        "item": one.item.code,
        "name": one.item.name,
        "minimum": one.item.stock_minimum,
        "levels": [vars(level) | {"free": level.free} for level in one.levels],
        "reservations": [vars(reservation) for reservation in one.reservations],
        "history": [vars(move) for move in one.moves],
    }


def _table(found: list[Goods]) -> str:
    rows = [(one, level) for one in found for level in one.levels]
    width = max([len(one.item.code) for one, _ in rows], default=4)
    head = f"{'item':<{width}}  {'place':<12}  {'level':>10}  {'reserved':>10}  {'free':>10}  {'worth':>12}"
    return "\n".join([head, *(f"{one.item.code:<{width}}  {_level(level)}{_low(one, level)}" for one, level in rows)])


def _level(level: Level) -> str:
    numbers = "  ".join(f"{plain(one):>10}" for one in (level.level, level.reserved, level.free))
    return f"{level.location:<12}  {numbers}  {plain(level.value):>12}"


def _low(one: Goods, level: Level) -> str:
    minimum = one.item.stock_minimum
    return f"  below {plain(minimum)}" if minimum is not None and level.free < minimum else ""


def _page(one: Goods) -> str:
    lines = [_table([one])]
    for kept in one.reservations:
        until = f"until {kept.expires:%Y-%m-%d %H:%M}Z" if kept.expires else "until it is sold or released"
        lines.append(f"  reserved: {plain(kept.quantity)} at {kept.location} for {kept.account} {until} ({kept.id})")
    lines += ["how it came to be:", *(_move(move) for move in one.moves)]
    return "\n".join(
        lines if one.moves else [*lines[:-1], "  nothing ever moved: the level is what the catalogue says that there is at the start"]
    )


def _move(move: Move) -> str:
    who = f" {move.account}" if move.account else ""
    cost = f", cost {money_text(move.cost, move.currency)} {move.currency}" if move.cost else ""
    why = "".join([f": {move.note}" if move.note else "", f" because of {move.cause}" if move.cause else ""])
    sign = "+" if move.quantity >= 0 else ""
    told = f"{move.reason.replace('_', ' ')}{who} at {move.location}{cost}{why}"
    return f"  {move.at:%Y-%m-%d %H:%M}Z  {sign}{plain(move.quantity):<8} = {plain(move.level):<8} {told} ({move.address})"
