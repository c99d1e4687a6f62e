"""Settings of the tests: throw-away servers of their own, a cheap hasher, static files without a manifest.

The servers are started here because pytest reads the settings before any conftest.
"""

import os

from portal import services
from portal.servers import temporary_data

# A parent's embedded servers are not ours, nor those of another worker; servers named from outside are used as asked.
ADDRESSES = ("DATABASE_URL", "SANDBOX_DATABASE_URL", "REDIS_URL")
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if not os.environ.get("PORTAL_TEST_DATA") or os.environ["PORTAL_TEST_WORKER"] != worker:
    for name in os.environ.get("PORTAL_TEST_EMBEDDED", "").split():
        os.environ.pop(name, None)
    outside = {name for name in ADDRESSES if os.environ.get(name)}
    os.environ["PORTAL_TEST_DATA"] = str(temporary_data("portal-test-"))
    os.environ["PORTAL_TEST_WORKER"] = worker
    os.environ["PORTAL_TEST_EMBEDDED"] = " ".join(name for name in ADDRESSES if name not in outside)
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
CACHES["default"]["KEY_PREFIX"] = f"test{worker}"  # noqa: F405
