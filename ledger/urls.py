"""Addresses of the pages of the books."""

from django.urls import path

from ledger import views

urlpatterns = [
    path("tax-bills/", views.tax_bills, name="tax_bills"),
    path("tax-bills/export.xlsx", views.tax_bills_export, name="tax_bills_export"),
    path("tax-bills/<int:pk>/", views.tax_bill, name="tax_bill"),
    path("guarantee/", views.guarantee, name="guarantee"),
    path("guarantee/export.xlsx", views.guarantee_export, name="guarantee_export"),
]
