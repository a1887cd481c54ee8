"""What every view shares: somebody must call, JSON in and out, errors as problems."""

from __future__ import annotations

from collections.abc import Callable

from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api import answers
from billing.api.callers import HasScope, IsSomebody
from billing.api.limits import PerCaller
from billing.api.parsing import ExactJSONParser
from billing.api.problems import handle

#: How a read can be refused; commands have more.
PROBLEMS = dict.fromkeys((400, 401, 403, 404, 406, 422, 429), answers.ProblemAnswer)


def dated(name: str, meaning: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, description=f"{meaning}; ISO date or time, in the account's zone unless it has an offset")


#: A question about the past: the same two dates, the same answer, for ever.
LOCAL = "ISO date or time, in the account's zone (lists: UTC) unless it has an offset"
DATES = [
    OpenApiParameter("as_of", str, description=f"count what is effective up to and including it; {LOCAL}"),
    OpenApiParameter("known_at", str, description=f"count what was recorded up to and including it; {LOCAL}"),
]


class BillingView(APIView):
    """What the caller may see decides what a view answers; what is out of sight is not found."""

    permission_classes = [IsSomebody, HasScope]
    throttle_classes = [PerCaller]
    scopes: tuple[str, ...] = ()  # those of keys that may read this besides `read`
    renderer_classes = [JSONRenderer]
    parser_classes = [ExactJSONParser]

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle
