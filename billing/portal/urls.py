"""The addresses below /my/."""

from __future__ import annotations

from django.urls import path

from billing.portal import doing, views

urlpatterns = [
    path("", views.accounts, name="portal-accounts"),
    path("<str:account>/", views.overview, name="portal-overview"),
    path("<str:account>/why", views.reasons, name="portal-why"),
    path("<str:account>/documents", views.documents, name="portal-documents"),
    path("<str:account>/contracts", views.contracts, name="portal-contracts"),
    path("<str:account>/do/<str:command>", doing.do, name="portal-do"),
]
