"""Use over HTTP: CloudEvents, one or a batch, answered with 204 when they are durable. A view of its own, without the framework's detours,
because this is the address that is called millions of times a day.

Whole or not at all: where one event can't be taken the answer is a 400 with the reason of each, and nothing was recorded. What was taken
before is no error: a sender that got no answer sends again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from billing import bulk
from billing.api import answers
from billing.api.base import BillingView
from billing.api.keys import SCHEME, BadKey, Key, key_of
from billing.api.limits import spend
from billing.api.parsing import each_key_stands_once, read_exact
from billing.api.problems import CONTENT_TYPE, problem, waiting
from billing.api.taken import TakenView, is_meant
from billing.models import Account
from billing.usage.cloudevents import measurement_of, source_of, subjects_of
from billing.usage.everyday import everyday
from billing.usage.intake import CHUNK, BatchRefused, ingest_whole
from billing.usage.straight import ingest_everyday
from plans.errors import Invalid, Refusal

BATCH, ONE, ANY = "application/cloudevents-batch+json", "application/cloudevents+json", "application/json"
ADDRESS = "/api/v1/events"
SHOWN = 100  # reasons in one answer
SCOPE = "usage"
EVENT = {"$ref": "#/components/schemas/CloudEvent"}


class CloudEvent(serializers.Serializer[Any]):
    """A CloudEvent 1.0 that says a measurement: `type` is the meter, `subject` the account or its id elsewhere."""

    id = serializers.CharField(min_length=1, max_length=200)
    source = serializers.CharField(min_length=1, max_length=200)
    specversion = serializers.ChoiceField(choices=["1.0"], required=False)
    type = serializers.CharField(min_length=1, max_length=200)
    subject = serializers.CharField(min_length=1, max_length=200)
    time = serializers.DateTimeField(required=False, help_text="when it was used; when it arrives where nothing is said")
    data = serializers.DictField(child=serializers.JSONField(), required=False, help_text="`value` or the only number is the quantity")


class EventsView(BillingView):
    """What POST at this address means, for the description; `take_events` does it."""

    @extend_schema(
        operation_id="events_ingest",
        summary="Take in measurements as CloudEvents: whole or not at all, each (source, id) once",
        tags=["usage"],
        request={
            ONE: CloudEvent,
            BATCH: CloudEvent(many=True),
            ANY: {"oneOf": [EVENT, {"type": "array", "items": EVENT}]},
        },
        responses={204: None, **dict.fromkeys((400, 401, 403, 429), answers.ProblemAnswer)},
    )
    def post(self, request: HttpRequest) -> HttpResponse:
        return take_events(request)


def taking_events(listing: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view of /api/v1/events: POST takes events in, GET with the parameters of OpenMeter's clients lists what was taken, everything
    else is for `listing`."""
    taken = TakenView.as_view()

    @wraps(listing)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            return take_events(request)
        meant = request.method == "GET" and is_meant(request.GET)
        return taken(request) if meant else listing(request, *args, **kwargs)

    return csrf_exempt(view)  # a key, not a cookie, says who sends; the listing writes nothing


class EventsFirst:
    """Takes events in before sessions, languages and policies of pages are looked at, which cost more than the events. Stands inside of
    what holds for programs too: TLS, and the pages that may call."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or request.path_info != ADDRESS:
            return self.answer(request)
        request.get_host()  # a name that is not ours is refused as everywhere
        return take_events(request)


def take_events(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    try:
        key = key_of(request, at=now)
        if key is None:
            raise BadKey("bad_key", "send an API key: Authorization: Bearer …", at="authorization")
        key.must(SCOPE)
        left = spend(f"{key.actor} {SCOPE}", at=now, most=settings.API_INGESTS_PER_MINUTE)
        _take(request, key, now)
    except BatchRefused as error:
        return _problem(_reasons(error))
    except Refusal as error:
        status = 400 if isinstance(error, Invalid) else error.status
        return _problem(problem(status, error.code, error.message, at=error.at), waiting(error))
    return HttpResponse(status=204, headers=left)


def _problem(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> HttpResponse:
    answer = HttpResponse(orjson.dumps(body), status=body["status"], content_type=CONTENT_TYPE, headers=headers)
    if body["status"] == 401:
        answer["WWW-Authenticate"] = SCHEME
    return answer


def _reasons(error: BatchRefused) -> dict[str, Any]:
    reasons = [{"index": line.number - 1, "code": line.code, "detail": line.reason} for line in error.rejected[:SHOWN]]
    return problem(400, error.code, error.message) | {"errors": reasons}


def _body(request: HttpRequest) -> tuple[str, bytes]:
    """The kind of the body, and the body. Raises Invalid."""
    kind = request.content_type or ANY
    if kind not in (BATCH, ONE, ANY):
        raise Invalid("unknown_choice", f"expected {BATCH}, {ONE} or {ANY}; found {kind[:80]}", at="content-type")
    if (packed := request.headers.get("Content-Encoding", "identity")) != "identity":
        raise Invalid("unknown_choice", f"send the body as it is, not as {packed[:40]}", at="content-encoding")
    try:
        return kind, request.body
    except RequestDataTooBig:
        raise Invalid("out_of_range", f"the body is too long; send at most {CHUNK} events at once") from None


def _events(content: Any, kind: str) -> list[Any]:
    """The events of the body: a list of one for `cloudevents+json`. Raises Invalid."""
    if isinstance(content, list) and kind != ONE:
        return content
    if isinstance(content, dict) and kind != BATCH:
        return [content]
    raise Invalid("wrong_type", "expected a list of events for a batch, an object for one event")


def _take(request: HttpRequest, key: Key, now: datetime) -> None:
    kind, body = _body(request)
    if not _take_everyday(kind, body, key, now):
        _take_any(_events(read_exact(body), kind), key, now)


def _take_everyday(kind: str, body: bytes, key: Key, now: datetime) -> bool:
    """True where all events are everyday ones and new, and were taken."""
    try:
        content = orjson.loads(body)
        events = _events(content, kind)
    except ValueError:
        return False  # no JSON: the long way says why
    if not 0 < len(events) <= CHUNK:
        return False
    accounts = _open_accounts(events, key)
    records = []
    for event in events:
        record = everyday(event, accounts)
        if record is None:
            return False
        records.append(record)
    return each_key_stands_once(body, content) and ingest_everyday(records, arrived_at=now)


def _open_accounts(events: Sequence[object], key: Key) -> dict[str, str]:
    """Subject → account, of the open accounts that the key may speak of and whose own names the subjects are."""
    statement = """
        SELECT account FROM read_account WHERE account = ANY(%s) AND status <> 'closed'
            AND (%s = '' OR account = %s) AND (%s = '' OR seller = %s)"""
    found = bulk.fetch(statement, [subjects_of(events), key.account, key.account, key.seller, key.seller])
    return {account: account for (account,) in found}


def _take_any(events: list[Any], key: Key, now: datetime) -> None:
    if len(events) > CHUNK:
        raise Invalid("out_of_range", f"expected at most {CHUNK} events at once, found {len(events)}")
    accounts = _accounts(events, key)
    allowed = set(accounts.values()) if key.account or key.seller else None
    records = [_measurement(number, event, accounts, allowed) for number, event in enumerate(events)]
    if records:
        ingest_whole(records, source=str(source_of(records[0]["source"])), arrived_at=now)


def _accounts(events: Sequence[object], key: Key) -> dict[str, str]:
    """Subject → account, of the subjects that the key may speak of. An account's own name goes before another one's id elsewhere."""
    names = subjects_of(events)
    allowed = Account.objects.filter(**_limit(key))
    found = {name: name for name in allowed.filter(account__in=names).values_list("account", flat=True)}
    others = [name for name in names if name not in found]
    if others:
        found |= dict(allowed.filter(external_id__in=others).order_by("-account").values_list("external_id", "account"))
    return found


def _limit(key: Key) -> dict[str, str]:
    if key.account:
        return {"account": key.account}
    return {"seller": key.seller} if key.seller else {}


def _measurement(number: int, event: object, accounts: dict[str, str], allowed: set[str] | None) -> dict[str, Any]:
    """Raises Invalid, with the event's place in the batch."""
    try:
        found = measurement_of(event, accounts)
    except Invalid as error:
        raise Invalid(error.code, error.message, at=f"[{number}].{error.at}" if error.at else f"[{number}]") from error
    if allowed is not None and found["account"] not in allowed:
        raise Invalid("unknown_account", f"there is no account {str(found['account'])[:80]!r}", at=f"[{number}].subject")
    return found
