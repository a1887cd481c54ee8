"""The addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from billing.api import views
from billing.api.callers import IsSomebody
from billing.api.events import taking_events
from billing.api.resources import RESOURCES
from billing.api.running import command_view
from billing.command import registry

BY_NAME = {resource.name: resource for resource in RESOURCES}

urlpatterns = [
    path("events", taking_events(views.list_view(BY_NAME["events"])), name="api-events"),
    path("accounts", views.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<str:account>/status", views.StatusView.as_view(), name="api-status"),
    path("accounts/<str:account>/why", views.WhyView.as_view(), name="api-why"),
    *(path(resource.name, views.list_view(resource), name=f"api-{resource.name}") for resource in RESOURCES if resource.name != "events"),
    path("invoices/<path:invoice>", views.InvoiceView.as_view(), name="api-invoice"),
    *(
        path(f"{resource.name}/<path:key>", views.one_view(resource), name=f"api-{resource.name}-one")
        for resource in RESOURCES
        if resource.key and resource.name != "invoices"
    ),
    *(path(f"commands/{command.name}", command_view(command), name=f"api-command-{command.name}") for command in registry().values()),
    path("schema", SpectacularAPIView.as_view(permission_classes=[IsSomebody]), name="api-schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="api-schema", permission_classes=[IsSomebody]), name="api-docs"),
]
