"""Who may do what: roles of staff, roles of the people of an account, and the areas of work that commands belong to. Pure.

A command that no area lists belongs to administrators alone: what was forgotten here is closed, not open.
"""

from __future__ import annotations

from collections.abc import Collection

#: area of work → the commands that belong to it.
AREAS: dict[str, frozenset[str]] = {
    "customers": frozenset({"open_account", "change_details", "close_account", "release_account", "set_credit_status", "set_credit_limit"}),
    "people": frozenset(
        {"add_contact", "change_contact", "remove_contact", "give_consent", "withdraw_consent", "record_bounce", "clear_bounce"}
    ),
    "alerts": frozenset({"set_usage_alert", "remove_usage_alert"}),
    "privacy": frozenset({"erase_person", "merge_accounts", "merge_contacts"}),
    "holds": frozenset({"set_legal_hold", "release_legal_hold"}),
    "campaigns": frozenset({"draft_campaign", "send_campaign"}),
    "mailing": frozenset({"record_campaign_mail", "record_campaign_link"}),
    "contracts": frozenset(
        {
            "subscribe",
            "cancel",
            "renew",
            "change_plan",
            "change_quantity",
            "add_item",
            "remove_item",
            "pause",
            "resume",
            "apply_coupon",
            "move_billing_day",
            "hold_invoicing",
            "resume_invoicing",
            "move_change",
            "transfer_contract",
            "transfer_contracts",
            "split_contract",
            "withdraw_change",
        }
    ),
    "sales": frozenset({"sell", "return"}),
    "money": frozenset(
        {
            "pay",
            "apply_credit",
            "transfer_credit",
            "allocate",
            "unallocate",
            "receive",
            "identify",
            "bank_fee",
            "explain_line",
            "take_deposit",
            "apply_deposit",
            "release_deposit",
        }
    ),
    "methods": frozenset(
        {
            "add_method",
            "remove_method",
            "set_default_method",
            "set_up_method",
            "set_collection",
            "collect",
            "collect_top_up",
            "open_checkout",
        }
    ),
    "gateways": frozenset(
        {
            "top_up_low",
            "settle_collection",
            "await_collection",
            "fail_collection",
            "pay_out",
            "send_transfer",
            "settle_payout",
            "fail_payout",
            "receive_notice",
        }
    ),
    "disputes": frozenset({"dispute", "resolve_dispute", "open_dispute", "send_evidence", "win_dispute", "lose_dispute"}),
    "corrections": frozenset(
        {
            "adjust",
            "change_draft",
            "change_price",
            "credit_note",
            "debit_note",
            "discount",
            "end_discount",
            "fail_refund",
            "forfeit_deposit",
            "recover",
            "refund",
            "reinstate",
            "settle_refund",
            "void",
            "write_off",
        }
    ),
    "wallets": frozenset(
        {"top_up", "grant", "void_grant", "reset_wallet", "refund_wallet", "transfer_wallet", "set_wallet", "reserve", "commit", "release"}
    ),
    "stock": frozenset({"restock", "reserve_stock", "release_stock", "stocktake", "transfer_stock", "write_off_stock"}),
    "bookings": frozenset({"book", "confirm_booking", "change_booking", "cancel_booking", "check_in", "check_out", "no_show"}),
    "debts": frozenset({"pause_dunning", "resume_dunning", "set_dunning", "instalments", "end_instalments"}),
    "catalogue": frozenset(
        {
            "backtest_catalogue",
            "draft_catalogue",
            "discard_draft",
            "keep_story",
            "drop_story",
            "play_stories",
            "request_publication",
            "expire_publications",
            "approve_publication",
            "reject_publication",
            "withdraw_publication",
        }
    ),
    "publishing": frozenset({"publish_catalogue", "publish_draft"}),
    "webhooks": frozenset(
        {"add_webhook", "change_webhook", "rotate_webhook_secret", "disable_webhook", "enable_webhook", "replay_webhook", "retry_effect"}
    ),
    "runs": frozenset({"stop_run", "resume_run"}),
    "keys": frozenset({"create_api_key", "rotate_api_key", "revoke_api_key"}),
    "requests": frozenset({"request_correction", "withdraw_request", "draft_corrections", "preview_corrections"}),
    "approvals": frozenset(
        {
            "approve_request",
            "execute_request",
            "reject_request",
            "undo_request",
            "approve_corrections",
            "revert_corrections",
            "apply_correction",
            "revert_correction",
            "record_outcomes",
        }
    ),
    "books": frozenset({"close_period", "open_balance", "publish_policy", "publish_rates", "exchange", "book_allowance"}),
}

_OFFICE = frozenset(
    "customers people alerts campaigns contracts sales money methods disputes wallets stock bookings requests debts".split()
)
#: What no person does alone, administrators included: a catalogue is published by a request that somebody else approves. Programs may.
UNATTENDED = frozenset({"publishing", "privacy"})
#: role of staff → the areas in which it may run commands itself. Every role may look. What a clerk may not correct he can ask for.
STAFF_ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset(),
    "clerk": _OFFICE,
    "supervisor": _OFFICE | {"corrections", "approvals", "holds"},
    "finance": frozenset(
        {"money", "methods", "gateways", "disputes", "corrections", "requests", "approvals", "books", "wallets", "debts", "runs"}
    ),
    "catalogue_manager": frozenset({"catalogue"}),
    "administrator": frozenset(AREAS) - UNATTENDED | {"administration"},
}

#: role of a person of an account → what they may do there. Everybody may look.
ACCOUNT_ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset({"contracts", "money", "details", "people"}),
    "billing": frozenset({"money", "details"}),
    "viewer": frozenset(),
}

#: command → (what a person of the account needs, the arguments that they may give beside `account`). Prices, dates in the past and alike
#: are the office's to say, so they are not listed.
CUSTOMER_COMMANDS: dict[str, tuple[str, frozenset[str]]] = {
    "subscribe": ("contracts", frozenset({"plan", "quantity", "quantities", "items", "name"})),
    "change_plan": ("contracts", frozenset({"contract", "plan", "quantity", "quantities", "when"})),
    "change_quantity": ("contracts", frozenset({"contract", "item", "quantity", "when"})),
    "add_item": ("contracts", frozenset({"contract", "item", "quantity", "when"})),
    "remove_item": ("contracts", frozenset({"contract", "item", "when"})),
    "pause": ("contracts", frozenset({"contract", "when", "reason"})),
    "resume": ("contracts", frozenset({"contract", "when"})),
    "cancel": ("contracts", frozenset({"contract", "when", "reason"})),
    "renew": ("contracts", frozenset({"contract", "reason"})),
    "withdraw_change": ("contracts", frozenset({"change", "reason"})),
    "apply_coupon": ("contracts", frozenset({"contract", "coupon"})),
    "change_details": (
        "details",
        frozenset({"name", "email", "phone", "street", "postcode", "city", "region", "country", "tax_id", "locale", "clear"}),
    ),
    "add_contact": ("details", frozenset({"name", "email", "phone", "role", "receives"})),
    "change_contact": ("details", frozenset({"contact", "name", "email", "phone", "role", "receives", "clear"})),
    "remove_contact": ("details", frozenset({"contact", "reason"})),
    "give_consent": ("details", frozenset({"contact", "purpose", "channel", "how"})),
    "withdraw_consent": ("details", frozenset({"contact", "purpose", "channel", "how"})),
    "set_usage_alert": ("details", frozenset({"contract", "item", "threshold", "measure"})),
    "remove_usage_alert": ("details", frozenset({"alert"})),
    "create_api_key": ("people", frozenset({"name", "scopes", "expires"})),
    "rotate_api_key": ("people", frozenset({"prefix"})),
    "revoke_api_key": ("people", frozenset({"prefix", "reason"})),
    "apply_credit": ("money", frozenset({"invoices"})),
    "open_checkout": ("money", frozenset({"invoices", "amount"})),
    "collect": ("money", frozenset({"invoices", "method", "amount"})),
    "instalments": ("money", frozenset({"invoices", "offer"})),
    "top_up": ("money", frozenset({"amount", "channel"})),
    "set_default_method": ("money", frozenset({"method"})),
    "remove_method": ("money", frozenset({"method"})),
    "set_collection": ("money", frozenset({"mode"})),
    "request_correction": ("money", frozenset({"wanted", "arguments", "code", "reason"})),
    "dispute": ("money", frozenset({"invoice", "amount", "lines", "reason"})),
}

#: When a customer's change may take effect. Dates are the office's to say: one in the past would move what was billed.
CUSTOMER_WHEN = frozenset({"", "now", "period_end", "trial_end", "term_end"})

#: (command, argument) → the only value that a person of the account may give: a wallet is filled from credit, which only payments
#: make.
CUSTOMER_VALUES: dict[tuple[str, str], str] = {
    ("top_up", "channel"): "credit",
    ("give_consent", "how"): "self_service",
    ("withdraw_consent", "how"): "self_service",
}

#: What an API key may be given: every area of commands, and these. Customers make keys with these alone.
OTHER_SCOPES = frozenset({"read", "usage", "entitlements"})
SCOPES = frozenset(AREAS) | OTHER_SCOPES


#: (command, argument) → of what a person of the account may choose.
CUSTOMER_CHOICES: dict[tuple[str, str], frozenset[str]] = {
    ("create_api_key", "scopes"): OTHER_SCOPES,
    ("request_correction", "wanted"): frozenset({"refund", "credit_note"}),
}


def area_of(command: str) -> str:
    """The area that a command belongs to; `administration` where none lists it."""
    return next((area for area, commands in AREAS.items() if command in commands), "administration")


def areas_of_roles(roles: Collection[str]) -> frozenset[str]:
    """What these roles of staff together may do. Names that are no roles add nothing."""
    return frozenset().union(*(STAFF_ROLES[role] for role in roles if role in STAFF_ROLES))
