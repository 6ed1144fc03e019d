"""Which database the console uses: SQLite beside its data, or PostgreSQL by `DATABASE_URL`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Several programs write: take the write lock when a transaction begins, wait for it, and let
# readers go on meanwhile. Django's defaults fail with "database is locked" under load.
SQLITE_OPTIONS: dict[str, Any] = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def database_from_url(url: str, *, default_path: Path) -> dict[str, Any]:
    """Translate a database URL into Django's settings; an empty one means SQLite.

    Raises ValueError for a scheme other than `postgres`, `postgresql` or `sqlite`.
    """
    parts = urlsplit(url)
    if not url or parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path) or default_path,
            "OPTIONS": SQLITE_OPTIONS,
        }
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": parts.port or "",
            "OPTIONS": dict(parse_qsl(parts.query)),
            # Under ASGI every request runs in a thread of its own: a connection that outlived its
            # request would be used by nobody and closed by nobody.
            "CONN_MAX_AGE": 0,
        }
    raise ValueError(
        f"DATABASE_URL begins with {parts.scheme!r}; use postgresql://user:password@host/name, "
        "or leave it empty for SQLite"
    )
