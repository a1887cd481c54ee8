"""Any story of money commands, however wild: each is done or refused, and the books hold after all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import journal
from billing.rebuilding import compare
from plans.errors import Refusal
from tests.books import START, assert_books_hold, do, open_account, publish, undone

pytestmark = pytest.mark.django_db

AMOUNTS = st.sampled_from(["0.01", "4.14", "10.00", "12.10", "24.14", "30.00", "60.00"])
MAYBE = st.none() | AMOUNTS
INVOICES = st.sampled_from(["1", "2", "3"])
THINGS = st.sampled_from([None, "1", "2"])

PAYMENTS = st.sampled_from(["1", "2"])


def command(name: str, **given: Any) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """The command with arguments drawn from the strategies; what is drawn as None is left out."""
    drawn = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in given.items()}
    return st.fixed_dictionaries(drawn).map(lambda found: (name, {key: value for key, value in found.items() if value is not None}))


COMMANDS = st.one_of(
    command("pay", amount=AMOUNTS, channel=st.sampled_from(["cash", "card"])),
    command("pay", amount=AMOUNTS, invoices=INVOICES.map(lambda name: [name])),
    command("apply_credit"),
    command("unallocate", payment=PAYMENTS),
    command("allocate", payment=PAYMENTS, amount=MAYBE),
    command("credit_note", invoice=INVOICES, amount=MAYBE, reason="x", refund=st.booleans()),
    command("credit_note", invoice=INVOICES, total=AMOUNTS, reason="x"),
    command("debit_note", invoice=INVOICES, amount=AMOUNTS, reason="x"),
    command("void", invoice=INVOICES, reason="x", forgive=True),
    command("refund", payment=THINGS, amount=MAYBE, settle=st.sampled_from(["now", "later"])),
    command("refund", payment=PAYMENTS, amount=MAYBE, credit_note=True),
    command("settle_refund", refund=THINGS),
    command("fail_refund", refund=THINGS, reason="x"),
    command("write_off", invoice=INVOICES, amount=MAYBE, reason="x", vat_relief=st.booleans()),
    command("recover", invoice=INVOICES, amount=MAYBE),
    command("reinstate", invoice=INVOICES, amount=MAYBE, reason="x"),
    command("open_dispute", payment=PAYMENTS, amount=MAYBE, fee="1.00", inquiry=st.booleans()),
    command("win_dispute", dispute=THINGS),
    command("lose_dispute", dispute=THINGS),
    command("dispute", invoice=INVOICES, amount=MAYBE, reason="x"),
    command("resolve_dispute", dispute=THINGS, outcome=st.sampled_from(["upheld", "rejected"])),
    command("identify", receipt=PAYMENTS, amount=MAYBE),
    command("take_deposit", amount=AMOUNTS),
    command("apply_deposit", deposit=THINGS, amount=MAYBE),
    command("release_deposit", deposit=THINGS, amount=MAYBE, settle=st.sampled_from(["now", "later"])),
    command("forfeit_deposit", deposit=THINGS, amount=MAYBE, reason="x"),
)


@settings(max_examples=25)
@given(story=st.lists(COMMANDS, min_size=3, max_size=25))
def test_the_books_hold_after_any_story(story: list[tuple[str, dict[str, Any]]]) -> None:
    with undone():
        publish()
        open_account()
        do("subscribe", account="ana", plan="basic")
        do("sell", account="ana", item="ticket", quantity="3", invoice="now")
        do("receive", amount="50.00")
        do("receive", amount="5.00")
        do("pay", account="ana", amount="34.00")
        do("pay", account="ana", amount="60.00", channel="card")
        do("take_deposit", account="ana", amount="20.00")
        for day, (name, arguments) in enumerate(story, start=1):
            try:
                do(name, START + timedelta(days=day * 3), account="ana", **arguments)
            except Refusal:
                continue
        assert_books_hold()
        assert compare(list(journal.stream_ids())) == []
