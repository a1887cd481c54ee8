"""The addresses below /api/v1/."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import IsAdminUser

from billing.api import views

urlpatterns = [
    path("accounts", views.AccountsView.as_view(), name="api-accounts"),
    path("accounts/<str:account>/status", views.StatusView.as_view(), name="api-status"),
    path("accounts/<str:account>/why", views.WhyView.as_view(), name="api-why"),
    path("invoices/<path:invoice>", views.InvoiceView.as_view(), name="api-invoice"),
    path("schema", SpectacularAPIView.as_view(permission_classes=[IsAdminUser]), name="api-schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="api-schema", permission_classes=[IsAdminUser]), name="api-docs"),
]
