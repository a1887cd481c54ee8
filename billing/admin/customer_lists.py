"""What waits for whoever looks after customers: tasks, what comes to an end, who left, mail that came back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from billing.admin.listing import Action, Row, WorkList, of_account

EXPIRING = timedelta(days=30)
ENDING_PHASES = timedelta(days=14)
WIN_BACK_WITHIN = timedelta(days=90)


def _of_person(row: Row) -> dict[str, Any]:
    """The row's account, and its contact where it is not the account's own person."""
    return {"account": row["account"]} | ({"contact": row["_contact"]} if row["_contact"] else {})


TASKS = WorkList(
    "tasks",
    "Tasks due",
    "task_alt",
    "What somebody has to do today, or should have done.",
    "task, given WHERE done_at IS NULL AND due <= given.at::date",
    {"key": "id::text", "account": "account", "due": "due", "task": "title", "for": "assigned", "note": "note"},
    "due, id",
)

EXPIRING_CONTRACTS = WorkList(
    "expiring-contracts",
    "Expiring contracts",
    "event_busy",
    f"Contracts that end within {EXPIRING.days} days.",
    f"""read_contract, given WHERE status <> 'ended' AND "end" > given.at AND "end" <= given.at + interval '{EXPIRING.days} days'""",
    {"key": "contract", "account": "account", "contract": "contract", "plan": "plan", "ends": '"end"'},
    '"end", contract',
    (Action("renew", "Renew", of_account("contract")), Action("renew", "Renew until …", of_account("contract"), form=True)),
)

TRIALS = WorkList(
    "ending-trials",
    "Ending trials",
    "hourglass_bottom",
    f"Trials and other phases at a price of their own that end within {ENDING_PHASES.days} days: a good moment to ask how it goes.",
    f"""given CROSS JOIN read_contract c JOIN read_account a USING (account) JOIN phase p USING (catalogue, version, plan)
        CROSS JOIN LATERAL (SELECT (terms->>'phases_from')::timestamptz AS began FROM read_contract_terms t
            WHERE t.account = c.account AND t.contract = c.contract ORDER BY effective_at DESC, sequence DESC LIMIT 1) t
        CROSS JOIN LATERAL (SELECT (t.began AT TIME ZONE a.zone + p.after) AT TIME ZONE a.zone AS moment) ends
        WHERE c.status = 'active' AND ends.moment > given.at AND ends.moment <= given.at + interval '{ENDING_PHASES.days} days'""",  # noqa: S608 - literals
    {"key": "c.contract", "account": "c.account", "contract": "c.contract", "plan": "c.plan", "phase": "p.phase", "ends": "ends.moment"},
    "ends.moment, c.contract",
    (Action("change_plan", "Change the plan", of_account("contract"), form=True),),
)

WIN_BACK = WorkList(
    "win-back",
    "Win back",
    "undo",
    f"Customers whose last contract ended within {WIN_BACK_WITHIN.days} days, and who have none that runs.",
    f"""given CROSS JOIN read_contract c JOIN read_account a USING (account) WHERE c.status = 'ended' AND a.status = 'open'
        AND c."end" <= given.at AND c."end" > given.at - interval '{WIN_BACK_WITHIN.days} days' AND NOT EXISTS (
            SELECT 1 FROM read_contract other WHERE other.account = c.account
                AND (other.status <> 'ended' OR (other."end", other.contract) > (c."end", c.contract)))""",  # noqa: S608 - literals
    {"key": "c.contract", "account": "c.account", "contract": "c.contract", "_plan": "c.plan", "plan": "c.plan", "ended": 'c."end"'},
    'c."end" DESC, c.contract',
    (Action("subscribe", "Sign again", lambda row: {"account": row["account"], "plan": row["_plan"]}, form=True),),
)

EXPIRING_CARDS = WorkList(
    "expiring-cards",
    "Expiring cards",
    "credit_card",
    "Cards in use that can't be charged after this month or the next.",
    """read_payment_method, given WHERE status = 'active' AND is_default AND expiry <> ''
        AND expiry <= to_char(given.at + interval '1 month', 'YYYY-MM')""",
    {"key": "method", "account": "account", "card": "brand", "expires": "expiry"},
    "expiry, account",
    (Action("open_checkout", "Open a payment page", lambda row: {"account": row["account"]}),),
)

BOUNCED = WorkList(
    "bounced-mail",
    "Mail that came back",
    "unsubscribe",
    "People whose address takes no mail any more. Write another address down, and the mark ends; until then no campaign goes there.",
    "read_bounce b LEFT JOIN contact k ON k.account = b.account AND k.contact = b.contact, given",
    {
        "key": "b.account || ' ' || b.contact",
        "account": "b.account",
        "_contact": "b.contact",
        "who": "coalesce(k.name, 'the account''s own address')",
        "code": "b.code",
        "campaign": "b.campaign",
        "since": "b.at",
    },
    "b.at, b.account, b.contact",
    (Action("clear_bounce", "It takes mail again", _of_person, asks="reason"),),
)
