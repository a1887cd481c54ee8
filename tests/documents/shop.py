"""A shop whose documents say everything that a document can say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from payments.documents import faces
from payments.documents.reading import Span, find_document
from payments.documents.shown import Shown, shown
from payments.documents.values import Document
from tests.books import advance, do, moment, publish, use

CATALOGUE = """
catalogue: harbour
currency: EUR
zone: Europe/Madrid
seller:
  name: Puerto Claro S.L.
  address: "Calle del Faro 12"
  postal_code: "15001"
  city: A Coruña
  country: ES
  tax_id: B12345674
  email: cuentas@puertoclaro.example
  telephone: "+34 981 000 000"
  website: puertoclaro.example
  iban: ES91 2100 0418 4502 0005 1332
  bic: CAIXESBBXXX
  text: "Registro Mercantil de A Coruña, tomo 1, folio 1"
tax: {level: document}
taxes:
  iva: {name: IVA, rate: 21, country: ES, categories: [standard]}
  reducido: {name: IVA, rate: 10, country: ES, categories: [reduced]}
terms: {net-14: {days: 14}}
mentions:
  - text: {en: "Late payments bear interest by Law 3/2004.", es: "La demora devenga intereses según la Ley 3/2004."}
    documents: [invoice]
  - {text: "Gracias.", countries: [ES], documents: [credit_note]}
meters:
  traffic: {unit: GB}
items:
  buoy: {name: "Mooring buoy <Ø 30 & rope>", price: {model: unit, amount: "1234.50"}, tax: standard}
  chart: {name: Nautical chart, price: {model: unit, amount: "9.95"}, tax: reduced}
plans:
  berth:
    name: Berth
    terms: net-14
    items:
      fee: {charge: fee, name: Berth 14, period: 1 month, timing: advance, price: {model: flat, amount: "180.00"}, tax: standard}
      data:
        {charge: usage, name: Data, period: 1 month, meter: traffic, unit: GB, price: {model: unit, amount: "0.00125"}, tax: standard}
"""
LOOKED = moment("2026-03-10")


def play(locale: str = "en", **details: Any) -> None:
    """ana has an invoice of January (berth), one of a sale, one of February with data, a credit note, two payments."""
    publish(CATALOGUE)
    known = {"name": "Ana Ruiz Peña", "street": "Rúa Nova 3", "postcode": "15003", "city": "A Coruña", "country": "ES"}
    known |= {"tax_id": "12345678Z", "email": "ana@customers.example", "zone": "Europe/Madrid", "locale": locale}
    do("open_account", account="ana", **{name: value for name, value in (known | details).items() if value})
    do("subscribe", "2026-01-01", account="ana", plan="berth", start="2026-01-01")
    do("sell", "2026-01-10", account="ana", item="buoy", quantity="2")
    do("sell", "2026-01-10T01:00", account="ana", item="chart", quantity="3")
    use("ana", "traffic", arrived="2026-01-20", records=[{"id": "t1", "at": "2026-01-20T10:00", "value": "123456"}])
    advance("2026-02-02")
    do("credit_note", "2026-02-03", account="ana", invoice="INV-000002", lines=[{"line": "1", "amount": "100"}], reason="Scratched")
    do("pay", "2026-02-05", account="ana", amount="230.00", reference="R-77")
    advance("2026-03-05")


def read(name: str, *, at: datetime = LOOKED, span: Span | None = None, account: str = "ana") -> Document:
    return find_document(account, name, at=at, span=span)


def pages(name: str, locale: str = "", **given: Any) -> tuple[Document, Shown, str, bytes, str]:
    document = read(name, **given)
    words = shown(document, locale=locale)
    return document, words, faces.page(words), faces.pdf(document, words), faces.text(words)
