"""Addresses of signing in and out, and of changing the enterprise and the password."""

from django.urls import path

from accounts import mandates_views, views
from accounts.onboarding import services_views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("password/", views.change_password, name="change_password"),
    path("services/", services_views.services, name="services"),
    path("mandates/", mandates_views.listed, name="mandates"),
    path("mandates/new/", mandates_views.propose, name="mandate_new"),
    path("mandates/<int:pk>/", mandates_views.mandate, name="mandate"),
]
