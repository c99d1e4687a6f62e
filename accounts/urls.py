"""Addresses of signing in and out, of changing the enterprise and the password, and of applications."""

from django.urls import path

from accounts import views
from accounts.onboarding import views as onboarding

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("password/", views.change_password, name="change_password"),
    path("applications/", onboarding.listed, name="applications"),
    path("applications/<int:pk>/", onboarding.application, name="application"),
    path("applications/<int:pk>/versions/<int:number>/", onboarding.version, name="application_version"),
    path("applications/<int:pk>/papers/<int:paper>/", onboarding.paper, name="paper"),
    path("applications/<slug:kind>/", onboarding.latest, name="application_of_kind"),
    path("applications/<slug:kind>/new/", onboarding.begin, name="application_new"),
]
