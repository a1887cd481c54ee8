"""Every address of the site. The apps bring their own lists; this one only says where they hang."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.i18n import set_language

from billing.api import problems
from billing.portal.views import home
from config import health

#: Staff come in by the same door as everybody, so that the second factor is asked for.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("metrics", health.metrics, name="metrics"),
    path("", home, name="home"),
    path("my/", include("billing.portal.urls")),
    path("account/", include("allauth.urls")),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("documents/", include("billing.urls")),
    path("", include("payments.urls")),
    path("api/v1/", include("billing.api.urls")),
    re_path(r"^api(?:/(?P<path>(?s:.*)))?\Z", problems.nothing_here),
]
handler400, handler404, handler500 = problems.bad_request, problems.not_found, problems.failed
