"""Pure: one measurement as a source sent it, checked at the door.

Fields: `id account meter value amount at until subject kind estimated initial final dimensions voids amends source`. Numbers are exact
text or whole numbers, never a binary float. Times without an offset are on the wall clock of the account. `voids` and `amends` name an
earlier record: `id` (of the same source), `source/id`, or a mapping of both. A void has no time or quantity of its own: it stands where
the record stands that it takes away.

Error codes: those of `plans.fields`, and `card_number unknown_account not_a_time bad_code bad_text conflict`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from billing.codec import canonical, time_text
from plans import card_numbers
from plans.errors import Invalid, NotFound
from plans.fields import describe, join, suggestion
from plans.loading.problems import check_code
from plans.money import parse_measure
from plans.periods import parse_time

FIELDS = "id account meter value amount at until subject kind estimated initial final dimensions voids amends source".split()
KINDS = ("usage", "reading", "replacement")
KNOWN = frozenset(FIELDS)
QUANTITIES = ("value", "amount", "initial", "final")
LONGEST_TEXT = 200
MOST_DIMENSIONS = 50

Key = tuple[str, str]  # source, id
code_of = lru_cache(maxsize=10_000)(check_code)


@dataclass(slots=True)  # not frozen: that would cost a fifth of the reading
class Measurement:
    """A record that may be taken; nobody changes it. `at` is None for a void until the record that it names is found;
    `dimensions` is canonical JSON."""

    account: str
    meter: str
    at: datetime | None
    source: str
    id: str
    until: datetime | None
    value: Decimal | None
    amount: Decimal | None
    dimensions: str
    subject: str
    kind: str
    estimated: bool
    voids: Key | None
    amends: Key | None
    initial: Decimal | None
    final: Decimal | None
    digest: bytes

    @property
    def key(self) -> Key:
        return self.source, self.id

    @property
    def corrects(self) -> Key | None:
        return self.voids or self.amends


def read_measurement(
    content: object, *, source: str, zone_of_account: Callable[[str], str | None], timeless: datetime | None = None
) -> Measurement:
    """The record that `content` says. `zone_of_account` answers None for an account that does not exist. Raises Invalid or NotFound.

    `timeless` is the time of a record that has none, where that is allowed. It is no part of the content: who sends such a record again,
    later, sends the same one.
    """
    if not isinstance(content, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of fields, found {describe(content)}")
    if not content.keys() <= KNOWN:
        wrong = next(name for name in content if name not in KNOWN)
        raise Invalid(
            "unknown_field", f"the field {describe(wrong)} is not known here{suggestion(str(wrong)[:60], FIELDS)}", at=str(wrong)[:60]
        )
    given = {name: value for name, value in content.items() if value is not None}
    account = plain_text(given, "account")
    zone = zone_of_account(account)
    if zone is None:
        raise NotFound("unknown_account", f"there is no account {account[:80]!r}", at="account")
    origin = source_name(given["source"]) if "source" in given else source
    corrected = {name: _target(given[name], origin, name) for name in ("voids", "amends") if name in given}
    numbers = {name: parse_measure(given[name], at=name) for name in QUANTITIES if name in given}
    _check_shape(given, numbers, corrected, zone, timeless)
    record = _measurement(given, account, origin, corrected, numbers, zone)
    if record.at is None and record.voids is None:
        record.at = timeless
    return record


def _measurement(
    given: Mapping[str, Any], account: str, source: str, corrected: Mapping[str, Key], numbers: Mapping[str, Decimal], zone: str
) -> Measurement:
    voids = corrected.get("voids")
    at = parse_time(given["at"], zone, "at") if voids is None and "at" in given else None
    until = parse_time(given["until"], zone, "until") if "until" in given else None
    if at and until and until <= at:
        raise Invalid("out_of_range", f"the record ends at {until.isoformat()}, not after its start", at="until")
    fields: dict[str, Any] = {
        "account": account,
        "meter": code_of(given.get("meter"), "meter") if isinstance(given.get("meter"), str) else plain_text(given, "meter"),
        "source": source,
        "id": plain_text(given, "id"),
        "dimensions": _dimensions(given.get("dimensions", {})),
        "subject": _subject(given),
        "kind": _kind(given.get("kind", "usage")),
        "estimated": _flag(given.get("estimated", False)),
    }
    if corrected and corrected.get("voids", corrected.get("amends")) == (source, fields["id"]):
        raise Invalid("conflict", "a record can't correct itself", at=next(iter(corrected)))
    content = {
        **fields,
        **{name: digits_of(number) for name, number in numbers.items()},
        **{name: list(key) for name, key in corrected.items()},
        "at": at and time_text(at),
        "until": until and time_text(until),
    }
    fields["dimensions"] = canonical(fields["dimensions"]).decode()
    digest = hashlib.sha256(canonical(content)).digest()
    fields |= {name: numbers.get(name) for name in QUANTITIES}
    return Measurement(**fields, at=at, until=until, voids=voids, amends=corrected.get("amends"), digest=digest)


def digits_of(number: Decimal) -> str:
    """The one way to write the number: 1.50, +1.5 and 15e-1 are the same content."""
    text = str(number)
    if text.isdigit() and text[0] != "0":
        return text
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if number else "0"


def _check_shape(
    given: Mapping[str, Any], numbers: Mapping[str, Decimal], corrected: Mapping[str, Key], zone: str, timeless: datetime | None
) -> None:
    """What goes together and what does not."""
    if not corrected and "at" in given and "kind" not in given and "initial" not in numbers and "final" not in numbers:
        return  # plain use
    if len(corrected) > 1:
        raise Invalid("conflict", "a record voids or amends another one, not both", at="amends")
    if "voids" in corrected:
        extra = next((name for name in ("value", "amount", "until", "initial", "final") if name in given), None)
        if extra:
            raise Invalid("conflict", f"a void has no {extra} of its own: it takes the other record away whole", at=extra)
        if "at" in given:
            parse_time(given["at"], zone, "at")
    elif "at" not in given and timeless is None:
        raise Invalid("missing_field", "the field 'at' is missing", at="at")
    replacement = given.get("kind") == "replacement"
    if replacement and "final" not in numbers and "voids" not in corrected:
        raise Invalid("missing_field", "the field 'final' is missing: the closing value of the register that was replaced", at="final")
    wrong = next((name for name in ("initial", "final") if name in numbers and not replacement), None)
    if wrong:
        raise Invalid("conflict", f"{wrong!r} belongs to a record of the kind replacement", at=wrong)


def plain_text(given: Mapping[str, Any], name: str) -> str:
    """A short text on one line. A whole number is taken as its digits."""
    value = given.get(name)
    if value is None:
        raise Invalid("missing_field", f"the field {name!r} is missing", at=name)
    return short_text(value, name)


def short_text(value: object, at: str) -> str:
    """A text that every column and every screen can hold: one line, 1 to 200 characters, no control characters, no half characters."""
    if type(value) is str and 0 < len(value) <= LONGEST_TEXT and value.isprintable() and not value.isspace():
        return value  # nearly always
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < 600:
        value = str(value)
    if not isinstance(value, str) or not value or value.isspace():
        raise Invalid("wrong_type", f"expected text, found {describe(value)}", at=at)
    if len(value) > LONGEST_TEXT:
        raise Invalid("out_of_range", f"expected at most {LONGEST_TEXT} characters, found {len(value)}", at=at)
    if not value.isprintable():
        raise Invalid("bad_text", f"{describe(value)} holds a control character or half of a character", at=at)
    return value


def _subject(given: Mapping[str, Any]) -> str:
    """Who used it, of those under the account; no card number, unlike a source's own ids, which only count."""
    if "subject" not in given:
        return ""
    found = plain_text(given, "subject")
    card_numbers.refuse(found, "subject")
    return found


def source_name(value: object, at: str = "source") -> str:
    """The name of a source: a short text without a slash, because `source/id` names a record."""
    name = short_text(value, at)
    if "/" in name:
        raise Invalid("bad_text", f"a source has no slash in its name, found {name[:60]!r}", at=at)
    return name


def _target(value: object, source: str, at: str) -> Key:
    if isinstance(value, Mapping):
        if not value.keys() <= {"source", "id"}:
            raise Invalid("unknown_field", "a record is named by its source and id", at=at)
        return source_name(value.get("source", source), join(at, "source")), short_text(value.get("id"), join(at, "id"))
    text = short_text(value, at)
    named, slash, record = text.partition("/")
    if slash and not (named and record):
        raise Invalid("bad_text", f"{text[:60]!r} names no record; write its id, or source/id", at=at)
    return (named, record) if slash else (source, text)


def _dimensions(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise Invalid("wrong_type", f"expected a mapping of texts, found {describe(value)}", at="dimensions")
    if len(value) > MOST_DIMENSIONS:
        raise Invalid("out_of_range", f"expected at most {MOST_DIMENSIONS} dimensions, found {len(value)}", at="dimensions")
    if "subject" in value:
        raise Invalid("conflict", "the subject is a field of its own, beside the dimensions", at="dimensions.subject")
    found = {}
    for name, element in value.items():
        short_text(name, "dimensions")
        if element is not None:
            found[name] = short_text(_as_text(element), join("dimensions", name))
    card_numbers.refuse(found, "dimensions")
    return found


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, Decimal) else value


def _kind(value: object) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(KINDS)}; found {describe(value)}", at="kind")
    return value


def _flag(value: object) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in words:
        raise Invalid("wrong_type", f"expected true or false, found {describe(value)}", at="estimated")
    return words[value]
