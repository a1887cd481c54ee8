"""The last event of an account as a tag: given with an answer, and back with a command that may only run where nothing came after it."""

from __future__ import annotations

from urllib.parse import quote

from drf_spectacular.utils import OpenApiParameter

from billing.models import Stream

ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200], description="the last event: give it as If-Match")


def head_tag(account: str) -> str:
    """The last event of the account, as a tag for `If-Match`."""
    sequence = Stream.objects.filter(id=account).values_list("last_sequence", flat=True).first()
    return f'"{quote(account)}/{sequence or 0}"'
