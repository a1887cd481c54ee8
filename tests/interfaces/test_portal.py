"""Customers' pages: what they show, to whom, and what they change: previewed, confirmed, refused in words."""

from __future__ import annotations

import html
import re
import secrets
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.access import caller_of_user
from accounts.models import Membership, Person
from accounts.roles import CUSTOMER_COMMANDS
from billing import ledgers
from billing.engine import Request, execute
from billing.models import Contract, Invoice, JournalEvent, Payment
from billing.models.changes import ScheduledChange
from billing.portal.opening import MOST_ACCOUNTS
from billing.queries.usage import usage
from payments.models import Collection, PaymentMethod
from plans.errors import NotAllowed, NotFound
from tests import books
from tests.interfaces.callers import client_of, customer, staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
PAGES = ("", "why", "documents", "contracts", "plans", "usage", "people")


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def hidden(response: Any) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return {name: html.unescape(value) for name, value in found}


def test_the_overview_says_who_owes_how_much() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/"))
    assert "You owe €76.25 of it overdue €76.25 Not billed yet, before tax €7.00" in page
    assert "INV-000003" in page
    assert "the next invoice, over €50.82 so far" in page


def test_why_leads_down_to_the_measurement() -> None:
    page = text(customer("olga", "ana", "owner").get("/my/ana/why?of=INV-000005"))
    assert "c5" in page or "test:c5" in page or "10:00" in page
    assert "62.11" in page


#: page → what it answers to the owner, to the colleague for invoices, to the one who may look.
WHO_SEES = dict.fromkeys(PAGES, (200, 200, 200)) | {
    "pay": (200, 200, 404),
    "cards": (200, 200, 404),
    "refund": (200, 200, 404),
    "credit": (200, 200, 404),
    "data": (404, 404, 404),  # by POST only
    "payments/1": (404, 404, 404),
    "do/pause": (200, 404, 404),
    "do/subscribe": (200, 404, 404),
    "do/collect": (200, 200, 404),
    "do/change_details": (200, 200, 404),
}


def test_every_page_by_everybody() -> None:
    people = [customer("olga", "ana", "owner"), customer("bea", "ana", "billing"), customer("carl", "ana", "viewer")]
    stranger, nobody = customer("sam", "bob", "owner"), Client()
    found = {page: tuple(client.get(f"/my/ana/{page}").status_code for client in people) for page in WHO_SEES}
    assert found == WHO_SEES
    assert {stranger.get(f"/my/ana/{page}").status_code for page in WHO_SEES} == {404}
    assert {nobody.get(f"/my/ana/{page}").status_code for page in WHO_SEES} == {302}


def test_commands_of_the_office_are_no_pages_here() -> None:
    owner = customer("olga", "ana", "owner")
    for command in ("refund", "adjust", "change_price", "publish_catalogue", "steal"):
        assert owner.get(f"/my/ana/do/{command}").status_code == 404, command
    for command in CUSTOMER_COMMANDS:
        assert owner.get(f"/my/ana/do/{command}", follow=True).status_code == 200, command


def test_a_change_is_previewed_then_confirmed() -> None:
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/change_quantity?contract=ana/2"
    shown = owner.post(address, {"contract": "ana/2", "item": "seat", "quantity": "6", "_step": "preview"})
    assert "This is exactly what will happen when you confirm." in text(shown)
    before = JournalEvent.objects.filter(stream="ana").count()
    done = owner.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)
    assert "Done: Change quantity." in text(done)
    assert JournalEvent.objects.get(stream="ana", sequence__gt=before, kind="contract.quantity_changed").actor == "user:olga"


def test_a_customer_can_not_slip_in_a_price_of_their_own() -> None:
    owner = customer("olga", "ana", "owner")
    address = "/my/ana/do/change_plan?contract=ana/2"
    shown = owner.post(address, {"contract": "ana/2", "plan": "basic", "prices": "fee: 0", "_step": "preview"})
    fields = hidden(shown)
    assert "prices" not in fields.get("_asked", "")
    fields = hidden(owner.post("/my/ana/do/pause", {"contract": "ana/2", "_step": "preview"}))
    fields["_asked"] = fields["_asked"].replace('"ana"}', '"bob"}')
    assert owner.post("/my/ana/do/pause", fields | {"_step": "confirm"}).status_code in (403, 404)
    assert owner.post("/my/ana/do/pause", {"_asked": '{"account":"ana"}', "_step": "confirm"}).status_code == 404


def test_a_refusal_is_said_beside_the_field() -> None:
    owner = customer("olga", "ana", "owner")
    answer = owner.post("/my/ana/do/change_plan", {"contract": "ana/2", "plan": "gold", "_step": "preview"})
    assert answer.status_code == 404
    assert re.search(r'<div class="field wrong">\s*<label for="id_plan">', answer.content.decode())


def test_staff_and_customers_find_their_own_first_page() -> None:
    assert Client().get("/")["location"] == "/account/login/"
    assert staff("clerk").get("/")["location"] == "/admin/"
    assert customer("olga", "ana", "owner").get("/", follow=True).redirect_chain[-1][0] == "/my/ana/"


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    owner = customer("olga", "ana", "owner")
    for page in (*PAGES, "do/pause"):
        answer = owner.get(f"/my/ana/{page}")
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        body = answer.content.decode()
        assert "<script>" not in body
        assert " style=" not in body
        assert re.findall(r'(?:src|href)="(?:https?:)?//', body) == []
        assert answer["Cache-Control"] == "private, no-store"


def test_the_admin_gets_the_loosest_policy_that_its_theme_needs() -> None:
    policy = staff("viewer").get("/admin/billing/account/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_signing_up_wants_a_mail_that_was_read() -> None:
    stranger = Client()
    secret = "correct-horse-battery"
    answer = stranger.post("/account/signup/", {"email": "nia@example.com", "password1": secret, "password2": secret}, follow=True)
    assert answer.redirect_chain[-1][0].startswith("/account/confirm-email/")
    [sent] = mail.outbox
    link = re.search(r"https?://testserver(/account/confirm-email/\S+)", str(sent.body))
    assert link is not None
    stranger.post(link.group(1))
    signed_in = stranger.post("/account/login/", {"login": "nia@example.com", "password": secret}, follow=True)
    assert "Open an account Three questions, then choose a plan." in text(signed_in)
    form = {"name": "Nia Bevan", "country": "GB", "currency": "EUR"}
    opened = stranger.post("/my/open", form, follow=True)
    [(address, _)] = opened.redirect_chain
    account = address.split("/")[2]
    assert "Take Basic" in text(opened)
    assert [row.role for row in Membership.objects.filter(account=account)] == ["owner"]
    assert Person.objects.get(account=account).email == "nia@example.com"
    [event] = JournalEvent.objects.filter(stream=account)
    assert (event.kind, event.data["place"]["country"], event.data["currency"]) == ("account.opened", "GB", "EUR")


def test_an_account_is_opened_once_by_a_click_given_twice_and_not_without_end() -> None:
    user = User.objects.create_user("nia", email="nia@example.com")
    nia = client_of(user)
    form = {"name": "Nia", "country": "GB", "currency": "EUR"}
    first = nia.post("/my/open", form)["location"]
    Membership.objects.all().delete()  # as after a crash between the two
    assert nia.post("/my/open", form | {"name": "Nia B"})["location"] == first
    addresses = {nia.post("/my/open", form)["location"] for _ in range(MOST_ACCOUNTS - 1)}
    assert len(addresses | {first}) == MOST_ACCOUNTS
    assert "You can't open another account yourself; ask us." in text(nia.post("/my/open", form))
    assert nia.post("/my/open", {"name": "x", "country": "XX", "currency": "USD"}).content.decode().count('class="field wrong"') == 2


def test_customers_take_only_what_is_offered_to_the_public() -> None:
    owner = customer("olga", "ana", "owner")
    assert "Seat €7.00 each, per month" in text(owner.get("/my/ana/plans"))
    assert "Metered" not in text(owner.get("/my/ana/plans"))
    assert "Take Basic" not in text(customer("carl", "ana", "viewer").get("/my/ana/plans"))
    for address, given in (("subscribe", {}), ("change_plan", {"contract": "ana/2"})):
        answer = owner.post(f"/my/ana/do/{address}", given | {"plan": "metered", "_step": "preview"})
        assert answer.status_code == 404
        assert "There is no plan 'metered' on offer" in html.unescape(answer.content.decode())
    with pytest.raises(NotFound, match="unknown_plan") as refused:
        execute(Request("subscribe", {"account": "ana", "plan": "partner"}, NOW, "user:olga"))
    assert refused.value.at == "plan"
    staff("clerk")
    assert execute(Request("subscribe", {"account": "ana", "plan": "partner"}, NOW, "user:staff-clerk"), dry_run=True).events


def test_pages_speak_the_language_that_is_asked_for() -> None:
    owner = customer("olga", "ana", "owner")
    owner.post("/language/", {"language": "es", "next": "/my/ana/"})
    assert 'lang="es"' in owner.get("/my/ana/").content.decode()


def give(client: Client, command: str, **given: str) -> Any:
    """Ask for the preview of a command, then confirm it; answers the last page."""
    shown = client.post(f"/my/ana/do/{command}", given | {"_step": "preview"})
    assert shown.status_code == 200, text(shown)
    return client.post(f"/my/ana/do/{command}", hidden(shown) | {"_step": "confirm"}, follow=True)


def test_a_cancellation_has_a_way_back() -> None:
    owner = customer("olga", "ana", "owner")
    give(owner, "cancel", contract="ana/2", when="period_end")
    page = text(owner.get("/my/ana/contracts"))
    assert "Keep it after all" in page
    assert "Cancel" not in page
    give(owner, "renew", contract="ana/2")
    assert Contract.objects.get(contract="ana/2").end is None
    assert "Cancel" in text(owner.get("/my/ana/contracts"))


def test_the_end_of_a_fixed_term_is_for_the_office_to_move() -> None:
    books.do("publish_catalogue", "2026-02-20", source=books.CATALOGUE.replace("    name: Basic\n", "    name: Basic\n    term: 1 year\n"))
    books.do("subscribe", "2026-02-20", account="ana", plan="basic")
    contract = Contract.objects.get(account="ana", plan="basic").contract
    answer = customer("olga", "ana", "owner").post("/my/ana/do/renew", {"contract": contract, "_step": "preview"})
    assert "has a fixed term; ask us to extend it" in answer.content.decode()


def test_a_planned_change_is_listed_and_withdrawn_by_who_planned_it() -> None:
    owner = customer("olga", "ana", "owner")
    give(owner, "change_quantity", contract="ana/2", item="seat", quantity="9", when="period_end")
    books.do(
        "change_price",
        "2026-02-20",
        account="ana",
        contract="ana/2",
        item="calls",
        price={"model": "unit", "amount": "2"},
        when="period_end",
    )
    page = owner.get("/my/ana/contracts")
    assert "Change quantity: Seat, 9 Withdraw" in text(page)
    assert text(page).count("Withdraw") == 1
    mine, theirs = [one.change for one in ScheduledChange.objects.filter(account="ana", status="scheduled").order_by("change")]
    assert (
        "was planned by us, not by you" in owner.post("/my/ana/do/withdraw_change", {"change": theirs, "_step": "preview"}).content.decode()
    )
    give(owner, "withdraw_change", change=mine)
    assert "Change quantity" not in text(owner.get("/my/ana/contracts")).split("What is planned")[1]


# --- paying -----------------------------------------------------------------------------------------------------------------------


def open_numbers() -> list[tuple[str, str]]:
    rows = Invoice.objects.filter(account="ana", status="open").order_by("sequence")
    return [(row.number, f"{row.open:.2f}") for row in rows]


def pay(client: Client, card: str, **given: Any) -> Any:
    """From the page to the gateway's page, a test card there, and back; answers the page that says what came of it."""
    sent = client.post("/my/ana/pay", {"method": "new", "_key": secrets.token_hex(8)} | given)
    assert sent.status_code == 302, text(sent)
    assert sent["location"].startswith("/sandbox/checkout/")
    back = client.post(sent["location"], {"card": card})
    return client.get(back["location"])


def test_a_customer_is_declined_then_pays_on_the_page_of_the_gateway() -> None:
    owner = customer("olga", "ana", "owner")
    assert "Pay now" in text(owner.get("/my/ana/"))
    declined = text(pay(owner, "decline_soft"))
    assert "Not paid. Insufficient funds. The same card may work later; another card works now. Try again" in declined
    assert sum(Decimal(amount) for _, amount in open_numbers()) == Decimal("76.25")
    paid = pay(owner, "approve")
    assert "Payment of €76.25 Paid. Thank you." in text(paid)
    assert open_numbers() == []
    receipt = re.search(r'href="(/documents/ana/[^"]+as=pdf)"', paid.content.decode())
    assert receipt is not None
    assert "•••• 4242 is used for payments" in text(owner.get("/my/ana/cards"))


def test_one_invoice_another_amount_and_what_is_beyond_it() -> None:
    owner = customer("olga", "ana", "owner")
    [(first, one), (second, _)] = open_numbers()
    ids = {row.number: row.invoice for row in Invoice.objects.filter(account="ana")}
    pay(owner, "approve", invoices=[ids[second]])
    assert open_numbers() == [(first, one)]
    pay(owner, "approve", amount="1.25")
    assert open_numbers() == [(first, f"{Decimal(one) - Decimal('1.25'):.2f}")]
    pay(owner, "approve", amount="100")
    assert open_numbers() == []
    credit = Decimal("101.25") - Decimal(one)
    assert books.balance(ledgers.CREDIT, "ana") == -credit
    give(owner, "top_up", amount=str(credit))
    assert books.balance(ledgers.CREDIT, "ana") == 0
    moved = text(owner.get("/documents/ana/statement"))
    assert ("Put into the wallet" in moved, "Other movement" in moved) == (True, False)
    assert owner.post("/my/ana/do/top_up", {"amount": "5", "channel": "cash", "_step": "preview"}).status_code == 409


def test_a_kept_card_is_charged_after_its_sum_was_shown() -> None:
    owner = customer("olga", "ana", "owner")
    page = owner.get(owner.post(owner.post("/my/ana/cards", {"_key": "k"})["location"], {"card": "approve"})["location"])
    assert "A card for later Your card is kept." in text(page)
    assert open_numbers() != []
    method = PaymentMethod.objects.get(account="ana").method
    shown = owner.post("/my/ana/pay", {"method": method, "amount": "5.00"})
    assert "€5.00 will be taken from Visa •••• 4242." in text(shown)
    before = sum(Decimal(amount) for _, amount in open_numbers())
    confirmed = owner.post("/my/ana/pay", {"method": method, "amount": "5.00"} | hidden(shown), follow=True)
    assert "Payment of €5.00 Paid. Thank you." in text(confirmed)
    assert sum(Decimal(amount) for _, amount in open_numbers()) == before - 5
    forged = owner.post("/my/ana/pay", {"method": method, "amount": "9.00"} | hidden(shown) | {"_key": "other"})
    assert "The token is of another command or other arguments" in text(forged)


def test_a_payment_that_is_processed_or_left_is_not_asked_for_twice() -> None:
    owner = customer("olga", "ana", "owner")
    assert "It is being processed." in text(pay(owner, "late"))
    again = owner.post("/my/ana/pay", {"method": "new"})
    assert "is being collected already" in text(again)
    assert "A payment of €76.25 is under way: being processed." in text(again)


def test_what_customers_may_not_pay_or_choose() -> None:
    owner, colleague, viewer = customer("olga", "ana", "owner"), customer("bea", "ana", "billing"), customer("carl", "ana", "viewer")
    found = [(who.get("/my/ana/pay").status_code, who.get("/my/ana/cards").status_code) for who in (owner, colleague, viewer)]
    assert found == [(200, 200), (200, 200), (404, 404)]
    assert customer("sam", "bob", "owner").get("/my/bob/payments/1").status_code == 404
    for given in ({"amount": "-1"}, {"amount": "0"}, {"amount": "x"}, {"amount": "0.001"}, {"method": "ana/1"}, {"invoices": "bob/3"}):
        assert owner.post("/my/ana/pay", {"method": "new"} | given).status_code == 200, given
    assert not Collection.objects.exists()
    with pytest.raises(NotFound, match="unknown_offer"):
        execute(Request("instalments", {"account": "ana", "count": "3"}, NOW, "user:olga"))


# --- usage ------------------------------------------------------------------------------------------------------------------------


def test_usage_so_far_likely_before_and_each_day_in_a_drawing_without_script() -> None:
    page = customer("olga", "ana", "owner").get("/my/ana/usage")
    assert "so far 6 likely by the end 9 in the period before 27" in text(page)
    assert "Feb 10, 2026 6" in text(page)
    drawn = re.findall(r'<rect x="([0-9.]+)" y="([0-9.]+)" width="[0-9.]+" height="([0-9.]+)"/>', page.content.decode())
    assert len(drawn) == 20  # of which the last, in Madrid, is an hour old
    assert [(y, height) for _, y, height in drawn if height != "0.0"] == [("0.0", "120.0")]


def test_usage_counts_the_allowance_and_corrections() -> None:
    metered = "        meter: calls\n"
    included = books.CATALOGUE.replace(metered, f"{metered}        included: 8\n", 1)
    assert included != books.CATALOGUE
    books.publish(included, "2026-02-20")
    books.do("change_plan", "2026-02-20", account="ana", plan="seats")
    books.use("ana", "calls", arrived="2026-02-20", records=[{"id": "v", "at": "2026-02-10T10:00", "amends": "test/f1", "value": "2"}])
    [used] = usage("ana", at=NOW)
    assert (used.so_far, used.included, used.share, used.before) == (Decimal(2), Decimal(8), 25, Decimal(27))
    assert "25% of what is included is used" in text(customer("olga", "ana", "owner").get("/my/ana/usage"))


def test_a_refund_is_asked_for_and_waits_for_the_office() -> None:
    owner = customer("olga", "ana", "owner")
    pay(owner, "approve")
    paid = Payment.objects.get(account="ana", channel="sandbox").payment
    too_much = owner.post("/my/ana/refund", {"payment": paid, "amount": "500.00", "reason": "twice"})
    assert too_much.status_code == 200
    assert 'role="alert"' in too_much.content.decode()
    before = JournalEvent.objects.filter(stream="ana").count()
    page = text(owner.post("/my/ana/refund", {"payment": paid, "amount": "5.00", "reason": "twice"}, follow=True))
    assert "asked for we are looking at it €5.00" in page
    assert [row.kind for row in JournalEvent.objects.filter(stream="ana", sequence__gt=before)] == ["request.made"]
    with pytest.raises(NotAllowed, match="no_right"):
        caller_of_user(User.objects.get(username="olga")).must_run("request_correction", {"account": "ana", "wanted": "adjust"})
