#!/usr/bin/env python
"""Django's command line, with one decision of ours: which commands speak to the database as its owner."""

import os
import sys

from django.core.management import execute_from_command_line

#: They create or drop tables, or (makemigrations) must work before the first migration made the application role, so they connect as the
#: owner. Everything else runs as the application role, which lacks the right.
OWNER_COMMANDS = frozenset({"migrate", "makemigrations", "createcachetable", "flush", "sqlflush", "test", "testserver"})


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if len(arguments) > 1 and arguments[1] in OWNER_COMMANDS:
        os.environ["DATABASE_AS_OWNER"] = "true"
    execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
