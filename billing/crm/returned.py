"""Pure: what a mail server says of mail that it could not deliver (RFC 3464), read from the mail that it sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

#: The header of our own mails by which one that comes back says of which campaign it was.
CAMPAIGN = "X-Campaign"


@dataclass(frozen=True)
class Returned:
    email: str
    code: str
    campaign: str = ""


def returned(mail: bytes) -> list[Returned]:
    """Each address that the mail says is not reached, for good. Nothing for any other mail: a delay, an answer of a person."""
    read = message_from_bytes(mail, policy=policy.compat32)
    campaign = next((name for part in read.walk() if (name := _campaign(part))), "")
    blocks = [block for part in read.walk() if part.get_content_type() == "message/delivery-status" for block in _blocks(part)]
    return [
        Returned(address, block.get("Status", "").split(" ")[0].strip(), campaign)
        for block in blocks
        if block.get("Action", "").strip().lower() == "failed" and (address := _address(block))
    ]


def _blocks(part: Message) -> Iterator[Message]:
    held = part.get_payload()
    yield from (one for one in held if isinstance(one, Message)) if isinstance(held, list) else ()


def _address(block: Message) -> str:
    """The address that we wrote to, where the server says that it sent the mail on to another."""
    said = block.get("Original-Recipient") or block.get("Final-Recipient") or ""
    return said.partition(";")[2].strip().strip("<>")


def _campaign(part: Message) -> str:
    """Of the headers of our own mail, which come back as a text or as a mail of their own."""
    if part.get_content_type() == "text/rfc822-headers":
        held = part.get_payload(decode=True)
        return str(message_from_bytes(held).get(CAMPAIGN, "")).strip() if isinstance(held, bytes) else ""
    return str(part.get(CAMPAIGN, "")).strip()
