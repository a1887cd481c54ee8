"""The office's own rows about customers: contacts, interactions with files, tasks.

These are rows of daily work, not of the books, so here (and only here) the admin writes rows; who did it is filled in, not typed.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import TextField
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import get_valid_filename
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.crm.models import Attachment, Contact, Interaction, Task
from accounts.looks import looked, noted
from billing.admin.base import caller_of, may_look
from billing.models import Account
from billing.portal.data import packed
from billing.templatetags.billing_links import link

LARGEST_FILE = 5_000_000  # bytes
#: Which areas of commands (accounts/roles.py) somebody must have to write here.
WRITERS = "customers"
#: Fields that are texts, not names.
TOLD = ("text", "note")
KINDS = ("call", "mail", "visit", "note")


class CustomerAdmin(ModelAdmin):
    """Whoever serves customers adds and changes; every role looks; nobody deletes."""

    list_per_page = 50
    show_full_result_count = False
    area: ClassVar[str] = WRITERS
    changes: ClassVar[bool] = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_look(request) and self.area in caller_of(request).areas

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changes and self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Names and codes are one line; what is told may be longer."""
        if isinstance(db_field, TextField):
            kwargs["widget"] = UnfoldAdminTextareaWidget({"rows": 5}) if db_field.name in TOLD else UnfoldAdminTextInputWidget
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description="account", ordering="account")
    def of_account(self, row: Any) -> Any:
        return link("account", row.account, row.account) if row.account else ""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Back to the account that it was begun from."""
        answer = super().response_add(request, obj, post_url_continue)
        account = getattr(obj, "account", "")
        if account and request.GET.get("account") == account and "_continue" not in request.POST and "_addanother" not in request.POST:
            return HttpResponseRedirect(reverse("admin:billing_account_change", args=[account]))
        return answer


class OfAccount(forms.ModelForm):
    def clean_account(self) -> str:
        account = str(self.cleaned_data["account"]).strip()
        if account and not Account.objects.filter(account=account).exists():
            raise ValidationError(f"There is no account {account[:80]!r}.")
        return account


@admin.register(Contact)
class ContactAdmin(CustomerAdmin):
    """Contacts are part of the vault: added and changed by commands, which stand beside them."""

    changes = False
    fields = ("account", "contact", "name", "email", "phone", "role", "topics", "note", "changed_at")
    readonly_fields = ("topics",)
    list_display = ("name", "of_account", "role", "email", "phone", "topics")
    list_filter = ("role",)
    search_fields = ("name", "email", "account")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description="receives")
    def topics(self, row: Any) -> str:
        return ", ".join(row.receives)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if obj is not None and self.has_view_permission(request, obj):
            looked(caller_of(request).actor, account=obj.account, what=f"contact {obj.pk}", at=timezone.now())
        answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return answer


class InteractionForm(OfAccount):
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], widget=UnfoldAdminSelectWidget)
    file = forms.FileField(required=False, help_text=f"at most {LARGEST_FILE // 1_000_000} MB", widget=UnfoldAdminFileFieldWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """With whom: a contact of the account that the page was opened from."""
        super().__init__(*args, **kwargs)
        account = str(self.data.get("account") or self.initial.get("account") or "").strip()
        if "contact" in self.fields:
            known = Contact.objects.filter(account=account).order_by("name") if "\x00" not in account else Contact.objects.none()
            self.fields["contact"] = forms.ModelChoiceField(known, required=False, label="With", widget=UnfoldAdminSelectWidget)

    def clean_file(self) -> Any:
        file = self.cleaned_data.get("file")
        if file and file.size > LARGEST_FILE:
            raise ValidationError(f"The file is larger than {LARGEST_FILE // 1_000_000} MB.")
        return file


@admin.register(Interaction)
class InteractionAdmin(CustomerAdmin):
    """What was said stays as it was said: interactions are added, never changed."""

    form = InteractionForm
    changes = False
    fields = ("account", "kind", "contact", "text", "file")
    list_display = ("at", "of_account", "kind", "short", "by", "shown_files")
    list_filter = ("kind",)
    search_fields = ("account", "text", "by")
    ordering = ("-at", "-pk")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else ("account", "kind", "contact", "at", "text", "by", "shown_files")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("files")

    @display(description="text")
    def short(self, row: Any) -> str:
        return row.text[:80]

    @display(description="files")
    def shown_files(self, row: Any) -> str:
        return ", ".join(file.name for file in row.files.all())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.at, obj.by = timezone.now(), caller_of(request).actor
        super().save_model(request, obj, form, change)
        file = form.cleaned_data.get("file")
        if file:
            Attachment.objects.create(interaction=obj, name=get_valid_filename(file.name)[:200], size=file.size, content=file.read())

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("file/<int:pk>/", self.admin_site.admin_view(self.file), name="crm_file"),
            path("export/<str:account>/", self.admin_site.admin_view(self.export), name="crm_export"),
        ]
        return [*own, *super().get_urls()]

    def file(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A file as a download: whatever it is, no browser runs it here."""
        row = Attachment.objects.select_related("interaction").filter(pk=pk).first()
        if not may_look(request):
            raise PermissionDenied
        if row is None:
            raise Http404
        looked(caller_of(request).actor, account=row.interaction.account, what=f"file {row.pk}", at=timezone.now())
        answer = HttpResponse(bytes(row.content), content_type="application/octet-stream")
        answer["Content-Disposition"] = f'attachment; filename="{row.name}"'
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def export(self, request: HttpRequest, account: str) -> HttpResponse | FileResponse:
        """All data of an account and its people, for the person who asks for it: a ZIP."""
        if WRITERS not in caller_of(request).areas or not may_look(request):
            raise PermissionDenied
        if "\x00" in account or not Account.objects.filter(account=account).exists():
            raise Http404
        noted(caller_of(request).actor, action="exported", what="personal data", account=account, at=timezone.now())
        return packed(account, at=timezone.now())


@admin.register(Task)
class TaskAdmin(CustomerAdmin):
    form = OfAccount
    fields = ("account", "title", "due", "assigned", "note")
    list_display = ("due", "title", "of_account", "assigned", "done_by")
    list_filter = ("assigned",)
    search_fields = ("title", "account", "assigned")
    ordering = ("done_at", "due", "pk")
    actions = ("finish",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.made_by = obj.made_by or caller_of(request).actor
        super().save_model(request, obj, form, change)

    @admin.action(description="Mark as done", permissions=["change"])
    def finish(self, request: HttpRequest, queryset: Any) -> None:
        done = queryset.filter(done_at=None).update(done_at=timezone.now(), done_by=caller_of(request).actor)
        messages.success(request, f"done {done}.")
