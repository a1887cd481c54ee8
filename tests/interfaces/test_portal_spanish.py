"""Customers' pages in Spanish, with nothing of the English left on them: no message, state, kind of event, day or amount."""

from __future__ import annotations

import html
import inspect
import re
from functools import cache
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone, translation

from accounts.roles import CUSTOMER_COMMANDS
from billing.codec import kinds
from billing.models import Contract, Invoice
from billing.models.requests import CorrectionRequest
from billing.portal.words import DECLINES, STATES, TITLES
from payments.gateways.cards import CARDS
from payments.models import Collection, Refund
from tests import books
from tests.interfaces.callers import customer
from tests.interfaces.test_portal import hidden, pay
from tests.interfaces.test_portal_words import SAME, messages
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
PAGES = ("", "why", "documents", "contracts", "plans", "usage", "people", "pay", "cards", "refund", "credit", "keys")
POLICY = """currency: EUR
request: {expires: 7 days, reasons: [goodwill, mistake]}
consents:
  news: {version: "1", text: {en: "Our newsletter", es: "Nuestro boletín"}}
"""
INSTALMENTS = "instalments:\n  three: {name: Tres plazos, count: 3, public: true}\n"


@pytest.fixture
def reader(world: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The owner of ana, who reads Spanish."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    owner = customer("olga", "ana", "owner")
    owner.cookies["django_language"] = "es"
    return owner


@pytest.fixture
def spanish(reader: Client) -> Client:
    """The same, with something of everything on her pages."""
    owner = reader
    books.publish(f"{books.CATALOGUE}{INSTALMENTS}", NOW)
    books.do("publish_policy", NOW, source=POLICY)
    assert [pay(owner, card, amount="1.00").status_code for card in ("approve", "decline_soft", "late")] == [200, 200, 200]
    give(owner, "dispute", invoice="INV-000005", amount="1", reason="no es nuestra")
    give(owner, "add_contact", name="Bea", role="billing", receives=["documents", "usage"])
    give(owner, "set_usage_alert", contract="ana/2", item="calls", threshold="4", measure="amount")
    give(owner, "create_api_key", name="ERP", scopes=["read", "usage"])
    owner.post("/my/ana/people", {"step": "invite", "email": "bea@example.com", "role": "billing"})
    owner.post("/my/ana/refund", {"payment": payment_of(), "amount": "1", "code": "goodwill", "reason": "dos veces"})
    return owner


def payment_of() -> str:
    return str(Collection.objects.filter(account="ana", status="settled").values_list("payment", flat=True)[0])


def give(client: Client, command: str, **given: Any) -> None:
    shown = client.post(f"/my/ana/do/{command}", given | {"_step": "preview"})
    assert shown.status_code == 200, shown.content.decode()
    done = client.post(f"/my/ana/do/{command}", hidden(shown) | {"_step": "confirm"})
    assert done.status_code in (200, 302), done.content.decode()


ENDS = " .:,·()"
# --- what is English ---------------------------------------------------------------------------------------------------------------


@cache
def english() -> tuple[set[str], set[str]]:
    """Whole texts of the English catalogue in small letters, and pieces of at least three words, that Spanish has nowhere."""
    with translation.override("es"):
        pairs = [(text, translation.gettext(text)) for text in messages() - SAME]
    spanish = {said.lower() for _, said in pairs}
    whole = {text.lower().strip(ENDS) for text, _ in pairs if text.lower() not in spanish and "%(" not in text}
    pieces = {piece.strip().lower() for text, _ in pairs for piece in re.split(r"%\(\w+\)s", text)}
    return whole, {piece for piece in pieces if len(piece.split()) >= 3} | {kind.replace(".", " ").replace("_", " ") for kind in kinds()}


def texts(body: str) -> list[str]:
    """The texts that a page shows or reads out."""
    shown = re.sub(r"(?s)<(style|script|title)\b.*?</\1>", "", body)
    spoken = re.findall(r'(?:aria-label|title|placeholder|data-label|alt)="([^"]*)"', shown)
    return [" ".join(html.unescape(one).split()) for one in [*re.split(r"<[^>]*>", shown), *spoken] if one.strip()]


ENGLISH_DAY = re.compile(r"\b(?:Jan|Apr|Aug|Dec|January|February|March)\.? \d|\b(?:Feb|Mar|May|Jun|Jul|Sep|Oct|Nov)[a-z.]* \d{1,2}, \d{4}")
ENGLISH_SUM = re.compile(r"€\s?\d|\d\.\d\d EUR|\b\d{4}-\d\d-\d\d\b")


def left_over(body: str) -> list[str]:
    whole, pieces = english()
    states = {code for code in STATES if code not in SAME}
    found = []
    for text in texts(body):
        small = text.lower().strip(ENDS)
        if (
            small in whole
            or small in states
            or any(piece in small for piece in pieces)
            or ENGLISH_DAY.search(text)
            or ENGLISH_SUM.search(text)
        ):
            found.append(text)
    return found


def test_what_is_english_is_found() -> None:
    page = "<p>Nothing is open.</p><td>overdue</td><b data-label='x' aria-label=\"You owe now\"></b><i>payment received card</i>"
    assert left_over(page) == ["Nothing is open.", "overdue", "payment received card", "You owe now"]
    assert left_over("<p>Feb 20, 2026</p><p>€1.00</p><p>1.00 EUR</p><p>2026-02-20</p>") != []
    assert left_over("<p>Vence el 20 feb 2026: 1,00 €</p><p>Resumen</p>") == []


# --- the pages ---------------------------------------------------------------------------------------------------------------------


def test_no_main_page_says_anything_in_english(spanish: Client) -> None:
    pages = [f"/my/ana/{name}" for name in PAGES] + [f"/my/ana/why?of={name}" for name in ("INV-000005", "INV-000003", "CN-000001")]
    pages += [f"/my/ana/payments/{row.sequence}" for row in Collection.objects.filter(account="ana")]
    give(spanish, "change_quantity", contract="ana/2", item="seat", quantity="9", when="period_end")
    found = {}
    for page in pages:
        answer = spanish.get(page)
        assert answer.status_code == 200, page
        assert 'lang="es"' in answer.content.decode()
        found[page] = left_over(answer.content.decode())
    assert {page: left for page, left in found.items() if left} == {}


def test_no_form_and_no_preview_says_anything_in_english(spanish: Client) -> None:
    found = {command: left_over(spanish.get(f"/my/ana/do/{command}", follow=True).content.decode()) for command in CUSTOMER_COMMANDS}
    asked: dict[str, dict[str, Any]] = {
        "change_plan": {"contract": "ana/2", "plan": "pro"},
        "cancel": {"contract": "ana/2", "when": "now"},
        "pause": {"contract": "ana/2"},
        "instalments": {"offer": "three", "invoices": ["INV-000003"]},
        "dispute": {"invoice": "INV-000003", "amount": "1,50", "reason": "no"},
        "change_details": {"city": "Toledo", "country": "ES", "locale": "es"},
    }
    for command, given in asked.items():
        shown = spanish.post(f"/my/ana/do/{command}", given | {"_step": "preview"})
        assert shown.status_code == 200, command
        found[f"preview of {command}"] = left_over(shown.content.decode())
    assert {page: left for page, left in found.items() if left} == {}


#: (command, what is asked) → what the refusal says in Spanish.
REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("dispute", {"invoice": "INV-000003", "amount": "9000", "reason": "x"}, "Es más de lo que está pendiente en INV-000003: "),
    ("change_quantity", {"contract": "ana/2", "item": "seat", "quantity": "muchos"}, "Eso no es un número: «muchos»"),
    ("apply_coupon", {"contract": "ana/2", "coupon": "NADA"}, "No existe ese cupón: NADA"),
    ("top_up", {"amount": "500"}, "No hay saldo suficiente: 0,00 €."),
    ("cancel", {"contract": "ana/99"}, "No existe ese contrato"),
    ("change_plan", {"contract": "ana/2", "plan": "oro"}, "No existe ese plan."),
    ("set_usage_alert", {"contract": "ana/2", "item": "calls", "threshold": "0", "measure": "units"}, "debe ser mayor que 0"),
    ("change_details", {"country": "ES", "tax_id": "ES1"}, "«ES1» en España"),
)


def test_refusals_are_said_in_spanish_with_their_details(reader: Client) -> None:
    for command, given, said in REFUSED:
        answer = reader.post(f"/my/ana/do/{command}", given | {"_step": "preview"})
        assert answer.status_code >= 400, command
        body = html.unescape(answer.content.decode()).replace("\xa0", " ")
        assert said in body
        assert left_over(body) == [], command


def test_the_page_of_the_test_gateway_is_in_spanish_too(reader: Client) -> None:
    sent = reader.post("/my/ana/pay", {"method": "new", "_key": "k", "amount": "1,50"})
    page = reader.get(sent["location"]).content.decode()
    assert "Ana Ruiz: <strong>1,50" in page
    assert left_over(page) == []


# --- words -------------------------------------------------------------------------------------------------------------------------


def words_of(model: type[Model], column: str) -> list[str]:
    """The values of a column, as the comment beside it lists them."""
    found = re.search(rf"^ +{column} = .*?# ([a-z_ ;]+)$", inspect.getsource(model), re.M)
    assert found is not None
    return found.group(1).replace(";", " ").split()


@pytest.mark.parametrize(
    ("model", "column"),
    [
        (Contract, "status"),
        (Invoice, "status"),
        (Invoice, "document"),
        (CorrectionRequest, "status"),
        (Refund, "status"),
        (Collection, "status"),
    ],
)
def test_every_state_on_a_page_has_words_in_both_languages(model: type[Model], column: str) -> None:
    known = words_of(model, column)
    assert len(known) > 2
    assert [word for word in known if word not in STATES] == []
    with translation.override("es"):
        assert [word for word in known if str(STATES[word]) == word.replace("_", " ")] == []


def test_titles_declines_and_test_cards_are_said_in_spanish() -> None:
    with translation.override("en"):
        plain = {str(one) for one in (*TITLES.values(), *DECLINES.values(), *(card.about for card in CARDS.values()))}
    with translation.override("es"):
        assert sorted(text for text in plain if translation.gettext(text) == text) == []
    assert set(TITLES) >= set(CUSTOMER_COMMANDS)
