"""The doors of gateways: webhooks come in, and the sandbox shows its page. They read the clock, and call one function each."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import vault
from billing import bulk
from payments.digesting import receive
from payments.gateways.base import BadSignature, Unsupported
from payments.gateways.cards import CARDS, PREFIX
from payments.gateways.sandbox import SandboxGateway
from plans.errors import NotFound, Refusal

LARGEST = 256 * 1024  # bytes; a larger body is no notice


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, gateway: str) -> HttpResponse:
    """200 once the notice is kept with its processing owed, and for one that we know already; 400 unsigned, 404 no such gateway, 413
    too large.

    A notice that is none of our business is answered with 200 too: sending it again would not help.
    """
    if int(request.headers.get("content-length") or 0) > LARGEST:
        return JsonResponse({"code": "too_large"}, status=413)
    if gateway == "sandbox" and not settings.SANDBOX_GATEWAY:
        return JsonResponse({"code": "unknown_gateway"}, status=404)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        outcome = receive(gateway, request.body, headers, at=timezone.now())
    except BadSignature as error:
        return JsonResponse({"code": "bad_signature", "message": str(error)}, status=400)
    except Unsupported:
        return JsonResponse({"status": "ignored"})
    except NotFound as refusal:
        return JsonResponse({"code": refusal.code}, status=404)
    except Refusal as refusal:
        return JsonResponse({"code": refusal.code, "message": refusal.message}, status=400)
    return JsonResponse({"status": "kept" if outcome.events else "known"})


@require_http_methods(["GET", "POST"])
def sandbox_checkout(request: HttpRequest, checkout: str) -> HttpResponse:
    """The sandbox's own page: choose a test card, and it does what it says. No card number is ever typed."""
    if not settings.SANDBOX_GATEWAY:
        raise Http404
    at = timezone.now()
    gateway = SandboxGateway()
    answer = gateway.find("checkout", reference=checkout, at=at)
    if answer is None:
        raise Http404
    context: dict[str, Any] = {"cards": CARDS, "answer": answer, "refused": "", "name": _name(checkout)}
    if request.method == "POST":
        try:
            back = gateway.pay_checkout(checkout, PREFIX + request.POST.get("card", ""), at=at)
        except Refusal as refusal:
            context["refused"] = refusal.message
            return render(request, "payments/sandbox_checkout.html", context, status=409 if refusal.code == "checkout_closed" else 422)
        if back.startswith("/"):
            return redirect(back)
        context["answer"] = gateway.find("checkout", reference=checkout, at=at)
    return render(request, "payments/sandbox_checkout.html", context)


def _name(checkout: str) -> str:
    """Who pays."""
    account = str(bulk.fetch("SELECT account FROM sandbox_operation WHERE id = %s", [checkout])[0][0])
    return vault.names([account]).get(account) or account
