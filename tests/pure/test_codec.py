"""Events become plain data, and events again that differ in nothing from those that were made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal

import pytest

from billing import codec
from billing.codec import decode, encode, kinds
from billing.events import PaymentReceived
from billing.management.golden import sample

PAYMENT = sample(PaymentReceived)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_what_is_read_is_what_was_written(kind: str) -> None:
    cls = kinds()[kind]
    made = sample(cls)
    read = decode(kind, cls.form, encode(made))
    assert read == made
    assert [type(getattr(read, field.name)) for field in fields(cls)] == [type(getattr(made, field.name)) for field in fields(cls)]
    assert encode(read) == encode(made)


def test_what_is_read_can_not_be_changed() -> None:
    read = decode(PAYMENT.kind, PAYMENT.form, encode(PAYMENT))
    with pytest.raises(FrozenInstanceError):
        read.account = "bob"  # type: ignore[attr-defined]


def test_a_missing_field_takes_its_default_and_one_without_is_never_guessed() -> None:
    data = encode(PAYMENT)
    del data["conversion"]
    assert decode(PAYMENT.kind, PAYMENT.form, data) == replace(PAYMENT, conversion=None)
    del data["amount"]
    with pytest.raises(KeyError, match="amount"):
        decode(PAYMENT.kind, PAYMENT.form, data)


def test_unknown_fields_are_left_out() -> None:
    assert decode(PAYMENT.kind, PAYMENT.form, encode(PAYMENT) | {"invented": "x"}) == PAYMENT


def test_no_more_is_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_REMEMBERED", 3)
    remembered = codec.Remembered(Decimal)
    for number in range(10):
        assert remembered[str(number)] == number
        assert len(remembered) <= 3
    with pytest.raises(ArithmeticError):
        remembered["many"]
    assert "many" not in remembered
