"""How a customer can be charged: methods at a gateway, the default one, and whether what falls due is collected."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from billing import bulk
from billing.command import Command, Timed
from billing.commands.common import account_stream, open_state
from billing.engine import Context, Decision
from billing.journal import Draft
from payments.gateway_events import CollectionModeSet, DefaultMethodSet, MethodAdded, MethodRemoved
from payments.gateways import choose
from payments.gateways.sandbox import SandboxGateway
from payments.standing import find_row
from plans.errors import Conflict, Invalid

MODES = ("automatic", "manual")
RUNNING = ("requested", "processing", "confirmation")


@dataclass(frozen=True)
class AddMethod(Timed):
    account: str
    gateway_token: str  # the gateway's name for the method; never a card number
    gateway: str = ""  # none: the one of the settings
    customer: str = ""  # the gateway's name for the customer
    brand: str = ""
    last4: str = ""
    expiry: str = ""  # YYYY-MM
    default: bool = True

    def writes(self) -> frozenset[str]:
        return frozenset({"payment_method"} if self.default else ())


def add_method(context: Context, args: AddMethod) -> Decision:
    """Keep a payment method that a gateway has. It becomes the default unless `default: no` is said and there is one already."""
    state = open_state(args.account)
    gateway = choose(args.gateway, actor=context.actor)
    if args.last4 and not re.fullmatch(r"[0-9]{4}", args.last4):
        raise Invalid("wrong_type", f"expected the last four digits, found {len(args.last4)} characters", at="last4")
    if args.expiry and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", args.expiry):
        raise Invalid("wrong_type", f"expected a month as in 2028-04, found {args.expiry!r}", at="expiry")
    if gateway == "sandbox":
        args = _of_sandbox(args)
    taken = bulk.fetch(
        "SELECT method FROM read_payment_method WHERE account = %s AND gateway = %s AND token = %s AND status = 'active'",
        [args.account, gateway, args.gateway_token],
    )
    if taken:
        raise Conflict("method_known", f"the account has this method already: {taken[0][0]}", at="gateway_token", method=taken[0][0])
    first = not bulk.fetch("SELECT 1 FROM read_payment_method WHERE account = %s AND is_default", [args.account])
    method = context.next_address(args.account)
    event = MethodAdded(
        account=state.account,
        method=method,
        gateway=gateway,
        customer=args.customer,
        token=args.gateway_token,
        brand=args.brand,
        last4=args.last4,
        expiry=args.expiry,
        default=args.default or first,
    )
    return Decision([Draft(args.account, event, context.at)], {"method": method})


def _of_sandbox(args: AddMethod) -> AddMethod:
    """The sandbox's tokens say themselves what they are. Raises Invalid `unknown_choice`."""
    known = SandboxGateway().method(args.account, args.gateway_token)
    shown = {name: getattr(args, name) or getattr(known, name) for name in ("customer", "brand", "last4", "expiry")}
    return replace(args, **shown)


@dataclass(frozen=True)
class RemoveMethod(Timed):
    account: str
    method: str = ""  # none: the newest

    def writes(self) -> frozenset[str]:
        return frozenset({"payment_method", f"method:{self.method}"})


def remove_method(context: Context, args: RemoveMethod) -> Decision:
    """Forget a method. Refused while a collection with it is under way."""
    open_state(args.account)
    method = active_method(args.account, args.method)
    running = bulk.fetch(
        "SELECT collection FROM read_collection WHERE account = %s AND method = %s AND status = ANY(%s)",
        [args.account, method, list(RUNNING)],
    )
    if running:
        raise Conflict("collection_running", f"the method is being charged: {running[0][0]}", at="method", collection=running[0][0])
    event = MethodRemoved(account=args.account, method=method, reason=args.reason)
    return Decision([Draft(args.account, event, context.at)])


@dataclass(frozen=True)
class SetDefaultMethod(Timed):
    account: str
    method: str

    def writes(self) -> frozenset[str]:
        return frozenset({"payment_method"})

    def needs(self) -> frozenset[str]:
        return frozenset({f"method:{self.method}"})


def set_default_method(context: Context, args: SetDefaultMethod) -> Decision:
    """Collect with this method from now on."""
    open_state(args.account)
    method = active_method(args.account, args.method)
    return Decision([Draft(args.account, DefaultMethodSet(account=args.account, method=method), context.at)])


@dataclass(frozen=True)
class SetCollection(Timed):
    account: str
    mode: str

    def writes(self) -> frozenset[str]:
        return frozenset({"collection"})


def set_collection(context: Context, args: SetCollection) -> Decision:
    """Collect what falls due from the default method (`automatic`), or leave it to the customer to pay (`manual`)."""
    open_state(args.account)
    if args.mode not in MODES:
        raise Invalid("unknown_choice", f"expected automatic or manual; found {args.mode!r}", at="mode")
    return Decision([Draft(args.account, CollectionModeSet(account=args.account, mode=args.mode), context.at)])


def active_method(account: str, name: str) -> str:
    """The id of a method by its id or position; with no name the newest. Raises NotFound `unknown_thing`, Conflict `method_removed`."""
    method, status = find_row("read_payment_method", "method, status", account, name, what="method")
    if status != "active":
        raise Conflict("method_removed", f"the method {method} was removed", at="method", method=method)
    return str(method)


COMMANDS = (
    Command("add_method", "Keep a payment method that a gateway has", AddMethod, add_method, account_stream),
    Command("remove_method", "Forget a payment method", RemoveMethod, remove_method, account_stream),
    Command("set_default_method", "Collect with this payment method", SetDefaultMethod, set_default_method, account_stream),
    Command("set_collection", "Collect what falls due, or leave it to the customer", SetCollection, set_collection, account_stream),
)
