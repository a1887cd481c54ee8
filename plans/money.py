"""Exact amounts: currencies and their decimals, reading numbers, rounding once by a named rule, and splitting without losing a cent.

Amounts are `Decimal`; shares of a period are `Fraction` until they are rounded. A float is never accepted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal, TypeAlias

from plans.errors import Invalid

Exact: TypeAlias = Decimal | Fraction | int
Rounding = Literal["half_up", "half_even", "down", "up"]
ROUNDINGS: tuple[Rounding, ...] = ("half_up", "half_even", "down", "up")

# ISO 4217 minor units (list of 2026-01). Fund codes, metals and testing codes are left out: nobody is billed in them.
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD "
    "EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR "
    "SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
DECIMALS: dict[str, int] = {code: places for codes, places in ((_TWO, 2), (_ZERO, 0), (_THREE, 3)) for code in codes.split()}

UNITS = "XXX"  # ISO 4217's code where no currency is meant: a price in units of a wallet, such as gigabytes. Nobody is billed in it.
UNIT_PLACES = 6

MAX_DIGITS = 30
MAX_EXPONENT = 30
MOST = Decimal(10) ** 15  # quantities and amounts that people and meters send stay below it: products of two fit the columns
_MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}
_WIDE = Context(prec=5000, Emax=999_999, Emin=-999_999, traps=[InvalidOperation])
_STEPS = {places: Decimal((0, (1,), -places)) for places in range(13)}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,6})?")


def decimals(currency: str, *, at: str = "") -> int:
    """How many decimals the currency has (JPY 0, EUR 2, KWD 3). Raises Invalid `unknown_currency` (at the path `at`)."""
    try:
        return DECIMALS[currency]
    except (KeyError, TypeError):
        raise Invalid("unknown_currency", f"{currency!r} is not an ISO 4217 currency code such as EUR", at=at) from None


def places_of(currency: str, *, at: str = "") -> int:
    """The decimals of what a price comes to: of the currency, or 6 of `UNITS`. Raises Invalid `unknown_currency`."""
    return UNIT_PLACES if currency == UNITS else decimals(currency, at=at)


def parse_decimal(value: object, *, at: str = "") -> Decimal:
    """Read an exact decimal from text, an int or a Decimal; never from a binary float.

    Raises Invalid `not_a_number` for anything else: NaN, infinities, exponents beyond ±30, more than 30 digits, non-ASCII digits.
    """
    if type(value) is str and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        return Decimal(value)  # nearly always
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Invalid("not_a_number", f'{value!r} is not a number; write it as text such as "12.50"', at=at)
    if isinstance(value, int) and value.bit_length() > 200:
        raise Invalid("not_a_number", f"a number of {value.bit_length()} bits is too long: at most 30 digits", at=at)
    text = format(value, "d") if isinstance(value, int) else str(value)
    if len(text) > 200 or not text.isascii() or not _NUMBER.fullmatch(text):
        raise Invalid("not_a_number", f'{text[:60]!r} is not a number; write digits with a point, such as "12.50"', at=at, value=text[:60])
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    if len(digits) > MAX_DIGITS or not -MAX_EXPONENT <= int(exponent) <= MAX_EXPONENT or number.adjusted() > MAX_EXPONENT:
        raise Invalid("not_a_number", f"{text[:60]!r} is too long: at most 30 digits and an exponent within 30", at=at)
    return number


def parse_measure(value: object, *, at: str = "") -> Decimal:
    """Read a quantity or an amount that somebody sends: an exact decimal below 10^15 either way, so that what is counted from it fits the
    books. Raises Invalid `not_a_number`, `out_of_range`."""
    number = parse_decimal(value, at=at)
    if abs(number) >= MOST:
        raise Invalid("out_of_range", f"{plain(number)} is too much: quantities and amounts stay below {plain(MOST)}", at=at, below=MOST)
    return number


def fraction(value: Exact) -> Fraction:
    """The exact value as a Fraction."""
    if type(value) is Decimal and value.is_finite():
        return Fraction(*value.as_integer_ratio())  # `Fraction(value)` asks a row of abstract classes first
    return value if isinstance(value, Fraction) else Fraction(value)


def round_to(value: Exact, places: int, rule: Rounding = "half_up") -> Decimal:
    """Round once to `places` decimals. `half_up` goes away from zero, `up` away from zero, `down` towards zero. Never returns -0."""
    if type(value) is Decimal and value.is_finite() and value.adjusted() < 1000:
        step = _STEPS.get(places) or Decimal((0, (1,), -places))
        quick = value.quantize(step, rounding=_MODES[rule], context=_WIDE)
        return quick if quick else quick.copy_abs()
    exact = fraction(value)
    scaled = abs(exact.numerator) * 10**places
    quotient, rest = divmod(scaled, exact.denominator)
    double = 2 * rest
    if rest and (
        rule == "up"
        or (rule == "half_up" and double >= exact.denominator)
        or (rule == "half_even" and (double > exact.denominator or (double == exact.denominator and quotient % 2 == 1)))
    ):
        quotient += 1
    if not quotient:
        return Decimal((0, (0,), -places))
    return Decimal(f"{'-' if exact.numerator < 0 else ''}{quotient}E{-places}")


def round_money(value: Exact, currency: str, rule: Rounding = "half_up") -> Decimal:
    """Round once to the decimals of `currency`."""
    return round_to(value, decimals(currency), rule)


def allocate(total: Decimal, weights: Sequence[Exact], places: int) -> list[Decimal]:
    """Split `total` (a multiple of 10^-places) over `weights` by largest remainder: the shares always add up to the total.

    Ties go to the earlier share. The split of a negative total mirrors that of the positive one. With all weights 0 the shares are equal.
    Raises Invalid `negative` for a negative weight, `out_of_range` for no weights with an amount to split.
    """
    exact = [fraction(weight) for weight in weights]
    if any(weight < 0 for weight in exact):
        raise Invalid("negative", "an amount can't be split by a negative weight")
    units = int(abs(total).scaleb(places))
    if abs(total) != Decimal(units).scaleb(-places):
        raise Invalid("out_of_range", f"{total} has more than {places} decimals: round it before it is split")
    if not exact:
        if units:
            raise Invalid("out_of_range", f"{total} can't be split among nobody")
        return []
    whole = sum(exact)
    ideal = [units * (weight / whole if whole else Fraction(1, len(exact))) for weight in exact]
    shares = [int(share) for share in ideal]
    by_remainder = sorted(range(len(exact)), key=lambda i: (-(ideal[i] - shares[i]), i))
    for i in by_remainder[: units - sum(shares)]:
        shares[i] += 1
    sign = -1 if total < 0 else 1
    return [Decimal(sign * share if share else 0).scaleb(-places) for share in shares]


def plain(value: Exact, places: int | None = None) -> str:
    """Plain notation, never an exponent nor -0. With `places`: exactly that many decimals (the value must fit). Without: no trailing zeros,
    or `a/b` in lowest terms where there is no finite decimal form."""
    if places is not None:
        rounded = round_to(value, places)
        return f"{rounded:f}"
    if type(value) is Decimal and value.is_finite():  # nearly always
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text if value else "0"
    exact = fraction(value)
    denominator, power = exact.denominator, 0
    while denominator % 10 == 0:
        denominator, power = denominator // 10, power + 1
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    if denominator != 1:
        return f"{exact.numerator}/{exact.denominator}"
    text = f"{round_to(exact, power + max(twos, fives)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
