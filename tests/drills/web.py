"""A web process killed in a request whose caller asks again; two people on one form."""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from billing import bulk, engine, journal
from billing.keys.making import make_key
from tests.books import open_account
from tests.drills.base import Drill, Tally, buried, check, child, die, race
from tests.drills.gateway import then

# --- F5: killed in a request ------------------------------------------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


class Site:
    """The site in a process of its own, which takes requests from a door that outlives it."""

    def __init__(self, prepare: Callable[[], None]) -> None:
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.prepare = prepare
        self.process = 0

    def _serve(self) -> None:
        from config.wsgi import application  # noqa: PLC0415 - only the process that serves makes the application

        self.prepare()
        server = WSGIServer(("127.0.0.1", self.port), Quiet, bind_and_activate=False)
        server.socket, server.server_name, server.server_port = self.door, "localhost", self.port
        server.setup_environ()
        server.set_app(application)
        server.serve_forever()

    def start(self) -> None:
        self.process = child(self._serve)

    def kill(self) -> None:
        """It may have died by itself."""
        os.kill(self.process, signal.SIGKILL)
        buried(self.process)


def _pay(site: Site, secret: str, number: int, *, kill_after: float | None) -> dict[str, Any] | None:
    """Ask to pay under a key, and kill the process meanwhile, or not; the answer, or None where none came."""
    wire = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    headers = {
        "Authorization": f"Bearer {secret}",
        "Idempotency-Key": f"pay-{number}",
        "Content-Type": "application/json",
        "Host": "localhost",
    }
    body = json.dumps({"account": "payer", "amount": "1.00", "reference": f"pay-{number}"})
    try:
        wire.request("POST", "/api/v1/commands/pay", body, headers)
        if kill_after is not None:
            time.sleep(kill_after)
            site.kill()
        answer = wire.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
        return told | {"status": answer.status}
    except (http.client.HTTPException, OSError):
        return None
    finally:
        wire.close()


#: At which moment of a request the process dies: by the clock, right before the commit, right after it.
MOMENTS: tuple[Callable[[], None] | None, ...] = (
    None,
    lambda: setattr(journal, "append", then(die, journal.append)),
    lambda: setattr(engine, "execute", then(die, engine.execute)),
)


def _killed_in_requests(count: int, random: Random, moments: tuple[Any, ...], *, prepare: Callable[[], None] = lambda: None) -> Tally:
    began = timezone.now() - timedelta(hours=1)
    open_account("payer", began)
    secret = make_key("drill", ["read", "money"], at=began)
    tally, answered = Tally(count), 0
    warm = {"headers": {"authorization": f"Bearer {secret}"}, "content_type": "application/json"}
    Client().post("/api/v1/commands/pay?dry_run=true", {"account": "payer", "amount": "1.00"}, **warm)  # what each process would load anew
    for number in range(count):
        moment = moments[number % len(moments)]

        def doomed(moment: Any = moment) -> None:
            prepare()
            if moment:
                moment()

        site = Site(doomed)
        site.start()
        told = _pay(site, secret, number, kill_after=None if moment else random.uniform(0, 0.25))
        if moment:
            site.kill()
        answered += told is not None
        site.prepare = prepare
        site.start()
        again = _pay(site, secret, number, kill_after=None)
        site.kill()
        site.door.close()
        if again is None or again["status"] >= 400:
            tally.wrong.append(f"the second asking was answered by {again}")
        elif told is not None and told["made"] != again["made"]:
            tally.wrong.append(f"the second asking was answered otherwise: {again['made']}")
    counted = dict(bulk.fetch("SELECT reference, count(*) FROM read_payment GROUP BY 1"))
    tally.doubles = sum(times - 1 for times in counted.values())
    tally.lost = count - len(counted)
    tally.note = f"{answered} answered before they died"
    return tally


def killed_in_requests(count: int, random: Random) -> Tally:
    return check(_killed_in_requests(count, random, MOMENTS), random)


def keys_that_nobody_keeps(count: int, random: Random) -> Tally:
    def forget() -> None:
        engine._claim = lambda request: None  # type: ignore[assignment]
        engine._keep_answer = lambda request, events, made: None  # type: ignore[assignment]

    return _killed_in_requests(count, random, MOMENTS[2:], prepare=forget)


# --- F18: two on one form ---------------------------------------------------------------------------------------------------------------


def _staff(name: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(*Group.objects.filter(name="supervisor"))
    client = Client()
    client.force_login(user)
    return client


def _hidden(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', page)}


def _two_on_a_form(count: int, random: Random) -> Tally:
    """Turn about: one clicks twice; two people confirm what each has previewed."""
    del random
    began = timezone.now() - timedelta(hours=1)
    people = [_staff("one"), _staff("other")]
    tally = Tally(count)
    said: dict[str, int] = {}
    for number in range(count):
        account, twice = f"form{number}", number % 2 == 0
        open_account(account, began)
        page = f"/admin/billing/account/do/pay/?account={account}"
        given = {"amount": "10.00", "channel": "cash", "_step": "preview"}
        forms = [_hidden(who.post(page, given).content.decode()) | {"_step": "confirm"} for who in (people[:1] if twice else people)]
        answers = race(2, lambda which, page=page, forms=forms: people[which % len(forms)].post(page, forms[which % len(forms)]))  # type: ignore[misc]
        found = sorted(str(getattr(answer, "status_code", answer)) for answer in answers)
        if found != (["302", "302"] if twice else ["302", "409"]):
            tally.wrong.append(f"{'a double click' if twice else 'two people'} were answered by {found}")
        for answer in answers:
            if getattr(answer, "status_code", 0) == 409 and "since the preview" not in answer.content.decode():
                tally.wrong.append("the one who came second is not told what happened")
        said[" and ".join(found)] = said.get(" and ".join(found), 0) + 1
    counted = dict(bulk.fetch("SELECT account, count(*) FROM read_payment GROUP BY 1"))
    tally.doubles = sum(times - 1 for times in counted.values())
    tally.lost = count - len(counted)
    tally.note = "; ".join(f"{times} × {words}" for words, times in sorted(said.items()))
    return tally


def two_on_a_form(count: int, random: Random) -> Tally:
    return check(_two_on_a_form(count, random), random)


def forms_without_key_and_token(count: int, random: Random) -> Tally:
    nothing = patch.multiple("billing.engine.previews", check_heads=lambda *_: None, check_events=lambda *_: None)
    with nothing, patch("billing.engine._claim", lambda request: None), patch("billing.engine._keep_answer", lambda *_: None):
        return _two_on_a_form(count, random)


DRILLS = (
    Drill(
        "F5",
        "the web process killed in a request, asked again",
        killed_in_requests,
        "keys are not kept",
        keys_that_nobody_keeps,
        3,
        1_000,
        wrong_count=1,
    ),
    Drill(
        "F18",
        "a double click; two people on one form",
        two_on_a_form,
        "no key, no token",
        forms_without_key_and_token,
        2,
        500,
        wrong_count=2,
    ),
)
