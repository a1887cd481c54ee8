"""Segments: saved filters over accounts, a field for each word that a filter knows; how many accounts each means now, and which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.crm.models import Segment
from billing import bulk
from billing.admin.customers import CustomerAdmin
from billing.crm.segments import WORDS, counts, members
from billing.templatetags.billing_links import link
from plans.errors import Invalid, Refusal

MOST_SHOWN = 200
#: What a word may be, where that is a few things; of a column: what stands there.
CHOICES: dict[str, Iterable[str] | str] = {
    "seller": "SELECT DISTINCT seller FROM read_account ORDER BY 1",
    "currency": "SELECT DISTINCT currency FROM read_account ORDER BY 1",
    "status": ("open", "parked", "closed"),
    "plan": "SELECT DISTINCT plan FROM read_contract ORDER BY 1",
    "without_plan": "SELECT DISTINCT plan FROM read_contract ORDER BY 1",
    "overdue": ("yes", "no"),
}
DAYS = ("opened_from", "opened_before", "ending_before")
LABELS = {
    "without_plan": "without the plan",
    "opened_from": "opened from",
    "opened_before": "opened before",
    "ending_before": "ends before",
}


def choices(word: str) -> list[tuple[str, str]]:
    known = CHOICES[word]
    found = [row[0] for row in bulk.fetch(known)] if isinstance(known, str) else list(known)
    return [("", "open" if word == "status" else "any"), *((one, one) for one in found if one)]


def field_of(word: str, now: str) -> forms.Field:
    """The field of a word; what stands in it may always stay."""
    label, help_text = LABELS.get(word, word), WORDS[word][2]
    if word in CHOICES:
        offered = choices(word)
        offered += [(now, now)] if now and now not in dict(offered) else []
        return forms.ChoiceField(choices=offered, required=False, label=label, widget=UnfoldAdminSelectWidget)
    if word in DAYS:
        return forms.DateField(required=False, label=label, widget=UnfoldAdminDateWidget)
    return forms.CharField(required=False, max_length=200, label=label, help_text=f"as in {help_text}", widget=UnfoldAdminTextInputWidget)


class SegmentForm(forms.ModelForm):
    class Meta:
        model = Segment
        fields = ("name", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for word in WORDS:
            now = str(self.instance.filters.get(word, "")) if isinstance(self.instance.filters, dict) else ""
            self.fields[word] = field_of(word, now)
            self.initial[word] = now

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        filters = {word: str(cleaned[word]) for word in WORDS if cleaned.get(word)}
        try:
            members(filters, at=timezone.now())
        except Refusal as refusal:
            raise ValidationError({refusal.at.partition(".")[2]: refusal.message}) from None
        self.instance.filters = filters
        return cleaned


class SegmentList(ChangeList):
    """A page of segments with how many accounts each means: counted for the whole page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        for row, count in zip(rows, counts([row.filters for row in rows], at=timezone.now()), strict=True):
            row.meant = count.message if isinstance(count, Invalid) else str(count)
        self.result_list = rows


@admin.register(Segment)
class SegmentAdmin(CustomerAdmin):
    form = SegmentForm
    list_display = ("name", "said", "accounts", "note")
    readonly_fields = ("now",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SegmentList

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        whom = (None, {"fields": ("name", "note")}), ("Accounts of which all of this is true", {"fields": tuple(WORDS)})
        return (*whom, *(((None, {"fields": ("now",)}),) if obj else ()))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Its fields are the form's own, not those of the model."""
        return super().get_form(request, obj, change=change, **(kwargs | {"fields": ("name", "note")}))

    @display(description="accounts now")
    def accounts(self, row: Any) -> str:
        return str(row.meant)

    @display(description="filter")
    def said(self, row: Any) -> str:
        words = sorted(row.filters, key=[*WORDS, *row.filters].index)
        return ", ".join(f"{LABELS.get(word, word)} {row.filters[word]}" for word in words) or "every open account"

    @display(description="whom it means now")
    def now(self, row: Any) -> Any:
        try:
            found = members(row.filters, at=timezone.now())
        except Refusal as refusal:
            return refusal.message
        links = format_html_join(" ", "{}", ((link("account", one, one),) for one in found[:MOST_SHOWN]))
        return format_html_join("", "{}", ((f"{len(found)}: ",), (links,), (" …" if len(found) > MOST_SHOWN else "",)))


class OfSegment(admin.SimpleListFilter):
    """The accounts that a saved filter means."""

    title = "segment"
    parameter_name = "segment"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(name, name) for name in Segment.objects.order_by("name").values_list("name", flat=True)[:MOST_SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        held = Segment.objects.filter(name=self.value()).first() if self.value() else None
        if held is None:
            return queryset
        try:
            return queryset.filter(account__in=members(held.filters, at=timezone.now()))
        except Refusal:
            return queryset.none()
