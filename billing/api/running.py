"""Commands over HTTP: one address for each, the same arguments as everywhere, previews by `?dry_run=1`, safe repetition by a key."""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import unquote

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Caller
from billing import engine
from billing.api import answers, given
from billing.api.base import BillingView
from billing.api.callers import caller_of
from billing.api.shapes import arguments_shape, switch_parameter
from billing.codec import encode_value
from billing.command import Command
from billing.engine import Outcome
from billing.journal import is_account
from billing.previews import Preview
from billing.queries.history import summary
from billing.queries.money import ZERO
from plans.errors import Invalid
from plans.money import plain

LONGEST_KEY = 200
LONGEST_MATCH = 1000


class RecordedAnswer(serializers.Serializer[Any]):
    """An event, said in one line; `GET /api/v1/events` has the whole of it."""

    address = serializers.CharField()
    kind = serializers.CharField()
    effective_at = serializers.DateTimeField()
    summary = serializers.CharField()


class BalanceAnswer(serializers.Serializer[Any]):
    account = serializers.CharField()
    currency = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class OwedAnswer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    payload = serializers.DictField(child=serializers.JSONField())


class PreviewAnswer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="give it as `token` with the same arguments: exactly this is done, or it is refused")
    documents = serializers.ListField(child=serializers.JSONField(), help_text="invoices and credit notes, without numbers")
    balances = BalanceAnswer(many=True)
    effects = OwedAnswer(many=True)


class OutcomeAnswer(serializers.Serializer[Any]):
    made = serializers.DictField(child=serializers.JSONField(), help_text="the ids of what was made")
    events = RecordedAnswer(many=True)
    replayed = serializers.BooleanField(help_text="the key was used before: this is the first answer")
    dry_run = serializers.BooleanField(help_text="a preview: nothing was recorded")
    shown_once = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="secrets, in the first answer alone: they are kept nowhere"
    )
    preview = PreviewAnswer(required=False, help_text="of a preview: what it comes to, and the token to do exactly that")


class CommandView(BillingView):
    """Runs the command that the address names, as the caller, now."""

    command: Command

    def run(self, request: Request) -> Response:
        given.only(request, ["dry_run", "token"])
        dry_run = given.yes_or_no(request, "dry_run")
        arguments = request.data
        if not isinstance(arguments, dict):
            raise Invalid("wrong_type", "expected a JSON object with the arguments", at="body")
        caller = caller_of(request)
        caller.must_run(self.command.name, arguments)
        _stay_inside(caller, self.command, arguments)
        token = given.text(request, "token")
        actor, key, seen = caller.actor, _key(request), _seen(request)
        asked = engine.Request(self.command.name, arguments, timezone.now(), actor=actor, key=key, token=token, seen=seen)
        outcome = engine.execute(asked, dry_run=dry_run)
        return Response(outcome_data(outcome), status=200 if dry_run or outcome.replayed or not outcome.events else 201)


def _stay_inside(caller: Caller, command: Command, arguments: dict[str, Any]) -> None:
    """Whoever does not see every account writes to none that is out of sight, however its arguments name it. Raises NotFound."""
    if not caller.everything:
        for stream in command.streams(command.parse(arguments, at=timezone.now())):
            if is_account(stream):
                caller.must_see(stream)


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid("out_of_range", f"expected at most {LONGEST_KEY} printable characters", at="Idempotency-Key")
    return key


def _seen(request: Request) -> tuple[str, ...]:
    """The heads that `If-Match` names; none where it is not given or is `*`."""
    header = request.headers.get("If-Match", "")
    if len(header) > LONGEST_MATCH:
        raise Invalid("out_of_range", f"expected at most {LONGEST_MATCH} characters", at="If-Match")
    if not header or header.strip() == "*":
        return ()
    tags = parse_etags(header)
    if not tags:
        raise Invalid("wrong_type", 'expected the ETag of an account\'s status, in quotes: "ana/17"', at="If-Match")
    return tuple(unquote(tag.strip('"')) for tag in tags)


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    events = [
        {
            "address": recorded.address,
            "kind": recorded.event.kind,
            "effective_at": recorded.effective_at,
            "summary": summary(recorded.event),
        }
        for recorded in outcome.events
    ]
    answer = {"made": dict(outcome.made), "events": events, "replayed": outcome.replayed, "dry_run": outcome.dry_run}
    if outcome.shown_once:
        answer["shown_once"] = dict(outcome.shown_once)
    return answer | ({"preview": preview_data(outcome.preview)} if outcome.preview else {})


def preview_data(preview: Preview) -> dict[str, Any]:
    """What a dry run came to; amounts as text, of several accounts where the command is about several."""
    return {
        "token": preview.token,
        "documents": [encode_value(document) for document in preview.documents],
        "balances": [
            {
                "account": account,
                "currency": currency,
                "before": plain(preview.before.get((account, currency), ZERO)),
                "after": plain(preview.after.get((account, currency), ZERO)),
            }
            for account, currency in sorted({*preview.before, *preview.after})
        ],
        "effects": [{"kind": kind, "payload": dict(payload)} for kind, payload in preview.effects],
    }


def command_view(command: Command) -> Any:
    """The view of one command, described with its own arguments."""
    described = extend_schema(
        operation_id=f"command_{command.name}",
        summary=command.summary,
        description=inspect.getdoc(command.run) or "Runs as the caller, now.",
        tags=["commands"],
        request={"application/json": arguments_shape(command)},
        parameters=[
            switch_parameter("dry_run", "answer with what would happen and record nothing"),
            OpenApiParameter("token", str, description="of a preview with the same arguments: do exactly what it showed, or refuse"),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="the same key twice runs the command once"),
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="the ETag of the account's status: refused if it moved"),
        ],
        responses={
            200: OutcomeAnswer,
            201: OutcomeAnswer,
            **dict.fromkeys((400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 429), answers.ProblemAnswer),
        },
    )

    class View(CommandView):
        @described
        def post(self, request: Request) -> Response:
            return self.run(request)

    View.command = command
    return View.as_view()
