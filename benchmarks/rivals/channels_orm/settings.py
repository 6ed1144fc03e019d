"""Settings of the rival: SQLite with the console's own options, and the same Redis."""

import os

from console.core.database import SQLITE_OPTIONS

SECRET_KEY = "a benchmark has no secrets"  # noqa: S105 - nobody logs in
INSTALLED_APPS = ["channels", "benchmarks.rivals.channels_orm"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["RIVAL_DATABASE"],
        "OPTIONS": SQLITE_OPTIONS,
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": None}],
            # Or it would lose most questions, and be fast.
            "capacity": 20_000,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
