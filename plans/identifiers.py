"""Numbers that other offices gave out, checked by python-stdnum: tax ids by country, IBANs, BICs. A wrong digit is refused at the door.

What is not known here (a country without a checker) is taken as it is.
"""

from __future__ import annotations

from typing import Any

from stdnum import bic as bic_numbers
from stdnum import get_cc_module
from stdnum import iban as iban_numbers
from stdnum.exceptions import InvalidChecksum, ValidationError

from plans.errors import Invalid

#: Beside the number for VAT: what else the country's companies and people have, that may stand on a document.
ALSO: dict[str, tuple[str, ...]] = {
    "AR": ("dni",),
    "BR": ("cpf",),
    "DE": ("stnr", "idnr"),
    "FR": ("siren", "siret"),
    "IT": ("codicefiscale",),
    "US": ("ein", "tin"),
}


def check_tax_id(number: str, country: str, at: str = "tax_id") -> str:
    """The tax id as it was given, if a checker of the country takes it or there is none. Raises Invalid `bad_tax_id`."""
    checkers = _checkers(country)
    if not number or not checkers:
        return number
    problem = ""
    for checker in checkers:
        try:
            checker.validate(number)
        except InvalidChecksum:
            problem = "a digit of it must be wrong, because its check digit does not fit"
        except ValidationError as error:
            problem = problem or str(error).rstrip(".")
        else:
            return number
    raise Invalid("bad_tax_id", f"{number[:40]!r} is not a tax id of {country}: {problem}", at=at, number=number[:40], country=country)


def _checkers(country: str) -> list[Any]:
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        return []
    found = [get_cc_module(country.lower(), name) for name in ("vat", *ALSO.get(country, ()))]
    return [checker for checker in found if checker is not None]


def check_iban(number: str, at: str = "iban") -> str:
    """The account number without spaces. Raises Invalid `bad_iban`."""
    try:
        return str(iban_numbers.validate(number))
    except ValidationError as error:
        raise Invalid("bad_iban", f"{number[:40]!r} is not an IBAN: {str(error).rstrip('.')}", at=at) from None


def check_bic(number: str, at: str = "bic") -> str:
    """The code of a bank in capitals. Raises Invalid `bad_bic`."""
    try:
        return str(bic_numbers.validate(number))
    except ValidationError as error:
        raise Invalid("bad_bic", f"{number[:40]!r} is not a BIC: {str(error).rstrip('.')}", at=at) from None
