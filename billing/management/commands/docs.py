"""`manage.py docs [--check]`: the pages that are made from the code, and the golden samples of every event."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from billing.api import schema
from billing.management.base import BillingCommand
from billing.management.golden import missing_samples
from billing.management.pages import commands_page, errors_page, events_page


class Command(BillingCommand):
    help = (
        "Write docs/events.md, errors.md, commands.md and openapi.yaml from the code, and the golden samples that are missing. "
        "Exit status: 0 written, or up to date; 1 with --check, where something is out of date."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; say what is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        wanted = {
            root / "docs" / "events.md": events_page(),
            root / "docs" / "errors.md": errors_page(root),
            root / "docs" / "commands.md": commands_page(),
            schema.path(): schema.page(),
        } | missing_samples(root / "tests" / "golden")
        stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            if not options["check"]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted[path])
            self.write(f"{'out of date' if options['check'] else 'wrote'}: {path.relative_to(root)}")
        if stale and options["check"]:
            self.fail("generated pages are out of date; run 'manage.py docs' [stale_docs]")
        if not stale:
            self.write("every generated page is up to date")
        sys.stdout.flush()
