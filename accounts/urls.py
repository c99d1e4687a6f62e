"""Addresses of signing in and out, and of changing the enterprise and the password."""

from django.urls import path

from accounts import preparing, views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("password/", views.change_password, name="change_password"),
    path("preparation/", preparing.preparation, name="preparation"),
    path("offices/", preparing.offices, name="offices"),
]
