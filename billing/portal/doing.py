"""What customers change themselves: the commands and arguments that accounts/roles.py names, each previewed before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.roles import CUSTOMER_COMMANDS, CUSTOMER_VALUES
from billing.command import registry
from billing.doing import CommandPage
from billing.engine import Outcome
from billing.forms import CommandForm
from billing.portal.asking import shown, tailor
from billing.portal.guard import Visit, of_account
from billing.portal.views import shared
from billing.portal.words import TITLES, money
from billing.previewing import Shown, shown_preview
from billing.sayings import said
from payments.instalments.events import InstalmentsAgreed
from plans.errors import Refusal

#: Commands that have a page of their own.
PAGES = {"request_correction": "portal-refund", "open_checkout": "portal-pay"}


class CustomerPage(CommandPage):
    form_template: ClassVar[str] = "portal/command.html"
    preview_template: ClassVar[str] = "portal/preview.html"
    once_template: ClassVar[str] = "portal/once.html"
    visit: Visit

    def form(self, data: Any = None) -> CommandForm:
        form = super().form(data)
        tailor(form, self.visit, self.command.name)
        return form

    def context(self) -> dict[str, Any]:
        title = TITLES.get(self.command.name, self.command.summary)
        return shared(self.visit, "contracts") | {"back": reverse("portal-contracts", args=[self.account]), "title": title}

    def after(self, arguments: Mapping[str, Any], outcome: Outcome) -> str:
        return reverse("portal-overview", args=[self.account])

    def shown(self, outcome: Outcome) -> Shown:
        return shown_preview(outcome, say=money, say_total=money)

    def refusal_text(self, refusal: Refusal) -> str:
        return said(refusal)

    def previewed(self, outcome: Outcome) -> dict[str, Any]:
        """Of instalments: what is to be paid when."""
        agreed = next((one.event for one in outcome.events if isinstance(one.event, InstalmentsAgreed)), None)
        if agreed is None:
            return {}
        parts = [(one.due, money(one.principal + one.interest, agreed.currency)) for one in agreed.instalments]
        return {"instalments": parts}

    def said(self, outcome: Outcome) -> str:
        return _("Done: %(what)s.") % {"what": TITLES.get(self.command.name, self.command.summary)}


@of_account
def do(visit: Visit, command: str) -> HttpResponse:
    """The page of one command of the visitor's account; 404 for a command that is not theirs."""
    account = visit.account.account
    if command not in CUSTOMER_COMMANDS or not visit.caller.may_run(command, account):
        raise Http404
    if command in PAGES:
        return HttpResponseRedirect(reverse(PAGES[command], args=[account]))
    fixed = {argument: value for (name, argument), value in CUSTOMER_VALUES.items() if name == command}
    page = CustomerPage(visit.request, registry()[command], visit.caller, visit.at, account, only=shown(command), fixed=fixed)
    page.visit = visit
    return page.respond()
