"""Addresses of signing in and out, of changing the enterprise and the password, and of what one is told."""

from django.urls import path

from accounts import inbox, views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("password/", views.change_password, name="change_password"),
    path("notices/", inbox.notices, name="notices"),
    path("notices/read/", inbox.read_all, name="notices_read"),
    path("notices/<int:pk>/", inbox.notice, name="notice"),
]
