"""What people say about the pursuit of an account's debts: pause it, go on, follow another policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from billing import bulk
from billing.command import Command
from billing.commands.common import account_stream, open_state
from billing.commands.offers import offered
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.dunning.events import DunningPaused, DunningResumed, DunningSet
from plans.catalogue import Catalogue
from plans.dunning import find_policy
from plans.errors import Conflict, Invalid
from plans.periods import local_date


@dataclass(frozen=True)
class PauseDunning:
    account: str
    reason: str
    until: date | None = None  # the first day on which it goes on; none: until it is resumed


def pause_dunning(context: Context, args: PauseDunning) -> Decision:
    """Let the account's debts rest: no reminder, no fee, no suspension until `until`, or until `resume_dunning`. Interest goes on."""
    state = open_state(args.account)
    today = local_date(context.at, state.zone)
    if args.until is not None and args.until <= today:
        raise Invalid("out_of_range", f"expected a day after {today}", at="until")
    if _paused(args.account, today):
        raise Conflict("paused", f"dunning of {args.account} is paused already; resume it first", at="account")
    event = DunningPaused(account=args.account, since=today, until=args.until, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class ResumeDunning:
    account: str
    reason: str = ""


def resume_dunning(context: Context, args: ResumeDunning) -> Decision:
    """Pursue the account's debts again, from where it stood: the days of the pause do not count."""
    state = open_state(args.account)
    today = local_date(context.at, state.zone)
    if not _paused(args.account, today):
        raise Conflict("not_paused", f"dunning of {args.account} is not paused", at="account")
    return Decision([Draft(args.account, DunningResumed(account=args.account, on=today, reason=args.reason), context.at)])


def _paused(account: str, today: date) -> bool:
    statement = "SELECT 1 FROM read_dunning_pause WHERE account = %s AND since <= %s AND (until IS NULL OR until > %s)"
    return bool(bulk.fetch(statement, [account, today, today]))


@dataclass(frozen=True)
class SetDunning:
    account: str
    policy: str = ""  # none: that of its plan again
    catalogue: str = ""
    reason: str = ""


def set_dunning(context: Context, args: SetDunning) -> Decision:
    """Let the account follow another policy than that of its plan; what was due before counts from today on."""
    state = open_state(args.account)
    today = local_date(context.at, state.zone)
    name, version = "", 0
    if args.policy:
        catalogue = _holding(args, today)
        name, version = catalogue.name, catalogue.version
    event = DunningSet(account=args.account, policy=args.policy, catalogue=name, version=version, since=today, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


def _holding(args: SetDunning, today: date) -> Catalogue:
    """The catalogue on offer that has the policy. Raises Invalid `unknown_choice`, Conflict `which_catalogue`."""
    on_offer = offered(today, args.catalogue)
    holding = [one for one in on_offer if args.policy in one.dunning]
    if len(holding) > 1:
        names = ", ".join(one.name for one in holding)
        raise Conflict("which_catalogue", f"the dunning {args.policy!r} stands in {names}; name the catalogue", at="catalogue")
    if not holding:
        find_policy({code: policy for one in on_offer for code, policy in one.dunning.items()}, args.policy)
    return holding[0]


COMMANDS = (
    Command("pause_dunning", "Let an account's debts rest", PauseDunning, pause_dunning, account_stream),
    Command("resume_dunning", "Pursue an account's debts again", ResumeDunning, resume_dunning, account_stream),
    Command("set_dunning", "Let an account follow another dunning policy", SetDunning, set_dunning, account_stream),
)
