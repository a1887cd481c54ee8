"""Words and numbers: nothing untranslated, nothing rounded, every locale's own way."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import segno
from babel.messages import extract, mofile, pofile
from hypothesis import given
from hypothesis import strategies as st
from segno import helpers

from payments.documents.codes import svg
from payments.documents.references import bare, in_groups, referred, structured
from payments.documents.shown import epc
from payments.documents.values import Bank, Document, Party
from payments.documents.words import speech
from plans.errors import Invalid
from plans.identifiers import check_bic, check_iban, check_tax_id
from plans.money import DECIMALS

ROOT = Path(__file__).resolve().parents[2]
SPANISH = ROOT / "payments" / "locale" / "es" / "LC_MESSAGES"


def used() -> set[str]:
    found = extract.extract_from_dir(str(ROOT / "payments" / "documents"), method_map=[("**.py", "python")], keywords={"_": None})
    return {str(text) for _, _, text, _, _ in found}


def test_every_message_is_translated_and_none_is_left_over() -> None:
    with (SPANISH / "django.po").open("rb") as stream:
        catalog = pofile.read_po(stream, locale="es")
    translated = {str(message.id): str(message.string) for message in catalog if message.id and message.string and not message.fuzzy}
    assert set(translated) == used()
    assert [text for text, said in translated.items() if "%(" in text and text.count("%(") != said.count("%(")] == []
    with (SPANISH / "django.mo").open("rb") as stream:
        compiled = mofile.read_mo(stream)
    assert {str(message.id): str(message.string) for message in compiled if message.id} == translated


def test_a_new_message_without_a_translation_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text('A = _("Never heard of")')
    found = extract.extract_from_dir(str(tmp_path), method_map=[("**.py", "python")], keywords={"_": None})
    assert {str(text) for _, _, text, _, _ in found} - used() == {"Never heard of"}


@pytest.mark.parametrize(
    ("locale", "amount", "currency", "wanted"),
    [
        ("en", "1234.5", "EUR", "€1,234.50"),
        ("es", "1234.5", "EUR", "1.234,50\xa0€"),
        ("es-AR", "1234.5", "ARS", "$1.234,50"),
        ("de", "-0.00125", "EUR", "-0,00125\xa0€"),
        ("en", "1234567", "JPY", "¥1,234,567"),
        ("en", "1.5", "KWD", "KWD\xa01.500"),
        ("en", "12.5", "ISK", "ISK\xa012.5"),
        ("xx", "1", "USD", "$1.00"),
        ("", "1", "GBP", "£1.00"),
    ],
)
def test_amounts_as_people_write_them(locale: str, amount: str, currency: str, wanted: str) -> None:
    assert speech(locale, "UTC").money(Decimal(amount), currency) == wanted


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**20), max_value=10**20), st.sampled_from(sorted(DECIMALS))
)
def test_no_digit_is_lost_in_any_currency(amount: Decimal, currency: str) -> None:
    said = speech("en", "UTC").money(amount, currency)
    digits = "".join(sign for sign in said if sign.isdigit() or sign == ".").strip(".")
    assert Decimal(digits) == abs(amount)
    assert len(digits.partition(".")[2]) >= DECIMALS[currency]
    assert ("-" in said) == (amount < 0)


def test_days_and_spans_in_the_zone_of_the_reader() -> None:
    madrid = speech("es", "Europe/Madrid")
    assert madrid.day(date(2026, 1, 10)) == "10 ene 2026"
    start, end = datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert madrid.span(start, end) == "1 ene 2026 – 31 ene 2026"
    assert speech("es", "UTC").span(start, end) == "31 dic 2025 – 31 ene 2026"
    assert speech("es", "UTC").span(start, start + timedelta(hours=30)) == "31 dic 2025 23:00 – 2 ene 2026 5:00"
    assert madrid.span(start, start) == "1 ene 2026"


def test_a_price_without_an_end_says_that_it_goes_on() -> None:
    assert speech("en", "UTC").unit_price("10/3", "EUR") == "€3.3333333333 …"
    assert speech("en", "UTC").unit_price("0.00125", "EUR") == "€0.00125"


# --- references and identifiers ---------------------------------------------------------------------------------------------------


@given(st.from_regex(r"[A-Z]{1,4}-[0-9]{4}-[0-9]{1,9}", fullmatch=True), st.text(alphabet=" abcXYZ,.", max_size=12))
def test_a_structured_reference_is_read_back_out_of_any_text(number: str, around: str) -> None:
    reference = structured(number)
    for written in (reference, in_groups(reference), in_groups(reference).lower()):
        assert referred(f"{around}/{written}/{around}") == [bare(number)]


def test_a_wrong_digit_in_a_reference_is_no_reference() -> None:
    assert structured("INV-000001") == "RF69INV000001"
    assert referred("RF69INV000002") == []
    assert structured("Ñ-/") == ""
    assert structured("1" * 22) == ""


def test_tax_ids_are_checked_at_the_door() -> None:
    for number, country in (("ESB12345674", "ES"), ("12345678Z", "ES"), ("DE136695976", "DE"), ("20-05536168-2", "AR"), ("whatever", "ZZ")):
        assert check_tax_id(number, country) == number
    for number, country, said in (
        ("ESB12345678", "ES", "its check digit does not fit"),
        ("123", "DE", "not a tax id of DE"),
        ("20-05536168-3", "AR", "check digit"),
    ):
        with pytest.raises(Invalid) as caught:
            check_tax_id(number, country)
        assert (caught.value.code, caught.value.at) == ("bad_tax_id", "tax_id")
        assert said in caught.value.message
    assert check_iban("ES91 2100 0418 4502 0005 1332") == "ES9121000418450200051332"
    for check, text, code in ((check_iban, "ES91 2100 0418 4502 0005 1333", "bad_iban"), (check_bic, "CAIXES", "bad_bic")):
        with pytest.raises(Invalid) as caught:
            check(text)
        assert caught.value.code == code


def bill(**changes: object) -> Document:
    plain = Document(
        kind="invoice",
        id="ana/3",
        number="INV-000001",
        account="ana",
        currency="EUR",
        locale="en",
        zone="UTC",
        issued=date(2026, 1, 1),
        at=datetime(2026, 1, 1, tzinfo=UTC),
        seller=Party("Puerto Claro S.L."),
        buyer=Party("Ana"),
        payable=Decimal("24.11"),
        bank=Bank("ES9121000418450200051332", "CAIXESBBXXX"),
    )
    return plain.__class__(**{**vars(plain), **changes})


def test_the_code_of_a_sepa_transfer_is_that_of_the_guideline() -> None:
    """The fields and their order by EPC069-12; segno's own maker of such codes is the judge."""
    payload = epc(bill(), structured("INV-000001"))
    given = {"name": "Puerto Claro S.L.", "iban": "ES9121000418450200051332", "reference": "RF69INV000001", "bic": "CAIXESBBXXX"}
    wanted = helpers._make_epc_qr_data(**given, amount="24.11", encoding="utf-8").decode()
    assert payload.rstrip("\n") == wanted
    assert payload.splitlines()[7] == "EUR24.11"
    assert epc(bill(currency="USD"), "") == ""
    assert epc(bill(payable=Decimal("1000000000")), "") == ""


def test_a_code_is_one_drawing_that_scales() -> None:
    drawn = svg("https://pay.example/ana/INV-000001")
    assert drawn.startswith("<svg ")
    assert 'viewBox="0 0 ' in drawn
    assert "<?xml" not in drawn
    assert segno.make("x" * 100, error="m").version
    assert io.StringIO(drawn).read().count("<svg") == 1
