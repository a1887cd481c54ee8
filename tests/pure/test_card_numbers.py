"""Card numbers are found in every form that people write, and harmless numbers pass."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logs import WithoutCardNumbers
from plans.card_numbers import luhn, masked, refuse, spans
from plans.errors import Invalid

#: The test numbers that card brands and gateways publish.
CARDS = """
    4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 5105105105105100 378282246310005
    371449635398431 6011111111111117 6011000990139424 3056930009020004 36227206271667 3566002020360505 6200000000000005 4222222222222
    4000002500003155 4000000000009995 4000000000000341 6759649826438453 6205500000000000004
""".split()


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("form", ["{}", "card: {}", "pay with {}, please", "{}\n", "({})", "'{}'", "No. {}.", "pan:{}", "2 {} 12/28"])
def test_a_card_number_is_found_and_masked(card: str, form: str) -> None:
    for written in (
        card,
        " ".join(card[i : i + 4] for i in range(0, len(card), 4)),
        "-".join(card[i : i + 4] for i in range(0, len(card), 4)),
    ):
        text = form.format(written)
        assert [text[start:end] for start, end in spans(text)] == [written]
        assert masked(text) == form.format("*" * (len(card) - 4) + card[-4:])
        with pytest.raises(Invalid) as caught:
            refuse({"notes": [text]}, "arguments")
        assert (caught.value.code, caught.value.at) == ("card_number", "arguments.notes[0]")
        assert card not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # wrong check digit
        "1234567890123452",  # no brand begins with 1
        "INV-2026-000001",
        "2026-03-01 12:00:00",
        "2026-03-01T12:00:00.000000Z",
        "1767225600000",  # milliseconds
        "1767225600000000",
        "ES91 2100 0418 4502 0005 1332",
        "ES9121000418450200051332",
        "DE89370400440532013000",
        "BE68 5390 0754 7034",
        "BE68539007547034",
        "NO93 8601 1117 947",
        "GB29NWBK60161331926819",
        "reading 00012345.678 kWh",
        "4242424242424242.5 kWh",
        "0.4242424242424242",
        "+34 612 345 678",
        "0034 612 345 678",
        "a4242424242424242b",
        "550e8400-e29b-41d4-a716-446655440000",
        "42424242424242424242",  # 20 digits
        "9780306406157",  # a book
    ],
)
def test_harmless_numbers_pass(text: str) -> None:
    assert spans(text) == []
    assert masked(text) == text
    refuse(text, "reference")


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.lists(st.sampled_from(["", " ", "-"]), min_size=15, max_size=15))
def test_any_visa_number_is_found_however_it_is_spaced(most: str, between: list[str]) -> None:
    card = next(most + digit for digit in "0123456789" if luhn(most + digit))
    written = card[0] + "".join(gap + digit for gap, digit in zip(between, card[1:], strict=True))
    assert len(spans(written)) == 1
    wrong = most + str((int(card[-1]) + 1) % 10)
    assert spans(wrong) == []


def test_a_number_inside_other_digits_of_a_name_is_told_by_its_place() -> None:
    with pytest.raises(Invalid) as caught:
        refuse({"4242 4242 4242 4242": "x"}, "attributes")
    assert caught.value.at == "attributes"


def test_the_log_masks_messages_arguments_and_errors() -> None:
    try:
        raise ValueError("declined 4242 4242 4242 4242")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "x.py", 1, "card %s", ("5555555555554444",), (type(error), error, error.__traceback__)
        )
    assert WithoutCardNumbers().filter(record)
    line = logging.Formatter().format(record)
    assert "card ************4444" in line
    assert "declined ************4242" in line
    assert "4242 4242" not in line
