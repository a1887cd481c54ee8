"""`manage.py bounces [FILE …]`: read what mail servers send back, and mark the addresses that take no mail any more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from billing.crm.bounces import came_back
from billing.crm.returned import returned
from billing.management.base import BillingCommand

LARGEST = 20_000_000


class Command(BillingCommand):
    help = (
        "Read mails that say that a mail could not be delivered (RFC 3464), each from a file or, without one, the standard input: let the "
        "mail server hand them over, as in an alias: '|manage.py bounces'. Each address that failed for good is marked wherever it stands. "
        "Exit status: 0 read, whatever stood in them; 1 a file can't be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        now, marked, unknown = timezone.now(), 0, 0
        for mail in self._mails(options["files"]):
            for one in returned(mail):
                whom = list(came_back(one.email, code=one.code, campaign=one.campaign, at=now, actor="mail server"))
                marked, unknown = marked + len(whom), unknown + (not whom)
                self.write(f"{', '.join(whom) or 'nobody has the address'}: came back {one.code}".strip())
        self.write(f"{marked} marked, {unknown} addresses that nobody has")

    def _mails(self, files: list[str]) -> list[bytes]:
        try:
            return [Path(name).read_bytes()[:LARGEST] for name in files] or [sys.stdin.buffer.read(LARGEST)]
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
