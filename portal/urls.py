"""The addresses of the whole portal; the pages above are named as strings, so that nothing is imported upwards."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("language/", include("django.conf.urls.i18n")),
    path("", include("accounts.urls")),
    path("", include("ledger.urls")),
    path("", include("declarations.urls")),
]

handler403 = "portal.errors.forbidden"
handler404 = "portal.errors.missing"
handler500 = "portal.errors.broken"
