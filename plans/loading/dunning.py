"""What a catalogue says of debts, read: dunning, rates by date, the order in which money pays, and payment plans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from plans.dunning import (
    DECLINES,
    PARTS,
    AllocationPolicy,
    DunningPolicy,
    DunningStep,
    Fee,
    InstalmentOffer,
    LateInterest,
    RateEntry,
)
from plans.errors import Invalid
from plans.fields import Fields
from plans.loading.problems import Problems, check_code, entries_of
from plans.periods import CONVENTIONS, Period, parse_date, parse_period

ZERO = Decimal(0)
MOST_DAYS = 3650


def read_dunning(fields: Fields, name: str, problems: Problems) -> tuple[dict[str, DunningPolicy], str | None]:
    """The dunning policies, and the code of the one for whoever has none of their own: that with `default: true`, else the first."""
    defaults: list[str] = []

    def one(code: str, value: object, at: str) -> DunningPolicy:
        inner = Fields({} if value is None else value, at)
        if inner.flag("default", False):
            if defaults:
                raise Invalid("conflict", f"{defaults[0]!r} is the default already", at=inner.path("default"))
            defaults.append(code)
        return _policy(code, inner, problems)

    found = problems.by_code(entries_of(fields, name), one)
    return found, defaults[0] if defaults else next(iter(found), None)


def _policy(code: str, fields: Fields, problems: Problems) -> DunningPolicy:
    policy = DunningPolicy(
        code=code,
        per=fields.choice("per", ("account", "document"), "account"),
        minimum=fields.decimal("minimum", ZERO),
        steps=problems.attempt(lambda: _steps(fields), ()),
        retries=problems.attempt(lambda: _retries(fields), {}),
        interest=problems.attempt(lambda: fields.read("interest", _interest, None)),
        reconnection=problems.attempt(lambda: fields.read("reconnection", _reconnection, None)),
    )
    fields.text("about", None, longest=10_000)
    fields.done()
    return policy


def _steps(fields: Fields) -> tuple[DunningStep, ...]:
    """The steps in the order of their days; each needs a code of its own."""
    found: list[DunningStep] = []
    for value, at in fields.items("steps", []):
        step = _step(Fields(value, at))
        if step.code in {before.code for before in found}:
            raise Invalid("conflict", f"there are two steps {step.code!r}; give them codes", at=at)
        found.append(step)
    return tuple(sorted(found, key=lambda step: step.after))


def _step(fields: Fields) -> DunningStep:
    after = fields.read("after", _days)
    step = DunningStep(
        code=fields.read("code", check_code, f"before-{-after}" if after < 0 else f"day-{after}"),
        after=after,
        remind=fields.read("remind", check_code, ""),
        fee=fields.read("fee", lambda value, at: read_fee(value, at, "Late fee"), None),
        status=fields.choice("status", ("grace", "limited", "suspended"), None),
        cancel=fields.flag("cancel", False),
        collection=fields.flag("collection", False),
        above=fields.decimal("above", ZERO),
    )
    fields.done()
    acts = step.fee or step.status or step.cancel or step.collection
    if not acts and not step.remind:
        raise Invalid("missing_field", "a step does something: remind, fee, status, cancel or collection", at=fields.at)
    if after <= 0 and (acts or step.above):
        raise Invalid("conflict", "until the due date has passed a step can only remind", at=fields.path("after"))
    return step


def _days(value: Any, at: str) -> int:
    """Whole days, negative before the due date: `-3`, `"5"`, `5 days`."""
    text = str(value).removesuffix(" days").removesuffix(" day").strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or int(digits) > MOST_DAYS:
        raise Invalid("wrong_type", f"expected days after the due date, such as 5 or -3; found {value!r}", at=at)
    return int(text)


def read_fee(value: Any, at: str, name: str) -> Fee:
    """A number (the amount), or a mapping of `amount` or `percent` and what stands beside them."""
    fields = Fields(value if isinstance(value, Mapping) else {"amount": value}, at)
    fee = Fee(
        name=fields.text("name", name),
        amount=fields.decimal("amount", ZERO),
        percent=fields.decimal("percent", ZERO),
        least=fields.decimal("least", None),
        most=fields.decimal("most", None),
        tax=fields.read("tax", check_code, None),
        bill=fields.choice("bill", ("now", "next_invoice"), "now"),
    )
    fields.done()
    if not fee.amount and not fee.percent:
        raise Invalid("missing_field", "a fee has an amount or a percent", at=fields.path("amount"))
    return fee


def _reconnection(value: Any, at: str) -> Fee:
    fee = read_fee(value, at, "Reconnection")
    if fee.percent:
        raise Invalid("conflict", "a reconnection has an amount, not a percent of a debt that is paid", at=f"{at}.percent")
    return fee


def _retries(fields: Fields) -> dict[Any, tuple[int, ...]]:
    section = Fields(fields.raw("retries", {}), fields.path("retries"))
    found = {}
    for decline in DECLINES:
        days = tuple(_days(value, at) for value, at in section.items(decline, []))
        if any(day < 0 for day in days) or list(days) != sorted(set(days)):
            raise Invalid("out_of_range", "expected days after the first decline, rising", at=section.path(decline))
        found[decline] = days
    section.done()
    return found


def _interest(value: Any, at: str) -> LateInterest:
    fields = Fields(value, at)
    interest = LateInterest(
        name=fields.text("name", "Late interest"),
        rate=fields.decimal("rate", None),
        rates=fields.read("rates", check_code, None),
        per=fields.choice("per", ("year", "month", "day"), "year"),
        day_count=fields.choice("day_count", CONVENTIONS, "act/365"),
        grace=fields.integer("grace", 0, most=MOST_DAYS),
        minimum=fields.decimal("minimum", ZERO),
        tax=fields.read("tax", check_code, None),
        bill=fields.choice("bill", ("now", "next_invoice"), "now"),
    )
    fields.done()
    if (interest.rate is None) == (interest.rates is None):
        raise Invalid("missing_field", "expected a rate, or the name of rates by date", at=fields.path("rate"))
    if interest.per != "year" and fields.has("day_count"):
        raise Invalid("conflict", "a day count belongs to a rate per year", at=fields.path("day_count"))
    return interest


# -- rates by date -----------------------------------------------------------------------------------------------------------------


def read_rates(fields: Fields, name: str, problems: Problems) -> dict[str, tuple[RateEntry, ...]]:
    """Rates by date: `CODE: {2020-01-01: "4", …}`."""
    return problems.by_code(entries_of(fields, name), _rates)


def _rates(code: str, value: Any, at: str) -> tuple[RateEntry, ...]:
    del code
    found: dict[date, Decimal] = {}
    if not isinstance(value, Mapping) or not value:
        raise Invalid("wrong_type", "expected day → percent", at=at)
    for day in value:
        start = parse_date(day, f"{at}.{day}")
        found[start] = Fields({str(day): value[day]}, at).decimal(str(day))
    return tuple(RateEntry(start, found[start]) for start in sorted(found))


# -- the order in which money pays -------------------------------------------------------------------------------------------------


def read_allocation(fields: Fields, name: str) -> AllocationPolicy:
    """`allocation: [interest, fees]`: these parts of what is open are paid before the rest. Nothing said: the oldest due first."""
    parts = [Fields({"part": value}, at).choice("part", PARTS) for value, at in fields.items(name, [])]
    if len(parts) != len(set(parts)):
        raise Invalid("conflict", "a part is named twice", at=fields.path(name))
    return AllocationPolicy(tuple(parts))


# -- payment plans -----------------------------------------------------------------------------------------------------------------


def read_instalments(fields: Fields, name: str, problems: Problems) -> dict[str, InstalmentOffer]:
    """The payment plans that the house offers."""
    return problems.by_code(entries_of(fields, name), _offer)


def _offer(code: str, value: object, at: str) -> InstalmentOffer:
    fields = Fields(value, at)
    every = fields.read("every", parse_period, Period(1, "month"))
    offer = InstalmentOffer(
        code=code,
        name=fields.text("name", code),
        count=fields.integer("count", least=1, most=600),
        every=every,
        first=fields.read("first", parse_period, every),
        method=fields.choice("method", ("none", "flat", "french"), "french" if fields.has("rate") else "none"),
        rate=fields.decimal("rate", ZERO),
        down=fields.decimal("down", ZERO),
        tolerance=fields.integer("tolerance", 0, most=MOST_DAYS),
        tax=fields.read("tax", check_code, None),
        public=fields.flag("public", False),
    )
    fields.done()
    if (offer.method == "none") != (offer.rate == 0):
        raise Invalid("conflict", "a rate and a method (flat or french) go together", at=fields.path("rate"))
    if offer.down >= 100:
        raise Invalid("out_of_range", "the down payment is a percent below 100", at=fields.path("down"))
    return offer
