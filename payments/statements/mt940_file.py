"""Bank statements in MT940, read by the library `mt-940`."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import mt940
from stdnum import iban as iban_numbers

from payments.statements.lines import BankLine, Read, counted, known
from plans.errors import Invalid

_IBAN_FIRST = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


def read_mt940(content: bytes, *, own: str) -> Read:
    """Raises Invalid `bad_file` for a file that the library can't read: there its lines can't be told apart."""
    try:
        found = mt940.parse(content.decode("utf-8", "replace").replace("\x00", ""))
    except Exception as error:  # noqa: BLE001 - the library raises whatever its regular expressions and numbers raise
        raise Invalid("bad_file", f"no MT940 statement: {type(error).__name__}: {error}"[:300], at="file") from None
    if not found.data and not list(found):
        raise Invalid("bad_file", "no MT940 statement: there is neither an account nor a line", at="file")
    account = own or str(found.data.get("account_identification") or "")
    lines = [_line(number, one.data, account) for number, one in enumerate(found, start=1) if one.data.get("amount")]
    return Read(counted(lines))


def _line(number: int, data: dict[str, Any], own: str) -> BankLine:
    day = data.get("entry_date") or data["date"]
    iban, name = _payer(str(data.get("applicant_name") or ""), str(data.get("gvc_applicant_iban") or ""))
    words = [data.get(key) for key in ("purpose", "additional_purpose", "transaction_details", "extra_details", "customer_reference")]
    text = " ".join(str(word) for word in words if word and known(word))
    code = str(data.get("id") or "")
    returned = str(data.get("status") or "").startswith("R") or code[1:] in ("RTI", "RET") or bool(data.get("return_debit_notes"))
    return BankLine(
        number=number,
        own=own,
        booked=date(day.year, day.month, day.day),
        amount=data["amount"].amount,
        currency=str(data["amount"].currency),
        text=" ".join(text.split()),
        name=name,
        iban=iban,
        reference=known(data.get("bank_reference")),
        end_to_end=known(data.get("end_to_end_reference")),
        kind="return" if returned else "fee" if code == "NCHG" else "",
    )


def _payer(name: str, iban: str) -> tuple[str, str]:
    """(IBAN, name): the library leaves the account before the name of its holder."""
    if not iban and (found := _IBAN_FIRST.match(name)):
        for end in range(len(found.group()), 14, -1):
            if iban_numbers.is_valid(name[:end]):
                return name[:end], name[end:].strip()
    return iban.replace(" ", "").upper(), name
