"""Addresses of the documents' pages and doors, the same for every kind."""

from django.urls import include, path, register_converter

from declarations.doors import gateway, interfaces, views
from declarations.kinds import kind
from declarations.kinds.kind import Kind


class KindConverter:
    """A kind by its slug; any other word is no address of ours."""

    regex = "[a-z_]+"

    def to_python(self, value: str) -> Kind:
        """The kind of that slug."""
        try:
            return kind(value)
        except KeyError as unknown:
            raise ValueError(value) from unknown

    def to_url(self, value: Kind | str) -> str:
        """The slug of a kind, given as such or by its slug; a word that is no kind has no address."""
        return self.to_python(value).slug if isinstance(value, str) else value.slug


class DirectionConverter:
    """Which way a message went."""

    regex = "out|in"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    def to_url(self, value: str) -> str:
        """As it stands."""
        return value


register_converter(KindConverter, "kind")
register_converter(DirectionConverter, "direction")

of_a_kind = [
    path("", views.list_page, name="list"),
    path("new/", views.form, name="form"),
    path("drafts/<int:pk>/", views.draft, name="draft"),
    path("upload/", views.upload, name="upload"),
    path("template.xlsx", views.template_file, name="template"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/messages/<direction:direction>/<int:message>/", views.message, name="message"),
    path("<int:pk>/messages/<direction:direction>/<int:message>/raw/", views.raw, name="raw"),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search_page, name="search"),
    path("uploads/", views.uploads_page, name="uploads"),
    path("uploads/<int:pk>/", views.upload_check, name="upload_check"),
    path("uploads/<int:pk>/file/", views.upload_file, name="upload_file"),
    path("uploads/<int:pk>/failed.xlsx", views.upload_failed, name="upload_failed"),
    path("customs/receive/", gateway.receive, name="receive"),
    path("health/", gateway.health, name="health"),
    path("connection/interfaces/<kind:kind>/", interfaces.interface, name="interface"),
    path("<kind:kind>/", include(of_a_kind)),
]
