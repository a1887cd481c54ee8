"""What terms hold is remembered with them, and found anew where another catalogue bears the name and version that they name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.events import ItemTerms, Terms
from billing.outlook import outlook
from billing.state import Contract, TermsRow
from plans.catalogue import Catalogue
from plans.loader import load_catalogue

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Published:
    def __init__(self, timing: str) -> None:
        item = f"{{name: Gym, period: 1 month, timing: {timing}, price: 12.00}}"
        self.one = load_catalogue(
            f"catalogue: gym\ncurrency: EUR\nplans: {{gym: {{name: Gym, items: {{gym: {item}}}}}}}\n", name="gym.yaml"
        )

    def catalogue(self, name: str, version: int) -> Catalogue:
        assert (name, version) == ("gym", 1)
        return self.one


def contract(terms: Terms) -> Contract:
    return Contract(id="ana/2", account="ana", currency="EUR", start=AT, end=None, timeline=(TermsRow(2, AT, terms),))


def test_what_terms_hold_is_found_once_for_each_catalogue() -> None:
    terms = Terms(plan="gym", catalogue="gym", version=1, items={"gym": ItemTerms(quantity=Decimal(1))}, anchor=AT)
    advance, arrears = Published("advance"), Published("arrears")
    first = outlook(advance, contract(terms))  # type: ignore[arg-type]
    assert first.at_start == {"gym"}
    assert outlook(advance, contract(terms)) is first  # type: ignore[arg-type]
    assert outlook(arrears, contract(terms)).at_start == frozenset()  # type: ignore[arg-type]
    assert outlook(advance, contract(terms)).at_start == {"gym"}  # type: ignore[arg-type]
