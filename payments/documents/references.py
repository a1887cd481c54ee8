"""References that a payer copies into a transfer: the number of a document as a creditor reference (ISO 11649), and read back."""

from __future__ import annotations

import re

from stdnum import iso11649
from stdnum.iso7064 import mod_97_10

LONGEST = 21
_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
_STRUCTURED = re.compile(r"RF\d{2}[ 0-9A-Z]{1,30}")


def bare(number: str) -> str:
    """The letters and digits of a number, in capitals: what is left of it on its way through banks."""
    return _ALPHANUMERIC.sub("", number).upper()


def structured(number: str) -> str:
    """The creditor reference of a document's number, such as `RF38INV000001`; "" where it has no sign that may stand in one or too many."""
    text = bare(number)
    if not text or len(text) > LONGEST or not text.isascii():
        return ""
    return f"RF{mod_97_10.calc_check_digits(text + 'RF')}{text}"


def in_groups(reference: str) -> str:
    """In groups of four, as people read them."""
    return " ".join(reference[i : i + 4] for i in range(0, len(reference), 4))


def referred(text: str) -> list[str]:
    """The bare numbers that the valid creditor references in a text name."""
    found = []
    for match in _STRUCTURED.finditer(text.upper()):
        words = match.group().split(" ")
        # A reference may be written in groups, and words may follow it: the longest reading that is valid counts.
        for count in range(len(words), 0, -1):
            candidate = "".join(words[:count])
            if len(candidate) <= LONGEST + 4 and iso11649.is_valid(candidate):
                found.append(candidate[4:])
                break
    return found
