"""May this account use so much more? The price of a further use, against what its wallet can spend: `price(q + 1) − price(q)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.counting import count
from billing.events import ChargeAccrued
from billing.loading import load, load_one, policy
from billing.measuring import measure_steps
from billing.schedule import Step, periods_touched
from billing.state import AccountState, Contract, PeriodRow, UsageMark
from billing.terms import item_of
from billing.totals import adds_up
from billing.wallets.loading import load_wallets
from billing.wallets.lots import Wallet
from plans.catalogue import Item
from plans.errors import Conflict, NotFound
from plans.fields import suggestion
from plans.metering import Meter, Record

ZERO = Decimal(0)


@dataclass(frozen=True)
class Use:
    """A use that is not recorded yet: so much of an item of a contract, at a moment."""

    contract: Contract
    item: Item
    source: str  # the code under which its meter's records are sent
    quantity: Decimal
    at: datetime
    dimensions: Mapping[str, Any] = field(default_factory=dict)
    meter: Meter | None = None

    @property
    def unit(self) -> str:
        """Of the wallet that pays it."""
        return self.item.wallet or self.contract.currency

    def wallet(self) -> Wallet:
        held = load_wallets([self.contract.account])[self.contract.account]
        return held.get(self.unit) or Wallet(self.unit, self.contract.currency)


@dataclass(frozen=True)
class Answer:
    """Whether the use may go ahead: what it costs, and the most that it may cost, in `currency` or the units of its wallet."""

    allowed: bool
    cost: Decimal
    spendable: Decimal
    currency: str


def state_of(account: str) -> AccountState:
    """The account with what is live of it: no more for an account with a long past. Raises NotFound `unknown_account`."""
    return load([account]).get(account) or load_one(account)


def find_use(
    state: AccountState, item: str, quantity: Decimal, at: datetime, *, contract: str = "", dimensions: Mapping[str, Any] | None = None
) -> Use:
    """The use of an item that draws on the wallet. Raises NotFound `unknown_item`, Conflict `which_contract` or `not_metered`."""
    rules = policy()
    found, known = [], []
    for one in state.contracts.values():
        terms = one.terms_at(at).terms
        if one.status == "ended" or one.start > at or terms.paused or contract not in ("", one.id):
            continue
        known += list(terms.items)
        held = item_of(rules, terms, item)
        if held is not None and held.draws == "tick":
            found.append((one, held))
    if not found:
        message = f"no running contract has an item {item!r} that draws on a wallet{suggestion(item, known)}"
        raise NotFound("unknown_item", message, at="item")
    if len(found) > 1:
        names = ", ".join(one.id for one, _ in found)
        raise Conflict("which_contract", f"the item {item!r} stands in several contracts; name one of {names}", at="contract")
    one, held = found[0]
    terms = one.terms_at(at).terms
    meter = rules.catalogue(terms.catalogue, terms.version).meters.get(held.meter or "")
    if meter is not None and (meter.parts or meter.aggregate not in ("sum", "count")):
        raise Conflict("not_metered", f"the meter {meter.code!r} does not add up single uses: send it readings", at="item")
    source = (meter.reads if meter else None) or held.meter or ""
    subject = {"subject": terms.subject} if terms.subject else {}
    return Use(one, held, source, quantity, at, {**(dimensions or {}), **subject}, meter or Meter(code=source))


def cost_of(state: AccountState, use: Use) -> Decimal:
    """What the use adds to the charges of its open period, by the very functions that will charge it. With what was recorded and is not
    counted yet."""
    return total(charges_of(state, use))


def total(charges: Sequence[ChargeAccrued]) -> Decimal:
    return sum((event.amount for event in charges), ZERO)


def open_rows(state: AccountState, use: Use) -> list[PeriodRow]:
    """The periods of the item that the use belongs to."""
    own = use.contract.id, use.item.code
    return [row for row in state.periods if (row.contract, row.item) == own and not row.closed and row.start <= use.at]


def charges_of(state: AccountState, use: Use, then: Callable[[], None] | None = None) -> list[ChargeAccrued]:
    """The charges that the use makes, as the tick that finds it will record them. `then`: as in `measure_steps`."""
    rows = open_rows(state, use)
    if not rows:
        return []
    step = Step(use.at, recount=rows, marks=[0])
    record = Record(id="", at=use.at, value=use.quantity, dimensions=dict(use.dimensions), source="", meter=use.source)
    states, rules = {state.account: state}, policy()
    usage = measure_steps({state.account: step}, states, rules, more={(state.account, use.source): [record]}, totals=True, then=then)
    events = count(step, state, rules, usage.get(state.account, {}))
    return [event for event in events if isinstance(event, ChargeAccrued)]


def used_alone(state: AccountState, use: Use) -> bool:
    """Whether the use moves nothing but its own item, no other use waits to be counted, and no alert is to be told of it: then it need not
    be found by a tick."""
    if state.marks or use.meter is None or not adds_up(use.meter) or (use.contract.id, use.item.code) in state.alerted:
        return False
    mark = UsageMark(0, use.source, use.at, use.at)
    return periods_touched(state, policy(), mark) == open_rows(state, use)


def can_use(
    account: str,
    item: str,
    quantity: Decimal = Decimal(1),
    *,
    at: datetime,
    contract: str = "",
    dimensions: Mapping[str, Any] | None = None,
) -> Answer:
    """Whether the account's wallet pays for `quantity` more of the item. Reads only: who must be sure reserves. Raises as `find_use`."""
    state = state_of(account)
    use = find_use(state, item, quantity, at, contract=contract, dimensions=dimensions)
    cost, most = cost_of(state, use), use.wallet().allowed(at=at, item=item)
    return Answer(allowed=cost <= most, cost=cost, spendable=most, currency=use.unit)
