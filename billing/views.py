"""Pages that are not the admin's: a document, for whoever may see its account."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import caller_of_user
from payments.documents import faces
from payments.documents.mailing import file_name
from payments.documents.reading import find_document
from payments.documents.shown import shown
from plans.errors import Refusal


@require_safe
def document(request: HttpRequest, account: str, name: str) -> HttpResponse:
    """A document as a page, or with `?as=pdf` as a PDF. Whoever may not see the account learns nothing: it is not there."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(f"{reverse('admin:login')}?next={request.path}")
    try:
        caller_of_user(request.user).must_see(account)
        found = find_document(account, name, at=timezone.now())
    except Refusal as refusal:
        raise Http404(refusal.message) from None
    words = shown(found)
    if request.GET.get("as") == "pdf":
        answer = HttpResponse(faces.pdf(found, words), content_type="application/pdf")
        answer["Content-Disposition"] = f'inline; filename="{file_name(found)}.pdf"'
    else:
        answer = HttpResponse(faces.page(words))
        answer["Content-Security-Policy"] = faces.page_policy()
        answer.__dict__["_csp_exempt"] = True  # a policy of its own, stricter than that of other pages
    answer["Cache-Control"] = "private, no-store"
    return answer
