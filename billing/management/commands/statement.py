"""`manage.py statement ACCOUNT`: what was owed before, what happened, what is owed after."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from billing.api.shown import statement_data
from billing.management.base import BillingCommand, optional_moment
from billing.queries.accounts import find_account
from billing.queries.statement import Statement, statement
from billing.queries.status import money_text
from plans.errors import Invalid


class Command(BillingCommand):
    help = "A statement of account: opening balance, documents, payments, running balance, closing. Exit status: 0, or 1 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT")
        self.add_moment(parser, "--from", "the first moment shown")
        self.add_moment(parser, "--to", "the first moment no longer shown")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        zone = find_account(options["account"]).zone
        start, end = (optional_moment(options[name], zone=zone, at=name) for name in ("from", "to"))
        if start is not None and end is not None and start > end:
            raise Invalid("out_of_range", "the statement would end before it starts", at="to")
        found = statement(options["account"], start=start, end=end)
        self.write_json([statement_data(one) for one in found]) if options["json"] else self.write("\n\n".join(_page(one) for one in found))


def _page(one: Statement) -> str:
    def shown(amount: Any) -> str:
        return f"{money_text(amount, one.currency):>14}"

    span = f"from {one.start:%Y-%m-%d}" if one.start else "from the beginning"
    span += f" to {one.end:%Y-%m-%d}" if one.end else ""
    lines = [f"Statement of {one.account.account} in {one.currency}, {span}", f"{'':10}  {'opening':<48}{'':14} {shown(one.opening)}"]
    lines += [f"{e.at:%Y-%m-%d}  {e.title[:48]:<48}{shown(e.amount)} {shown(e.balance)}  [{e.address}]" for e in one.entries]
    return "\n".join([*lines, f"{'':10}  {'closing':<48}{'':14} {shown(one.closing)}"])
