"""The account's page is whole and stays cheap; money is corrected by asking: one asks, another decides."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from billing import bulk
from billing.admin.charts import Stretch, time_line
from billing.engine import Request, execute
from billing.models import Charge, CorrectionRequest, JournalEvent
from plans.errors import NotAllowed
from tests.books import advance, do, moment, open_account, use
from tests.interfaces.callers import staff
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
ANA = "/admin/billing/account/ana/change/"
POLICY = """currency: EUR
limits:
  clerk: {adjust: 5}
  supervisor: {any: {each: 100, day: 500}}
request: {expires: 7 days, reasons: [outage, goodwill]}
"""


@pytest.fixture(autouse=True)
def now(world: None, monkeypatch: pytest.MonkeyPatch) -> datetime:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return NOW


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


# --- the page ---------------------------------------------------------------------------------------------------------------------


def test_everything_about_one_customer_is_on_one_page() -> None:
    do("change_plan", NOW, account="ana", plan="basic", when="2026-04-01")
    do("top_up", NOW, account="ana", amount="25", channel="cash")
    do("reserve_stock", NOW, account="ana", item="router", quantity="2")
    do("dispute", NOW, account="ana", invoice="INV-000005", amount="10", reason="never called")
    do("add_method", NOW, account="ana", gateway_token="sandbox:approve", brand="visa", expiry="2028-01", last4="4242")
    do("request_correction", NOW, account="ana", wanted="adjust", arguments={"amount": "-3", "reason": "sorry"})
    shown = text(staff("clerk").get(ANA))
    for words in ("Ana Ruiz", "ES", "change_plan (plan basic", "25.00 EUR to spend", "router 2", "INV-000005 is questioned 10.00 EUR"):
        assert words in shown, words
    for words in ("visa", "Not billed yet", "1.00 EUR", "tester", "pending", "PDF", "request.made"):
        assert words in shown, words


def test_the_credit_limit_and_what_is_left_of_it() -> None:
    viewer = staff("viewer")
    assert "left of it" not in text(viewer.get(ANA))
    do("set_credit_limit", NOW, account="ana", amount="50")
    assert "credit limit 50.00 EUR left of it -27.25 EUR" in text(viewer.get(ANA))


def test_each_look_is_kept() -> None:
    staff("viewer").get(ANA)
    assert AccessRecord.objects.filter(action="looked", account="ana", actor="user:staff-viewer").count() == 1
    staff().get(ANA)
    assert AccessRecord.objects.filter(action="looked").count() == 1


def test_a_catalogue_that_is_gone_leaves_the_sums() -> None:
    bulk.fetch("UPDATE read_contract_terms SET terms = jsonb_set(terms, '{version}', '99') WHERE account = 'ana' RETURNING sequence")
    shown = text(staff("viewer").get(ANA))
    assert "has no version 99" in shown
    assert "76.25 EUR" in shown


def test_time_lines_cut_off_what_lies_outside() -> None:
    start, end = moment("2026-01-01"), moment("2026-12-31")
    lasting = [
        Stretch("old", moment("2025-01-01"), moment("2025-06-01")),
        Stretch("half", moment("2025-01-01"), moment("2026-07-02")),
        Stretch("open", moment("2026-07-02"), None),
    ]
    line = time_line(lasting, [(moment("2026-07-02"), "m"), (moment("2027-07-02"), "far")], start=start, end=end, now=start)
    assert [(lane.stretch.label, lane.x, lane.width, lane.open_ended) for lane in line.lanes] == [
        ("half", 0, 300, False),
        ("open", 300, 300, True),
    ]
    assert ([mark.x for mark in line.marks], line.now) == ([300], 0)


class Statements:
    """Counts statements, through Django and past it, and the pages of tables and indexes that PostgreSQL touches for each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks: list[tuple[int, str]] = []
        fetch = bulk.fetch

        def counted(statement: str, parameters: Any = ()) -> Any:
            if statement.lstrip()[:6].upper() in ("SELECT", "WITH G"):
                plan = fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)[0][0]
                self._keep(plan, statement)
            return fetch(statement, parameters)

        monkeypatch.setattr(bulk, "fetch", counted)

    def __call__(self, execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement.startswith("SELECT") and not many:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)
                self._keep(cursor.fetchone()[0], statement)
        return execute(statement, parameters, many, context)

    def _keep(self, plan: Any, statement: str) -> None:
        read = (orjson.loads(plan) if isinstance(plan, str | bytes) else plan)[0]["Plan"]
        self.blocks.append((read["Shared Hit Blocks"] + read["Shared Read Blocks"], " ".join(statement.split())[:200]))


def grow(account: str, events: int) -> None:
    """Give the account a long past: a charge of its own over and over, each of another period, long billed; and go on after them."""
    columns = ", ".join(field.column for field in JournalEvent._meta.concrete_fields if field.column not in ("position", "sequence"))
    charge = ", ".join(f'"{f.column}"' for f in Charge._meta.concrete_fields if f.column not in ("sequence", "period_start"))
    posting = "account, leg, seller, ledger, currency, amount, effective_at, accounting_date"
    series = "FROM generate_series(1, %s) AS n"
    statements = (
        f"""INSERT INTO read_charge (sequence, period_start, {charge}) SELECT 1000 + n, period_start - n * interval '1 hour', {charge}
            {series}, LATERAL (SELECT * FROM read_charge WHERE account = %s AND invoice <> '' ORDER BY sequence LIMIT 1) AS one""",
        f"""INSERT INTO journal (sequence, {columns}) SELECT 1000 + n, {columns}
            {series}, LATERAL (SELECT * FROM journal WHERE stream = %s AND kind = 'charge.accrued' ORDER BY sequence LIMIT 1) AS one""",
        f"""INSERT INTO read_posting (sequence, invoice, {posting}) SELECT 1000 + n, 'past/' || n, {posting} {series}, read_posting
            WHERE (account, sequence) = (SELECT account, min(sequence) FROM read_posting WHERE account = %s GROUP BY account)""",
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, [events, account])
        cursor.execute("UPDATE stream SET last_sequence = %s WHERE id = %s", [1000 + events, account])


def live(account: str, past: int) -> None:
    """A month that is billed and paid, so many events more, then what the page shows."""
    open_account(account)
    do("subscribe", account=account, plan="seats", quantities={"seat": "3"})
    use(account, "calls", arrived="2026-01-20", records=[{"id": f"{account}1", "at": "2026-01-10T10:00", "value": "4"}])
    advance("2026-02-01")
    do("pay", "2026-02-02", account=account, amount="100", channel="card")
    if past:
        grow(account, past)
    use(account, "calls", arrived="2026-02-03", records=[{"id": f"{account}2", "at": "2026-02-03T10:00", "value": "7"}])
    do("adjust", "2026-02-03", account=account, amount="99", reason="extra")
    do("sell", "2026-02-04", account=account, item="ticket", quantity="2")
    advance(NOW)


def test_a_long_past_asks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two accounts that differ in 100,000 events: the page asks the same statements. What each costs is the planner's to say, and within
    one test it has no statistics to say it by."""
    live("young", 0)
    live("old", 100_000)
    viewer, counted = staff("viewer"), Statements(monkeypatch)
    viewer.get(ANA)
    asked = {}
    for account in ("young", "old"):
        counted.blocks = []
        with connection.execute_wrapper(counted):
            assert "extra" in text(viewer.get(f"/admin/billing/account/{account}/change/"))
        asked[account] = [said for _, said in counted.blocks]
    assert asked["old"] == asked["young"]
    assert len(asked["old"]) <= 110


# --- asking -----------------------------------------------------------------------------------------------------------------------


def hidden(response: Any) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return {name: html.unescape(value) for name, value in found}


def ask(client: Client, wanted: str, account: str = "ana", **typed: str) -> tuple[Any, Any]:
    """(preview, answer of the confirmation)"""
    address = f"/admin/billing/account/ask/{wanted}/?account={account}"
    shown = client.post(address, typed | {"_step": "preview"})
    return shown, client.post(address, hidden(shown) | {"_step": "confirm"}, follow=True)


def test_a_clerk_asks_a_supervisor_approves_and_it_is_done() -> None:
    do("publish_policy", source=POLICY)
    clerk, supervisor = staff("clerk"), staff("supervisor")
    shown, answer = ask(clerk, "credit_note", invoice="INV-000003", amount="6", code="outage", reason="no line for a day")
    assert "waits until somebody else approves it" in text(shown)
    assert "wanted credit_note reason no line for a day invoice INV-000003 amount 6" in text(shown).replace("code outage ", "")
    assert "credit note over 7.26 EUR" in text(shown).lower().replace("eur", "EUR")
    assert "Somebody else must approve it" in text(answer)
    row = CorrectionRequest.objects.get()
    page = f"/admin/billing/correctionrequest/{row.request.replace('/', '_2F')}/change/"
    assert row.request in text(clerk.get(ANA))
    assert "approve_request" not in clerk.get(page).content.decode()
    assert "withdraw_request" in clerk.get(page).content.decode()
    [step] = re.findall(r'href="([^"]*approve_request[^"]*)"', supervisor.get(page).content.decode())
    step = html.unescape(step)
    approved = supervisor.post(step, {"request": row.request, "_step": "preview"})
    assert "credit_note.issued" in text(approved)
    supervisor.post(step, hidden(approved) | {"_step": "confirm"})
    row.refresh_from_db()
    assert (row.status, row.asked_by, row.decided_by) == ("executed", "user:staff-clerk", "user:staff-supervisor")
    trail = text(supervisor.get(page))
    for words in ("request.made", "request.approved", "request.executed", "no line for a day", "Ask to undo"):
        assert words in trail


def test_within_the_own_limit_it_is_done_at_once() -> None:
    do("publish_policy", source=POLICY)
    shown, answer = ask(staff("clerk"), "adjust", amount="-4", code="goodwill", reason="sorry")
    assert "You may decide this alone" in text(shown)
    assert "done, within your own limit" in text(answer)
    assert JournalEvent.objects.get(kind="adjustment.made").data["reason"] == "sorry"


def test_who_asked_may_not_approve_even_by_the_address() -> None:
    do("publish_policy", source=POLICY)
    supervisor = staff("supervisor")
    ask(supervisor, "adjust", amount="-400", code="goodwill")
    row = CorrectionRequest.objects.get()
    page = f"/admin/billing/correctionrequest/{row.request.replace('/', '_2F')}/change/"
    assert "do/approve_request/" not in supervisor.get(page).content.decode()
    answer = supervisor.post("/admin/billing/account/do/approve_request/?account=ana", {"request": row.request, "_step": "preview"})
    assert "somebody else must decide" in text(answer, 403)
    with pytest.raises(Exception, match="request_never_decided_by_who_asked"):
        bulk.fetch("UPDATE read_request SET decided_by = asked_by WHERE request = %s RETURNING request", [row.request])


def test_a_limit_holds_for_who_gives_the_command_itself_too() -> None:
    """A supervisor whose limit has a bound asks, by the page, by the API and by the engine; finance has none."""
    do("publish_policy", source=POLICY.replace("request:", "  finance: {any: unlimited}\nrequest:"))
    supervisor = staff("supervisor")
    staff("finance")
    typed = {"amount": "-400", "reason": "sorry"}
    address = "/admin/billing/account/do/adjust/?account=ana"
    assert supervisor.get(address).headers["Location"] == "/admin/billing/account/ask/adjust/?account=ana"
    refusal = text(supervisor.post(address, typed | {"_step": "preview"}), 403)
    assert "has to ask for adjust, by request_correction; within a limit it is done at once" in refusal
    asked = Request("adjust", {"account": "ana", "amount": "-4", "reason": "x"}, NOW, actor="user:staff-supervisor", known_at=NOW)
    with pytest.raises(NotAllowed) as refused:
        execute(asked)
    assert refused.value.code == "ask_for_it"
    for actor in ("user:staff-finance", "key:program"):
        execute(replace(asked, actor=actor))
    assert JournalEvent.objects.filter(kind="adjustment.made", stream="ana").count() == 2


def test_what_the_command_refuses_stands_beside_its_field() -> None:
    do("publish_policy", source=POLICY)
    address = "/admin/billing/account/ask/credit_note/?account=ana"
    answer = staff("clerk").post(address, {"invoice": "INV-9", "amount": "x", "code": "outage", "_step": "preview"})
    assert answer.status_code in (404, 422)
    assert 'value="INV-9"' in answer.content.decode()
    assert not CorrectionRequest.objects.exists()


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        ("viewer", "refund/?account=ana", 403),
        ("clerk", "pay/?account=ana", 404),
        ("clerk", "refund/", 404),
        ("clerk", "refund/?account=nobody", 404),
    ],
)
def test_who_may_ask_for_what(role: str, address: str, status: int) -> None:
    assert staff(role).get(f"/admin/billing/account/ask/{address}").status_code == status


def test_every_correction_has_a_form_to_ask_with() -> None:
    page = staff("clerk").get(ANA).content.decode()
    addresses = re.findall(r'href="([^"]+/ask/[^"]+)"', page)
    assert len(addresses) == 20
    clerk = staff("clerk", "viewer")
    assert [address for address in addresses if clerk.get(html.unescape(address)).status_code != 200] == []
