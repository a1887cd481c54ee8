"""Where settings are read from: the environment, files that it names, and a file named ``.env`` beside ``manage.py``."""

from pathlib import Path

import environ
from environ.fileaware_mapping import FileAwareMapping


class Given(FileAwareMapping):  # type: ignore[misc]
    """What is in the environment now, or in the file that NAME_FILE names, without the line end that editors add."""

    def __getitem__(self, key: str) -> str:
        return str(super().__getitem__(key)).rstrip("\r\n")


BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

#: Every setting may also be given as the path of a file that holds it: SECRET_KEY_FILE, DATABASE_URL_FILE …
env = environ.FileAwareEnv()
env.ENVIRON = Given(cache=False)
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
