"""SEPA credit transfers as a file for the bank: ISO 20022 pain.001.001.09, one payment information with all transfers. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_FOREIGN = re.compile(r"[^A-Za-z0-9/?:().,'+ -]+")


@dataclass(frozen=True)
class Transfer:
    """`amount` in EUR. `end_to_end` comes back in the statement of the bank."""

    end_to_end: str
    name: str
    iban: str
    amount: Decimal
    text: str


@dataclass(frozen=True)
class Payer:
    name: str
    iban: str
    bic: str = ""


def pain001(file: str, payer: Payer, transfers: Sequence[Transfer], *, created: datetime, day: date) -> bytes:
    """The file named `file` (at most 35 signs), to be executed on `day`. The same arguments give the same bytes."""
    document = Element("Document", xmlns=NAMESPACE)
    root = SubElement(document, "CstmrCdtTrfInitn")
    total = f"{sum((one.amount for one in transfers), Decimal(0)):.2f}"
    head = SubElement(root, "GrpHdr")
    _texts(head, MsgId=file, CreDtTm=f"{created:%Y-%m-%dT%H:%M:%S}", NbOfTxs=str(len(transfers)), CtrlSum=total)
    _text(head, "InitgPty/Nm", latin(payer.name, 70))
    part = SubElement(root, "PmtInf")
    _texts(part, PmtInfId=file, PmtMtd="TRF", NbOfTxs=str(len(transfers)), CtrlSum=total)
    _text(part, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _text(part, "ReqdExctnDt/Dt", day.isoformat())
    _text(part, "Dbtr/Nm", latin(payer.name, 70))
    _text(part, "DbtrAcct/Id/IBAN", payer.iban)
    _text(part, "DbtrAgt/FinInstnId/BICFI" if payer.bic else "DbtrAgt/FinInstnId/Othr/Id", payer.bic or "NOTPROVIDED")
    _text(part, "ChrgBr", "SLEV")
    for one in transfers:
        _transfer(part, one)
    indent(document)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(document, encoding="utf-8") + b"\n"


def _transfer(part: Element, one: Transfer) -> None:
    element = SubElement(part, "CdtTrfTxInf")
    _text(element, "PmtId/EndToEndId", one.end_to_end)
    amount = SubElement(SubElement(element, "Amt"), "InstdAmt", Ccy="EUR")
    amount.text = f"{one.amount:.2f}"
    _text(element, "Cdtr/Nm", latin(one.name, 70) or "NOTPROVIDED")
    _text(element, "CdtrAcct/Id/IBAN", one.iban)
    if text := latin(one.text, 140):
        _text(element, "RmtInf/Ustrd", text)


def latin(text: str, longest: int) -> str:
    """Only signs that every bank takes: accents are dropped, others become a space."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(_FOREIGN.sub(" ", plain).split())[:longest].strip()


def _text(parent: Element, path: str, text: str) -> None:
    for name in path.split("/"):
        parent = SubElement(parent, name)
    parent.text = text


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        _text(parent, name, text)
