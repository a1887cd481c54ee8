"""Publishing exchange rates."""

from __future__ import annotations

from dataclasses import dataclass, field

from billing import bulk
from billing.accounting.months import check_seller
from billing.command import Command
from billing.engine import Context, Decision
from billing.events import RatesPublished
from billing.journal import Draft
from billing.rates.reading import LONGEST, read_rates

RATES = "rates:"


@dataclass(frozen=True)
class PublishRates:
    source: str = field(metadata={"longest": LONGEST})  # CSV: date,from,to,rate,source
    seller: str = "main"


def publish_rates(context: Context, args: PublishRates) -> Decision:
    """Publish exchange rates of days. They hold from now on; one for a day that has one takes its place, and changes nothing that was
    converted before. Refused whole where anything in the text is wrong."""
    rates = read_rates(args.source)
    check_seller(args.seller)
    version = bulk.fetch("SELECT coalesce(max(version), 0) + 1 FROM read_rate WHERE seller = %s", [args.seller])[0][0]
    event = RatesPublished(seller=args.seller, version=version, rates=rates)
    return Decision([Draft(_stream(args)[0], event, context.at)], {"version": version, "rates": len(rates)})


def _stream(args: PublishRates) -> list[str]:
    return [f"{RATES}{args.seller}"]


COMMANDS = (Command("publish_rates", "Publish exchange rates", PublishRates, publish_rates, _stream),)
