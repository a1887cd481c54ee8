"""The record of looks at personal details and of refusals: who, whom, what, when. Only ever added to."""

from __future__ import annotations

from datetime import datetime

from accounts.models import AccessRecord


def looked(actor: str, *, account: str, what: str, at: datetime) -> None:
    """Somebody saw the personal details of an account."""
    AccessRecord.objects.create(at=at, actor=actor, action="looked", account=account, what=what[:200])


def refused(actor: str, *, what: str, code: str, at: datetime, account: str = "") -> None:
    """Somebody was refused something."""
    AccessRecord.objects.create(at=at, actor=actor, action="refused", account=account[:200], what=what[:200], code=code[:80])


def noted(actor: str, action: str, *, account: str, what: str, at: datetime) -> None:
    """Something was done with personal details or with who may see them: exported, invited, joined, removed, changed."""
    AccessRecord.objects.create(at=at, actor=actor, action=action, account=account, what=what[:200])
