"""An app for the flat model of the usual way, which wants to belong to one; the portal itself does not have it."""

from django.apps import AppConfig


class Bench(AppConfig):
    """Only in the settings of the process that runs the usual way."""

    name = "declarations.bench"
    label = "bench"
