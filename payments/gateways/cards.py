"""The test cards of the sandbox: what each of them does, every time the same.

A token is `sandbox:` and one or more of these words; with several the first charge does the first, and so on, and the last one stays:
`sandbox:decline_soft,decline_soft,approve` is declined twice and then pays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from payments.gateways.base import Decline, State
from plans.errors import Invalid
from plans.fields import suggestion

PREFIX = "sandbox:"
#: An hour later the customer has confirmed; a day later he has not and never will.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class TestCard:
    """`turns_to` follows after `turns_after`. `silent`: no answer comes, though it is done; `lost`: no answer, and nothing is done."""

    last4: str
    about: str
    state: State = "succeeded"
    decline: Decline = ""
    code: str = ""
    turns_after: timedelta | None = None
    turns_to: State = "succeeded"
    silent: bool = False
    lost: bool = False
    notices: int = 1
    disputed_after: timedelta | None = None


CARDS: dict[str, TestCard] = {
    "approve": TestCard("4242", "pays"),
    "decline_soft": TestCard("9995", "is declined: not enough money there now", "failed", "soft", "insufficient_funds"),
    "decline_hard": TestCard("9979", "is declined: reported stolen", "failed", "hard", "stolen_card"),
    "confirm": TestCard("3155", "wants the customer to confirm, who does so an hour later", "confirmation", turns_after=HOUR),
    "abandon": TestCard(
        "3220", "wants the customer to confirm, who never does", "confirmation", "confirmation", "not_confirmed", DAY, "failed"
    ),
    "time_out": TestCard("0119", "pays, but the answer never comes", silent=True),
    "lost": TestCard("0127", "the first request never arrives; the next one pays", lost=True),
    "late": TestCard("0077", "is being processed, and pays a day later", "processing", turns_after=DAY),
    "late_decline": TestCard("0085", "is being processed, and is declined a day later", "processing", "soft", "rejected", DAY, "failed"),
    "duplicate": TestCard("0093", "pays, and says so in five webhooks", notices=5),
    "dispute": TestCard("0259", "pays, and the bank takes it back a day later", disputed_after=DAY),
}


def outcomes(token: str) -> list[str]:
    """The words of a token. Raises Invalid `unknown_choice`."""
    words = token.removeprefix(PREFIX).split(",") if token.startswith(PREFIX) else [""]
    for word in words:
        if word not in CARDS:
            message = f"a token of the sandbox is {PREFIX} and words, as in {PREFIX}approve; found {token!r}{suggestion(word, list(CARDS))}"
            raise Invalid("unknown_choice", message, at="gateway_token")
    return words


def card_of(token: str, *, earlier: int = 0) -> TestCard:
    """What the token does after so many charges."""
    words = outcomes(token)
    return CARDS[words[min(earlier, len(words) - 1)]]
