"""Which command a row of each kind of file gives, and which columns it may have: those of the command's arguments."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from billing.command import registry
from billing.usage.files import Columns


@dataclass(frozen=True)
class Kind:
    """`row_id` is the column that names a row for ever: the same one is brought over once."""

    name: str
    command: str
    row_id: str

    @property
    def columns(self) -> Columns:
        """A column for each argument; `x.y` for an argument that is a mapping; `at`, when the row counts."""
        hints = self._hints()
        mappings = [name for name, hint in hints.items() if _is(hint, Mapping)]
        plain = [name for name in hints if name not in mappings]
        arguments = fields(registry()[self.command].arguments)
        required = [field.name for field in arguments if field.default is MISSING and field.default_factory is MISSING]
        return Columns(
            known=list(dict.fromkeys([self.row_id, *plain, "at"])),
            required=list(dict.fromkeys([self.row_id, *required])),
            mappings=mappings,
        )

    @property
    def lists(self) -> list[str]:
        """The arguments that are lists: in CSV, words with commas or spaces between them."""
        return [name for name, hint in self._hints().items() if typing.get_origin(hint) is tuple]

    def _hints(self) -> dict[str, Any]:
        return typing.get_type_hints(registry()[self.command].arguments)


def _is(hint: Any, base: type) -> bool:
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, base)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("accounts", "open_account", row_id="account"),
        Kind("contracts", "subscribe", row_id="id"),
        Kind("balances", "open_balance", row_id="id"),
    )
}
