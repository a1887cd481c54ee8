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
from billing.loading import load_one
from billing.portal.asking import COSTS, about, given, shown, tailor
from billing.portal.foretelling import foretold
from billing.portal.guard import Visit, of_account
from billing.portal.telling import said
from billing.portal.views import shared
from billing.portal.words import TITLES
from plans.errors import Refusal

#: What a command needs → the page that it is reached from.
PAGE_OF = {"contracts": "contracts", "money": "pay", "details": "people", "people": "people"}
#: Commands that have a page of their own.
PAGES = {"request_correction": "portal-refund", "open_checkout": "portal-pay"}


class CustomerPage(CommandPage):
    form_template: ClassVar[str] = "portal/command.html"
    preview_template: ClassVar[str] = "portal/preview.html"
    once_template: ClassVar[str] = "portal/once.html"
    visit: Visit
    answered: CommandForm | None = None
    about: str = ""

    def form(self, data: Any = None) -> CommandForm:
        form = super().form(data)
        tailor(form, self.visit, self.command.name)
        self.answered, self.about = form, about(form, load_one(self.account))
        return form

    def context(self) -> dict[str, Any]:
        title = TITLES.get(self.command.name, self.command.summary)
        page = PAGE_OF.get(CUSTOMER_COMMANDS[self.command.name][0], "contracts")
        back = reverse(f"portal-{page}", args=[self.account])
        return shared(self.visit, page) | {"back": back, "title": title, "costs": self.command.name in COSTS, "about": self.about}

    def after(self, arguments: Mapping[str, Any], outcome: Outcome) -> str:
        return reverse("portal-overview", args=[self.account])

    def refusal_text(self, refusal: Refusal) -> str:
        return said(refusal, self.visit.account.zone)

    def previewed(self, outcome: Outcome) -> dict[str, Any]:
        """What was asked, and what comes of it, in words."""
        asked = given(self.answered) if self.answered is not None else []
        return {"given": asked, "foretold": foretold(outcome, at=self.at, zone=self.visit.account.zone)}

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
