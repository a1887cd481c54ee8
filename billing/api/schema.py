"""The description of the API (OpenAPI 3.1): made from the views, finished here, kept in docs/openapi.yaml and served from there.

Every operation can be refused in the same form, and every command takes the same switches: these are said once, as components.
"""

from __future__ import annotations

import copy
import logging
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from billing.api.examples import examples
from billing.api.problems import CONTENT_TYPE

PROBLEM = "Problem"
ANSWER = "ProblemAnswer"
#: Parameters that many operations share: they stand once among the components.
SHARED = ("dry_run", "token", "Idempotency-Key", "If-Match", "after", "limit", "fields", "newest", "as_of", "known_at")


OUTCOME = "OutcomeAnswer"
_CONTENT = {"application/json": {"schema": {"$ref": f"#/components/schemas/{OUTCOME}"}}}
OUTCOMES: dict[str, Any] = {
    "Outcome200": {"description": "Nothing was recorded: a preview, an answer given before, or nothing to do", "content": _CONTENT},
    "Outcome201": {"description": "Recorded", "content": _CONTENT},
}


class KeySecurity(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "billing.api.keys.KeySignIn"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "an API key: `Authorization: Bearer bea_…`"}


class SessionSecurity(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "billing.api.callers.SessionSignIn"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": "a person who signed in here"}


def described() -> dict[str, Any]:
    """The whole description, as data."""
    logging.getLogger("drf_spectacular").setLevel(logging.ERROR)
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def page() -> str:
    """The text of docs/openapi.yaml."""
    return str(yaml.dump(described(), Dumper=_Plainly, sort_keys=False, allow_unicode=True, width=140))


def path() -> Path:
    return Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


class _Plainly(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """No anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# --- what the generator leaves open -------------------------------------------------------------------------------------------------


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Problems and shared parameters as components, closed arguments, examples."""
    components = result["components"]
    shared: dict[str, Any] = {}
    statuses: set[str] = set()
    for operation in _operations(result):
        _share_parameters(operation, shared)
        statuses |= _share_problems(operation)
        _add_examples(operation)
    components["parameters"] = dict(sorted(shared.items()))
    components["responses"] = {f"{PROBLEM}{status}": _problem(status) for status in sorted(statuses)} | OUTCOMES
    for name, schema in components["schemas"].items():
        if name.endswith("Arguments"):
            schema["additionalProperties"] = False
    return result


def _operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in result["paths"].values() for operation in methods.values()]


def _share_parameters(operation: dict[str, Any], shared: dict[str, Any]) -> None:
    found = []
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if name in SHARED and shared.setdefault(name, parameter) == parameter:
            found.append({"$ref": f"#/components/parameters/{name}"})
        else:
            found.append(parameter)
    if found:
        operation["parameters"] = found


def _share_problems(operation: dict[str, Any]) -> set[str]:
    """Refer to the component of each problem; answers which statuses there are."""
    found = set()
    for status, response in operation["responses"].items():
        response["description"] = response.get("description") or HTTPStatus(int(status)).phrase
        if f"/{OUTCOME}'" in str(response):
            operation["responses"][status] = {"$ref": f"#/components/responses/Outcome{status}"}
        if any(f"/{ANSWER}" in str(content) for content in response.get("content", {}).values()):
            operation["responses"][status] = {"$ref": f"#/components/responses/{PROBLEM}{status}"}
            found.add(status)
    return found


def _problem(status: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": HTTPStatus(int(status)).phrase,
        "content": {CONTENT_TYPE: {"schema": {"$ref": f"#/components/schemas/{ANSWER}"}}},
    }
    if status == "429":
        waited = {"schema": {"type": "integer"}, "required": True, "description": "seconds until calls are answered again"}
        answer["headers"] = {"Retry-After": waited}
    return answer


def _add_examples(operation: dict[str, Any]) -> None:
    for example in examples():
        if example.operation != operation["operationId"]:
            continue
        if example.body is not None:
            content = operation["requestBody"]["content"][example.kind or "application/json"]
            content.setdefault("examples", {})[example.name] = {"summary": example.title, "value": example.body}
        if example.answer is not None:
            response = operation["responses"][str(example.status)]
            if "$ref" in response:  # an answer of its own where it has an example of its own
                response = operation["responses"][str(example.status)] = copy.deepcopy(OUTCOMES[f"Outcome{example.status}"])
            content = response["content"]["application/json"]
            content.setdefault("examples", {})[example.name] = {"summary": example.title, "value": example.answer}
