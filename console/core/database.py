"""Which database the console uses: SQLite beside its data, or PostgreSQL by `DATABASE_URL`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# Several programs write: take the write lock when a transaction begins, wait for it, and let
# readers go on meanwhile. Django's defaults fail with "database is locked" under load.
SQLITE_OPTIONS: dict[str, Any] = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}

# Whatever uses it is refused.
NO_DATABASE: dict[str, Any] = {"ENGINE": "django.db.backends.dummy"}


def database_from_url(url: str, *, default_path: Path) -> dict[str, Any]:
    """Translate a database URL into Django's settings; an empty one means SQLite.

    Raises ValueError, without a word of the password, for text that is no address, for a scheme
    other than `postgres`, `postgresql` or `sqlite`, and for an address without a database.
    """
    parts, port = _parts_of(url)
    if not url or parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path) or default_path,
            "OPTIONS": SQLITE_OPTIONS,
        }
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(
            f"DATABASE_URL begins with {parts.scheme!r}, which is no kind of database known here"
        )
    if not parts.path.strip("/"):
        raise ValueError("DATABASE_URL names no database behind the host")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port or "",
        "OPTIONS": dict(parse_qsl(parts.query)),
        # Under ASGI every request runs in a thread of its own: a connection that outlived its
        # request would be used by nobody and closed by nobody.
        "CONN_MAX_AGE": 0,
    }


def _parts_of(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Its own words quote what may be a piece of the password.
        raise ValueError(
            "DATABASE_URL is not an address (special characters in a password are written %40)"
        ) from None
    return parts, port
