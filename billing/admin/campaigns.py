"""Campaigns: what they say, who would get them and who is left out, and what became of each mail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.crm.models import Contact
from billing.admin.base import ReadOnlyAdmin, caller_of
from billing.admin.doing import Button
from billing.crm.audience import REASONS, audience
from billing.crm.campaigns import mails
from billing.models import Campaign
from plans.errors import Refusal

MOST_ROWS = 200


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    page_template = "admin/billing/campaign.html"
    list_display = ("campaign", "segment", "purpose", "drafted_at", "sent_at", "recipients")
    list_filter = ("purpose",)
    search_fields = ("campaign", "segment")
    ordering = ("-drafted_at",)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        rows = mails(obj.campaign, limit=MOST_ROWS) if obj.sent_at else []
        names = dict(Contact.objects.filter(contact__in=[row["contact"] for row in rows]).values_list("contact", "name"))
        return {
            "title": f"Campaign {obj.campaign}",
            "campaign": obj,
            "said": [(language, obj.subject.get(language, ""), text) for language, text in obj.text.items()],
            "mails": [row | {"who": names.get(row["contact"], row["contact"])} for row in rows],
            "more": len(rows) == MOST_ROWS,
            "left_out": [(REASONS.get(reason, reason), count) for reason, count in obj.left_out.items()],
        } | ({} if obj.sent_at else self._before(request, obj))

    def _before(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Who would get it now, and the steps that are open."""
        steps = [("draft_campaign", "Change the draft"), ("send_campaign", "Send")]
        given = f"campaign={obj.campaign}&segment={obj.segment}&purpose={obj.purpose}"
        found: dict[str, Any] = {
            "steps": [
                Button(name, label, f"{reverse('admin:billing_do', args=[name])}?{given}")
                for name, label in steps
                if caller_of(request).may_run(name)
            ]
        }
        try:
            would = audience(obj.filters, purpose=obj.purpose, seller=obj.seller, at=timezone.now())
        except Refusal as refusal:
            return found | {"problem": refusal.message}
        out = [(REASONS[reason], len(accounts), accounts[:MOST_ROWS]) for reason, accounts in would.left_out.items()]
        return found | {"would": would.recipients[:MOST_ROWS], "count": len(would.recipients), "of": would.accounts, "out": out}
