"""All settings of the console. Defaults run everything on one machine; see docs/operations.md.

Every value comes from the environment; a secret `NAME` may also stand in a file named by
`NAME_FILE`. Wrong values are found by the system checks in `console.core.checks`.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import socket
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.urls import reverse_lazy
from django.utils.functional import SimpleLazyObject

from console.core import places
from console.core.environment import Environment
from console.core.secrets import read_or_create_secret

_environment = Environment(os.environ)
# Empty where all is well.
VEDETTE_WRONG_VALUES = _environment.wrong

# ---------------------------------------------------------------- places
BASE_DIR = places.BASE_DIR
DATA_DIR = places.DATA_DIR
KEYS_DIR = places.KEYS_DIR

# ---------------------------------------------------------------- addresses
VEDETTE_WEB_ADDRESS = os.environ.get("VEDETTE_WEB_ADDRESS") or "127.0.0.1"
VEDETTE_ENDPOINT_ADDRESS = os.environ.get("VEDETTE_ENDPOINT_ADDRESS") or "0.0.0.0"  # noqa: S104 - endpoints come from everywhere; mutual TLS guards the port
# The names and addresses under which endpoints and browsers reach this console; all of them stand
# in the server certificates. The first is what installers and sessions use. This machine's own are
# always among them: its agent and the supervisor use them, whatever a user adds.
_own_names = ("localhost", "127.0.0.1", "::1", VEDETTE_WEB_ADDRESS, VEDETTE_ENDPOINT_ADDRESS)
VEDETTE_NAMES = [
    name
    for name in dict.fromkeys(
        (*_environment.names("VEDETTE_NAMES", socket.gethostname()), *_own_names)
    )
    if name not in {"0.0.0.0", "::"}  # noqa: S104 - every address, and no name of one
]
# Addresses or networks of reverse proxies: only their word about who is behind them counts.
VEDETTE_TRUSTED_PROXIES = _environment.names("VEDETTE_TRUSTED_PROXIES", "")
VEDETTE_WEB_PORT = _environment.number("VEDETTE_WEB_PORT", 8443)
VEDETTE_GATEWAY_PORT = _environment.number("VEDETTE_GATEWAY_PORT", 17472)
VEDETTE_SESSIONS_PORT = _environment.number("VEDETTE_SESSIONS_PORT", 17475)
VEDETTE_STATUS_PORT = _environment.number("VEDETTE_STATUS_PORT", 17443)

# ---------------------------------------------------------------- what is kept
VEDETTE_ANSWERS_KEPT_DAYS = _environment.number("VEDETTE_ANSWERS_KEPT_DAYS", 30, lowest=1)
VEDETTE_INSTRUCTIONS_KEPT_DAYS = _environment.number("VEDETTE_INSTRUCTIONS_KEPT_DAYS", 30, lowest=1)

# ---------------------------------------------------------------- Django
# Made when something is signed for the first time: whoever only reads the settings, as a checker of
# types or the gateway does, must leave no key behind.
SECRET_KEY = SimpleLazyObject(
    functools.partial(
        read_or_create_secret,
        "django.key",
        keys_directory=KEYS_DIR,
        environment="VEDETTE_SECRET_KEY",
    )
)
DEBUG = False
# Browsers write IPv6 addresses in brackets.
ALLOWED_HOSTS = [f"[{name}]" if ":" in name else name for name in VEDETTE_NAMES]
CSRF_TRUSTED_ORIGINS = _environment.names("VEDETTE_TRUSTED_ORIGINS", "")
ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"
AUTH_USER_MODEL = "access.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
# Django asks the language how to spell dates, and no setting.
FORMAT_MODULE_PATH = ["console.core.formats"]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "knox",
    "guardian",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "console.core",
    "console.audit",
    "console.access",
    "console.certificates",
    "console.endpoints",
    "console.gateway",
    "console.questions",
    "console.supervisor",
    "directconnect",
    "threatresponse.intel",
    "threatresponse.deployment",
    "threatresponse.alerts",
    "threatresponse.live",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.core.redis_away.RedisAwayMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTHENTICATION_BACKENDS = [
    "console.access.login_attempts.LoginGuard",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
# guardian would otherwise add a user to the table for whoever is not logged in.
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# ---------------------------------------------------------------- database and Redis
DATABASES = {
    "default": _environment.database("DATABASE_URL", default_path=DATA_DIR / "console.sqlite3")
}

# A Unix socket's path must fit into 107 bytes; a deep data directory does not.
_socket = DATA_DIR / "run" / "valkey.sock"
if len(str(_socket)) > 107:
    _name = hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:16]
    _socket = Path(tempfile.gettempdir()) / f"vedette-{_name}" / "valkey.sock"
VALKEY_SOCKET = _socket
_redis_url = _environment.secret("REDIS_URL")
# Whether the supervisor starts a Valkey of its own.
REDIS_IS_EMBEDDED = not _redis_url
REDIS_URL = _redis_url or f"unix://{VALKEY_SOCKET}?db=0"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # Django's own would run whatever code somebody with access to Redis puts into it.
        "OPTIONS": {"serializer": "console.core.cached_values.SealedValues"},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # redis-py 8 gives sockets a time-out of 5 s; the layer blocks longer than that on purpose,
        # and every idle consumer would die of it.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "capacity": 1000},
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace(
    "?db=", "?virtual_host="
)
CELERY_RESULT_BACKEND = CELERY_BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "interactive"
CELERY_TIMEZONE = "UTC"

# ---------------------------------------------------------------- logs
# Without this structlog writes debug lines, too: one per failed handshake of any stranger.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))

# ---------------------------------------------------------------- browsers
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SECURE = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "files"
# Alpine, inside Unfold, evaluates its attributes: without 'unsafe-eval' no menu opens.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
    }
}

# ---------------------------------------------------------------- API
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "knox.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["console.core.api.permissions.ActionPermissions"],
    "DEFAULT_PAGINATION_CLASS": "console.core.api.pagination.CursorPages",
    "DEFAULT_PARSER_CLASSES": ["console.core.api.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "console.core.api.errors.problem_from",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vedette",
    "DESCRIPTION": "See, ask, hunt and contain on every computer you look after.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "ENUM_NAME_OVERRIDES": {
        "AlertStateEnum": "threatresponse.alerts.models.Alert.State",
        "SessionStateEnum": "directconnect.models.Session.State",
    },
}
REST_KNOX = {
    "TOKEN_TTL": timedelta(hours=_environment.number("VEDETTE_API_TOKEN_HOURS", 12, lowest=1)),
    "AUTO_REFRESH": False,
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Vedette",
    "SITE_HEADER": "Vedette",
    "SITE_SUBHEADER": "Endpoint watch",
    # There is no other site to return to.
    "SITE_URL": None,
    "SITE_ICON": "console.core.navigation.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "console.core.navigation.logo"}
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "LOGIN": {"form": "console.access.forms.LoginForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your access", "link": reverse_lazy("admin:access_user_own_access")}
        ]
    },
    "DASHBOARD_CALLBACK": "console.core.home.home_context",
    "STYLES": ["console.core.navigation.stylesheet"],
    "SCRIPTS": [
        "console.core.navigation.keyboard_script",
        "console.core.navigation.confirm_script",
        "console.core.navigation.instants_script",
    ],
    "SIDEBAR": {
        "show_search": False,
        "command_search": True,
        "navigation": "console.core.navigation.sidebar",
    },
    # One accent, a deep teal; severities have colours of their own in console.css.
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .018 195)",
            "100": "oklch(94% .04 195)",
            "200": "oklch(89% .07 195)",
            "300": "oklch(82% .1 195)",
            "400": "oklch(74% .115 195)",
            "500": "oklch(64% .11 197)",
            "600": "oklch(50% .095 200)",
            "700": "oklch(43% .08 203)",
            "800": "oklch(37% .065 206)",
            "900": "oklch(31% .055 208)",
            "950": "oklch(24% .045 210)",
        }
    },
}
