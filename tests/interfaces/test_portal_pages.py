"""What customers' pages say beside the sums: what a contract holds, which documents are late, what a change brings."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone, translation
from django.views.defaults import server_error

from accounts.models import Person
from billing.loading import load_one
from billing.models import Contract, JournalEvent
from billing.portal import views
from billing.portal.charts import bars
from billing.portal.words import AmountField, countries, percent, plain_number
from plans.errors import Invalid
from tests import books
from tests.interfaces.callers import client_of, customer
from tests.interfaces.test_portal import give, hidden, text
from tests.interfaces.worlds import NOW, document

pytestmark = pytest.mark.django_db
CONTRACT = "ana/2"
EXTRA = (
    "      extra: {charge: fee, name: Priority support, optional: true, period: 1 month, price: {model: flat, amount: 15}, tax: standard}\n"
)


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def test_a_contract_shows_what_it_holds_and_offers_what_can_be_changed() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/contracts"))
    assert "Seats running since Jan 1, 2026 · this period: Feb 1, 2026 – Mar 1, 2026" in page
    assert "Seat 5 €7.00 each, per month" in page
    assert "Calls — from €0.333" in page
    assert "Change quantity" in page
    assert "an extra" not in page
    flat = text(customer("ben", "bob", "owner").get("/my/bob/contracts"))
    assert "Basic fee — €19.95, per month" in flat
    assert "Change quantity" not in flat


def test_an_extra_is_offered_where_there_is_one_and_taken_away_where_it_is_held() -> None:
    changed = books.CATALOGUE.replace(
        "    name: Seats\n    public: true\n    items:\n", f"    name: Seats\n    public: true\n    items:\n{EXTRA}"
    )
    assert changed != books.CATALOGUE
    books.publish(changed, NOW)
    books.do("change_plan", NOW, account="ana", plan="seats")
    owner = customer("olga", "ana", "owner")
    before = text(owner.get("/my/ana/contracts"))
    assert ("Add an extra" in before, "Remove an extra" in before) == (True, False)
    give(owner, "add_item", contract=CONTRACT, item="extra")
    after = text(owner.get("/my/ana/contracts"))
    assert ("Add an extra" in after, "Remove an extra" in after) == (False, True)
    assert "Priority support — €15.00, per month" in after


def test_the_plan_that_one_has_is_marked_and_others_are_changed_to() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/plans"))
    assert "Seats you have this plan" in page
    assert "Change to Pro Take Pro besides" in page
    assert "Change to Seats" not in page
    looking = text(customer("carl", "ana", "viewer").get("/my/ana/plans"))
    assert "you have this plan" in looking
    assert "Change to" not in looking


def test_documents_say_whether_they_are_paid_late_or_disputed(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = customer("olga", "ana", "owner")
    page = text(owner.get("/my/ana/documents"))
    assert "INV-000005 invoice Feb 1, 2026 Feb 15, 2026 €62.11 €62.11 overdue" in page
    assert "INV-000001 invoice Jan 1, 2026 Jan 15, 2026 €25.41 — paid" in page
    assert "Feb 16, 2026 Cash" in page
    give(owner, "dispute", invoice=document("INV-000005"), reason="not ours")
    assert "€62.11 €62.11 disputed" in text(owner.get("/my/ana/documents"))
    monkeypatch.setattr(views, "ROWS", 3)
    first, second = text(owner.get("/my/ana/documents")), text(owner.get("/my/ana/documents?page=2"))
    assert ("INV-000001" in first, "Older" in first, "Newer" in first) == (False, True, False)
    assert ("INV-000001" in second, "Older" in second, "Newer" in second) == (True, False, True)
    assert owner.get("/my/ana/documents?page=x").status_code == 200


def test_a_cancellation_says_when_it_ends_and_that_there_is_a_way_back() -> None:
    owner = customer("olga", "ana", "owner")
    later = owner.post("/my/ana/do/cancel", {"contract": CONTRACT, "when": "period_end", "_step": "preview"})
    assert "Cancel · Seats" in text(later)
    assert "When at the end of the period" in text(later)
    assert "It ends on Mar 1, 2026. Until then it goes on, what is used is billed, and you can keep it after all." in text(later)
    assert "You owe now and afterwards €76.25" in text(later)
    at_once = text(owner.post("/my/ana/do/cancel", {"contract": CONTRACT, "when": "now", "_step": "preview"}))
    assert "It ends at once. There is no way back but to take a plan anew." in at_once
    assert "You owe now €76.25 You owe afterwards" in at_once
    assert "Credit note:" in at_once
    waiting = owner.post("/my/ana/do/change_plan", {"contract": CONTRACT, "plan": "pro", "when": "period_end", "_step": "preview"})
    assert "It happens on Mar 1, 2026. Until then you can withdraw it." in text(waiting)


def test_what_is_given_back_on_the_next_invoice_says_so() -> None:
    books.publish(f"{books.CATALOGUE}invoice: {{negative: next_invoice}}\n", NOW)
    books.do("change_plan", NOW, account="ana", plan="seats")
    asked = {"contract": CONTRACT, "item": "seat", "quantity": "9", "_step": "preview"}
    page = text(customer("olga", "ana", "owner").post("/my/ana/do/change_quantity", asked))
    assert "Seat credit on what is billed already 5 -€" in page


def test_what_changes_no_money_speaks_of_none() -> None:
    owner = customer("olga", "ana", "owner")
    assert "See what it costs" not in text(owner.get("/my/ana/do/add_contact"))
    shown = text(owner.post("/my/ana/do/add_contact", {"name": "Bea", "role": "billing", "receives": ["documents"], "_step": "preview"}))
    assert "Name Bea What for invoices and payments Gets mails about invoices and credit notes" in shown
    assert "You owe" not in shown
    disputed = text(owner.post("/my/ana/do/dispute", {"invoice": "INV-000005", "amount": "12", "reason": "no", "_step": "preview"}))
    assert "Until we decide, we do not collect €12.00 of it." in disputed


def test_details_show_what_stands_and_what_is_emptied_is_emptied() -> None:
    owner = customer("olga", "ana", "owner")
    give(owner, "change_details", city="Toledo", country="ES", locale="es")
    page = owner.get("/my/ana/do/change_details").content.decode()
    assert '<option value="ES" selected>Spain</option>' in page
    assert '<option value="es" selected>Español</option>' in page
    assert 'value="Toledo"' in page
    shown = owner.post("/my/ana/do/change_details", {"city": "", "country": "ES", "locale": "es", "_step": "preview"})
    assert '"clear":["city"]' in hidden(shown)["_asked"]
    give(owner, "change_details", city="", country="ES", locale="es")
    assert load_one("ana").place_on(NOW).city == ""


def test_invoices_are_ticked_not_typed() -> None:
    books.publish(f"{books.CATALOGUE}instalments:\n  three: {{name: Three parts, count: 3, public: true}}\n", NOW)
    owner = customer("olga", "ana", "owner")
    page = owner.get("/my/ana/do/instalments").content.decode()
    assert 'type="checkbox" name="invoices" value="INV-000005"' in page
    assert "With none marked, all that is open." in page
    shown = text(owner.post("/my/ana/do/instalments", {"invoices": ["INV-000005"], "offer": "three", "_step": "preview"}))
    assert "Invoices INV-000005: €62.11 Offer Three parts (3)" in shown
    assert "Mar 20, 2026 €20.70" in shown


def test_a_fixed_term_can_be_cancelled_for_its_end() -> None:
    books.do("publish_catalogue", NOW, source=books.CATALOGUE.replace("    name: Basic\n", "    name: Basic\n    term: 1 year\n"))
    books.do("subscribe", NOW, account="ana", plan="basic")
    contract = Contract.objects.get(account="ana", plan="basic").contract
    owner = customer("olga", "ana", "owner")
    assert "at the end of the agreed term" in text(owner.get(f"/my/ana/do/cancel?contract={contract}"))
    assert "at the end of the agreed term" not in text(owner.get(f"/my/ana/do/cancel?contract={CONTRACT}"))


@pytest.mark.parametrize(
    ("language", "written", "read"),
    [
        ("es", "1.234,50", "1234.50"),
        ("es", "12,5", "12.5"),
        ("es", "12.50", "12.50"),
        ("es", "1.234", "1234"),
        ("es", "12 000", "12000"),
        ("es", "doce", "doce"),
        ("en", "1,234.50", "1234.50"),
        ("en", "1,234", "1234"),
        ("es", "0.001", "0.001"),
        ("es", "1,234.5", "1,234.5"),
        ("en", "1.234,50", "1.234,50"),
        ("en", "12,5", "12,5"),
    ],
)
def test_numbers_are_read_as_the_language_writes_them(language: str, written: str, read: str) -> None:
    with translation.override(language):
        assert plain_number(written) == read


@pytest.mark.parametrize("page", ["cancel?contract=%00", "remove_contact?contact=%00", "revoke_api_key?prefix=%00"])
def test_a_text_that_no_database_holds_is_not_our_fault(page: str) -> None:
    assert customer("olga", "ana", "owner").get(f"/my/ana/do/{page}").status_code == 400


def test_amounts_are_taken_with_a_comma_in_every_form() -> None:
    owner = customer("olga", "ana", "owner")
    with translation.override("es"):
        assert AmountField().clean("1.234,50") == Decimal("1234.50")
    for page in ("pay", "refund", "credit", "do/dispute"):
        assert re.search(r'<input[^>]*type="text"[^>]*name="amount"', owner.get(f"/my/ana/{page}").content.decode()), page
    spanish = {"accept-language": "es"}
    asked = {"invoice": "INV-000005", "amount": "12,50", "reason": "no", "_step": "preview"}
    assert "no cobramos 12,50 € de ella" in text(owner.post("/my/ana/do/dispute", asked, headers=spanish)).replace("\xa0", " ")


def test_what_is_still_to_come_is_drawn_lighter() -> None:
    drawn = bars([(date(2026, 2, 1), Decimal(4)), (date(2026, 2, 2), Decimal(2))], slots=4, likely=Decimal(3))
    assert [(one.likely, one.height) for one in drawn] == [(False, "120.0"), (False, "60.0"), (True, "90.0"), (True, "90.0")]
    assert [one.likely for one in bars([(date(2026, 2, 1), Decimal(4))], slots=4)] == [False]
    page = customer("olga", "ana", "owner").get("/my/ana/usage")
    assert page.content.decode().count('class="likely"') == 8
    assert "light: if it goes on like this" in text(page)


def test_percents_and_countries_in_the_language_of_the_page() -> None:
    with translation.override("es"):
        assert percent(76).replace("\xa0", " ") == "76 %"
        names = [name for _code, name in countries()]
        assert names.index("Dinamarca") < names.index("Ecuador") < names.index("Egipto")
        assert names.index("Estonia") < names.index("Etiopía") < names.index("Filipinas")
    with translation.override("en"):
        assert percent(76) == "76%"
        assert dict(countries())["ES"] == "Spain"


def test_details_are_emptied_by_name_and_only_those_that_may_be() -> None:
    books.do("change_details", NOW, account="ana", phone="+34 600", tax_id="ESB12345674", street="Calle Mayor 4")
    books.do("change_details", NOW, account="ana", clear=["phone", "tax_id"])
    person = Person.objects.get(account="ana")
    assert (person.phone, person.street, load_one("ana").place_on(NOW).tax_id) == ("", "Calle Mayor 4", "")
    assert JournalEvent.objects.filter(stream="ana").latest("sequence").data["fields"] == ["phone"]
    for wrong, code in (({"clear": ["name"]}, "unknown_choice"), ({"clear": ["phone"], "phone": "1"}, "conflict")):
        with pytest.raises(Invalid, match=code):
            books.do("change_details", NOW, account="ana", **wrong)
    with pytest.raises(Invalid, match="personal_data"):
        books.do("change_details", NOW, account="ana", clear=["phone"], when="2026-03-01")


def test_the_overview_says_what_keeps_the_account_from_going_on() -> None:
    owner = customer("olga", "ana", "owner")
    assert "The service is stopped" not in text(owner.get("/my/ana/"))
    books.do("set_credit_status", NOW, account="ana", status="suspended", reason="overdue")
    assert "The service is stopped until what is overdue is paid." in text(owner.get("/my/ana/"))


def test_why_is_said_in_a_customers_words_and_leaves_out_the_bookkeeping() -> None:
    owner = customer("olga", "ana", "owner")
    balance = text(owner.get("/my/ana/why"))
    assert "You owe of it overdue: €76.25 €76.25" in balance
    assert "Open documents €76.25" in balance
    document_of_use = text(owner.get("/my/ana/why?of=INV-000005"))
    assert "Invoice INV-000005 Feb 1, 2026, due on Feb 15, 2026 €62.11" in document_of_use
    assert "Calls: 24 Jan 1, 2026 – Feb 1, 2026" in document_of_use
    assert "Tier 1, from 0 to 10: 10 × 1 = 10" in document_of_use
    assert "By your contract: Seats since Jan 1, 2026: contract signed" in document_of_use
    assert re.search(r"Measured: 27 Jan 1, 2026 – Feb 1, 2026, 7 readings, 1 of them came later", document_of_use)
    assert "IVA" in document_of_use or "vat 21 % on" in document_of_use.lower()
    paid = text(owner.get("/my/ana/why?of=INV-000003"))
    assert "Payment received: Cash Feb 16, 2026 -€" in paid
    for word in ("receivable", "component", "because of", "ana/"):
        assert word not in document_of_use + paid
    event = text(owner.get("/my/ana/why?of=ana/2"))
    assert "Contract signed Jan 1, 2026" in event


def test_pages_that_are_not_there_or_not_allowed_say_so_in_the_language_of_the_visitor() -> None:
    owner = customer("olga", "ana", "owner")
    gone = owner.get("/my/bob/", headers={"accept-language": "es"})
    assert (gone.status_code, "Aquí no hay nada" in gone.content.decode()) == (404, True)
    assert "There is nothing here" in owner.get("/nowhere").content.decode()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="olga"))
    old = strict.post("/my/ana/do/pause", {"contract": CONTRACT}, headers={"accept-language": "es"})
    assert (old.status_code, "El formulario es demasiado antiguo" in old.content.decode()) == (403, True)
    broken = server_error(RequestFactory().get("/")).content.decode()
    assert "Something broke on our side" in broken
    assert "Algo ha fallado por nuestra parte" in broken


def test_nothing_is_asked_about_where_there_is_nothing() -> None:
    user = User.objects.create_user("nia", email="nia@example.com")
    new = client_of(user)
    account = new.post("/my/open", {"name": "Nia", "country": "ES", "currency": "EUR"})["location"].split("/")[2]
    documents = text(new.get(f"/my/{account}/documents"))
    assert "There are no documents yet." in documents
    assert "Dispute an invoice" not in documents
    assert "Ask for a refund" not in documents
    refund = text(new.get(f"/my/{account}/refund"))
    assert "There are no payments yet." in refund
    assert "Send the request" not in refund
    assert "See the plans" in text(new.get(f"/my/{account}/"))
