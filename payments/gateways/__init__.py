"""Which gateways there are: names and dotted paths in `PAYMENT_GATEWAYS`, and the one that new methods belong to, `PAYMENT_GATEWAY`."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from payments.gateways.base import Gateway
from plans.errors import NotAllowed, NotFound
from plans.fields import suggestion

STORY = "scenario"  # the actor of stories


@cache
def _made(path: str) -> Gateway:
    found: Gateway = import_string(path)()
    return found


def named(name: str) -> Gateway:
    """The gateway of that name. Raises NotFound `unknown_gateway`."""
    path = settings.PAYMENT_GATEWAYS.get(name)
    if path is None:
        known = list(settings.PAYMENT_GATEWAYS)
        raise NotFound("unknown_gateway", f"there is no gateway {name!r}{suggestion(name, known)}", at="gateway")
    return _made(path)


def is_gateway(channel: str) -> bool:
    """Whether money of this channel goes through a gateway that moves it by itself."""
    return channel in settings.PAYMENT_GATEWAYS and bool(named(channel).can)


def choose(name: str, *, actor: str) -> str:
    """The gateway for a new method: the one named, else that of the settings; in a story always the sandbox, where no money moves.

    Raises NotFound `unknown_gateway`, NotAllowed `sandbox_off`.
    """
    if actor == STORY:
        return "sandbox" if named(name or "sandbox").can else name
    chosen = name or settings.PAYMENT_GATEWAY
    named(chosen)
    if chosen == "sandbox" and not settings.SANDBOX_GATEWAY:
        raise NotAllowed("sandbox_off", "the sandbox takes no real money and is off here (SANDBOX_GATEWAY)", at="gateway")
    return str(chosen)
