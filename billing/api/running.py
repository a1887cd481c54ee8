"""Commands over HTTP: one address for each, the same arguments as everywhere, previews by `?dry_run=1`, safe repetition by a key."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import engine
from billing.api import answers, given
from billing.api.base import BillingView
from billing.api.callers import caller_of
from billing.api.shapes import arguments_shape
from billing.command import Command
from billing.engine import Outcome
from billing.queries.history import summary
from plans.errors import Invalid

LONGEST_KEY = 200


class RecordedAnswer(serializers.Serializer[Any]):
    """An event, said in one line; `GET /api/v1/events` has the whole of it."""

    address = serializers.CharField()
    kind = serializers.CharField()
    effective_at = serializers.DateTimeField()
    summary = serializers.CharField()


class OutcomeAnswer(serializers.Serializer[Any]):
    made = serializers.DictField(child=serializers.JSONField(), help_text="the ids of what was made")
    events = RecordedAnswer(many=True)
    replayed = serializers.BooleanField(help_text="the key was used before: this is the first answer")
    dry_run = serializers.BooleanField(help_text="a preview: nothing was recorded")


class CommandView(BillingView):
    """Runs the command that the address names, as the caller, now."""

    command: Command

    def run(self, request: Request) -> Response:
        given.only(request, ["dry_run"])
        dry_run = given.yes_or_no(request, "dry_run")
        arguments = request.data
        if not isinstance(arguments, dict):
            raise Invalid("wrong_type", "expected a JSON object with the arguments", at="body")
        caller = caller_of(request)
        caller.must_run(self.command.name, arguments)
        asked = engine.Request(self.command.name, arguments, timezone.now(), actor=caller.actor, key=_key(request))
        outcome = engine.execute(asked, dry_run=dry_run)
        return Response(outcome_data(outcome), status=200 if dry_run or outcome.replayed or not outcome.events else 201)


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid("out_of_range", f"expected at most {LONGEST_KEY} printable characters", at="Idempotency-Key")
    return key


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
    return {"made": dict(outcome.made), "events": events, "replayed": outcome.replayed, "dry_run": outcome.dry_run}


def command_view(command: Command) -> Any:
    """The view of one command, described with its own arguments."""
    described = extend_schema(
        operation_id=f"command_{command.name}",
        summary=command.summary,
        tags=["commands"],
        request={"application/json": arguments_shape(command)},
        parameters=[
            OpenApiParameter("dry_run", bool, description="answer with what would happen and record nothing"),
            OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="the same key twice runs the command once"),
        ],
        responses={
            200: OutcomeAnswer,
            201: OutcomeAnswer,
            **dict.fromkeys((400, 401, 403, 404, 409, 415, 422, 429), answers.ProblemAnswer),
        },
    )

    class View(CommandView):
        @described
        def post(self, request: Request) -> Response:
            return self.run(request)

    View.command = command
    return View.as_view()
