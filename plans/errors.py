"""What the system says when it will not do something: one hierarchy, mapped once by each interface.

An error carries a stable `code` (a literal, so that `docs/errors.md` can list every one), a `message` for a person that says
what is wrong and what to do, `at` (the path, line or field of the offending input) and `facts` (values a program may use).
"""

from __future__ import annotations

from typing import Any

LONGEST = 1000  # of a message: what somebody sent may stand in it, however long


class Refusal(Exception):
    """The base of all refusals. Raising one inside a command undoes everything that the command did."""

    status = 400

    def __init__(self, code: str, message: str, *, at: str = "", **facts: Any) -> None:
        self.message = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
        super().__init__(self.message)
        self.code = code
        self.at = at
        self.facts = facts

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        return f"{where}{self.message} [{self.code}]"

    def __reduce__(self) -> Any:
        """How it travels from one process to another, whatever a subclass wants to be made of."""
        return _made_of, (type(self), self.args), self.__dict__

    def as_dict(self) -> dict[str, Any]:
        """The error as data: `code`, `message`, `at`, and `facts` where there are any (all values as text)."""
        answer: dict[str, Any] = {"code": self.code, "message": self.message, "at": self.at}
        if self.facts:
            answer["facts"] = {name: str(value) for name, value in self.facts.items()}
        return answer


def _made_of(cls: type[Refusal], told: tuple[Any, ...]) -> Refusal:
    return cls.__new__(cls, *told)


class Invalid(Refusal):
    """The input itself is wrong: type, format, unknown field, out of range."""

    status = 422


class NotAllowed(Refusal):
    """The input is right, but a rule or a right forbids it."""

    status = 403


class NotFound(Refusal):
    """A thing that the input names does not exist."""

    status = 404


class Outdated(Refusal):
    """The caller decided on something that has moved since."""

    status = 412


class TooMany(Refusal):
    """Asked too often; `retry_after` among the facts says in how many seconds again."""

    status = 429


class Conflict(Refusal):
    """The input contradicts something that stands: another event, a reservation, a key used before."""

    status = 409
