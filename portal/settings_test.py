"""Settings of the tests: throw-away servers of their own, a cheap hasher, static files without a manifest.

The servers are started here because pytest reads the settings before any conftest.
"""

import os

from portal import services
from portal.servers import temporary_data

# A parent's embedded servers are not ours, nor those of another worker; servers named from outside are used as asked.
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if not os.environ.get("PORTAL_TEST_DATA") or os.environ.get("PORTAL_TEST_WORKER", "") != worker:
    os.environ["PORTAL_TEST_DATA"] = str(temporary_data("portal-test-"))
    os.environ["PORTAL_TEST_WORKER"] = worker
os.environ["PORTAL_DATA"] = os.environ["PORTAL_TEST_DATA"]
services.attach(durable=False)

from portal.settings import *  # noqa: E402, F403

PORTAL_ENV = "test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES["default"]["KEY_PREFIX"] = "test"  # noqa: F405
