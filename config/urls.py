"""Every address of the site. The apps bring their own lists; this one only says where they hang."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from billing.api.problems import nothing_here

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("documents/", include("billing.urls")),
    path("", include("payments.urls")),
    path("api/v1/", include("billing.api.urls")),
    re_path(r"^api(?:/(?P<path>.*))?$", nothing_here),
]
