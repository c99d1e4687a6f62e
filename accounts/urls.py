"""Addresses of signing in and out, and of changing the enterprise."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
]
