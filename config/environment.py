"""Where settings are read from: the environment, files that it names, and a file named ``.env`` beside ``manage.py``."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

#: Every setting may also be given as the path of a file that holds it: SECRET_KEY_FILE, DATABASE_URL_FILE …
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=True)
