"""`credit`: how much of an automatic credit becomes the customer's money, after what was paid and what people took back before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing import ledgers
from billing.decided import respected
from billing.differences import Difference
from billing.events import Key
from billing.invoicing import Composing, CreditPart, Issued, LineRef, Standing, credit_note, frame_of
from billing.state import PeriodRow
from plans.money import parse_decimal, plain
from tests.shop import MOMENT, START, Shop

ZERO = Decimal(0)
END = START.replace(month=START.month % 12 + 1)


def credit(inputs: Mapping[str, Any]) -> Any:
    """One fee on an issued document: `paid` of it is paid, `credited` was taken back by hand, and `potential` is not used any more."""
    potential, paid, credited = (parse_decimal(inputs[name]) for name in ("potential", "paid", "credited"))
    whole = max(paid, credited, potential if not paid else ZERO)
    shop, state = Shop(), Shop().state()
    event = shop.invoice_of(shop.charge("room", plain(whole)))
    standing = Standing({event.invoice: Issued(replace(event, number="INV-1"), whole - paid)})
    _taken(shop, standing, event.invoice, credited)
    key = Key(contract="ana/1", item="room", terms="2", period_start=START, component="fee", currency="EUR")
    name = key.contract, key.item, key.terms, key.period_start, key.component
    state.standing[name], state.taken_back[name] = whole, credited
    row = PeriodRow("ana/1", "room", START, END, START, END, closed=False, last=True)
    found = respected([Difference(key=key, amount=-potential, target=whole - potential, line=None)], row, state)
    less = -sum((difference.amount for difference in found), ZERO)
    money = _taken(shop, standing, event.invoice, less) if less > 0 else ZERO
    return {"credit": plain(money, 2), "left": plain(standing.left(LineRef(event.invoice, 1)).charged, 2)}


def _taken(shop: Shop, standing: Standing, invoice: str, amount: Decimal) -> Decimal:
    """A credit note on the line; answers what of it is the customer's credit."""
    if not amount:
        return ZERO
    composing = Composing(state=shop.state(), policy=shop, moment=MOMENT, next_sequence=900, buyer="b")
    frame = frame_of(composing, shop.catalogue(), "credit_note")
    note = credit_note(standing, invoice, [CreditPart(1, amount)], frame=frame, reason="", against=ledgers.CREDIT_NOTES)
    return note.credited
