"""Pure: where the pursuit of an account's debts stands, and what comes next.

A *case* is what the steps are counted for: the account as a whole (subject ""), or one document (subject: its id). It counts from its
*base*: the oldest day on which something unpaid fell due, or the day on which it came to be open again, if that is later (a lost dispute,
a write-off undone, a payment plan broken). Days on which dunning was paused do not count.

A step falls due on the morning of its day and is taken once. When older debts are paid the base moves later: steps whose day is still to
come by the new base are taken back, so that they come again in their time. Nothing overdue: the case is over.

Steps are taken in their order at their own moments, also when the clock was down: the books are the same however often it ticked. Of the
reminders that a case still owes to the outside world only the newest is sent (see `steps.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.due import DuePart, oldest_unpaid, overdue
from plans.dunning import DunningPolicy, DunningStep
from plans.periods import day_start, local_date

ZERO = Decimal(0)
ACCOUNT = ""  # the subject of a case of the whole account


@dataclass(frozen=True)
class Debt:
    """A document on which something is open. `charges_only`: it bills nothing but fees and interest for being late."""

    invoice: str
    number: str
    currency: str
    open: Decimal
    held: Decimal
    parts: tuple[DuePart, ...]
    issued: date
    reopened: date | None = None
    charges_only: bool = False

    def overdue(self, day: date) -> Decimal:
        return overdue(self.open, self.held, self.parts, day)

    def base(self, running: date | None) -> date | None:
        """The day from which steps count; None where all that is open is disputed. What came to be open again counts from then, or from the
        base of the case that is `running`, if that is earlier."""
        oldest = oldest_unpaid(self.open - self.held, self.parts)
        if oldest is None:
            return None
        again = self.reopened or oldest
        return max(oldest, self.issued, min(again, running) if running else again)


@dataclass(frozen=True)
class Case:
    """The steps that were taken for a subject, counted from `base`. `last` is when the newest was."""

    subject: str
    base: date
    taken: tuple[str, ...]
    last: datetime
    overdue: bool = True  # False: it only reminded before the due date


@dataclass(frozen=True)
class Pause:
    """Dunning rests in `[since, until)`, days of the account; until None: until somebody resumes it."""

    since: date
    until: date | None


@dataclass(frozen=True)
class Standing:
    """An account as dunning sees it. `moved` is when an open amount last changed."""

    zone: str
    currency: str
    policy: DunningPolicy
    debts: tuple[Debt, ...]
    cases: tuple[Case, ...] = ()
    pauses: tuple[Pause, ...] = ()
    moved: datetime | None = None
    since: date | None = None  # the day on which the policy was set for the account: what was due before counts from then

    def debts_of(self, subject: str) -> list[Debt]:
        return [debt for debt in self.debts if subject in (ACCOUNT, debt.invoice)]

    def case(self, subject: str) -> Case | None:
        return next((case for case in self.cases if case.subject == subject), None)


@dataclass(frozen=True)
class Next:
    """What dunning does next for an account: take a step, or ease a case (`step` None) to the steps in `remaining`."""

    moment: datetime
    subject: str
    base: date | None
    step: DunningStep | None = None
    remaining: tuple[str, ...] = ()
    debts: tuple[Debt, ...] = field(default=())


def next_up(standing: Standing) -> Next | None:
    """The earliest thing to do; of several at one moment what eases comes first, then the order of the ladder."""
    found = [one for subject in _subjects(standing) if (one := _next_of(standing, subject)) is not None]
    found += [one for debt in standing.debts for one in _reminders(standing, debt)]
    return min(found, key=lambda one: (one.moment, one.step is not None, one.step.after if one.step else 0, one.subject), default=None)


def _subjects(standing: Standing) -> list[str]:
    running = [case.subject for case in standing.cases if case.overdue]
    if standing.policy.per == "account":
        return list(dict.fromkeys([ACCOUNT, *running]))
    return list(dict.fromkeys([*(debt.invoice for debt in standing.debts), *running]))


def _next_of(standing: Standing, subject: str) -> Next | None:
    case, base = standing.case(subject), _base(standing, subject)
    case = case if case and case.overdue else None
    if case is not None and (base is None or base > case.base):
        return _eased(standing, case, base)
    if base is None:
        return None
    taken = case.taken if case else ()
    steps = [step for step in standing.policy.overdue if step.code not in taken]
    moments = [(moment, step) for step in steps if (moment := _moment(standing, subject, base, step, case)) is not None]
    if not moments:
        return None
    moment, step = min(moments, key=lambda one: (one[0], one[1].after))
    return Next(moment, subject, base, step, debts=_overdue_on(standing, subject, local_date(moment, standing.zone)))


def _base(standing: Standing, subject: str) -> date | None:
    case = standing.case(subject)
    running = case.base if case is not None and case.overdue else None
    bases = [base for debt in standing.debts_of(subject) if (base := debt.base(running)) is not None]
    return max(min(bases), standing.since or min(bases)) if bases else None


def _overdue_on(standing: Standing, subject: str, day: date) -> tuple[Debt, ...]:
    return tuple(debt for debt in standing.debts_of(subject) if debt.overdue(day) > 0)


def amount_overdue(standing: Standing, subject: str, day: date) -> Decimal:
    """What is overdue in the account's currency; where that is nothing, in whichever currency most is."""
    sums: dict[str, Decimal] = {}
    for debt in standing.debts_of(subject):
        sums[debt.currency] = sums.get(debt.currency, ZERO) + debt.overdue(day)
    return sums.get(standing.currency) or max(sums.values(), default=ZERO)


def _moment(standing: Standing, subject: str, base: date, step: DunningStep, case: Case | None) -> datetime | None:
    """The morning of the first day on which the step's days have passed and enough is overdue; None where that is not in sight."""
    day = shifted(base, step.after, standing.pauses)
    if day is None:
        return None
    if case is not None:
        day = max(day, local_date(case.last, standing.zone))
    least = max(step.above, standing.policy.minimum)
    days = [day, *sorted(fell for debt in standing.debts_of(subject) for part in debt.parts if (fell := part.due + _DAY) > day)]
    for candidate in days:
        amount = amount_overdue(standing, subject, candidate)
        if amount > 0 and amount >= least:
            moved = shifted(candidate, 0, standing.pauses)
            return None if moved is None else _not_before(case, day_start(moved, standing.zone))
    return None


def _not_before(case: Case | None, moment: datetime) -> datetime:
    return max(moment, case.last) if case else moment


_DAY = timedelta(days=1)


def shifted(base: date, after: int, pauses: Sequence[Pause]) -> date | None:
    """`after` days from the base, days of pauses not counted; None where a pause without an end comes before."""
    day = base + timedelta(days=after)
    for pause in sorted(pauses, key=lambda one: one.since):
        start = max(pause.since, base)
        if start > day or (pause.until is not None and pause.until <= start):
            continue
        if pause.until is None:
            return None
        day += pause.until - start
    return day


def _eased(standing: Standing, case: Case, base: date | None) -> Next:
    """Older debts are paid: at the moment of that, not before the last step."""
    moment = max(case.last, standing.moved or case.last)
    remaining: tuple[str, ...] = ()
    if base is not None:
        today = local_date(moment, standing.zone)
        reached = [(step.code, shifted(base, step.after, standing.pauses)) for step in standing.policy.overdue]
        remaining = tuple(code for code, day in reached if code in case.taken and day is not None and day <= today)
    return Next(moment, case.subject, base if remaining else None, remaining=remaining, debts=tuple(standing.debts_of(case.subject)))


def _reminders(standing: Standing, debt: Debt) -> Iterable[Next]:
    """The steps until the due date, which remind of one document each; not of what only bills for being late."""
    due = oldest_unpaid(debt.open - debt.held, debt.parts)
    if due is None or debt.charges_only:
        return
    case = standing.case(debt.invoice)
    taken = case.taken if case and case.base == due else ()
    first = max(debt.issued, debt.reopened or debt.issued, standing.since or debt.issued)
    for step in standing.policy.before:
        day = due + timedelta(days=step.after)
        moment = day_start(day, standing.zone)
        possible = day > first and (standing.moved is None or moment >= standing.moved) and shifted(day, 0, standing.pauses) == day
        if step.code not in taken and possible:
            yield Next(moment, debt.invoice, due, step, debts=(debt,))


def worst_status(policy: DunningPolicy, taken: Iterable[str]) -> str:
    """The worst credit status among the steps taken."""
    order = ("good", "grace", "limited", "suspended")
    found = [step.status for code in taken if (step := policy.step(code)) is not None and step.status]
    return max(found, key=order.index, default="good")
