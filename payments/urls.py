from django.urls import path

from payments import views

urlpatterns = [
    path("webhooks/<slug:gateway>/", views.webhook, name="webhook"),
    path("sandbox/checkout/<slug:checkout>/", views.sandbox_checkout, name="sandbox-checkout"),
]
