"""Card numbers must never be kept: finding and masking them in text.

Found is what issuers give out: 13 to 19 digits, together or with single spaces or dashes between them, that begin as the cards of a brand
do, have a length of that brand and the right check digit (Luhn). Identifiers, readings, times and bank account numbers (IBAN) pass, save
for the rare one that is a possible card number in every respect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plans.errors import Invalid

#: Groups of digits with single spaces or dashes between them, that no letter and no decimal point touches.
_RUN = re.compile(r"(?<![0-9A-Za-z_])(?<![0-9][.,])[0-9]+(?:[ -][0-9]+)*(?![0-9A-Za-z_]|[.,][0-9])")
_BRANDS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11,13}"  # Diners
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    r"|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12,15}"  # Discover
    r"|62[0-9]{14,17}"  # UnionPay
    r"|(?:5[0678][0-9]{2}|6[0-9]{3})[0-9]{9,15}"  # Maestro and others
)
#: What follows the first letters and check digits of an IBAN is no card.
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,4})?\b")


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others."""
    doubled = [int(digit) * 2 if i % 2 else int(digit) for i, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def spans(text: str) -> list[tuple[int, int]]:
    """Where card numbers stand in the text."""
    if len(text) < 13 or sum(sign.isdigit() for sign in text) < 13:
        return []
    ibans = [match.span() for match in _IBAN.finditer(text)]
    found = []
    for run in _RUN.finditer(text):
        if not any(start <= run.start() < end for start, end in ibans):
            found += _in_run(run.group(), run.start())
    return found


def _in_run(run: str, offset: int) -> list[tuple[int, int]]:
    """The numbers among neighbouring groups of digits: a card's own groups may stand beside a quantity or an expiry."""
    groups = [(match.start(), match.end()) for match in re.finditer("[0-9]+", run)]
    found, free = [], 0
    for first, (start, _) in enumerate(groups):
        for _, end in groups[first : first + 19]:
            digits = re.sub("[ -]", "", run[start:end])
            if len(digits) > 19:
                break
            if start >= free and len(digits) >= 13 and _BRANDS.fullmatch(digits) and luhn(digits):
                found.append((offset + start, offset + end))
                free = end
    return found


def masked(text: str) -> str:
    """The text with all but the last four digits of card numbers starred out."""
    for start, end in reversed(spans(text)):
        digits = re.sub(r"[ -]", "", text[start:end])
        text = text[:start] + "*" * (len(digits) - 4) + digits[-4:] + text[end:]
    return text


def refuse(value: Any, at: str) -> None:
    """Raises Invalid `card_number` where a text, or a text inside a list or mapping, holds one. The message does not repeat it."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        if spans(value):
            message = "this text holds a card number, and those are never kept; use the token that the gateway gives for the card"
            raise Invalid("card_number", message, at=at)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            refuse(name, f"{at}.{name}" if not (isinstance(name, str) and spans(name)) else at)
            refuse(one, f"{at}.{name}")
    elif isinstance(value, list | tuple):
        for position, one in enumerate(value):
            refuse(one, f"{at}[{position}]")
