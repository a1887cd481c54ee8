"""Pages behind the links that we sign into mails; they work for whoever has the mail, signed in or not.

Opening a page changes nothing (programs that look for viruses open every link); saying no is a POST, by the page's button or by the mail
program's own (RFC 8058), which sends no cookie and so needs no token against forged requests.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from billing.crm import links
from billing.crm.campaigns import links_of
from billing.crm.consents import same_address, standing
from billing.crm.links import Signed
from billing.engine import Request, execute
from billing.house.published import house_policy
from billing.models import Account, Campaign
from plans.errors import Refusal

ACTOR = "link"


@csrf_exempt
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET: what one gets, and a button. POST: no more of it, for every account that has this address."""
    signed = _signed(token)
    if request.method == "POST":
        _withdraw(signed)
    held = standing(signed.account, signed.contact, signed.purpose, "mail")
    row = Account.objects.filter(account=signed.account).first()
    language = row.locale[:2] if row else "en"
    with translation.override(language):
        known = house_policy(row.seller, at=timezone.now()).consents if row else {}
        words = known[signed.purpose].words(language) if signed.purpose in known else signed.purpose
        return render(request, "portal/unsubscribe.html", {"words": words, "agreed": held is not None and held.given})


def _withdraw(signed: Signed) -> None:
    """Said twice it is said once."""
    at = timezone.now()
    for account, contact in same_address(signed.account, signed.contact, signed.purpose):
        asked = {"account": account, "purpose": signed.purpose, "how": "link"} | ({"contact": contact} if contact else {})
        mine = (account, contact) == (signed.account, signed.contact)
        try:
            execute(Request("withdraw_consent", asked | ({"campaign": signed.campaign} if mine else {}), at, actor=ACTOR))
        except Refusal as refusal:
            if refusal.code not in ("consent_withdrawn", "unknown_consent"):
                raise


@require_http_methods(["GET", "HEAD"])
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """On to where the campaign's text points; that it was followed is kept. Only addresses of the text itself are gone to."""
    signed = _signed(token)
    campaign = Campaign.objects.filter(campaign=signed.campaign).first()
    language, _, number = signed.link.partition(":")
    found = links_of(campaign.text.get(language, "")) if campaign else []
    if not number.isdecimal() or int(number) >= len(found):
        raise Http404
    target = found[int(number)]
    if request.method == "GET":
        asked = {"account": signed.account, "campaign": signed.campaign, "link": target}
        try:
            by_contact = {"contact": signed.contact} if signed.contact else {}
            execute(Request("record_campaign_link", asked | by_contact, timezone.now(), actor=ACTOR))
        except Refusal:
            pass  # whoever follows a link wants to get there, whatever our books say
    return HttpResponseRedirect(target)


def _signed(token: str) -> Signed:
    try:
        return links.opened(token)
    except Refusal as refusal:
        raise Http404(refusal.message) from None
