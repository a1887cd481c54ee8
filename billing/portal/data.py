"""All that is known of an account, as one file to take away: details, people, the lists that the API shows to customers, the documents."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import orjson
from django.http import FileResponse, Http404, HttpResponse

from accounts import vault
from accounts.crm.models import Attachment
from accounts.looks import noted
from accounts.models import Membership
from billing.api.resources import RESOURCES, Resource
from billing.crm import holders
from billing.loading import load_one
from billing.models import Invoice
from billing.portal.guard import Visit, of_account
from payments.documents import faces
from payments.documents.reading import find_document
from payments.documents.shown import shown

IN_MEMORY = 4 * 1024 * 1024  # bytes; a larger file is kept on the disk while it is sent
CHUNK = 2000  # rows
#: What the office noted is handed out by the office, where somebody looks first whom else it names.
NOTES_OF_THE_OFFICE = ("interactions", "tasks")


@of_account
def download(visit: Visit) -> HttpResponse | FileResponse:
    """A ZIP, by POST, for who may change the details. That it was taken is recorded."""
    if visit.request.method != "POST" or not visit.may("details"):
        raise Http404
    account = visit.account.account
    noted(visit.caller.actor, "exported", account=account, what="all data", at=visit.at)
    return packed(account, at=visit.at, but=NOTES_OF_THE_OFFICE)


def packed(account: str, *, at: datetime, but: Collection[str] = ()) -> FileResponse:
    """The ZIP: who they are and what else is personal, save the parts named by `but`; files; lists; documents."""
    held = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer closes it
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packing:
        told = about(account, at=at) | {name: part for name, part in holders.export(account).items() if name not in but}
        packing.writestr("account.json", orjson.dumps(told, option=orjson.OPT_INDENT_2, default=str))
        for file in () if "interactions" in but else Attachment.objects.filter(interaction__account=account).order_by("pk"):
            packing.writestr(f"files/{file.pk}-{file.name}", bytes(file.content))
        for resource in RESOURCES:
            if not resource.staff_only:
                with packing.open(f"{resource.name}.csv", "w") as table:
                    for part in _table(resource, account):
                        table.write(part)
        for row in Invoice.objects.filter(account=account).order_by("sequence").values("number", "invoice"):
            name = row["number"] or row["invoice"]
            page = faces.page(shown(find_document(account, name, at=at)))
            packing.writestr(f"documents/{name.replace('/', '-')}.html", page)
    held.seek(0)
    return FileResponse(held, as_attachment=True, filename=f"{account}-{at:%Y-%m-%d}.zip")


def about(account: str, *, at: datetime) -> dict[str, Any]:
    """What the account is, and who signs in for it."""
    state = load_one(account)
    members = Membership.objects.select_related("user").filter(account=account).order_by("since")
    return {
        "account": account,
        "at": at,
        "currency": state.currency,
        "zone": state.zone,
        "status": state.status,
        "person": vault.person(account),
        "place": dict(vars(state.place_on(at))),
        "people": [{"who": str(one.user), "email": one.user.email, "role": one.role, "since": one.since} for one in members],
    }


def _table(resource: Resource, account: str) -> Iterator[bytes]:
    """The account's rows as CSV, a chunk at a time."""
    columns = [field.name for field in resource.columns]
    rows = resource.model._default_manager.filter(**{resource.owner: account}).order_by(*resource.order).values_list(*columns)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for number, row in enumerate(rows.iterator(chunk_size=CHUNK), 1):
        writer.writerow(_cell(value) for value in row)
        if number % CHUNK == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return value.isoformat() if isinstance(value, datetime) else value
