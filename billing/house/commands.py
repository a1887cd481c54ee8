"""Publishing the policy of the house."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing.accounting.months import check_seller
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import PolicyPublished
from billing.house.policy import LONGEST, read_policy
from billing.house.published import newest
from billing.journal import Draft
from plans.errors import Conflict

POLICY = "policy:"


@dataclass(frozen=True)
class PublishPolicy:
    source: str = field(metadata={"longest": LONGEST})
    seller: str = "main"


def publish_policy(context: Context, args: PublishPolicy) -> Decision:
    """Publish the policy of a seller: currency and chart of the books, allowance, limits of roles. It holds from now on. Refused where
    anything in the text is wrong, or the newest version says the same."""
    read_policy(args.source)
    check_seller(args.seller)
    version, source = newest(args.seller)
    if source == args.source:
        raise Conflict("policy_unchanged", f"version {version} says exactly this already", at="source", version=version)
    event = PolicyPublished(seller=args.seller, version=version + 1, source=args.source)
    return Decision([Draft(_stream(args)[0], event, context.at)], {"version": version + 1})


def _stream(args: PublishPolicy) -> list[str]:
    return [f"{POLICY}{args.seller}"]


COMMANDS = (Command("publish_policy", "Publish the policy of the house", PublishPolicy, publish_policy, _stream),)
