"""An answer to "why": a tree of things, each with its amount, where it stands in the journal, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing.queries.status import money_text

COLUMN = 16
INDENT = "  "


@dataclass(frozen=True)
class Node:
    """`kind`: balance ledger document posting line tax charge step terms measurement payment …. `address` names the event behind it.

    `values`: what the title and the facts are made of, as values, for faces that say them in words of their own.
    """

    kind: str
    title: str
    amount: Decimal | None = None
    currency: str = ""
    address: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def money(self) -> str:
        """The amount as text with its currency; empty where the node has none."""
        return f"{money_text(self.amount, self.currency)} {self.currency}" if self.amount is not None and self.currency else ""

    def as_dict(self) -> dict[str, Any]:
        """The tree as data; what is empty is left out."""
        answer: dict[str, Any] = {"kind": self.kind, "title": self.title}
        if self.amount is not None:
            answer["amount"] = money_text(self.amount, self.currency) if self.currency else str(self.amount)
        for name, value in (("currency", self.currency), ("address", self.address), ("facts", dict(self.facts))):
            if value:
                answer[name] = value
        if self.children:
            answer["because"] = [child.as_dict() for child in self.children]
        return answer

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()


def text(node: Node) -> str:
    """The tree with indentation: amounts in a column of their own, facts in round brackets, addresses in square ones."""
    return "\n".join(_lines(node, 0))


def _lines(node: Node, depth: int) -> Iterator[str]:
    facts = ", ".join(f"{name} {value}".strip() for name, value in node.facts.items() if value)
    address = f"  [{node.address}]" if node.address else ""
    yield f"{node.money:>{COLUMN}}  {INDENT * depth}{node.title}{f' ({facts})' if facts else ''}{address}"
    for child in node.children:
        yield from _lines(child, depth + 1)
