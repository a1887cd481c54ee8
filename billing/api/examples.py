"""Worked examples of the API's description: what is sent and what is answered. A test calls each of them against the small world that tests
play (tests/interfaces/worlds.py) and compares the whole answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """`operation` is the operationId, `path` what is called below /api/v1/. `answer` None: none is given (204, or not the point)."""

    operation: str
    name: str
    title: str
    path: str
    body: Any = None
    status: int = 200
    answer: Any = None
    kind: str = ""  # of the body; JSON where nothing is said


EXAMPLES = (
    Example(
        "accounts_list",
        "first",
        "The first page, of one account",
        "accounts?limit=1",
        answer={
            "results": [
                {
                    "account": "ana",
                    "external_id": "",
                    "name": "Ana Ruiz",
                    "seller": "main",
                    "status": "overdue",
                    "at": "2026-02-20T00:00:00Z",
                    "amounts": [
                        {
                            "currency": "EUR",
                            "owed": "76.25",
                            "due": "76.25",
                            "overdue": "76.25",
                            "credit": "0.00",
                            "balance": "76.25",
                            "payable": "0.00",
                            "unbilled": "1.00",
                        }
                    ],
                }
            ],
            "next": "/api/v1/accounts?after=ana&limit=1",
        },
    ),
    Example(
        "account_status",
        "owes",
        "An account with two overdue invoices",
        "accounts/ana/status",
        answer={
            "account": "ana",
            "external_id": "",
            "name": "Ana Ruiz",
            "seller": "main",
            "status": "overdue",
            "at": "2026-02-20T00:00:00Z",
            "amounts": [
                {
                    "currency": "EUR",
                    "owed": "76.25",
                    "due": "76.25",
                    "overdue": "76.25",
                    "credit": "0.00",
                    "balance": "76.25",
                    "payable": "0.00",
                    "unbilled": "1.00",
                }
            ],
            "documents": [
                {
                    "id": "ana/10",
                    "number": "INV-000003",
                    "document": "invoice",
                    "currency": "EUR",
                    "issued": "2026-01-16",
                    "due": "2026-01-30",
                    "total": "21.85",
                    "open": "14.14",
                },
                {
                    "id": "ana/15",
                    "number": "INV-000005",
                    "document": "invoice",
                    "currency": "EUR",
                    "issued": "2026-02-01",
                    "due": "2026-02-15",
                    "total": "62.11",
                    "open": "62.11",
                },
            ],
            "accrued": {"EUR": "7.00"},
            "next": {
                "due_at": "2026-03-01T00:00:00Z",
                "documents": [{"at": "2026-03-01T00:00:00Z", "document": "invoice", "currency": "EUR", "total": "50.82"}],
            },
        },
    ),
    Example(
        "account_statement",
        "february",
        "What happened from February on",
        "accounts/eve/statement?from=2026-02-01",
        answer=[
            {
                "account": "eve",
                "currency": "EUR",
                "from": "2026-02-01T00:00:00Z",
                "to": None,
                "opening": "0.00",
                "entries": [
                    {
                        "at": "2026-02-01T00:00:00Z",
                        "address": "eve/7",
                        "kind": "invoice.issued",
                        "title": "Invoice INV-000007",
                        "amount": "7.00",
                        "balance": "7.00",
                    }
                ],
                "closing": "7.00",
            }
        ],
    ),
    Example(
        "account_schedule",
        "ahead",
        "What lies ahead",
        "accounts/ana/schedule",
        answer=[
            {"at": "2026-03-01T00:00:00Z", "kind": "period", "what": "the period of calls, seat of ana/2 (Seats) ends", "source": "ana/2"},
            {"at": "2026-03-01T00:00:00Z", "kind": "work", "what": "recognition", "source": ""},
        ],
    ),
    Example(
        "invoice",
        "partly-paid",
        "An invoice that is paid in part",
        "invoices/INV-000003",
        answer={
            "id": "ana/10",
            "account": "ana",
            "number": "INV-000003",
            "document": "invoice",
            "currency": "EUR",
            "issued": "2026-01-16",
            "due": "2026-01-30",
            "status": "open",
            "corrects": "",
            "net": "18.06",
            "tax": "3.79",
            "total": "21.85",
            "open": "14.14",
            "lines": [
                {
                    "line": 1,
                    "item": "seat",
                    "name": "Seat",
                    "unit": "",
                    "unit_price": "7",
                    "start": "2026-01-16T00:00:00Z",
                    "end": "2026-02-01T00:00:00Z",
                    "amount": "18.06",
                    "net": "18.06",
                    "tax": "3.79",
                    "quantity": "5",
                }
            ],
        },
    ),
    Example(
        "charges_list",
        "chosen",
        "Chosen fields of one account's charges",
        "charges?account=eve&fields=account,sequence,name,amount,currency",
        answer={"results": [{"account": "eve", "sequence": 5, "name": "Calls", "amount": "7.00", "currency": "EUR"}], "next": None},
    ),
    Example(
        "payments_list",
        "received",
        "The payments of an account",
        "payments?account=bob",
        answer={
            "results": [
                {
                    "payment": "bob/13",
                    "account": "bob",
                    "sequence": 13,
                    "amount": "300.00",
                    "currency": "EUR",
                    "channel": "transfer",
                    "reference": "R-1",
                    "received_at": "2026-02-16T00:00:00Z",
                    "status": "received",
                    "refunded": "0.00",
                    "disputed": "0.00",
                }
            ],
            "next": None,
        },
    ),
    Example(
        "command_pay",
        "transfer",
        "A bank transfer, for the oldest invoices",
        "commands/pay",
        body={"account": "eve", "amount": "7.00", "channel": "transfer", "reference": "R-2"},
        status=201,
        answer={
            "made": {"payment": "eve/8"},
            "events": [
                {
                    "address": "eve/8",
                    "kind": "payment.received",
                    "effective_at": "2026-02-20T00:00:00Z",
                    "summary": "amount 7 EUR, allocations invoice=eve/7 number=INV-000007 amount=7, payment eve/8, channel "
                    "transfer, reference R-2",
                }
            ],
            "replayed": False,
            "dry_run": False,
        },
    ),
    Example(
        "command_change_quantity",
        "seats",
        "Five seats become six at the end of the period",
        "commands/change_quantity?dry_run=1",
        body={"account": "ana", "item": "seat", "quantity": "6", "when": "period_end"},
    ),
    Example(
        "events_ingest",
        "call",
        "Three minutes of a call",
        "events",
        body={
            "specversion": "1.0",
            "id": "call-1",
            "source": "switch",
            "type": "calls",
            "subject": "ana",
            "time": "2026-02-19T10:00:00Z",
            "data": {"value": "3"},
        },
        status=204,
        kind="application/cloudevents+json",
    ),
)
