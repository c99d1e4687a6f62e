"""All settings, read from the environment once; what may be set is listed in README.md.

Works without any: then the servers of `portal/services.py` and secrets made in PORTAL_DATA are used.
"""

import os
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal import services
from portal.database import startup_options
from portal.folders import ROOT, data_folder, secret
from portal.servers import whole_number

PORTAL_ENV = os.environ.get("PORTAL_ENV") or "demo"
if PORTAL_ENV not in ("demo", "production"):  # a word that is only nearly "production" must not open the demo's doors
    raise ImproperlyConfigured(f"PORTAL_ENV={PORTAL_ENV!r}: it is demo or production.")
PORTAL_PROCESS = os.environ.get("PORTAL_PROCESS") or "command"  # "web" only under gunicorn
PORTAL_DATA = data_folder()
PORTAL_PORT = whole_number("PORTAL_PORT", 8000, most=65535)
SANDBOX_PORT = whole_number("SANDBOX_PORT", 8001, most=65535)

# What the product is called and whom a user may ask.
PORTAL_NAME = os.environ.get("PORTAL_NAME") or _("通关")
PORTAL_NAME_EN = os.environ.get("PORTAL_NAME_EN") or "Tongguan"
PORTAL_HOTLINE = os.environ.get("PORTAL_HOTLINE") or "021-0000-0000"
PORTAL_EMAIL = os.environ.get("PORTAL_EMAIL") or "help@example.org"
# Where letters say the portal is.
PORTAL_ADDRESS = (os.environ.get("PORTAL_ADDRESS") or f"http://127.0.0.1:{PORTAL_PORT}").rstrip("/")

# Secrets: given, or made once for a demo (checks.py refuses the latter in production).
SECRET_KEY, _secret_key_given = secret("SECRET_KEY", PORTAL_DATA)
_field_keys, _field_keys_given = secret("PORTAL_FIELD_KEYS", PORTAL_DATA)
GATEWAY_TOKEN, _gateway_token_given = secret("GATEWAY_TOKEN", PORTAL_DATA)
PORTAL_FIELD_KEYS = [key for key in _field_keys.replace(",", " ").split() if key]  # the first one encrypts
PORTAL_MADE_SECRETS = [
    name
    for name, given in (
        ("SECRET_KEY", _secret_key_given),
        ("PORTAL_FIELD_KEYS", _field_keys_given),
        ("GATEWAY_TOKEN", _gateway_token_given),
    )
    if not given
]
PORTAL_KEYS_DIR = PORTAL_DATA / "keys"

# How many documents one message to customs carries at most; a hundred is what the published standard allows.
PORTAL_DOCUMENTS_PER_MESSAGE = whole_number("PORTAL_DOCUMENTS_PER_MESSAGE", 100, most=100)

# Where the systems of enterprises find the interfaces of each environment; told them with their codes.
_on_trial = PORTAL_ENV != "production"
PORTAL_INTERFACES = {
    "sandbox": os.environ.get("PORTAL_TEST_INTERFACES") or ("https://test.tongguan.example/" if _on_trial else ""),
    "production": os.environ.get("PORTAL_LIVE_INTERFACES") or ("https://api.tongguan.example/" if _on_trial else ""),
}

_sandbox = f"http://127.0.0.1:{SANDBOX_PORT}/dxp"
GATEWAY_URL = os.environ.get("GATEWAY_URL") or _sandbox
# The pretended customs of this machine stands in for customs: it is told who files (declarations/demo/registry.py).
PORTAL_SANDBOX = PORTAL_ENV != "production" and _sandbox == GATEWAY_URL

DEBUG = os.environ.get("DEBUG") == "1"
ALLOWED_HOSTS = (os.environ.get("ALLOWED_HOSTS") or "localhost 127.0.0.1 [::1]").replace(",", " ").split()
# The addresses of our own proxies: what they say in X-Forwarded-For about who asks is believed, nobody else's.
PORTAL_PROXIES = os.environ.get("PORTAL_PROXIES", "").replace(",", " ").split()
CSRF_TRUSTED_ORIGINS = os.environ.get("CSRF_TRUSTED_ORIGINS", "").replace(",", " ").split()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "csp",
    "portal",
    "accounts",
    "ledger",
    "declarations",
]

MIDDLEWARE = [
    "portal.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.SecurityHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.admission.AdmissionMiddleware",  # before anything looks at cookies, address or body
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.access.EnterpriseMiddleware",  # last: one transaction under the actor's role around the view
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "portal.context.portal",
            ],
        },
    },
]

# The web process speaks to PostgreSQL as a plain role, so that row-level security holds even for a view
# that forgets everything; commands and workers are the owner (COPY FROM is refused under row-level security).
# Connections live 60 s in every process: the web threads and workers are few and long-lived, a new connection
# costs a third of a task, and all per-actor state is SET LOCAL and ends with its transaction.
_database: dict[str, Any] = dict(
    dj_database_url.parse(services.database_url(PORTAL_PROCESS), conn_max_age=60, conn_health_checks=True)
)
_options: dict[str, Any] = _database.get("OPTIONS", {})
_database["OPTIONS"] = {**_options, "options": startup_options(PORTAL_PROCESS, _options.get("options", ""))}
DATABASES: dict[str, dict[str, Any]] = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": services.redis_url(1),
        "KEY_PREFIX": "portal",
        # Down or silent, it is found out within seconds: who signs in waits for it.
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2, "retry": Retry(NoBackoff(), 1)},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"

# Behind TLS in production; the demo is plain HTTP on the loopback address.
_over_tls = PORTAL_ENV == "production"
SESSION_COOKIE_SECURE = _over_tls
CSRF_COOKIE_SECURE = _over_tls
SECURE_SSL_REDIRECT = _over_tls
SECURE_HSTS_SECONDS = 31_536_000 if _over_tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _over_tls
SECURE_HSTS_PRELOAD = _over_tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _over_tls else None
SECURE_REDIRECT_EXEMPT = [r"^customs/receive/$", r"^health/$"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap draws its check marks and arrows as SVG data: addresses
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.sign_in.NameOrEmailBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]  # untranslated: each language is named in itself
LOCALE_PATHS = [ROOT / "portal" / "locale"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
FORMAT_MODULE_PATH = ["portal.formats"]
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = PORTAL_DATA / "static"
STATICFILES_DIRS = [ROOT / "static"]

# What `manage.py import_tariff` reads when no file is named: the tariff of 2019, as published beside the message tables.
TARIFF_FILE = ROOT / "declarations" / "published" / "tariff.csv"
#: The code tables of customs, read by declarations and accounts alike: one truth.
PUBLISHED_CODES = ROOT / "declarations" / "published" / "codes"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# A workbook of 5,000 orders is some megabytes; what is larger than memory should hold goes to a temporary file.
# How much may be sent at all is said in portal/admission.py.
FILE_UPLOAD_HANDLERS = [
    "portal.admission.WorkbookSizedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# Letters are written to the log until a mail server is named.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = whole_number("EMAIL_PORT", 25, most=65535)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS") == "1"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = PORTAL_EMAIL
# What sends a text message: a function of a telephone number and a text. This one only prints it.
PORTAL_SMS = os.environ.get("PORTAL_SMS") or "accounts.outgoing.print_sms"
PASSWORD_RESET_TIMEOUT = 3600

CELERY_BROKER_URL = services.broker_url()

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "portal.middleware.RequestIdFilter"}},
    "formatters": {
        "line": {
            "class": "portal.logs.DiscreetFormatter",
            "format": "%(asctime)s %(levelname)s %(request_id)s %(name)s: %(message)s",
        }
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]},
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "celery.app.trace": {"level": "WARNING"},  # two lines for every tick of the schedule say nothing
        "fido2": {"level": "WARNING"},  # it names each key it sees
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
