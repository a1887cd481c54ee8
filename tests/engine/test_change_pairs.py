"""Every pair of changes: the second is refused, or both are carried out in their order, or one waits for a person. None is ever silently
lost. And random stories of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from billing import bulk, clockwork, conflicts, journal, previews
from billing.command import Timed, parse_arguments, registry
from billing.engine import Context, Stamp, record
from billing.queries.forecast import forecast
from billing.rebuilding import compare
from billing.scheduling.deciding import decide
from plans.errors import Refusal
from tests.books import START, advance, assert_books_hold, do, moment, open_account, publish, undone

pytestmark = pytest.mark.django_db

CATALOGUE = """
catalogue: c
currency: EUR
zone: UTC
taxes: {vat: {rate: 21, country: ES, categories: [standard]}}
discounts: {welcome: {percent: 10}}
coupons: {SPRING: {discount: welcome}}
terms: {net-14: {days: 14}}
items: {ticket: {price: {model: unit, amount: "9.50"}, tax: standard, stock: true}}
plans:
  team:
    period: month
    invoice: {when: end}
    items:
      seat: {price: {model: unit, amount: "3.10"}, tax: standard}
      desk: {price: "6.20", tax: standard, optional: true}
      phone: {price: "9.30", tax: standard, optional: true}
  house: {period: month, invoice: {when: end}, items: {seat: {price: {model: unit, amount: "5.00"}, tax: standard}}}
"""

#: name → the command and its arguments.
CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "plan": ("change_plan", {"plan": "house"}),
    "quantity": ("change_quantity", {"item": "seat", "quantity": "12"}),
    "add": ("add_item", {"item": "phone"}),
    "remove": ("remove_item", {"item": "desk"}),
    "price": ("change_price", {"item": "seat", "price": {"model": "unit", "amount": "2.00"}}),
    "pause": ("pause", {}),
    "resume": ("resume", {}),
    "cancel": ("cancel", {}),
    "renew": ("renew", {"until": "2027-06-01"}),
    "day": ("move_billing_day", {"to": "2026-02-20"}),
    "payer": ("transfer_contract", {"to": "ben"}),
    "split": ("split_contract", {"to": "ben", "items": ["desk"]}),
    "discount": ("discount", {"percent": "50", "name": "half"}),
    "coupon": ("apply_coupon", {"coupon": "SPRING"}),
    "tax": ("change_details", {"country": "FR"}),
}
#: Those that touch no terms of a contract.
OF_ACCOUNT: dict[str, tuple[str, dict[str, Any]]] = {
    "no-offer": ("end_discount", {"discount": "half"}),
    "terms": ("change_details", {"terms": "net-14"}),
    "card": ("add_method", {"gateway_token": "sandbox:approve"}),
    "default": ("set_default_method", {"method": "1"}),
    "forget": ("remove_method", {"method": "1"}),
    "collect": ("set_collection", {"mode": "manual"}),
    "status": ("set_credit_status", {"status": "grace", "reason": "late"}),
    "limit": ("set_credit_limit", {"amount": "90"}),
    "hold": ("hold_invoicing", {}),
    "unhold": ("resume_invoicing", {}),
    "extra": ("adjust", {"amount": "10.00", "reason": "fair"}),
}
ABOUT_ACCOUNT = {"coupon", "tax", *OF_ACCOUNT}
ASKED_AT = moment("2026-01-10")
FIRST, SECOND = moment("2026-01-16"), moment("2026-01-21")
#: when the scheduled change and the asked one are for. "later" is the mirror of "earlier", so one play serves both.
ORDERS = {"earlier": (SECOND, FIRST), "same": (SECOND, SECOND), "later": (FIRST, SECOND)}

#: scheduled (rows) and asked (columns, in the same order): `.` both carried out, C a conflict with the scheduled change,
#: R refused for itself, Q accepted and one of them waits for a person.
EXPECTED = {
    "earlier": """
plan     C . . . . . R C . . C C . . .
quantity C C . . C . R C . . C C . . .
add      C . C . . . R C . . C C . . .
remove   C . . C . . R C . . C C . . .
price    C C . . C . R C . . C C . . .
pause    . . . . . C C C . . C . . . .
cancel   . . . . . . R . . . . . . . .
renew    . . . . . . R C C . C . . . .
day      . . . . . . R C . C C . . . .
payer    . . . . . . R C . . C . . . .
split    C . . C . . R C . . C C . . .
discount C . . . . . R C . . C C C . .
coupon   C . . . . . R C . . . C . C .
tax      . . . . . . R . . . . . . . C
""",
    "same": """
plan     C C C C C . R C . . C C C C .
quantity C C . . C . R C . . C C . . .
add      C . C . . . R C . . C C . . .
remove   C . . C . . R C . . C C . . .
price    C C . . C . R C . . C C . . .
pause    . . . . . C C C . . C . . . .
cancel   R R R R R R R . R R R R R . .
renew    . . . . . . R C C . C . . . .
day      . . . . . . R C . C C . . . .
payer    C C C C C C C C C C C C C . .
split    C C C C C . R C . . C C C C .
discount C . . . . . R C . . . C C . .
coupon   C . . . . . R C . . . C . C .
tax      . . . . . . R . . . . . . . C
""",
    "later": """
plan     . . C C . . R . . . . C . . .
quantity . . . . . . R . . . . . . . .
add      . . C . . . R . . . . . . . .
remove   . . . C . . R . . . . C . . .
price    . . . . . . R . . . . . . . .
pause    . . . . . C . . . . . . . . .
cancel   R R R R R R R . R R R R R . .
renew    . . . . . . R C C . . . . . .
day      . . . . . . R . . . . . . . .
payer    C C C C C C R . C C C C C . .
split    . . . C . . R . . . . C . . .
discount . . . . . . R . . . . . . . .
coupon   . . . . . . R . . . . . . C .
tax      . . . . . . R . . . . . . . .
""",
}


def test_every_timed_command_has_a_row() -> None:
    timed = {name for name, command in registry().items() if issubclass(command.arguments, Timed)}
    assert {command for command, _ in (*CHANGES.values(), *OF_ACCOUNT.values())} == timed


def given_for(name: str, contract: str, when: datetime) -> dict[str, Any]:
    _, arguments = (CHANGES | OF_ACCOUNT)[name]
    named = {} if name in ABOUT_ACCOUNT else {"contract": contract}
    return {"account": "ana", "when": when.isoformat(), **named, **arguments}


# --- by the rule alone: who writes what another writes or needs


def rows_of(letter: Any, names: Any) -> str:
    """The table of the answers for each scheduled change (row) and each asked one."""
    return "\n".join(f"{first:<9}{' '.join(letter(first, second) for second in names)}" for first in names)


def by_rule(first: str, second: str, order: str) -> str:
    then, now = ORDERS[order]
    scheduled, asked = change(first, then, "ana/7"), change(second, now, "")
    return "C" if conflicts.find(asked, [scheduled]) else "."


def change(name: str, when: datetime, address: str) -> conflicts.Change:
    command, _ = (CHANGES | OF_ACCOUNT)[name]
    arguments = parse_arguments(registry()[command].arguments, given_for(name, "ana/2", when), zone="UTC")
    about = "" if name in ABOUT_ACCOUNT else "ana/2"
    needs, writes = arguments.needs(), arguments.writes()
    return conflicts.Change(address, command, "ana", about, when, writes, needs, "tester", ASKED_AT, firm=arguments.firm)


BY_RULE = {
    "earlier": """
plan     C . . . . . . C . . C C . . . . . . . . . . . . . .
quantity C C . . C . . C . . C C . . . . . . . . . . . . . .
add      C . C . . . . C . . C C . . . . . . . . . . . . . .
remove   C . . C . . . C . . C C . . . . . . . . . . . . . .
price    C C . . C . . C . . C C . . . . . . . . . . . . . .
pause    . . . . . C C C . . C . . . . . . . . . . . . . . .
resume   . . . . . C C C . . C . . . . . . . . . . . . . . .
cancel   . . . . . . . C C . C . . . . . . . . . . . . . . .
renew    . . . . . . . C C . C . . . . . . . . . . . . . . .
day      . . . . . . . C . C C . . . . . . . . . . . . . . .
payer    . . . . . . . C . . C . . . . . . . . . . . . . . .
split    C . . . . . . C . . C C . . . . . . . . . . . . . .
discount C . . . . . . C . . . C C . . C . . . . . . . . . .
coupon   C . . . . . . C . . . C . C . . . . . . . . . . . .
tax      . . . . . . . . . . . . . . C . . . . . . . . . . .
no-offer . . . . . . . . . . . . C . . C . . . . . . . . . .
terms    . . . . . . . . . . . . . . . . C . . . . . . . . .
card     . . . . . . . . . . . . . . . . . C C C . . . . . .
default  . . . . . . . . . . . . . . . . . C C C . . . . . .
forget   . . . . . . . . . . . . . . . . . C C C . . . . . .
collect  . . . . . . . . . . . . . . . . . . . . C . . . . .
status   . . . . . . . . . . . . . . . . . . . . . C . . . .
limit    . . . . . . . . . . . . . . . . . . . . . . C . . .
hold     . . . . . . . . . . C . . . . . . . . . . . . C C .
unhold   . . . . . . . . . . C . . . . . . . . . . . . C C .
extra    . . . . . . . . . . . . . . . . . . . . . . . . . .
""",
    "same": """
plan     C C C C C . . C . . C C C C . . . . . . . . . . . .
quantity C C . . C . . C . . C C . . . . . . . . . . . . . .
add      C . C . . . . C . . C C . . . . . . . . . . . . . .
remove   C . . C . . . C . . C C . . . . . . . . . . . . . .
price    C C . . C . . C . . C C . . . . . . . . . . . . . .
pause    . . . . . C C C . . C . . . . . . . . . . . . . . .
resume   . . . . . C C C . . C . . . . . . . . . . . . . . .
cancel   C C C C C C C C C C C C C C . . . . . . . . . . . .
renew    . . . . . . . C C . C . . . . . . . . . . . . . . .
day      . . . . . . . C . C C . . . . . . . . . . . . . . .
payer    C C C C C C C C C C C C . . . . . . . . . . . C C .
split    C C C C C . . C . . C C C C . . . . . . . . . . . .
discount C . . . . . . C . . . C C . . C . . . . . . . . . .
coupon   C . . . . . . C . . . C . C . . . . . . . . . . . .
tax      . . . . . . . . . . . . . . C . . . . . . . . . . .
no-offer . . . . . . . . . . . . C . . C . . . . . . . . . .
terms    . . . . . . . . . . . . . . . . C . . . . . . . . .
card     . . . . . . . . . . . . . . . . . C C C . . . . . .
default  . . . . . . . . . . . . . . . . . C C C . . . . . .
forget   . . . . . . . . . . . . . . . . . C C C . . . . . .
collect  . . . . . . . . . . . . . . . . . . . . C . . . . .
status   . . . . . . . . . . . . . . . . . . . . . C . . . .
limit    . . . . . . . . . . . . . . . . . . . . . . C . . .
hold     . . . . . . . . . . C . . . . . . . . . . . . C C .
unhold   . . . . . . . . . . C . . . . . . . . . . . . C C .
extra    . . . . . . . . . . . . . . . . . . . . . . . . . .
""",
}


@pytest.mark.parametrize("order", BY_RULE)
def test_every_pair_by_the_rule(order: str) -> None:
    """Later than what is scheduled builds on it: only what is firm, and another end of the contract, meet whenever they are for."""
    names = [*CHANGES, *OF_ACCOUNT]
    assert rows_of(lambda first, second: by_rule(first, second, order), names) == BY_RULE[order].strip("\n")


def test_later_than_what_is_scheduled_only_the_firm_meets_it() -> None:
    found = {(first, second) for first in CHANGES for second in CHANGES if by_rule(first, second, "later") == "C"}
    assert found == {("renew", "cancel"), ("cancel", "cancel")}


# --- carried out: what the rehearsal finds besides, and that none is lost


def begin() -> str:
    publish(CATALOGUE)
    open_account()
    open_account("ben")
    contract: str = do("subscribe", account="ana", plan="team", quantity="10", items=["desk"], until="2027-01-01").made["contract"]
    return contract


def decided(name: str, contract: str, when: datetime) -> list[journal.Recorded]:
    """Decide and record, as the engine does within one transaction, without its keys and previews. Raises what the command raises."""
    command = registry()[CHANGES[name][0]]
    plain = given_for(name, contract, when)
    arguments = command.parse(plain, at=ASKED_AT)
    heads = journal.lock(command.streams(arguments))
    decision = decide(command, Context(ASKED_AT, "tester", ASKED_AT, heads), arguments, plain)
    return record(decision.drafts, heads=heads, stamp=Stamp("tester", command.name, ASKED_AT))


def letter(first: str, second: str, order: str, contract: str, played: dict[Any, str]) -> str:
    """The letter of a change that is asked when another is scheduled, already recorded."""
    then, now = ORDERS[order]
    before = journal.lock(["ana"])["ana"].sequence
    try:
        with transaction.atomic():
            made = decided(second, contract, now)
    except Refusal as refusal:
        assert journal.lock(["ana"])["ana"].sequence == before
        return "C" if refusal.code == "change_conflict" else "R"
    assert made[-1].event.kind in ("change.scheduled", "contract.cancelled")
    play = (order == "same", *((first, second) if then <= now else (second, first)))
    if play not in played:
        clockwork.advance(["ana"], until=SECOND, heads=journal.lock(["ana"]), stamp=Stamp("beat", "advance", SECOND), after=made)
        statuses = {status for (status,) in bulk.fetch("SELECT status FROM read_change")}
        assert statuses <= {"applied", "questioned"}
        played[play] = "Q" if "questioned" in statuses else "."
    return played[play]


def table(order: str, contract: str, played: dict[Any, str]) -> Iterator[str]:
    """A change to be resumed can't be scheduled first: nothing is paused."""
    for first in CHANGES:
        if first == "resume":
            continue
        with undone():
            decided(first, contract, ORDERS[order][0])
            letters = []
            for second in CHANGES:
                with undone():
                    letters.append(letter(first, second, order, contract, played))
        yield f"{first:<9}{' '.join(letters)}"


def test_every_pair() -> None:
    contract, played = begin(), {}
    found = {order: "\n".join(table(order, contract, played)) for order in ORDERS}
    assert found == {order: rows.strip("\n") for order, rows in EXPECTED.items()}


#: What else people do meanwhile: for now, and about no scheduled change.
BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "sell": ("sell", {"item": "ticket", "catalogue": "c", "quantity": "2"}),
    "sell-now": ("sell", {"item": "ticket", "catalogue": "c", "quantity": "1", "invoice": "now"}),
    "back": ("return", {"item": "ticket"}),
    "pay": ("pay", {"amount": "40"}),
    "by-hand": ("adjust", {"amount": "-3.00", "reason": "courtesy"}),
    "subscribe": ("subscribe", {"plan": "house"}),
    "grant": ("grant", {"amount": "20.00", "lasts": "20 days"}),
    "reserve": ("reserve", {"amount": "5.00"}),
    "deposit": ("take_deposit", {"amount": "10.00"}),
    "note": ("credit_note", {"invoice": "newest", "amount": "2.00", "reason": "Down"}),
    "contest": ("dispute", {"invoice": "newest", "amount": "3.00", "reason": "Not mine"}),
    "give-up": ("write_off", {"invoice": "newest", "reason": "Gone"}),
}
ALL = CHANGES | OF_ACCOUNT | BESIDE
STEPS = st.tuples(
    st.sampled_from(sorted(ALL)),
    st.sampled_from(["now", "period_end", "2026-02-01", "2026-02-11", "2026-03-05"]),
    st.sampled_from(["refuse", "replace", "after", "before", "rebase"]),
    st.sampled_from(["ask", "ask", "ask", "withdraw", "move"]),
    st.integers(0, 12),
)


@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=2, max_size=7))
def test_random_stories_keep_every_promise(steps: list[tuple[str, str, str, str, int]]) -> None:
    with undone():
        contract, at = begin(), START
        do("restock", item="ticket", quantity="5", catalogue="c")
        do("add_method", account="ana", gateway_token="sandbox:approve")
        for name, when, way, doing, days in steps:
            at += timedelta(days=days)
            _step(contract, name, when, way, doing, at)
        asked = bulk.fetch("SELECT count(*) FROM journal WHERE kind = 'change.scheduled'")[0][0]
        assert asked == bulk.fetch("SELECT count(*) FROM read_change")[0][0]
        _forecast_is_what_happens(at, at + timedelta(days=70))
        assert bulk.fetch("SELECT count(*) FROM read_account WHERE status = 'parked'") == [(0,)]
        assert_books_hold()
        assert compare(list(journal.stream_ids())) == []


def _step(contract: str, name: str, when: str, way: str, doing: str, at: Any) -> None:
    """Preview the command, then do it with the token: the same events, or both refused."""
    command, arguments = ALL[name]
    given_: dict[str, Any] = {"account": "ana", **arguments}
    if name not in BESIDE:
        given_ |= {"when": when, "on_conflict": way}
    if name in CHANGES and name not in ABOUT_ACCOUNT:
        given_["contract"] = contract
    if given_.get("invoice") == "newest":
        newest = bulk.fetch("SELECT number FROM read_invoice WHERE account = 'ana' AND document = 'invoice' ORDER BY number DESC LIMIT 1")
        given_["invoice"] = newest[0][0] if newest else "1"
    if doing != "ask":
        changes = bulk.fetch("SELECT change FROM read_change WHERE status IN ('scheduled', 'questioned') ORDER BY asked_at, change")
        if not changes:
            return
        command, given_ = "withdraw_change", {"account": "ana", "change": changes[0][0]}
        if doing == "move":
            command, given_ = "move_change", given_ | {"when": when}
    shown, refused = _answer(command, at, given_, dry_run=True)
    done, again = _answer(command, at, given_, dry_run=False)
    assert refused == again
    if done is not None:
        assert shown.preview is not None
        assert previews.digest(done.events) == previews.digest(shown.events)
        parties = [given_[name] for name in ("account", "to") if given_.get(name) in ("ana", "ben")]
        assert shown.preview.after == previews.balances(parties)


def _answer(command: str, at: Any, given_: dict[str, Any], *, dry_run: bool) -> tuple[Any, str]:
    """The outcome, or the code of the refusal."""
    try:
        with transaction.atomic():
            return do(command, at, dry_run=dry_run, **given_), ""
    except Refusal as refusal:
        return None, refusal.code


def _forecast_is_what_happens(at: Any, until: Any) -> None:
    advance(at)
    before = journal.lock(["ana"])["ana"].sequence
    expected = [one for one in forecast("ana", at=at, until=until).events if one.stream == "ana"]
    advance(until)
    assert previews.digest(journal.read(["ana"], after=before)) == previews.digest(expected)
