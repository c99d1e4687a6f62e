"""Addresses of signing in and out, of changing the enterprise and the password, of certificates and consent."""

from django.urls import path

from accounts import credential_pages, views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.sign_out, name="logout"),
    path("enterprise/", views.switch_enterprise, name="switch_enterprise"),
    path("password/", views.change_password, name="change_password"),
    path("credentials/", credential_pages.credentials, name="credentials"),
    path("credentials/new/", credential_pages.new_credential, name="new_credential"),
    path("credentials/<int:pk>/", credential_pages.change_credential, name="change_credential"),
    path("credentials/keys/<int:pk>/", credential_pages.key_request, name="key_request"),
    path("credentials/consent/", credential_pages.signing_consent, name="signing_consent"),
]
