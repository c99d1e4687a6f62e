"""Addresses of the documents' pages and doors, the same for every kind."""

from django.urls import path

from declarations.doors import gateway

urlpatterns = [
    path("customs/receive/", gateway.receive, name="receive"),
]
