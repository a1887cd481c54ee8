"""Erasing a person while the books stay whole; holds and retention; two accounts that become one; and the export that says what is kept."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.crm.models import Attachment, Contact, Interaction, Task
from accounts.models import FrozenParty, Invitation, Membership
from accounts.signing import SignIn
from billing import bulk, delivery
from billing.api.keys import BadKey, find_key
from billing.engine import Request, execute
from billing.models import Consent, Effect, Invoice, JournalEvent, RejectedRecord
from billing.rebuilding import compare
from billing.verification import verify
from payments.documents import faces
from payments.documents.reading import find_document
from payments.documents.shown import shown
from payments.models import BankLine
from plans.errors import Conflict, Invalid, NotAllowed, Refusal
from tests.books import do, moment, open_account, publish
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=365 * 11)
PLANTED = {
    "name": "Zoe Quintanilla",
    "email": "zoe.q@example.net",
    "phone": "+34 611 222 333",
    "street": "Calle de la Luna 77",
    "postcode": "08199-X",
    "iban": "ES9121000418450200051332",
    "contact": "Wilhelmina Trost",
    "contact mail": "trost@example.org",
    "contact phone": "+49 30 998877",
    "contact note": "plays the oboe",
    "said": "asked about her divorce",
    "file name": "passport-quint.txt",
    "file": "PASSPORT-X1Y2Z3",
    "task": "call Wilhelmina back",
    "task note": "after the operation",
    "invited": "cousin.q@example.com",
    "sign-in mail": "zoe.private@example.com",
    "first name": "Zoela",
    "bank name": "QUINTANILLA ZOE MRS",
    "bank text": "rent of zoe for may",
    "server": "mailbox zq-4711 unknown",
    "rejected": "zoe.q@example.net;12 calls",
    "change": "Zoe Quintanilla of old",
}

BANK_LINE: dict[str, Any] = {
    "seller": "main",
    "booked": NOW.date(),
    "amount": Decimal(10),
    "currency": "EUR",
    "file": "a",
    "number": 1,
    "word": "matched",
    "imported_at": NOW,
}


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch, db: None) -> datetime:
    """zoe bought a ticket, paid it, and left traces everywhere."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    publish()
    open_account("zoe", **{name: PLANTED[name] for name in ("name", "email", "phone", "street", "postcode", "iban")})
    do("sell", "2026-01-10", account="zoe", item="ticket", quantity="1")
    total = Invoice.objects.get(account="zoe").total
    do("pay", "2026-01-11", account="zoe", amount=str(total.normalize()), channel="transfer", reference="bank-1")
    return NOW


def plant() -> None:
    """The other traces."""
    by_hand = {
        "name": PLANTED["contact"],
        "email": PLANTED["contact mail"],
        "phone": PLANTED["contact phone"],
        "note": PLANTED["contact note"],
    }
    contact = do("add_contact", NOW, account="zoe", **by_hand).made["contact"]
    do("give_consent", NOW, account="zoe", contact=contact, purpose="news", how="phone")
    said = Interaction.objects.create(account="zoe", kind="call", at=NOW, text=PLANTED["said"], by="x")
    Attachment.objects.create(interaction=said, name=PLANTED["file name"], size=1, content=PLANTED["file"].encode())
    Task.objects.create(account="zoe", title=PLANTED["task"], due=NOW.date(), note=PLANTED["task note"], made_by="x")
    user = User.objects.create_user("c-1234", email=PLANTED["sign-in mail"], first_name=PLANTED["first name"])
    Membership.objects.create(user=user, account="zoe", role="owner", since=NOW)
    Invitation.objects.create(
        digest=b"1", account="zoe", email=PLANTED["invited"], role="viewer", invited_by="x", made_at=NOW, expires_at=NOW
    )
    BankLine.objects.create(line="l1", account="zoe", name=PLANTED["bank name"], iban="ES12", text="x", **BANK_LINE)
    BankLine.objects.create(line="l2", name="somebody", iban=PLANTED["iban"], text=PLANTED["bank text"], **BANK_LINE)
    Effect.objects.filter(account="zoe").update(last_error=PLANTED["server"])
    RejectedRecord.objects.create(batch="b", line=1, code="x", reason="y", content=PLANTED["rejected"], recorded_at=NOW)
    LogEntry.objects.create(user=user, action_flag=2, object_repr=PLANTED["change"])


def found(*, everywhere: bool = True) -> set[str]:
    """Which planted texts stand in any column of any table, or in the file of one."""
    tables = bulk.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'")
    hits: set[str] = set()
    for (table,) in tables:
        if not everywhere and table == "vault_frozen_party":
            continue
        for name, text in PLANTED.items():
            pattern = f"{re.escape(text)}|{text.encode().hex()}"
            statement = f'SELECT 1 FROM "{table}" given WHERE given::text ~* %s LIMIT 1'
            if name not in hits and bulk.fetch(statement, [pattern]):
                hits.add(name)
    return hits


def approved(command: str, arguments: dict[str, Any], at: datetime = NOW) -> Any:
    """A clerk asks, a supervisor approves."""
    if not User.objects.filter(username="staff-clerk").exists():
        staff("clerk")
        staff("supervisor")
    asked = {"account": arguments["account"], "wanted": command, "arguments": arguments}
    execute(Request("request_correction", asked, at, actor="user:staff-clerk", known_at=at))
    assert not JournalEvent.objects.filter(kind__in=("person.erased", "account.merged"), effective_at=at).exists()
    approve = Request("approve_request", {"account": arguments["account"]}, at, actor="user:staff-supervisor", known_at=at)
    return execute(approve)


def page() -> str:
    document = find_document("zoe", Invoice.objects.get(account="zoe").number, at=NOW)
    return faces.page(shown(document))


def test_nothing_planted_is_found_once_the_years_are_over(caplog: pytest.LogCaptureFixture) -> None:
    plant()
    assert found() == set(PLANTED)
    outcome = approved("erase_person", {"account": "zoe"})
    event = next(one.event for one in outcome.events if one.event.kind == "person.erased")
    assert (event.kept, event.kept_until.isoformat()) == (1, "2036-01-10")
    assert found(everywhere=False) == set()
    assert found() == {"name", "email", "phone", "street", "postcode"}
    assert PLANTED["name"] in page()
    delivery.deliver(until=NOW, known_at=NOW, accounts=["zoe"])
    assert Effect.objects.get(kind="person.erase").due_at.date().isoformat() == "2036-01-10"
    delivery.deliver(until=LATER, known_at=LATER, accounts=["zoe"])
    assert found() == set()
    assert "Personal details were erased." in page()
    assert not any(text in caplog.text for text in PLANTED.values())
    assert verify(["zoe"]).faults == []
    assert compare(["zoe"]) == []
    assert User.objects.get(username="c-1234").is_active is False


def test_nobody_erases_or_merges_alone() -> None:
    for role in ("clerk", "supervisor", "administrator"):
        client = staff(role)
        for command in ("erase_person", "merge_accounts", "merge_contacts"):
            assert client.get(f"/admin/billing/account/do/{command}/?account=zoe").status_code == 403, (role, command)
    asked = Request("request_correction", {"account": "zoe", "wanted": "erase_person"}, NOW, actor="user:staff-supervisor", known_at=NOW)
    execute(asked)
    with pytest.raises(NotAllowed) as own:
        execute(Request("approve_request", {"account": "zoe"}, NOW, actor="user:staff-supervisor", known_at=NOW))
    assert own.value.code == "own_request"


def test_what_stands_against_erasing_is_named() -> None:
    with pytest.raises(Conflict) as retention:
        do("erase_person", NOW, account="zoe", documents="erase")
    assert (retention.value.code, "2036-01-10" in retention.value.message) == ("retention", True)
    do("set_legal_hold", NOW, account="zoe", reason="case 12/2026")
    with pytest.raises(NotAllowed) as hold:
        do("erase_person", NOW, account="zoe")
    assert (hold.value.code, "case 12/2026" in hold.value.message) == ("legal_hold", True)
    with pytest.raises(Conflict) as twice:
        do("set_legal_hold", NOW, account="zoe", reason="x")
    assert twice.value.code == "hold_stands"
    do("release_legal_hold", NOW, account="zoe", reason="over")
    with pytest.raises(Conflict) as none:
        do("release_legal_hold", NOW, account="zoe", reason="x")
    assert none.value.code == "no_hold"
    do("subscribe", NOW, account="zoe", plan="basic")
    with pytest.raises(Conflict) as running:
        do("erase_person", NOW, account="zoe")
    assert running.value.code == "contract_running"
    assert Invoice.objects.filter(account="zoe").exists()


def test_a_policy_without_years_lets_documents_go_at_once() -> None:
    do("publish_policy", "2026-01-01", source="currency: EUR\nretention: {documents: 0}\n")
    outcome = do("erase_person", NOW, account="zoe", documents="erase")
    assert outcome.made == {"kept_until": ""}
    assert "Personal details were erased." in page()
    for line, account in (("l1", "zoe"), ("l2", "")):  # what was emptied is not emptied again
        BankLine.objects.create(line=line, account=account, name="Q", **BANK_LINE)
    assert do("erase_person", NOW, account="zoe").events[0].event.erased == {"bank_lines": 1}
    with pytest.raises(Conflict) as again:
        do("erase_person", NOW, account="zoe")
    assert again.value.code == "nothing_to_erase"
    with pytest.raises(Invalid):
        do("publish_policy", NOW, source="currency: EUR\nretention: {documents: 200}\n")


def stands(account: str, at: str) -> tuple[str, bool]:
    """The state of the last step after it was tried at the moment, and whether something is still shown of the person."""
    delivery.deliver(until=moment(at), known_at=moment(at), accounts=[account])
    shows = FrozenParty.objects.filter(account=account, details__isnull=False).exists()
    return Effect.objects.get(kind="person.erase", account=account).state, shows


def test_west_of_utc_the_last_step_waits_for_the_day_of_the_account() -> None:
    open_account("nyc", name="Ned Yorke", zone="America/New_York")
    do("sell", "2026-01-10T12:00Z", account="nyc", item="ticket", quantity="1")
    do("pay", "2026-01-11", account="nyc", amount=str(Invoice.objects.get(account="nyc").total.normalize()), channel="cash")
    do("erase_person", NOW, account="nyc")
    assert stands("nyc", "2036-01-10T00:00Z") == ("owed", True)
    assert stands("nyc", "2036-01-10T04:59Z") == ("owed", True)
    assert stands("nyc", "2036-01-10T05:00Z") == ("done", False)


def test_the_years_of_a_document_count_from_its_day_where_the_account_is() -> None:
    open_account("nyc", name="Ned Yorke", zone="America/New_York")
    do("sell", "2026-01-11T02:00Z", account="nyc", item="ticket", quantity="1")  # the evening of the 10th there
    do("pay", "2026-01-12", account="nyc", amount=str(Invoice.objects.get(account="nyc").total.normalize()), channel="cash")
    assert do("erase_person", NOW, account="nyc").made == {"kept_until": "2036-01-10"}


def test_a_policy_that_demands_more_years_later_moves_the_last_step() -> None:
    Effect.objects.filter(account="zoe").delete()  # what answers to them say would be erased too
    do("erase_person", NOW, account="zoe")
    do("publish_policy", "2030-01-01", source="currency: EUR\nretention: {documents: 12}\n")
    assert stands("zoe", "2036-01-10T00:00Z") == ("owed", True)
    assert stands("zoe", "2038-01-10T00:00Z") == ("done", False)


@pytest.mark.parametrize(("command", "given"), [("erase_person", {}), ("merge_accounts", {"into": "zora"})])
def test_the_keys_of_an_account_that_ends_for_its_person_end_with_it(command: str, given: dict[str, str]) -> None:
    open_account("zora", name="Zoe Q.")
    made = do("create_api_key", NOW, name="our meter", scopes=["read"], account="zoe")
    kept = do("create_api_key", NOW, name="other", scopes=["read"], account="zora").shown_once["secret"]
    do(command, NOW, account="zoe", **given)
    with pytest.raises(BadKey):
        find_key(made.shown_once["secret"], at=NOW)
    assert find_key(kept, at=NOW).account == "zora"
    event = JournalEvent.objects.get(kind="api_key.revoked")
    assert (event.stream, event.data["key"]) == ("zoe", made.made["prefix"])
    assert verify(["zoe", "zora"]).faults == []
    if command == "erase_person":
        with pytest.raises(Conflict) as again:
            do("erase_person", NOW, account="zoe")
        assert again.value.code == "nothing_to_erase"


def test_a_hold_stops_the_last_step_too() -> None:
    do("erase_person", NOW, account="zoe")
    do("set_legal_hold", NOW, account="zoe", reason="case")
    delivery.deliver(until=LATER, known_at=LATER, accounts=["zoe"])
    assert Effect.objects.get(kind="person.erase").state == "owed"
    assert PLANTED["name"] in page()


def test_two_accounts_of_a_customer_become_one_and_both_books_stay() -> None:
    plant()
    open_account("zora", name="Zoe Q.")
    do("give_consent", "2026-02-01", account="zora", purpose="offers")
    do("give_consent", "2026-02-02", account="zoe", purpose="offers")
    do("withdraw_consent", "2026-02-03", account="zoe", purpose="offers")
    approved("merge_accounts", {"account": "zoe", "into": "zora"})
    contact = Contact.objects.get(name=PLANTED["contact"])
    assert (contact.account, contact.contact.startswith("zora/")) == ("zora", True)
    assert Interaction.objects.get().account == "zora"
    assert Membership.objects.filter(user__username="c-1234").count() == 2
    answers = {(row.contact, row.purpose): row.given for row in Consent.objects.filter(account="zora")}
    assert answers == {("", "offers"): False, (contact.contact, "news"): True}
    assert verify(["zoe", "zora"]).faults == []
    assert compare(["zoe", "zora"]) == []
    assert Invoice.objects.get(account="zoe").account == "zoe"
    shown_page = staff("viewer").get("/admin/billing/account/zoe/change/").content.decode()
    assert "goes on for it" in shown_page
    with pytest.raises(Refusal) as closed:
        do("pay", NOW, account="zoe", amount="1", channel="cash")
    assert (closed.value.code, "it goes on as 'zora'" in closed.value.message) == ("account_closed", True)


def test_accounts_that_may_not_be_merged() -> None:
    open_account("zora")
    open_account("other", seller="west")
    for into, code in (("zoe", "same_account"), ("other", "other_seller")):
        with pytest.raises(Refusal) as refused:
            do("merge_accounts", NOW, account="zoe", into=into)
        assert refused.value.code == code
    do("subscribe", NOW, account="zoe", plan="basic")
    with pytest.raises(Invalid) as unknown:
        do("merge_accounts", NOW, account="zoe", into="zora", usage="both")
    assert unknown.value.at == "usage"


def test_the_name_of_who_signs_up_is_a_code() -> None:
    first, second = (SignIn().generate_unique_username(["maria.garcia@example.com"]) for _ in range(2))
    assert first != second
    assert re.fullmatch(r"c-[0-9a-f]{16}", first)
