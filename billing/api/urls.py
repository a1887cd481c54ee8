"""The addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing.api import account_list, accounts, figures, usage, views
from billing.api.events import EventsView, taking_events
from billing.api.resources import RESOURCES
from billing.api.running import command_view
from billing.command import registry

BY_NAME = {resource.name: resource for resource in RESOURCES}

urlpatterns = [
    path("events", taking_events(views.list_view(BY_NAME["events"], EventsView)), name="api-events"),
    path("accounts", account_list.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<str:account>", account_list.AccountOneView.as_view(), name="api-account"),
    path("accounts/<str:account>/status", views.StatusView.as_view(), name="api-status"),
    path("accounts/<str:account>/why", views.WhyView.as_view(), name="api-why"),
    path("accounts/<str:account>/statement", accounts.StatementView.as_view(), name="api-statement"),
    path("accounts/<str:account>/balances", accounts.BalancesView.as_view(), name="api-balances"),
    path("accounts/<str:account>/schedule", accounts.ScheduleView.as_view(), name="api-schedule"),
    path("accounts/<str:account>/forecast", accounts.ForecastView.as_view(), name="api-forecast"),
    path("accounts/<str:account>/entitlements", accounts.EntitlementsView.as_view(), name="api-entitlements"),
    path("accounts/<str:account>/entitlements/<str:feature>", accounts.EntitlementView.as_view(), name="api-entitlement"),
    path("accounts/<str:account>/documents/<path:document>", accounts.DocumentView.as_view(), name="api-document"),
    *(path(resource.name, views.list_view(resource), name=f"api-{resource.name}") for resource in RESOURCES if resource.name != "events"),
    path("meters", usage.MetersView.as_view(), name="api-meters"),
    path("meters/<str:meter>/query", usage.MeterQueryView.as_view(), name="api-meter-query"),
    path("metrics", figures.MetricsView.as_view(), name="api-metrics"),
    path("exports/<str:kind>", usage.ExportView.as_view(), name="api-export"),
    path("invoices/<path:invoice>", views.InvoiceView.as_view(), name="api-invoice"),
    *(
        path(f"{resource.name}/<path:key>", views.one_view(resource), name=f"api-{resource.name}-one")
        for resource in RESOURCES
        if resource.key and resource.name != "invoices"
    ),
    *(path(f"commands/{command.name}", command_view(command), name=f"api-command-{command.name}") for command in registry().values()),
    path("schema", views.SchemaView.as_view(), name="api-schema"),
    path("docs", views.ReferenceView.as_view(), name="api-docs"),
]
