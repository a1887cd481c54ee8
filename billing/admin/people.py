"""Who works here and in which roles. Administrators make staff and give roles; each change is kept in the record of looks and refusals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.looks import noted
from accounts.roles import AREAS, STAFF_ROLES
from billing.admin.base import caller_of, may_look

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class StaffAdmin(UserAdmin, ModelAdmin):
    """Django's own, for administrators alone, without the permissions of tables: what somebody may do is said by roles."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "roles", "last_login")
    list_filter = ("is_staff", "is_active", "groups")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Work", {"fields": ("is_active", "is_staff", "groups"), "description": "Staff see every account; roles say what they may do."}),
    )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request) and "administrator" in caller_of(request).roles

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody but themselves changes those who stand above roles."""
        return self.has_module_permission(request) and (obj is None or not obj.is_superuser or obj == request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # the journal names them; they are made inactive

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user: Any) -> str:
        return "administrator (superuser)" if user.is_superuser else ", ".join(sorted(group.name for group in user.groups.all()))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = form.instance
        roles = ", ".join(sorted(user.groups.values_list("name", flat=True))) or "no role"
        state = "" if user.is_active else ", inactive"
        noted(
            caller_of(request).actor,
            action="roles_set",
            account="",
            what=f"{user.get_username()}: {roles}{'' if user.is_staff else ', no staff'}{state}",
            at=timezone.now(),
        )

    def get_urls(self) -> list[URLPattern]:
        return [path("roles/", self.admin_site.admin_view(self.roles_page), name="billing_roles"), *super().get_urls()]

    def roles_page(self, request: HttpRequest) -> HttpResponse:
        """What each role may do, and who has it."""
        if not may_look(request):
            raise PermissionDenied
        held = {group.name: [user.get_username() for user in group.user_set.all()] for group in Group.objects.prefetch_related("user_set")}
        context = self.admin_site.each_context(request) | {
            "title": "Roles",
            "roles": [(role, held.get(role, [])) for role in STAFF_ROLES],
            "areas": [
                (area, [area in allowed for allowed in STAFF_ROLES.values()], sorted(AREAS.get(area, ())))
                for area in [*AREAS, "administration"]
            ],
        }
        return TemplateResponse(request, "admin/billing/roles.html", context)
