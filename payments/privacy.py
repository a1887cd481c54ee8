"""What payments keep of people outside the vault: lines of bank statements."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q

from payments.models import BankLine, PaymentMethod

#: What is left of a line that was erased: one that is so already is not erased again.
EMPTIED: dict[str, Any] = {"name": "", "iban": "", "text": "", "reference": "", "end_to_end": "", "arguments": {}, "reasons": []}


def export(account: str) -> dict[str, Any]:
    """Their payments as the bank told of them, and the cards that are kept (never more of a card than its last digits)."""
    return {
        "bank_lines": list(
            BankLine.objects.filter(account=account)
            .order_by("booked", "line")
            .values("booked", "amount", "currency", "name", "iban", "text", "reference", "end_to_end")
        ),
        "cards": list(PaymentMethod.objects.filter(account=account).order_by("sequence").values("brand", "last4", "expiry", "status")),
    }


def erase(account: str, texts: Collection[str], kept: Collection[str]) -> dict[str, int]:
    """Name, IBAN and words of every line that was theirs, or that names them and belongs to nobody. Day, amount and what became of it
    stay."""
    del kept
    named = Q()
    for text in texts:
        named |= Q(name__icontains=text) | Q(iban__iexact=text) | Q(text__icontains=text)
    lines = Q(account=account) | (Q(account="") & named if texts else Q(pk__in=[]))
    count = BankLine.objects.filter(lines).exclude(**EMPTIED).update(**EMPTIED)
    return {"bank_lines": count} if count else {}
