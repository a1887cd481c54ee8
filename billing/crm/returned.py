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
        Returned(address, _header(block, "Status").partition(" ")[0], campaign)
        for block in blocks
        if _header(block, "Action").lower() == "failed" and (address := _address(block))
    ]


def _blocks(part: Message) -> Iterator[Message]:
    held = part.get_payload()
    yield from (one for one in held if isinstance(one, Message)) if isinstance(held, list) else ()


def _address(block: Message) -> str:
    """The address that we wrote to, where the server says that it sent the mail on to another."""
    said = _header(block, "Original-Recipient") or _header(block, "Final-Recipient")
    return said.partition(";")[2].strip().strip("<>")


def _campaign(part: Message) -> str:
    """Of the headers of our own mail, which come back as a text or as a mail of their own."""
    if part.get_content_type() == "text/rfc822-headers":
        held = part.get_payload(decode=True)
        return _header(message_from_bytes(held), CAMPAIGN) if isinstance(held, bytes) else ""
    return _header(part, CAMPAIGN)


def _header(part: Message, name: str) -> str:
    """Of the first header of this name its text, which may be UTF-8 (RFC 6532), without signs that no name or address holds; or nothing."""
    raw = next((str(value) for header, value in part.raw_items() if header.lower() == name.lower()), "")
    text = raw.encode("ascii", "surrogateescape").decode("utf-8", "replace")
    return "".join(sign for sign in text if sign.isprintable()).strip()
