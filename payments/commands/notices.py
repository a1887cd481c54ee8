"""What gateways tell us: kept with its processing owed, once per notice."""

from __future__ import annotations

from dataclasses import dataclass

from billing.command import Command
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.gateway_events import NoticeReceived
from payments.gateways import named
from plans.errors import Invalid

SORTS = ("charge", "refund", "payout", "checkout")


@dataclass(frozen=True)
class ReceiveNotice:
    gateway: str
    notice: str  # the gateway's id of the notice
    about: str
    reference: str  # the gateway's id of what it is about
    said: str = ""
    owner: str = ""  # the account, where the notice names it


def _stream(args: ReceiveNotice) -> list[str]:
    """A stream for each notice: two deliveries of one wait for each other, those of different ones do not."""
    return [f"notice:{args.gateway}:{args.notice}"]


def receive_notice(context: Context, args: ReceiveNotice) -> Decision:
    """Keep a verified notice and owe its processing. Said again it changes nothing."""
    named(args.gateway)
    if args.about not in SORTS:
        raise Invalid("unknown_choice", f"expected one of {', '.join(SORTS)}; found {args.about!r}", at="about")
    (stream,) = _stream(args)
    if context.heads[stream].sequence:
        return Decision()
    event = NoticeReceived(
        gateway=args.gateway, notice=args.notice, about=args.about, reference=args.reference, said=args.said, owner=args.owner
    )
    return Decision([Draft(stream, event, context.at)], {"notice": context.next_address(stream)})


COMMANDS = (Command("receive_notice", "Keep a notice of a gateway", ReceiveNotice, receive_notice, _stream),)
