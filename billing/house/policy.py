"""The policy of the house, read from YAML. Pure.

    currency: EUR                       # of the seller's books, and of the amounts below
    accounts:                           # numbers and names of the general ledger, by ledger (the rest is the standard chart)
      receivable: {number: "1400", name: Trade debtors}
    allowance: {current: 0.5, 1-30: 3, 31-60: 16, 61-90: 52.5, 91-120: 92, 121+: 92}    # percent of what is open in each bucket
    limits:                             # role → command (any: all others) → what it may decide; a number is the most for each
      clerk: {refund: {each: 50, day: 200}, credit_note: 50}
      supervisor: {any: {each: 500, day: 5000}}
      finance: {any: unlimited}
    relief: {most: 1500, days: 180, notified: yes, service_off: yes}   # when a bad debt takes its tax back (billing/house/relief.py)
    request: {expires: 7 days, reasons: [outage, goodwill, mistake]}                     # codes that a request may give; none: any
    consents, retention                 # what people may agree to, how long documents are kept: billing/house/purposes.py

Without a policy nobody decides anything alone but `finance`, catalogue managers approve each other's drafts, and there is no allowance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing.accounting.buckets import buckets
from billing.accounting.chart import STANDARD, Chart, GeneralAccount
from billing.house.purposes import DOCUMENT_YEARS, PURPOSES, Purpose, read_purposes, read_retention
from billing.house.relief import Relief
from plans.errors import Invalid
from plans.fields import Fields, describe
from plans.money import decimals, parse_decimal
from plans.strict_yaml import load, located

ANY, UNLIMITED = "any", "unlimited"
#: What nobody does alone and nobody can take back; a supervisor may decide it, whatever his limits say of money.
SUPERVISED, SUPERVISOR = frozenset({"erase_person", "merge_accounts", "merge_contacts"}), "supervisor"
LONGEST = 60_000


@dataclass(frozen=True)
class Limit:
    """What a role may decide alone of one command, in the currency of the policy; None: without bound."""

    each: Decimal | None = None
    day: Decimal | None = None

    def allows(self, amount: Decimal, *, today: Decimal) -> bool:
        """Whether `amount` may be decided after `today` was decided on the same day."""
        return (self.each is None or amount <= self.each) and (self.day is None or today + amount <= self.day)

    @property
    def unbounded(self) -> bool:
        return self.each is None and self.day is None


@dataclass(frozen=True)
class HousePolicy:
    currency: str = ""
    accounts: Mapping[str, GeneralAccount] = field(default_factory=dict)
    allowance: Mapping[str, Decimal] = field(default_factory=dict)  # bucket → percent
    limits: Mapping[str, Mapping[str, Limit]] = field(
        default_factory=lambda: {"finance": {ANY: Limit()}, "catalogue_manager": {"publish_draft": Limit()}}
    )
    relief: Relief | None = None  # None: whoever writes off says so each time
    expires: timedelta = timedelta(days=30)
    reasons: tuple[str, ...] = ()
    consents: Mapping[str, Purpose] = field(default_factory=lambda: PURPOSES)
    document_years: int = DOCUMENT_YEARS

    @property
    def chart(self) -> Chart:
        return Chart(self.accounts)

    def limit(self, role: str, command: str) -> Limit | None:
        """What the role may decide of the command; None: nothing."""
        found = self.limits.get(role, {})
        supervised = Limit() if command in SUPERVISED and role == SUPERVISOR else None
        return found.get(command) or supervised or found.get(ANY)

    def may_decide(self, role: str, command: str, amount: Decimal | None, currency: str, *, today: Decimal) -> bool:
        """Whether the role may decide the amount alone. What has no amount, or one in a currency that the policy does not speak of, takes
        a limit without bound."""
        limit = self.limit(role, command)
        if limit is None:
            return False
        if amount is None or (currency != self.currency and self.currency):
            return limit.unbounded
        return limit.allows(amount, today=today)


def read_policy(source: str) -> HousePolicy:
    """Raises Invalid for what is wrong in the text, with its line."""
    document = load(source, name="policy")
    try:
        return _policy(document.value)
    except Invalid as error:
        raise located(error, document) from None


def _policy(value: Any) -> HousePolicy:
    fields = Fields(value)
    currency = fields.text("currency")
    decimals(currency, at="currency")
    request = Fields(fields.raw("request", {}), "request")
    found = HousePolicy(
        currency=currency,
        accounts={ledger: _account(ledger, value, at) for ledger, value, at in fields.mapping("accounts", [])},
        allowance=_allowance(fields),
        limits={role: _limits(value, at) for role, value, at in fields.mapping("limits", [])} or HousePolicy().limits,
        relief=fields.read("relief", _relief, None),
        expires=request.read("expires", _days, HousePolicy.expires),
        reasons=tuple(_word(value, at) for value, at in request.items("reasons", [])),
        consents=read_purposes(fields),
        document_years=read_retention(fields),
    )
    request.done()
    fields.done()
    return found


def _account(ledger: str, value: Any, at: str) -> GeneralAccount:
    standard = Chart().of(ledger)
    fields = Fields(value, at)
    account = GeneralAccount(number=fields.text("number", standard.number), name=fields.text("name", standard.name), type=standard.type)
    fields.done()
    if ledger not in STANDARD and ":" not in ledger:
        raise Invalid("unknown_ledger", f"there is no ledger {ledger!r}", at=at)
    return account


def _allowance(fields: Fields) -> dict[str, Decimal]:
    found = {}
    for bucket, value, at in fields.mapping("allowance", []):
        if bucket not in buckets():
            raise Invalid("unknown_choice", f"expected one of {', '.join(buckets())}; found {bucket!r}", at=at)
        found[bucket] = parse_decimal(value, at=at)
        if not 0 <= found[bucket] <= 100:
            raise Invalid("out_of_range", f"expected 0 to 100 percent, found {found[bucket]}", at=at)
    return found


def _relief(value: Any, at: str) -> Relief:
    fields = Fields(value, at)
    found = Relief(
        most=fields.read("most", _bound, None),
        days=fields.integer("days", 0, most=10_000),
        notified=fields.read("notified", _yes, False),
        service_off=fields.read("service_off", _yes, False),
    )
    fields.done()
    return found


def _yes(value: Any, at: str) -> bool:
    if value not in (True, False, "yes", "no"):
        raise Invalid("wrong_type", f"expected yes or no, found {describe(value)}", at=at)
    return value in (True, "yes")


def _limits(value: Any, at: str) -> dict[str, Limit]:
    given = Fields(value, at)
    return {command: _limit(limit, given.path(command)) for command, limit in given.values.items()}


def _limit(value: Any, at: str) -> Limit:
    if value == UNLIMITED:
        return Limit()
    if not isinstance(value, Mapping):
        return Limit(each=_bound(value, at))
    fields = Fields(value, at)
    found = Limit(each=fields.read("each", _bound, None), day=fields.read("day", _bound, None))
    fields.done()
    return found


def _bound(value: Any, at: str) -> Decimal:
    amount = parse_decimal(value, at=at)
    if amount < 0:
        raise Invalid("negative", f"{amount} is negative; expected 0 or more", at=at)
    return amount


def _days(value: Any, at: str) -> timedelta:
    number, _, unit = str(value).partition(" ")
    if not number.isdigit() or unit not in ("day", "days", "hour", "hours") or not 0 < int(number) <= 1000:
        raise Invalid("wrong_type", f"expected hours or days such as '7 days', found {describe(value)}", at=at)
    return timedelta(**{unit.rstrip("s") + "s": int(number)})


def _word(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=at)
    return value
