"""A charge, explained: what was asked for what, the steps of the price, the terms with their catalogue version, the raw measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.events import AdjustmentMade, ChargeAccrued, ItemTerms, SaleMade, TermsSet
from billing.journal import Recorded
from billing.queries.why.evidence import Evidence, RawRecord, terms_address
from billing.queries.why.tree import Node
from plans.metering import Measured
from plans.money import plain
from plans.periods import Span

MOST_RECORDS = 50  # raw records shown for one charge


def charge_node(address: str, evidence: Evidence) -> Node:
    """The tree below one charge."""
    recorded = evidence.charge(address)
    if recorded is None:
        return Node("charge", f"the charge {address} is not in the journal", address=address)
    event: Any = recorded.event
    if isinstance(event, ChargeAccrued):
        return _accrual(recorded, event, evidence)
    children = (*_steps(event), *_catalogue(recorded, event, evidence))
    return Node("charge", _title(event), event.amount, event.currency, recorded.address, _facts(event), children, vars(event))


def _title(event: SaleMade | AdjustmentMade | ChargeAccrued) -> str:
    if isinstance(event, AdjustmentMade):
        return f"{event.name or event.item or 'adjustment'}, by hand: {event.reason}"
    at = f" at {event.unit_price}" if event.unit_price else ""
    unit = f" {event.unit}" if event.unit else ""
    return f"{event.name}: {plain(event.quantity)}{unit}{at}"


def _facts(event: Any) -> dict[str, str]:
    facts = {"supplied": f"{event.supply_date}", "tax category": event.tax_category}
    facts |= {"returns": getattr(event, "returns", ""), "prices": "include tax" if event.inclusive else ""}
    facts |= {name: plain_value(value) for name, value in getattr(event, "attributes", {}).items()}
    return {name: value for name, value in facts.items() if value}


def _accrual(recorded: Recorded, event: ChargeAccrued, evidence: Evidence) -> Node:
    facts = {"for": span_text(event.start, event.end), "component": event.key.component, "because of": event.cause} | _facts(event)
    children: list[Node] = []
    if event.amount != event.target:
        children.append(Node("target", "what it comes to by now, for this period", event.target, event.key.currency))
        children.append(Node("standing", "less what stood before", event.amount - event.target, event.key.currency))
    children += _steps(event)
    children += _terms(recorded, event, evidence)
    children += _measurements(recorded, event, evidence)
    return Node("charge", _title(event), event.amount, event.key.currency, recorded.address, facts, tuple(children), vars(event))


def _steps(event: Any) -> Iterable[Node]:
    for step in getattr(event, "steps", ()):
        facts = {name: plain_value(value) for name, value in step.items() if name not in ("step", "amount") and value}
        amount = f" = {step['amount']}" if step.get("amount") else ""
        yield Node("step", f"step {step.get('step', '')}{amount}", facts=facts, values=step)


# --- terms ------------------------------------------------------------------------------------------------------------------------


def _terms(recorded: Recorded, event: ChargeAccrued, evidence: Evidence) -> Iterable[Node]:
    """The event that set the terms, and what they say of the item; a list's entry or a phase where one counts."""
    source = evidence.events.get(terms_address(recorded))
    if source is None or not isinstance(source.event, TermsSet):
        yield from _catalogue(recorded, event, evidence)
        return
    terms = source.event.terms
    held = terms.items.get(event.key.item)
    facts = {"plan": terms.plan, "catalogue": f"{terms.catalogue} version {terms.version}", "since": moment_text(source.effective_at)}
    entry = event.key.terms.partition("@")[2].partition("+")[0]
    phase = event.key.terms.partition("+")[2]
    facts |= {"list entry of": entry, "phase": phase, "recorded by": source.actor} | _held(held)
    yield Node(
        "terms",
        f"terms by {source.event.kind}",
        address=source.address,
        facts={name: value for name, value in facts.items() if value},
        values={"terms": terms, "since": source.effective_at, "event": source.event},
    )


def _held(held: ItemTerms | None) -> dict[str, str]:
    if held is None:
        return {}
    facts = {"quantity": plain(held.quantity)}
    if held.price is not None:
        facts["own price"] = plain_value(held.price)
    if held.principal is not None:
        facts["principal"] = plain(held.principal)
    return facts


def _catalogue(recorded: Recorded, event: Any, evidence: Evidence) -> Iterable[Node]:
    if event.catalogue:
        facts = {"recorded by": recorded.actor, "at": moment_text(recorded.effective_at)}
        yield Node("terms", f"price of catalogue {event.catalogue} version {event.version}", facts=facts, values={"version": event.version})


# --- measurements -----------------------------------------------------------------------------------------------------------------


def _measurements(recorded: Recorded, event: ChargeAccrued, evidence: Evidence) -> Iterable[Node]:
    spans = evidence.measured.get((event.key.contract, event.key.item, event.key.period_start), {})
    span = Span(event.start, event.end)
    for part, measured in [(span, spans[span])] if span in spans else spans.items():
        yield _measured(part, measured, evidence.records, charged_at=recorded.recorded_at)


def _measured(span: Span, measured: Measured, records: Mapping[str, RawRecord], *, charged_at: datetime) -> Node:
    """What the meter shows by all that is known now; records that came after the charge say so."""
    shown, left = measured.counted[:MOST_RECORDS], measured.counted[MOST_RECORDS:]
    children = [_record(records[name], charged_at) if name in records else Node("record", name) for name in shown]
    children += [Node("more", f"and {len(left)} more records", values={"count": len(left)})] if left else []
    for one in (*measured.problems, *measured.skipped)[:MOST_RECORDS]:
        facts = {"code": one.code}
        children.append(Node("skipped", f"not counted: {one.record}: {one.reason}", facts=facts, values={"record": one.record}))
    later = sum(name in records and records[name].recorded_at > charged_at for name in measured.counted)
    facts = {
        "records": str(len(measured.counted)),
        "came after this charge": str(later or ""),
        "estimated": "yes" if measured.estimated else "",
    }
    title = f"measured {plain(measured.quantity)} in {span_text(span.start, span.end)}"
    values = {"quantity": measured.quantity, "start": span.start, "end": span.end, "records": len(measured.counted), "later": later}
    told = {name: value for name, value in facts.items() if value}
    return Node("measurement", title, facts=told, children=tuple(children), values=values)


def _record(record: RawRecord, charged_at: datetime) -> Node:
    value = plain(record.value) if record.value is not None else plain(record.amount) if record.amount is not None else "-"
    facts = {"known": moment_text(record.recorded_at)}
    if record.recorded_at > charged_at:
        facts["after this charge"] = "yes"
    values = {"at": record.at, "value": record.amount if record.value is None else record.value}
    return Node("record", f"{record.reference} at {moment_text(record.at)}: {value}", facts=facts, values=values)


# --- words ------------------------------------------------------------------------------------------------------------------------


def moment_text(moment: datetime) -> str:
    """UTC to the minute, finer only where it is: `2026-03-01T15:00Z`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z" if moment.second else f"{moment:%Y-%m-%dT%H:%M}Z"


def span_text(start: datetime, end: datetime) -> str:
    return f"{moment_text(start)} to {moment_text(end)}" if start != end else moment_text(start)


def plain_value(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {plain_value(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(plain_value(part) for part in value)
    return str(value)
