"""What a document says beside its lines: when it is due, its series, its seller, and the tax policy that a later credit must repeat."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from string import Formatter

from billing.events import LineTax, PayBy, Settlement
from plans.catalogue import Catalogue, PaymentTerms
from plans.tax import AppliedTax, TaxPolicy

SERIES = {"invoice": "INV-{number:06}", "credit_note": "CN-{number:06}", "statement": "ST-{number:06}", "debit_note": "DN-{number:06}"}


def due_date(issued: date, terms: PaymentTerms | None) -> date:
    """`days` after the day of issue; with `end_of_month` the last day of the month that this falls in. Without terms: at once."""
    if terms is None:
        return issued
    due = issued + timedelta(days=terms.days)
    return due.replace(day=calendar.monthrange(due.year, due.month)[1]) if terms.end_of_month else due


def payment_terms(catalogue: Catalogue | None, codes: Iterable[str | None]) -> PaymentTerms | None:
    """The first of the codes that the catalogue knows."""
    return next((catalogue.terms[code] for code in codes if catalogue and code and code in catalogue.terms), None)


#: Components of charges for being late: a document of these alone costs nothing more when it is late itself.
LATE = ("late_interest", "late_fee", "surcharge")


def settlement_of(terms: PaymentTerms | None, catalogue: Catalogue | None, *, issued: date, due: date) -> Settlement | None:
    """What the document costs by the day of payment: less until the early day, more after the due date. None where terms say neither."""
    if terms is None or catalogue is None or not (terms.surcharge or terms.early):
        return None
    early, surcharge = terms.early, terms.surcharge
    steps = [PayBy(until=issued + timedelta(days=early.days), percent=-early.percent)] if early else []
    steps += [PayBy(until=due + timedelta(days=days), percent=percent) for days, percent in (surcharge.steps if surcharge else ())]
    return Settlement(
        steps=tuple(steps),
        name=surcharge.name if surcharge else "",
        tax_category=(surcharge.tax or "") if surcharge else "",
        bill=surcharge.bill if surcharge else "now",
        catalogue=catalogue.name,
        version=catalogue.version,
        inclusive=catalogue.tax_policy.inclusive,
    )


def series_of(catalogue: Catalogue | None, document: str, issued: date, account: str) -> str:
    """The number format of a document with its date and account filled in; `{number}` stays, for the engine to draw."""
    text = (catalogue.series.get(document) if catalogue else None) or SERIES[document]
    filled = ""
    for literal, name, width, _ in Formatter().parse(text):
        filled += literal.replace("{", "{{").replace("}", "}}")
        if name == "number":
            filled += f"{{number:{width}}}" if width else "{number}"
        elif name == "account":
            filled += account.replace("{", "{{").replace("}", "}}")
        elif name is not None:
            filled += format(getattr(issued, name), width or ("04" if name == "year" else "02"))
    return filled


def seller_of(catalogue: Catalogue | None, seller: str) -> dict[str, str]:
    """The seller as the document shows it; `code` is who numbers and books belong to."""
    return {**(catalogue.seller if catalogue else {}), "code": seller}


def mentions_of(catalogue: Catalogue | None, document: str, country: str) -> tuple[Mapping[str, str], ...]:
    """What the catalogue wants said on such a document to a buyer of this country."""
    return tuple(mention.texts for mention in catalogue.mentions if mention.holds(document, country)) if catalogue else ()


def frozen_policy(policy: TaxPolicy, taxes: Iterable[AppliedTax]) -> dict[str, str]:
    """The tax policy as text in the event, with what each tax says beyond its rate: `tax:CODE` → order|compound|group|ledger."""
    frozen: dict[str, str] = {"level": policy.level, "rounding": policy.rounding, "order": policy.order}
    for tax in taxes:
        detail = f"{tax.order}|{'compound' if tax.compound else ''}|{tax.group}|{tax.ledger}"
        if detail != "0|||":
            frozen[f"tax:{tax.code}"] = detail
    return frozen


def thawed_policy(frozen: Mapping[str, str]) -> TaxPolicy:
    """The policy that an issued document was taxed by."""
    names = {name: frozen[name] for name in ("level", "rounding", "order") if name in frozen}
    return TaxPolicy(**names)  # type: ignore[arg-type]


def thawed_tax(tax: LineTax, frozen: Mapping[str, str], *, fixed: Fraction = Fraction(0)) -> AppliedTax:
    """A tax of an issued line, at that document's rate, whatever is in force now; `fixed` is its amount where it has no rate."""
    order, compound, group, ledger = frozen.get(f"tax:{tax.code}", "0|||").split("|", 3)
    return AppliedTax(
        code=tax.code,
        name=tax.name,
        rate=Decimal(tax.rate) if tax.rate else None,
        fixed=None if tax.rate else fixed,
        order=int(order),
        compound=bool(compound),
        group=group,
        ledger=ledger,
        reason=tax.reason,
    )
