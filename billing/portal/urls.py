"""The addresses below /my/."""

from __future__ import annotations

from django.urls import path

from billing.portal import data, doing, opening, paying, people, refunding, subscriptions, views

urlpatterns = [
    path("", views.accounts, name="portal-accounts"),
    path("open", opening.open_account, name="portal-open"),
    path("-/unsubscribe/<str:token>", subscriptions.unsubscribe, name="portal-unsubscribe"),
    path("-/go/<str:token>", subscriptions.follow, name="portal-follow"),
    path("-/join/<str:secret>", people.join, name="portal-join"),
    path("<str:account>/", views.overview, name="portal-overview"),
    path("<str:account>/why", views.reasons, name="portal-why"),
    path("<str:account>/documents", views.documents, name="portal-documents"),
    path("<str:account>/contracts", views.contracts, name="portal-contracts"),
    path("<str:account>/plans", views.plans, name="portal-plans"),
    path("<str:account>/usage", views.used, name="portal-usage"),
    path("<str:account>/refund", refunding.refund, name="portal-refund"),
    path("<str:account>/credit", refunding.credit, name="portal-credit"),
    path("<str:account>/people", people.people, name="portal-people"),
    path("<str:account>/keys", people.keys, name="portal-keys"),
    path("<str:account>/data", data.download, name="portal-data"),
    path("<str:account>/pay", paying.pay, name="portal-pay"),
    path("<str:account>/cards", paying.cards, name="portal-cards"),
    path("<str:account>/payments/<int:sequence>", paying.payment, name="portal-payment"),
    path("<str:account>/do/<str:command>", doing.do, name="portal-do"),
]
