"""What every view shares: somebody must call, JSON in and out, errors as problems."""

from __future__ import annotations

from collections.abc import Callable

from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.api import answers
from billing.api.callers import IsSomebody
from billing.api.parsing import ExactJSONParser
from billing.api.problems import handle

PROBLEMS = dict.fromkeys((401, 403, 404, 422, 429), answers.ProblemAnswer)


class BillingView(APIView):
    """What the caller may see decides what a view answers; what is out of sight is not found."""

    permission_classes = [IsSomebody]
    renderer_classes = [JSONRenderer]
    parser_classes = [ExactJSONParser]

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle
