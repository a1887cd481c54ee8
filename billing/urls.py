"""The addresses below /documents/."""

from __future__ import annotations

from django.urls import path

from billing.views import document

urlpatterns = [path("<str:account>/<path:name>", document, name="document")]
