"""What accountants take away each month, as tables: a heading and rows of plain values, made one after another.

Amounts keep their currency and are never added across currencies. Every table can be held against the trial balance of the same days:
the deferred roll-forward closes with the ledger `deferred`, the tax book with the ledgers `tax:…`, cash receipts with `cash:…`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billing import bulk, ledgers
from billing.accounting.chart import Chart
from billing.accounting.entries import Movement, Span, Sums, lines, movements, stream, sums_before
from billing.accounting.translating import Translator
from billing.loading import trimmed
from plans.money import round_to

ZERO = Decimal(0)
Row = tuple[Any, ...]
Table = tuple[tuple[str, ...], Iterator[Row]]

# --- the general ledger -----------------------------------------------------------------------------------------------------------


def general_ledger(span: Span, chart: Chart) -> Table:
    """Each ledger by month: opening, debits, credits, closing."""
    heading = "month account name ledger currency opening debit credit closing postings".split()
    return tuple(heading), _general_ledger(span, chart)


def _general_ledger(span: Span, chart: Chart) -> Iterator[Row]:
    balances: Sums = dict(sums_before(span.seller, span.first))
    for month, moved in _by_month(movements(span)):
        for key in sorted({*balances, *moved}, key=lambda one: (chart.of(one[0]).number, one)):
            opening, movement = balances.get(key, ZERO), moved.get(key)
            if not opening and movement is None:
                continue
            debit, credit, count = (movement.debit, movement.credit, movement.postings) if movement else (ZERO, ZERO, 0)
            balances[key] = opening + debit - credit
            yield (f"{month:%Y-%m}", *_named(key[0], chart), key[1], opening, debit, credit, balances[key], count)


def _by_month(found: Iterable[Movement]) -> Iterator[tuple[date, dict[tuple[str, str], Movement]]]:
    months: dict[date, dict[tuple[str, str], Movement]] = {}
    for movement in found:
        months.setdefault(movement.month, {})[movement.ledger, movement.currency] = movement
    yield from months.items()


def _named(ledger: str, chart: Chart) -> tuple[str, str, str]:
    account = chart.of(ledger)
    return account.number, account.name, ledger


def trial_balance(span: Span, chart: Chart) -> Table:
    """Each ledger over the whole span, and a total for each currency, where opening and closing are zero and debits equal credits."""
    heading = "account name ledger currency opening debit credit closing".split()
    return tuple(heading), _trial_balance(span, chart)


def _trial_balance(span: Span, chart: Chart) -> Iterator[Row]:
    opening = sums_before(span.seller, span.first)
    moved: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for one in movements(span):
        debit, credit = moved.get((one.ledger, one.currency), (ZERO, ZERO))
        moved[one.ledger, one.currency] = debit + one.debit, credit + one.credit
    totals: dict[str, list[Decimal]] = {}
    for key in sorted({*opening, *moved}, key=lambda one: (chart.of(one[0]).number, one)):
        debit, credit = moved.get(key, (ZERO, ZERO))
        amounts = [opening.get(key, ZERO), debit, credit, opening.get(key, ZERO) + debit - credit]
        totals[key[1]] = [a + b for a, b in zip(totals.get(key[1], [ZERO] * 4), amounts, strict=True)]
        yield (*_named(key[0], chart), key[1], *amounts)
    for currency, sums in sorted(totals.items()):
        yield ("", "Total", "", currency, *sums)


def translated_balance(span: Span, chart: Chart, translator: Translator) -> Table:
    """The trial balance in one currency, each ledger at the rates of one day; what rounding leaves has a line of its own, and so the total
    is zero. `rates` names them."""
    heading = "account name ledger currency opening debit credit closing rates".split()
    return tuple(heading), _translated_balance(span, chart, translator)


def _translated_balance(span: Span, chart: Chart, translator: Translator) -> Iterator[Row]:
    found: dict[str, list[Decimal]] = {}
    for number, _, ledger, currency, opening, debit, credit, _ in _trial_balance(span, chart):
        if number:
            amounts = [translator.of(amount, currency) for amount in (opening, debit, credit)]
            found[ledger] = [a + b for a, b in zip(found.get(ledger, [ZERO] * 3), amounts, strict=True)]
    for ledger in sorted(found, key=lambda one: (chart.of(one).number, one)):
        opening, debit, credit = found[ledger]
        yield (*_named(ledger, chart), translator.currency, opening, debit, credit, opening + debit - credit, "")
    opening, debit, credit = (sum((amounts[i] for amounts in found.values()), ZERO) for i in range(3))
    more, less = max(ZERO, credit - debit), max(ZERO, debit - credit)
    yield ("", "Rounding of the translation", "", translator.currency, -opening, more, less, more - less - opening, "")
    yield ("", "Total", "", translator.currency, ZERO, debit + more, credit + less, ZERO, "; ".join(translator.named()))


def postings(span: Span, chart: Chart) -> Table:
    """Every posting, one row each."""
    heading = "date event leg kind customer account name ledger debit credit currency document effective corrects actor command".split()
    return tuple(heading), (
        (
            line.day,
            line.address,
            line.leg,
            line.kind,
            line.account,
            *_named(line.ledger, chart),
            line.amount if line.amount > 0 else None,
            -line.amount if line.amount < 0 else None,
            line.currency,
            line.document,
            line.effective_at,
            line.corrects,
            line.actor,
            line.command,
        )
        for line in lines(span)
    )


# --- deferred revenue -------------------------------------------------------------------------------------------------------------

#: item → what its charges put into (positive) and recognitions took out of `deferred`, by accounting date.
DEFERRED = """
    SELECT c.item, p.currency, p.accounting_date AS day, -p.amount AS amount, p.amount < 0 AS charged, false AS recognised
        FROM read_posting p JOIN read_charge c USING (account, sequence)
        WHERE p.seller = %s AND p.ledger = 'deferred' AND p.accounting_date <= %s
    UNION ALL
    SELECT line->'key'->>'item', line->'key'->>'currency', (j.data->'entry'->>'accounting_date')::date,
            -(line->>'amount')::numeric, false, true
        FROM journal j, jsonb_array_elements(j.data->'lines') AS line
        WHERE j.kind = 'revenue.recognised' AND j.data->'entry'->>'seller' = %s AND (j.data->'entry'->>'accounting_date')::date <= %s
    UNION ALL
    SELECT given->'key'->>'item', given->'key'->>'currency', (j.data->'entry'->>'accounting_date')::date,
            -(given->>'amount')::numeric, false, false
        FROM journal j, jsonb_array_elements(j.data->'released') AS given
        WHERE j.kind IN ('credit_note.issued', 'invoice.voided') AND j.data->'entry'->>'seller' = %s
            AND (j.data->'entry'->>'accounting_date')::date <= %s
    UNION ALL
    SELECT '', p.currency, p.accounting_date, -p.amount, p.amount < 0, false
        FROM read_posting p JOIN journal j ON j.stream = p.account AND j.sequence = p.sequence
        WHERE p.seller = %s AND p.ledger = 'deferred' AND p.accounting_date <= %s
            AND j.kind NOT IN ('revenue.recognised', 'credit_note.issued', 'invoice.voided')
            AND NOT EXISTS (SELECT 1 FROM read_charge c WHERE c.account = p.account AND c.sequence = p.sequence)"""


def deferred(span: Span, chart: Chart) -> Table:
    """Deferred revenue by item: opening + charged in advance - credited - recognised = closing. All positive: what is owed in service."""
    del chart
    heading = ("item", "currency", "opening", "charged", "credited", "recognised", "closing")
    return heading, _deferred(span)


def _deferred(span: Span) -> Iterator[Row]:
    statement = f"""
        SELECT item, currency, coalesce(sum(amount) FILTER (WHERE day < %s), 0),
            coalesce(sum(amount) FILTER (WHERE day >= %s AND charged), 0),
            coalesce(-sum(amount) FILTER (WHERE day >= %s AND NOT charged AND NOT recognised), 0),
            coalesce(-sum(amount) FILTER (WHERE day >= %s AND recognised), 0), coalesce(sum(amount), 0)
        FROM ({DEFERRED}) AS moved GROUP BY item, currency ORDER BY currency, item"""  # noqa: S608 - DEFERRED is a literal
    given = [span.first] * 4 + [span.seller, span.last] * 4
    totals: dict[str, list[Decimal]] = {}
    for item, currency, *amounts in bulk.fetch(statement, given):
        plain = [trimmed(amount) for amount in amounts]
        totals[currency] = [a + b for a, b in zip(totals.get(currency, [ZERO] * 5), plain, strict=True)]
        if any(plain):
            yield (item, currency, *plain)
    for currency, sums in sorted(totals.items()):
        yield ("Total", currency, *sums)


# --- taxes ------------------------------------------------------------------------------------------------------------------------

#: Documents of the span with the sign that they have in the tax book: what a credit note or a void takes back is negative; on a statement
#: it is we who pay the supplier's tax.
TAXED = """
    SELECT day, kind, number, account, tax_id, place, currency, sign, tax.value AS tax FROM (
        SELECT (j.data->'entry'->>'accounting_date')::date AS day, coalesce(j.data->>'document', 'credit_note') AS kind,
            j.data->>'number' AS number, j.stream AS account, coalesce(j.data->'place'->>'tax_id', '') AS tax_id,
            concat_ws('-', nullif(j.data->'place'->>'country', ''), nullif(j.data->'place'->>'region', '')) AS place,
            j.data->>'currency' AS currency,
            CASE WHEN j.kind = 'credit_note.issued' OR j.data->>'document' = 'statement' THEN -1 ELSE 1 END AS sign,
            j.data->'taxes' AS taxes, j.sequence
        FROM journal j WHERE j.kind IN ('invoice.issued', 'credit_note.issued') AND j.data->'entry'->>'seller' = %s
            AND (j.data->'entry'->>'accounting_date')::date BETWEEN %s AND %s
        UNION ALL
        SELECT (v.data->'entry'->>'accounting_date')::date, 'void', j.data->>'number', j.stream, coalesce(j.data->'place'->>'tax_id', ''),
            concat_ws('-', nullif(j.data->'place'->>'country', ''), nullif(j.data->'place'->>'region', '')), j.data->>'currency',
            CASE WHEN j.data->>'document' = 'statement' THEN 1 ELSE -1 END, j.data->'taxes', v.sequence
        FROM journal v JOIN journal j ON j.stream = v.stream AND j.stream || '/' || j.sequence = v.data->>'invoice'
        WHERE v.kind = 'invoice.voided' AND j.kind = 'invoice.issued' AND v.data->'entry'->>'seller' = %s
            AND (v.data->'entry'->>'accounting_date')::date BETWEEN %s AND %s
    ) AS document, jsonb_array_elements(document.taxes) AS tax
    ORDER BY day, number, kind, account, sequence"""


def tax_lines(span: Span) -> Iterator[Row]:
    """(day, kind, number, customer, tax id, place, currency, code, rate, base, tax, why nothing is due) of each document and rate."""
    dates = [span.seller, span.first, span.last]
    statement = f"SELECT day, kind, number, account, tax_id, place, currency, sign, tax->>'code', tax->>'rate', tax->>'base', tax->>'tax', tax->>'reason' FROM ({TAXED}) AS listed"  # noqa: E501, S608
    for *named, sign, code, rate, base, tax, reason in stream(statement, dates * 2):
        yield (*named, code, rate, sign * Decimal(base), sign * Decimal(tax), reason)


def tax_book(span: Span, chart: Chart) -> Table:
    """Documents and rates one by one, in the order of the book, then the other movements of the tax ledgers (relief of a bad debt, tax on
    what a wallet pays), which no document shows."""
    del chart
    heading = "date kind number customer tax_id place currency code rate base tax reason".split()
    return tuple(heading), _tax_book(span)


def _tax_book(span: Span) -> Iterator[Row]:
    yield from tax_lines(span)
    yield from _tax_elsewhere(span)


def _tax_elsewhere(span: Span) -> Iterator[Row]:
    statement = """
        SELECT p.accounting_date, j.kind, coalesce(i.number, ''), p.account, p.currency, p.ledger, -p.amount
        FROM read_posting p JOIN journal j ON j.stream = p.account AND j.sequence = p.sequence
        LEFT JOIN read_invoice i ON i.invoice = nullif(p.invoice, '')
        WHERE p.seller = %s AND p.ledger LIKE 'tax:%%' AND p.accounting_date BETWEEN %s AND %s
            AND j.kind NOT IN ('invoice.issued', 'credit_note.issued', 'invoice.voided')
        ORDER BY p.accounting_date, p.account, p.sequence, p.leg"""
    for day, kind, number, account, currency, ledger, amount in stream(statement, [span.seller, span.first, span.last]):
        yield (day, kind, number, account, "", "", currency, ledger.partition(":")[2], "", None, trimmed(amount), "")


def taxes(span: Span, chart: Chart) -> Table:
    """The tax book added up by rate and place, and its total against what stands in the tax ledgers: `difference` must be zero."""
    del chart
    heading = "code rate place currency reason base tax difference".split()
    return tuple(heading), _taxes(span)


def _taxes(span: Span) -> Iterator[Row]:
    sums: dict[tuple[str, ...], list[Decimal]] = {}
    posted = {(one.currency): ZERO for one in movements(span)}
    for one in movements(span):
        if one.ledger.startswith(f"{ledgers.TAX}:"):
            posted[one.currency] -= one.amount
    for _, _, _, _, _, place, currency, code, rate, base, tax, reason in _tax_book(span):
        found = sums.setdefault((currency, code, rate, place, reason), [ZERO, ZERO])
        found[0] += base or ZERO
        found[1] += tax
    for (currency, code, rate, place, reason), (base, tax) in sorted(sums.items()):
        yield (code, rate, place, currency, reason, base, tax, None)
    for currency, amount in sorted(posted.items()):
        tax = sum((found[1] for key, found in sums.items() if key[0] == currency), ZERO)
        yield ("Total", "", "", currency, "", sum((found[0] for key, found in sums.items() if key[0] == currency), ZERO), tax, amount - tax)


# --- cash -------------------------------------------------------------------------------------------------------------------------


def receipts(span: Span, chart: Chart) -> Table:
    """Money in (positive) and out by channel, with the payment's reference and the documents that it paid at once."""
    del chart
    heading = "date event kind customer channel reference amount currency documents".split()
    return tuple(heading), _receipts(span)


def _receipts(span: Span) -> Iterator[Row]:
    statement = """
        SELECT p.accounting_date, p.account || '/' || p.sequence, j.kind, p.account, substr(p.ledger, 6),
            coalesce(j.data->>'reference', ''),
            p.amount, p.currency, (SELECT string_agg(coalesce(nullif(i.number, ''), i.invoice), ' ' ORDER BY i.sequence)
                FROM read_allocation a JOIN read_invoice i ON i.invoice = a.invoice
                WHERE a.account = p.account AND a.sequence = p.sequence)
        FROM read_posting p JOIN journal j ON j.stream = p.account AND j.sequence = p.sequence
        WHERE p.seller = %s AND (p.ledger = 'cash' OR p.ledger LIKE 'cash:%%') AND p.accounting_date BETWEEN %s AND %s
        ORDER BY p.accounting_date, p.account COLLATE "C", p.sequence, p.leg"""
    for *row, amount, currency, documents in stream(statement, [span.seller, span.first, span.last]):
        yield (*row, trimmed(amount), currency, documents or "")


TABLES: Mapping[str, Callable[[Span, Chart], Table]] = {
    "gl": general_ledger,
    "csv": postings,
    "trial-balance": trial_balance,
    "deferred": deferred,
    "tax": taxes,
    "tax-book": tax_book,
    "receipts": receipts,
}


def shown(value: Any) -> str:
    """A cell: amounts as they are with at least two decimals, never an exponent."""
    if isinstance(value, Decimal):
        _, _, exponent = value.as_tuple()
        return f"{round_to(value, max(2, -int(exponent))):f}"
    return "" if value is None else str(value)
