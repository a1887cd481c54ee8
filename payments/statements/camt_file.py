"""Bank statements in CAMT.053 (ISO 20022), any version of it: namespaces are left aside, entities and doctypes refused by defusedxml."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from payments.statements.lines import BadLine, BankLine, Read, bad, counted, known
from plans.errors import Invalid, Refusal
from plans.money import decimals, parse_decimal


def read_camt(content: bytes, *, own: str) -> Read:
    """An entry with several transactions is a line for each. What is not booked yet is counted and left. Raises Invalid `bad_file`."""
    try:
        root = ElementTree.fromstring(content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Invalid("bad_file", f"no CAMT.053 statement: {type(error).__name__}: {error}"[:300], at="file") from None
    statements = _all(root, "BkToCstmrStmt/Stmt")
    if not statements:
        raise Invalid("bad_file", "no CAMT.053 statement: there is no Document/BkToCstmrStmt/Stmt", at="file")
    lines: list[BankLine] = []
    wrong: list[BadLine] = []
    number = pending = 0
    for statement in statements:
        account = own or _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id")
        for entry in _all(statement, "Ntry"):
            number += 1
            if (_text(entry, "Sts/Cd") or _text(entry, "Sts") or "BOOK") != "BOOK":
                pending += 1
                continue
            try:
                lines += _entry(entry, number, account)
            except Refusal as refusal:
                wrong.append(bad(number, refusal))
    return Read(counted(lines), tuple(wrong), pending)


def _entry(entry: Element, number: int, own: str) -> list[BankLine]:
    whole, currency = _money(entry, "Amt")
    sign = _sign(entry)
    day = _text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm")[:10] or _text(entry, "ValDt/Dt")
    try:
        booked = date.fromisoformat(day)
    except ValueError:
        raise Invalid("wrong_type", f"{day[:40]!r} is not a day", at="BookgDt") from None
    details = _all(entry, "NtryDtls/TxDtls")
    parts = [_money(one, "AmtDtls/TxAmt/Amt", _money(one, "Amt", (whole, currency)))[0] for one in details]
    if len(details) > 1 and sum(parts) != whole:
        raise Invalid("not_balanced", f"its {len(details)} transactions come to {sum(parts)}, the entry says {whole}", at="NtryDtls")
    reference = known(_text(entry, "AcctSvcrRef") or _text(entry, "NtryRef"))
    base = BankLine(number, own, booked, sign * whole, currency, text=_text(entry, "AddtlNtryInf"), reference=reference, kind=_kind(entry))
    if not details:
        return [base]
    return [_detail(base, one, sign * part, several=len(details) > 1) for one, part in zip(details, parts, strict=True)]


def _detail(base: BankLine, detail: Element, amount: Decimal, *, several: bool) -> BankLine:
    side = "Dbtr" if amount > 0 else "Cdtr"
    words = [_text(one, "") for one in _all(detail, "RmtInf/Ustrd")]
    words += [_text(one, "") for one in _all(detail, "RmtInf/Strd/CdtrRefInf/Ref")]
    own_reference = known(_text(detail, "Refs/AcctSvcrRef"))
    reference = own_reference or base.reference
    if several and not own_reference and reference:
        reference = ""  # one name for several lines tells none of them apart
    return BankLine(
        number=base.number,
        own=base.own,
        booked=base.booked,
        amount=amount,
        currency=base.currency,
        text=" ".join(" ".join([*words, *([] if words else [base.text])]).split()),
        name=_text(detail, f"RltdPties/{side}/Pty/Nm") or _text(detail, f"RltdPties/{side}/Nm"),
        iban=_text(detail, f"RltdPties/{side}Acct/Id/IBAN").replace(" ", "").upper(),
        reference=reference,
        end_to_end=known(_text(detail, "Refs/EndToEndId")),
        kind="return" if _all(detail, "RtrInf") else base.kind,
    )


def _kind(entry: Element) -> str:
    family, sub = _text(entry, "BkTxCd/Domn/Fmly/Cd"), _text(entry, "BkTxCd/Domn/Fmly/SubFmlyCd")
    if _text(entry, "RvslInd") == "true" or sub in ("RRTN", "RPCR", "UPDD", "PRDD", "RCDD"):
        return "return"
    return "fee" if sub in ("CHRG", "FEES", "COMM") or family == "CHRG" else ""


def _sign(entry: Element) -> int:
    word = _text(entry, "CdtDbtInd")
    if word not in ("CRDT", "DBIT"):
        raise Invalid("unknown_choice", f"expected CRDT or DBIT; found {word!r}", at="CdtDbtInd")
    return 1 if word == "CRDT" else -1


def _money(element: Element, path: str, default: tuple[Decimal, str] | None = None) -> tuple[Decimal, str]:
    found = _all(element, path)
    if not found:
        if default is None:
            raise Invalid("missing_field", f"there is no {path}", at=path)
        return default
    currency = found[0].get("Ccy", "")
    amount = parse_decimal((found[0].text or "").strip(), at=path)
    if amount <= 0 or amount != round(amount, decimals(currency, at=path)):
        raise Invalid("out_of_range", f"expected an amount above 0 with at most {decimals(currency)} decimals; found {amount}", at=path)
    return amount, currency


def _all(element: Element, path: str) -> list[Element]:
    """The elements at the path, whatever their namespace."""
    found = [element]
    for name in path.split("/") if path else []:
        found = [child for parent in found for child in parent if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name]
    return found


def _text(element: Element, path: str) -> str:
    found = _all(element, path)
    return (found[0].text or "").strip() if found else ""
