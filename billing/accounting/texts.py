"""The books as text that other bookkeeping programs read and check: hledger and ledger share one format, beancount has its own.

A file begins with the balances at its start and holds an assertion of every balance at each month end and at its own end; those come
from sums that the database makes, not from the lines above them. So a line that is lost, doubled or a cent wrong is refused by the
program that reads the file. The same books make the same bytes: no clock, a fixed order. There are ids in it and no names of people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.accounting.chart import Chart, beancount_name, paths
from billing.accounting.entries import Line, Span, Sums, entries, month_balances, sums_before
from plans.money import decimals

#: hledger's sign for an account's type (V: currency conversion).
HLEDGER_TYPES = {"conversion": "V"}


@dataclass(frozen=True)
class Format:
    """How one program writes things down."""

    head: Callable[[Span, Mapping[str, str], Sequence[str], Chart, date], Iterator[str]]
    opening: Callable[[date, Iterable[tuple[str, str]]], Iterator[str]]
    entry: Callable[[Sequence[Line], Mapping[str, str]], Iterator[str]]
    proof: Callable[[date, Iterable[tuple[str, str, str]]], Iterator[str]]
    name: Callable[[str], str]


def amount_text(amount: Decimal, currency: str) -> str:
    """`-12.50 EUR`, `100 JPY`: with the decimals of the currency, more where the amount has more."""
    _, _, exponent = amount.as_tuple()
    places = max(decimals(currency), -int(exponent))
    return f"{amount:.{places}f} {currency}"


def written(span: Span, chart: Chart, form: Format) -> Iterator[str]:
    """The lines of the file, one after another as the database hands them over."""
    balances = month_balances(span)
    opening = sums_before(span.seller, span.first)
    used = {ledger for sums in balances.values() for ledger, _ in sums} | {ledger for ledger, _ in opening}
    names = {ledger: form.name(path) for ledger, path in paths(used, chart).items()}
    currencies = sorted({currency for sums in balances.values() for _, currency in sums})
    yield from form.head(span, names, currencies, chart, span.first)
    if opening:
        yield from form.opening(
            span.first, [(names[ledger], amount_text(amount, currency)) for (ledger, currency), amount in opening.items()]
        )
    ends = iter(balances)
    end = next(ends)
    for found in entries(span):
        while found[0].day > end:
            yield from form.proof(end, _asserted(balances[end], names))
            end = next(ends)
        yield from form.entry(found, names)
    yield from form.proof(end, _asserted(balances[end], names))
    for end in ends:
        yield from form.proof(end, _asserted(balances[end], names))


def _asserted(sums: Sums, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return sorted(
        (names[ledger], amount_text(amount, currency), amount_text(Decimal(0), currency)) for (ledger, currency), amount in sums.items()
    )


# --- hledger and ledger -----------------------------------------------------------------------------------------------------------


def _hledger_head(span: Span, names: Mapping[str, str], currencies: Sequence[str], chart: Chart, first: date) -> Iterator[str]:
    del first
    yield f"; the books of {span.seller}, {span.first} to {span.last}, both days included"
    for currency in currencies:
        places = decimals(currency)
        yield f"commodity {currency}"
        yield f"    format 1000.{'0' * places} {currency}"
    yield ""
    for ledger, name in sorted(names.items(), key=lambda pair: pair[1]):
        account = chart.of(ledger)
        yield f"account {name}"  # a remark on the same line would be part of the name for ledger
        yield f"    ; type:{HLEDGER_TYPES.get(ledger.partition(':')[0], account.type)}, number:{account.number}, ledger:{ledger}"


def _hledger_opening(day: date, balances: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"\n{day} * balances at the start"
    for name, amount in balances:
        yield f"    {name}  {amount}"


def _hledger_entry(found: Sequence[Line], names: Mapping[str, str]) -> Iterator[str]:
    first = found[0]
    yield f"\n{first.day} * ({first.address}) {' '.join(word for word in (first.kind, _document(found)) if word)}{_correcting(first)}"
    for line in found:
        tag = f"  ; document:{line.document}" if line.document and line.invoice else ""
        yield f"    {names[line.ledger]}  {amount_text(line.amount, line.currency)}{tag}"


def _correcting(line: Line) -> str:
    return f"  ; corrects:{line.corrects}" if line.corrects else ""


def _document(found: Sequence[Line]) -> str:
    """The number of the document that the event itself is."""
    return next((line.document for line in found if line.document and line.invoice in ("", line.address)), "")


def _hledger_proof(day: date, balances: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    listed = list(balances)
    if listed:
        yield f"\n{day} * proof: the balances at the end of {day}"
    for name, amount, nothing in listed:
        yield f"    {name}  {nothing} = {amount}"


HLEDGER = Format(_hledger_head, _hledger_opening, _hledger_entry, _hledger_proof, str)

# --- beancount --------------------------------------------------------------------------------------------------------------------


def _beancount_head(span: Span, names: Mapping[str, str], currencies: Sequence[str], chart: Chart, first: date) -> Iterator[str]:
    yield f"; the books of {span.seller}, {span.first} to {span.last}, both days included"
    yield f'option "title" "{_quoted(span.seller)}"'
    for currency in currencies:
        yield f'option "operating_currency" "{currency}"'
    yield ""
    for ledger, name in sorted(names.items(), key=lambda pair: pair[1]):
        yield f"{first} open {name}"
        yield f'  number: "{_quoted(chart.of(ledger).number)}"'
        yield f'  ledger: "{_quoted(ledger)}"'


def _beancount_opening(day: date, balances: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f'\n{day} * "balances at the start"'
    for name, amount in balances:
        yield f"  {name}  {amount}"


def _beancount_entry(found: Sequence[Line], names: Mapping[str, str]) -> Iterator[str]:
    first = found[0]
    yield f'\n{first.day} * "{_quoted(" ".join(word for word in (first.kind, _document(found)) if word))}"'
    yield f'  event: "{_quoted(first.address)}"'
    if first.corrects:
        yield f"  corrects: {first.corrects}"
    for line in found:
        yield f"  {names[line.ledger]}  {amount_text(line.amount, line.currency)}"
        if line.document and line.invoice:
            yield f'    document: "{_quoted(line.document)}"'


def _beancount_proof(day: date, balances: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    yield ""
    for name, amount, _ in balances:
        yield f"{day + timedelta(days=1)} balance {name}  {amount}"  # beancount looks at the start of the day


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


BEANCOUNT = Format(_beancount_head, _beancount_opening, _beancount_entry, _beancount_proof, beancount_name)
