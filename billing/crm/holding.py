"""What billing keeps of people outside the vault: consents, and texts that came from outside and may name them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from billing.models import CampaignMail, Consent, Effect, RejectedRecord

LAST_STEP = "person.erase"  # what it waits for names nobody, and is no reason to erase again


def export(account: str) -> dict[str, Any]:
    """What they agreed to, and which campaigns reached them."""
    return {
        "consents": list(
            Consent.objects.filter(account=account)
            .order_by("contact", "purpose")
            .values("contact", "purpose", "channel", "given", "since", "version", "how", "by")
        ),
        "campaigns": list(
            CampaignMail.objects.filter(account=account)
            .order_by("at", "campaign")
            .values("contact", "campaign", "state", "at", "followed_at", "links", "unsubscribed_at")
        ),
    }


def erase(account: str, texts: Collection[str], kept: Collection[str]) -> dict[str, int]:
    """Answers of mail servers that name an address, lines of files that could not be taken. Consents stay: they name nobody."""
    del kept
    answers, lines = Q(account=account), Q()
    for text in texts:
        answers |= Q(last_error__icontains=text)
        lines |= Q(content__icontains=text) | Q(reason__icontains=text)
    counts = {
        "answers": Effect.objects.filter(answers).exclude(last_error="").exclude(kind=LAST_STEP).update(last_error=""),
        "rejected_lines": RejectedRecord.objects.filter(lines).update(content="erased", reason="erased") if texts else 0,
    }
    return {name: count for name, count in counts.items() if count}
