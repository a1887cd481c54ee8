"""After every test of money: the books hold, the chain is whole, and a rebuild would change nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured

from billing import journal
from billing.rebuilding import compare
from billing.verification import verify
from tests.alone import alone as alone
from tests.books import assert_books_hold, do, open_account, publish
from tests.keeping import keeping as keeping

PROGRAM = Path(configured.BASE_DIR) / ".venv-localstripe" / "bin" / "python"
#: localstripe listens on every interface; started like this, on the loopback alone.
ON_LOOPBACK = """
import runpy, socket, sys
bind = socket.socket.bind
socket.socket.bind = lambda self, address: bind(self, ("::ffff:127.0.0.1", address[1]))
sys.argv = ["localstripe", "--port", sys.argv[1], "--from-scratch"]
runpy.run_module("localstripe", run_name="__main__")
"""


@pytest.fixture(autouse=True)
def held_books(db: None, keeping: None, alone: list[str]) -> Iterator[None]:
    yield
    assert_books_hold()
    assert compare(list(journal.stream_ids())) == []
    assert verify().faults == []


@pytest.fixture
def ana() -> None:
    """An account with one invoice of 24.14 (19.95 and 21 % VAT), due on 15 January 2026."""
    publish()
    open_account()
    do("subscribe", account="ana", plan="basic")


@pytest.fixture(scope="session")
def localstripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a fake Stripe made by others, in a process of its own."""
    if not PROGRAM.exists():
        reason = ".venv-localstripe is missing: `.ci/run` makes it (python3 -m venv .venv-localstripe, and pip install localstripe there)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("localstripe"))}
    with subprocess.Popen(
        [PROGRAM, "-c", ON_LOOPBACK, str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "localstripe ended"
        time.sleep(0.1)
    raise AssertionError("localstripe does not listen")
