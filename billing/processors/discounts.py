"""Discounts that accounts hold, what documents used of them, and how often a coupon was taken."""

from __future__ import annotations

from decimal import Decimal

from billing import bulk
from billing.codec import canonical, encode_value
from billing.events import CouponTaken, DiscountAttached, DiscountEnded, InvoiceIssued
from billing.pipeline import Batch

COLUMNS = "attachment account contract discount name level terms currency start remainder uses coupon".split()


def process(batch: Batch) -> None:
    bulk.copy(
        "read_discount",
        COLUMNS,
        [
            (
                r.address,
                e.account,
                e.contract,
                e.discount,
                e.name,
                e.level,
                canonical(encode_value(e.terms)).decode(),
                e.currency,
                e.start,
                e.remainder,
                0,
                e.coupon,
            )
            for r, e in batch.of(DiscountAttached)
        ],
    )
    _uses(batch)
    ended = {e.attachment: r.effective_at for r, e in batch.of(DiscountEnded)}
    bulk.execute(
        'UPDATE read_discount SET "end" = given.until FROM {rows} WHERE read_discount.attachment = given.attachment',
        {"attachment": ("text", list(ended)), "until": ("timestamptz", list(ended.values()))},
    )
    taken = {e.coupon: e.taken for _, e in batch.of(CouponTaken)}
    bulk.execute(
        "INSERT INTO read_coupon (coupon, taken) SELECT coupon, taken FROM {rows} "
        "ON CONFLICT (coupon) DO UPDATE SET taken = excluded.taken",
        {"coupon": ("text", list(taken)), "taken": ("integer", list(taken.values()))},
    )


def _uses(batch: Batch) -> None:
    used: dict[str, tuple[Decimal, int]] = {}
    for _, event in batch.of(InvoiceIssued):
        for use in event.discounts:
            amount, times = used.get(use.attachment, (Decimal(0), 0))
            used[use.attachment] = amount + use.amount, times + 1
    bulk.execute(
        """UPDATE read_discount SET remainder = remainder - given.amount, uses = uses + given.times
            FROM {rows} WHERE read_discount.attachment = given.attachment""",
        {
            "attachment": ("text", list(used)),
            "amount": ("numeric", [use[0] for use in used.values()]),
            "times": ("integer", [use[1] for use in used.values()]),
        },
    )
