"""What an account leaves behind when it is merged: contracts that are handed over, use that is sent to it, what it agreed to."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from billing import bulk
from billing.models import Consent, UsageRecord
from billing.rebuilding import compare
from billing.usage.intake import ingest
from billing.verification import verify
from plans.errors import Conflict, NotAllowed, NotFound
from tests.books import advance, do, moment, open_account, publish
from tests.interfaces.worlds import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=365 * 11)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch, db: None) -> datetime:
    """zoe is a second account of somebody, and owes nothing."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    publish()
    open_account("zoe")
    return NOW


def test_what_stands_against_a_merge_is_said_at_once_and_handed_over_in_one_step() -> None:
    open_account("zora")
    made = [do("subscribe", NOW, account="zoe", plan=plan).made["contract"] for plan in ("basic", "metered")]
    do("top_up", NOW, account="zoe", amount="5", channel="cash")
    with pytest.raises(Conflict) as refused:
        do("merge_accounts", NOW, account="zoe", into="zora")
    assert (refused.value.code, refused.value.facts["contracts"]) == ("contract_running", tuple(made))
    for words in (f"the contracts {made[0]}, {made[1]} run: hand over by transfer_contracts to zora", "5 in prepaid", "transfer_wallet"):
        assert words in refused.value.message
    do("change_plan", NOW, account="zoe", contract=made[0], plan="seats", when="2026-06-01")
    with pytest.raises(Conflict, match="change_plan is scheduled"):
        do("transfer_contracts", NOW, account="zoe", to="zora")
    do("withdraw_change", NOW, account="zoe", change=bulk.fetch("SELECT change FROM read_change WHERE account = 'zoe'")[0][0])
    assert do("transfer_contracts", NOW, account="zoe", to="zora").made["contracts"] == made
    taken = bulk.fetch("SELECT plan, status FROM read_contract WHERE account = 'zora' ORDER BY contract")
    assert taken == [("basic", "active"), ("metered", "active")]
    assert bulk.fetch("SELECT DISTINCT status FROM read_contract WHERE account = 'zoe'") == [("ended",)]
    with pytest.raises(NotFound, match="no running contract"):
        do("transfer_contracts", NOW, account="zoe", to="zora")
    assert verify(["zoe", "zora"]).faults == []
    assert compare(["zoe", "zora"]) == []


def test_a_contract_that_starts_later_is_handed_over_too_and_starts_there() -> None:
    """Nothing of it is left behind: the account may be merged at once."""
    open_account("zora")
    now = do("subscribe", NOW, account="zoe", plan="metered").made["contract"]
    later = do("subscribe", NOW, account="zoe", plan="basic", start="2026-06-01").made["contract"]
    never = do("subscribe", NOW, account="zoe", plan="basic", start="2026-07-01").made["contract"]
    do("cancel", NOW, account="zoe", contract=never, when="2026-07-01")
    assert do("transfer_contracts", NOW, account="zoe", to="zora").made["contracts"] == [now, later]
    left = bulk.fetch("SELECT contract, status, \"end\" FROM read_contract WHERE account = 'zoe' ORDER BY start")
    assert left == [(now, "ended", NOW), (later, "ended", moment("2026-06-01")), (never, "active", moment("2026-07-01"))]
    with pytest.raises(NotFound, match="no running contract"):
        do("transfer_contracts", NOW, account="zoe", to="zora")
    advance("2026-07-02")
    taken = bulk.fetch("SELECT plan, status, start FROM read_contract WHERE account = 'zora' ORDER BY start")
    assert taken == [("metered", "active", NOW), ("basic", "active", moment("2026-06-01"))]
    charged = bulk.fetch("SELECT start, amount FROM read_charge WHERE account = 'zora' AND item = 'fee' ORDER BY start")
    assert charged == [(moment("2026-06-01"), Decimal("19.95")), (moment("2026-07-01"), Decimal("19.95"))]
    assert bulk.fetch("SELECT sum(amount) FROM read_charge WHERE account = 'zoe' AND contract IN (%s, %s)", [later, never]) == [(None,)]
    assert bulk.fetch("SELECT count(*) FROM journal WHERE stream = 'zoe' AND kind = 'contract.ended'") == [(3,)]
    assert verify(["zoe", "zora"]).faults == compare(["zoe", "zora"]) == []


def sent(account: str, *names: str, **more: str) -> tuple[int, int, list[str]]:
    """What became of use sent to the account: taken, known, why not."""
    records = [{"id": name, "account": account, "meter": "calls", "at": "2026-02-20T10:00", "value": "4"} | more for name in names]
    report = ingest(records, source="pbx", arrived_at=LATER)
    return report.accepted, report.duplicates, [line.reason for line in report.rejected]


def test_use_that_is_sent_to_a_merged_account_goes_on_where_the_merge_says_so() -> None:
    for name in ("zora", "zara", "zita"):
        open_account(name)
    assert sent("zoe", "u1") == (1, 0, [])
    do("merge_accounts", NOW, account="zoe", into="zora", usage="redirect")
    assert sent("zoe", "u1", "u2") == (1, 1, [])
    do("merge_accounts", NOW, account="zora", into="zara", usage="redirect")
    assert sent("zoe", "u2", "u3") == (1, 1, [])
    assert UsageRecord.objects.filter(account="zara").values_list("record", flat=True).get() == "u3"
    assert sent("zoe", "v1", voids="u3", at=None, value=None) == (1, 0, [])
    do("merge_accounts", NOW, account="zara", into="zita")
    assert sent("zoe", "u4") == (0, 0, ["account: the account 'zoe' is closed; it goes on as 'zita', name that"])
    assert compare(["zoe", "zora", "zara"]) == []


def why_not(account: str, name: str, **more: Any) -> str:
    [reason] = sent(account, name, at=None, value=None, **more)[2]
    return str(reason)


def test_use_of_a_merged_account_stays_as_it_was_billed_and_the_refusal_says_what_to_do() -> None:
    """Nothing is billed in a closed account any more, and its use is not the other's: the way out is a charge or a credit there."""
    for name in ("zora", "zita", "eve"):
        open_account(name)
    assert sent("zoe", "u1") == sent("eve", "e1") == (1, 0, [])
    do("merge_accounts", NOW, account="zoe", into="zora", usage="redirect")
    hint = "'pbx/u1' was counted in 'zoe', which is closed: it stays as it was billed; charge or give back the difference in 'zora', which"
    for account in ("zoe", "zora"):
        assert why_not(account, "v1", voids="u1") == f"voids: {hint} goes on for it, by 'adjust'"
        assert why_not(account, "v2", voids="e1").startswith("voids: 'pbx/e1' belongs to another account or meter; void it there")
    assert sent("zora", "a1", amends="u1")[2] == [f"amends: {hint} goes on for it, by 'adjust'"]
    assert why_not("eve", "v3", voids="u1").startswith("voids: 'pbx/u1' belongs to another account")
    assert sent("zora", "u2") == (1, 0, [])
    do("merge_accounts", NOW, account="zora", into="zita")
    assert "'pbx/u2' was counted in 'zora', which is closed" in why_not("zora", "v4", voids="u2")
    assert why_not("zora", "v5", voids="never") == "account: the account 'zora' is closed; it goes on as 'zita', name that"
    do("adjust", NOW, account="zita", amount="-4.00", reason="pbx/u2 was no call")
    do("close_account", NOW, account="eve", reason="moved away")
    assert why_not("eve", "v6", voids="e1") == "voids: 'pbx/e1' was counted in 'eve', which is closed: it stays as it was billed"


def test_nobody_agrees_for_a_closed_account_and_no_can_always_be_said() -> None:
    open_account("zora")
    do("give_consent", NOW, account="zoe", purpose="news")
    do("merge_accounts", NOW, account="zoe", into="zora")
    with pytest.raises(NotAllowed, match="it goes on as 'zora'"):
        do("give_consent", NOW, account="zoe", purpose="offers")
    do("withdraw_consent", NOW, account="zoe", purpose="news")
    assert Consent.objects.get(account="zoe").given is False
