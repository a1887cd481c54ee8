"""Reading what stands: the states of many accounts in a few statements, and the usage that a step needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from billing import bulk
from billing.arrays import Array
from billing.codec import decode_value
from billing.events import Place, Terms
from billing.outlook import outlook
from billing.seldom import CHARGE_FIELDS, SELDOM, open_charge, read_seldom
from billing.standing import as_summed, load_counted, read_adjusted, read_corrected, read_standing, trimmed
from billing.state import AccountState, Contract, PeriodRow, TermsRow, UsageMark
from billing.stored import SETTLED, Held, Known, Layout, Part
from billing.terms import Policy, used_items
from plans import store
from plans.agreements import IndexEntry
from plans.catalogue import Catalogue, ListEntry
from plans.errors import NotFound
from plans.fields import suggestion

__all__ = [
    "CHARGE_FIELDS",
    "LONG_AGO",
    "StoredPolicy",
    "as_summed",
    "load",
    "load_counted",
    "load_one",
    "open_charge",
    "policy",
    "trimmed",
    "zone_of_account",
]
Names = Sequence[str] | Array
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


class StoredPolicy:
    """Published catalogue versions and price lists, each asked of the store once: for the length of one round or command."""

    def __init__(self) -> None:
        self._catalogues: dict[tuple[str, int], Catalogue] = {}
        self._entries: dict[tuple[str, str], tuple[ListEntry, ...]] = {}

    def catalogue(self, name: str, version: int) -> Catalogue:
        found = self._catalogues.get((name, version))
        if found is None:
            found = self._catalogues[name, version] = store.catalogue(name, version)
        return found

    def entries(self, catalogue: str, price_list: str) -> tuple[ListEntry, ...]:
        key = catalogue, price_list
        if key not in self._entries:
            self._entries[key] = store.entries(catalogue, price_list)
        return self._entries[key]

    def index(self, catalogue: str, code: str) -> tuple[IndexEntry, ...]:
        return store.indexes(catalogue).get(code, ())


def policy() -> StoredPolicy:
    return StoredPolicy()


def zone_of_account(account: str) -> str:
    """The account's zone; UTC for an account that does not exist (the command will say so)."""
    rows = bulk.fetch("SELECT zone FROM read_account WHERE account = %s", [account])
    return rows[0][0] if rows else "UTC"


def load(
    accounts: Collection[str],
    *,
    since: Mapping[str, Mapping[str, Any]] | None = None,
    known: Known | None = None,
    counted: bool = True,
    rules: Policy | None = None,
) -> dict[str, AccountState]:
    """The states of the accounts that exist. `since` names those whose closed periods are wanted too. One account alone reads each part
    of itself when it is asked for; what is `known` of it is not read again. Of many, what targets are compared with is left out without
    `counted`: `load_counted` reads it, where something is to be counted."""
    recounted = {account for account, contracts in (since or {}).items() if contracts}
    if len(accounts) == 1:
        (account,) = accounts
        found = (_WHOLE if account in recounted else _LIVE).read(account, known)
        return {account: found} if found else {}
    states = _accounts(list(accounts)) if accounts else {}
    if not states:
        return states
    rules = rules or policy()
    names = bulk.texts(states)
    _marks(states, names)
    whole = [name for name, state in states.items() if name in recounted or state.marks]
    _contracts(states, names, whole)
    _reach_back({name: states[name] for name in whole if states[name].marks}, lambda state, sent: _looks_back(rules, state, sent))
    _periods(states, names, {name: LONG_AGO if name in recounted else _past_since(state, rules) for name, state in states.items()})
    _billed_use(states, rules)
    read_seldom(states)
    if counted:
        load_counted(states)
    return states


def load_one(account: str) -> AccountState:
    """One account's state. Raises NotFound `unknown_account`."""
    states = load([account], since={account: {"": LONG_AGO}})
    if account not in states:
        known = [row[0] for row in bulk.fetch("SELECT account FROM read_account ORDER BY account LIMIT 2000")]
        hint = suggestion(account, known) if len(known) < 2000 else ""
        raise NotFound("unknown_account", f"there is no account {account!r}{hint[:200]}", at="account")
    return states[account]


def _accounts(names: Sequence[str]) -> dict[str, AccountState]:
    """With their places and their credit status."""
    statement = """
        SELECT account, seller, currency, zone, locale, terms, a.status, credit.status, credit.set_by, effective_at,
            place.place::text
        FROM unnest(%s::text[]) AS given(account)
            JOIN read_account a USING (account) LEFT JOIN read_account_place place USING (account)
            LEFT JOIN read_credit_status credit USING (account) ORDER BY account, effective_at, place.sequence"""
    rows = bulk.fetch(statement, [list(dict.fromkeys(names))])  # a join: of a list, a plan for any list compares each row with each name
    states: dict[str, AccountState] = {}
    for row in rows:
        state = states.get(row[0])
        if state is None:
            state = states[row[0]] = AccountState(*row[:7])
            if row[7] is not None:
                state.credit_status, state.credit_set_by = row[7], row[8]
        if row[9] is not None:
            state.places.append((row[9], _place(row[10])))
    return states


def _places(states: dict[str, AccountState]) -> None:
    statement = """
        SELECT account, effective_at, place::text FROM read_account_place
        WHERE account = ANY(%s) ORDER BY account, effective_at, sequence"""
    for account, effective_at, place in bulk.fetch(statement, [list(states)]):
        states[account].places.append((effective_at, _place(place)))


@lru_cache(maxsize=1_000)
def _place(text: str) -> Place:
    place: Place = decode_value(Place, orjson.loads(text))
    return place


def _marks(states: dict[str, AccountState], names: Names) -> None:
    """Usage that arrived."""
    marks = "SELECT account, meter, at, id, arrived_at FROM usage_mark WHERE account = ANY(%s) ORDER BY account, id"
    for account, meter, at, mark, arrived_at in bulk.fetch(marks, [names]):
        states[account].marks.append(UsageMark(mark, meter, at, arrived_at))


def _reach_back(states: Mapping[str, AccountState], looks_back: Callable[[AccountState, str], bool]) -> None:
    """A mark of a meter that is read reaches back to the reading before it, because a reading speaks for the time since the last one."""
    marks = [(account, mark) for account, state in states.items() for mark in state.marks if looks_back(state, mark.meter)]
    if not marks:
        return
    statement = """
        SELECT given.id, max(earlier.at) FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
            AS given(account, meter, at, id)
        JOIN usage_record earlier ON earlier.account = given.account AND earlier.meter = given.meter AND earlier.at < given.at
            AND earlier.kind <> 'usage' GROUP BY given.id"""
    columns = [[account for account, _ in marks], *([getattr(mark, name) for _, mark in marks] for name in ("meter", "at", "id"))]
    before = dict(bulk.fetch(statement, columns))
    for state in states.values():
        state.marks = [replace(mark, at=min(mark.at, before.get(mark.id) or mark.at)) for mark in state.marks]


def _looks_back(rules: Policy, state: AccountState, sent: str) -> bool:
    """Whether what is sent under the code may be shown by a meter whose quantity depends on records from before its span."""
    terms = (row.terms for contract in state.contracts.values() for row in contract.timeline)
    return any(sent in rules.catalogue(one.catalogue, one.version).looking_back for one in terms)


_CONTRACTS = """
    SELECT contract.contract, contract.account, currency, start, "end", status, name, keep_unused, ended_early, paid_through, settled,
        taken_over, agreed_end, early_fee, cancelled, renewed_from, reminded,
        terms.sequence, terms.effective_at, terms.kind, terms.terms::text
    FROM read_contract contract
        JOIN read_contract_terms terms ON terms.account = contract.account AND terms.contract = contract.contract
    WHERE contract.account = ANY(%s) AND (NOT settled OR contract.account = ANY(%s) OR contract.contract IN (
        SELECT charge.contract FROM read_open_charge JOIN read_charge charge USING (account, sequence) WHERE account = ANY(%s)))
    ORDER BY contract.account, contract.start, contract.contract, terms.effective_at, terms.sequence"""


def _contracts(states: dict[str, AccountState], names: Names, whole: Sequence[str]) -> None:
    """Live contracts (and all of them for the accounts in `whole`, and those with open charges) with their terms."""
    found: dict[str, tuple[Any, list[TermsRow]]] = {}
    for row in bulk.foreseen(_CONTRACTS, [names, whole, names]):
        timeline = found.setdefault(row[0], (row, []))[1]
        timeline.append(TermsRow(row[17], row[18], _terms(row[20]), row[19]))
    for row, timeline in found.values():
        name, account, currency, start, end, status, label, keep_unused, ended_early, paid_through, settled, taken_over = row[:12]
        agreed_end, early_fee, cancelled, renewed_from, reminded = row[12:17]
        states[account].contracts[name] = Contract(
            id=name,
            account=account,
            currency=currency,
            start=start,
            end=end,
            timeline=tuple(timeline),
            status=status,
            name=label,
            keep_unused=keep_unused,
            ended_early=ended_early,
            paid_through=paid_through,
            settled=settled,
            taken_over=taken_over,
            agreed_end=agreed_end,
            early_fee=trimmed(early_fee),
            cancelled=cancelled,
            renewed_from=renewed_from,
            reminded=reminded,
        )


@lru_cache(maxsize=1_000)
def _terms(text: str) -> Terms:
    terms: Terms = decode_value(Terms, orjson.loads(text))
    return terms


_PERIODS = """
    SELECT account, contract, item, start, "end", full_start, full_end, closed, last FROM read_live_period WHERE account = ANY(%s)
        UNION ALL SELECT account, contract, item, start, "end", full_start, full_end, closed, last
    FROM unnest(%s::text[], %s::timestamptz[]) AS given(account, since) JOIN ONLY read_period USING (account)
    WHERE "end" > since ORDER BY account, contract, item, start"""


def _periods(states: dict[str, AccountState], names: Names, past: Mapping[str, datetime | None]) -> None:
    """Open and newest periods; of the accounts whose past may move those too that ended after the moment named."""
    wanted = {name: since for name, since in past.items() if since is not None}
    for row in bulk.foreseen(_PERIODS, [names, list(wanted), list(wanted.values())]):
        states[row[0]].periods.append(PeriodRow(*row[1:]))


def _past_since(state: AccountState, rules: Policy) -> datetime | None:
    """The account's closed periods that may move ended after this moment; None: none of them moves. Use that waits moves those that had not
    ended when it was used."""
    if _counts_its_past(state, rules):
        return LONG_AGO
    return min([mark.at for mark in state.marks], default=None)


def _counts_its_past(state: AccountState, rules: Policy) -> bool:
    """Whether a target of the account looks at earlier periods: capitalised interest, and minimums over several items."""
    for contract in state.contracts.values():
        if outlook(rules, contract).minimums:
            return True
        for row in contract.timeline:
            for held in row.terms.items.values():
                if held.principal is not None:
                    return True
    return False


def _billed_use(states: dict[str, AccountState], rules: Policy) -> None:
    """How much use of a contract stood on documents so far, where its plan's thresholds count it."""
    wanted = []
    for account, state in states.items():
        for contract in state.contracts.values():
            _, plan, _ = outlook(rules, contract).parts[-1]
            if plan.invoice.thresholds:
                state.billed_use[contract.id] = Decimal(0)
                wanted += [(account, contract.id, code) for code in used_items(rules, contract)]
    if not wanted:
        return
    statement = """
        SELECT account, contract, sum(amount) FROM unnest(%s::text[], %s::text[], %s::text[]) AS given(account, contract, item)
            JOIN read_charge USING (account, contract, item) WHERE kind = 'accrual' AND invoice <> '' GROUP BY 1, 2"""
    for account, contract, amount in bulk.fetch(statement, [bulk.column(wanted, i) for i in range(3)]):
        states[account].billed_use[contract] = as_summed(amount)


# --- one account, part by part ----------------------------------------------------------------------------------------------------


def _marks_of(states: dict[str, AccountState]) -> None:
    _marks(states, list(states))
    _reach_back(states, lambda state, sent: True)  # which contracts there are depends on the marks: they can't be asked


def _alerted(states: dict[str, AccountState]) -> None:
    statement = "SELECT account, contract, item FROM read_usage_alert WHERE account = ANY(%s)"
    for account, contract, item in bulk.fetch(statement, [list(states)]):
        states[account].alerted.append((contract, item))


_SHARED = (
    Part(("places",), _places),
    Part(("marks",), _marks_of, "SELECT FROM usage_mark WHERE {of}"),
    Part(("alerted",), _alerted, "SELECT FROM read_usage_alert WHERE {of}"),
    Part(
        ("adjusted", "overrides"),
        read_adjusted,
        "SELECT FROM read_charge WHERE {of} AND kind = 'adjustment' UNION ALL SELECT FROM read_override WHERE {of}",
    ),
    Part(
        ("taken_back",),
        lambda states: read_corrected(states, list(states)),
        "SELECT FROM read_invoice WHERE {of} AND (document = 'credit_note' OR status = 'void')",
    ),
    *SELDOM,
)


def _nothing(states: dict[str, AccountState]) -> None:
    """Only the first row says it."""


def _layout(*, whole: bool) -> Layout:
    """The parts of a state. `whole`: closed periods and settled contracts too."""

    def contracts(states: dict[str, AccountState]) -> None:
        _contracts(states, list(states), [name for name, state in states.items() if whole or state.marks])

    def periods(states: dict[str, AccountState]) -> None:
        rules = policy()
        _periods(states, list(states), {name: LONG_AGO if whole else _past_since(state, rules) for name, state in states.items()})

    return Layout(
        Part(("contracts",), contracts, "SELECT FROM read_contract WHERE {of}"),
        Part((SETTLED,), _nothing, "SELECT FROM read_contract WHERE {of} AND settled"),
        Part(("periods",), periods, "SELECT FROM read_live_period WHERE {of}"),
        Part(("standing",), read_standing, "SELECT FROM read_live_period WHERE {of}"),
        Part(("billed_use",), lambda states: _billed_use(states, policy())),
        *_SHARED,
    )


_LIVE, _WHOLE = _layout(whole=False), _layout(whole=True)


def foresee(account: str, held: Held | None, *, contracts: bool = False) -> None:
    """`load` is going to be asked of this account alone, and no more is likely known of it than what is `held`: of its first row, with
    `contracts` of these too, and of their open periods."""
    state = held.states.get(_LIVE) if held is not None else None
    if state is None:
        _LIVE.foresee(account)
    there = vars(state).keys() if state is not None else ()
    if contracts and "contracts" not in there:
        bulk.foresee(_CONTRACTS, [[account], [], [account]])
    if contracts and "periods" not in there:
        bulk.foresee(_PERIODS, [[account], [], []])
