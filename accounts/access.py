"""Who asks, and what they may see and do. Every face makes a `Caller` first and starts every query from what it may see.

An account that the caller may not see does not exist for the caller: the refusal is that of an unknown account, so that nobody learns
from it whose accounts there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from accounts.models import Membership
from accounts.roles import ACCOUNT_ROLES, CUSTOMER_CHOICES, CUSTOMER_COMMANDS, CUSTOMER_VALUES, CUSTOMER_WHEN, area_of, areas_of_roles
from plans.errors import NotAllowed, NotFound


@dataclass(frozen=True)
class Caller:
    """`actor` is the name that the journal keeps. `everything`: sees every account. `accounts`: else the accounts that it sees, with what
    it may do in each. `areas` are the areas of commands that it may run in every account that it sees. `within`: a query of the names of
    further accounts that it sees, of those who see very many."""

    actor: str
    everything: bool = False
    accounts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    areas: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    within: QuerySet[Any] | None = None

    def sees(self, account: str) -> bool:
        if self.everything or account in self.accounts:
            return True
        return self.within is not None and "\x00" not in account and self.within.filter(account=account).exists()

    def only_seen(self, rows: QuerySet[Any], *, column: str = "account") -> QuerySet[Any]:
        """The rows of accounts that the caller may see: where every list and every look at one thing begins."""
        if self.everything:
            return rows
        return rows.filter(**{f"{column}__in": list(self.accounts) if self.within is None else self.within})

    def must_see(self, account: str) -> None:
        """Raises NotFound `unknown_account`, worded as for an account that does not exist."""
        if not self.sees(account):
            raise NotFound("unknown_account", f"there is no account {account[:80]!r}", at="account")

    def may_run(self, command: str, account: str = "") -> bool:
        """Whether the caller may run the command (for this account), whatever its arguments."""
        if area_of(command) in self.areas:
            return not account or self.sees(account)
        needed, _ = CUSTOMER_COMMANDS.get(command, ("", frozenset()))
        return bool(needed) and needed in self.accounts.get(account, frozenset())

    def must_run(self, command: str, arguments: Mapping[str, Any]) -> None:
        """Raises NotFound for an account out of sight, NotAllowed for a command or an argument that the caller has no right to."""
        account = arguments.get("account")
        named = account if isinstance(account, str) else ""
        if named:
            self.must_see(named)
        if area_of(command) in self.areas:
            if self.everything or named:
                return
            raise NotAllowed("no_right", f"{self.actor} acts for single accounts: say for which one", at="account")
        if not self.may_run(command, named):
            raise NotAllowed("no_right", f"{self.actor} may not run {command!r}; ask somebody who may", at="command")
        extra = sorted(set(arguments) - CUSTOMER_COMMANDS[command][1] - {"account"})
        if extra:
            raise NotAllowed("no_right", f"{extra[0]!r} is for the office to say; leave it out", at=extra[0])
        for (name, argument), value in CUSTOMER_VALUES.items():
            if name == command and arguments.get(argument) != value:
                raise NotAllowed("no_right", f"say {argument}: {value}; anything else is for the office to say", at=argument)
        for (name, argument), choices in CUSTOMER_CHOICES.items():
            if name == command and not set(map(str, _listed(arguments.get(argument)))) <= choices:
                raise NotAllowed("no_right", f"choose among {', '.join(sorted(choices))}", at=argument)
        if str(arguments.get("when", "")) not in CUSTOMER_WHEN:
            words = ", ".join(sorted(CUSTOMER_WHEN - {""}))
            raise NotAllowed("no_right", f"a date is for the office to say; choose one of {words}", at="when")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


NOBODY = Caller(actor="nobody")


def staff(actor: str, roles: Collection[str]) -> Caller:
    """A member of staff: sees every account, does what the roles allow."""
    return Caller(actor=actor, everything=True, areas=areas_of_roles(roles), roles=frozenset(roles))


def caller_of_user(user: Any) -> Caller:
    """The caller behind a signed-in user: staff by the groups that bear the names of roles (superusers are administrators), else a customer
    by memberships. Raises nothing: somebody without rights sees nothing."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return NOBODY
    actor = f"user:{user.get_username()}"
    if user.is_staff:
        roles = {"administrator"} if user.is_superuser else set(user.groups.values_list("name", flat=True))
        return staff(actor, roles)
    rows = Membership.objects.filter(user=user).values_list("account", "role")
    return Caller(actor=actor, accounts={account: ACCOUNT_ROLES[role] for account, role in rows})


def is_customer(actor: str) -> bool:
    """Whether the journal's name of an actor is that of a signed-in user who is no staff."""
    kind, _, name = actor.partition(":")
    return kind == "user" and not get_user_model().objects.filter(is_active=True, is_staff=True, username=name).exists()


def roles_of_actor(actor: str) -> frozenset[str]:
    """The roles of staff that the journal's name of a signed-in user stands for; none for anything else (a key, a program)."""
    kind, _, name = actor.partition(":")
    if kind != "user" or not name:
        return frozenset()
    user = get_user_model().objects.filter(is_active=True, is_staff=True, username=name).first()
    if user is None:
        return frozenset()
    return frozenset({"administrator"} if user.is_superuser else user.groups.values_list("name", flat=True))
