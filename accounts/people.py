"""The people of an account: who is invited, who joins, who goes. No event: the journal knows accounts, not who signs in for them. Every
step is noted in the record of access.

An account keeps at least one owner. An invitation is accepted once, by somebody who signed in with the invited mail address.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from accounts.looks import noted
from accounts.models import Invitation, Membership
from accounts.roles import ACCOUNT_ROLES
from plans.errors import Conflict, Invalid, NotAllowed, NotFound

LASTS = timedelta(days=7)
MOST_OPEN = 20  # open invitations of one account


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def invite(account: str, email: str, role: str, *, actor: str, at: datetime) -> str:
    """The secret of the link to send. Raises Invalid `unknown_role`, Conflict `is_member`, `too_many`; an open invitation of the same
    address is replaced."""
    if role not in ACCOUNT_ROLES:
        raise Invalid("unknown_role", f"expected one of {', '.join(ACCOUNT_ROLES)}; found {role[:40]!r}", at="role")
    address = email.strip().casefold()
    with transaction.atomic():
        _lock(account)
        if Membership.objects.filter(account=account, user__email__iexact=address).exists():
            raise Conflict("is_member", f"{address} belongs to the account already", at="email")
        held = Invitation.objects.filter(account=account, accepted_at=None, withdrawn_at=None)
        held.filter(email=address).update(withdrawn_at=at)
        if held.filter(expires_at__gt=at).count() >= MOST_OPEN:
            raise Conflict("too_many", f"{MOST_OPEN} invitations are open; withdraw one first", at="email", most=MOST_OPEN)
        secret = secrets.token_urlsafe(32)
        made = Invitation.objects.create(
            digest=_digest(secret), account=account, email=address, role=role, invited_by=actor, made_at=at, expires_at=at + LASTS
        )
        noted(actor, "invited", account=account, what=f"invitation {made.pk} {role}", at=at)
    return secret


def withdraw(account: str, invitation: int, *, actor: str, at: datetime) -> None:
    """Raises NotFound `unknown_invitation`."""
    rows = Invitation.objects.filter(pk=invitation, account=account, accepted_at=None, withdrawn_at=None)
    if not rows.update(withdrawn_at=at):
        raise NotFound("unknown_invitation", "there is no such open invitation")
    noted(actor, "withdrew", account=account, what=f"invitation {invitation}", at=at)


def find(secret: str, *, at: datetime) -> Invitation:
    """The open invitation of a link. Raises NotFound `unknown_invitation` for one that was used, withdrawn, is too old or never was."""
    found = Invitation.objects.filter(digest=_digest(secret), accepted_at=None, withdrawn_at=None, expires_at__gt=at).first()
    if found is None:
        raise NotFound("unknown_invitation", "this invitation was used, withdrawn, or is too old; ask for another")
    return found


def accept(secret: str, user: Any, *, actor: str, at: datetime) -> str:
    """Join; answers the account. Raises NotFound `unknown_invitation`, NotAllowed `other_address`, `is_staff`."""
    with transaction.atomic():
        found = find(secret, at=at)
        if user.is_staff:
            raise NotAllowed("is_staff", "staff sees every account and joins none")
        if user.email.casefold() != found.email:
            raise NotAllowed("other_address", f"the invitation is for {found.email}; sign in with that address", email=found.email)
        if not Invitation.objects.filter(pk=found.pk, accepted_at=None, withdrawn_at=None).update(accepted_at=at):
            raise NotFound("unknown_invitation", "this invitation was used just now")
        try:
            with transaction.atomic():
                Membership.objects.create(user=user, account=found.account, role=found.role, since=at)
        except IntegrityError:
            pass  # belongs to it already, with whatever role the owner gave since
        noted(actor, "joined", account=found.account, what=found.role, at=at)
    return found.account


def change_role(account: str, member: int, role: str, *, actor: str, at: datetime) -> None:
    """Raises NotFound `unknown_member`, Invalid `unknown_role`, Conflict `last_owner`."""
    if role not in ACCOUNT_ROLES:
        raise Invalid("unknown_role", f"expected one of {', '.join(ACCOUNT_ROLES)}; found {role[:40]!r}", at="role")
    with transaction.atomic():
        row = _member(account, member, stays=role == "owner")
        row.role = role
        row.save(update_fields=["role"])
        noted(actor, "changed", account=account, what=f"{row.user} {role}", at=at)


def remove(account: str, member: int, *, actor: str, at: datetime) -> None:
    """Raises NotFound `unknown_member`, Conflict `last_owner`."""
    with transaction.atomic():
        row = _member(account, member, stays=False)
        row.delete()
        noted(actor, "removed", account=account, what=str(row.user), at=at)


def _lock(account: str) -> list[Membership]:
    """The account's people, held: two owners can't remove each other at once."""
    return list(Membership.objects.select_for_update(of=("self",)).select_related("user").filter(account=account).order_by("pk"))


def _member(account: str, member: int, *, stays: bool) -> Membership:
    people = _lock(account)
    row = next((one for one in people if one.pk == member), None)
    if row is None:
        raise NotFound("unknown_member", "nobody like that belongs to the account")
    if row.role == "owner" and not stays and [one.role for one in people].count("owner") == 1:
        raise Conflict("last_owner", "an account needs an owner: make somebody else one first", at="role")
    return row
