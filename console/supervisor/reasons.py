"""Why a step of the start failed, in one sentence that says what to do about it.

A start meets what a disk, a backup or somebody else left in the data directory. Whoever reads a
traceback learns nothing from it that these sentences do not say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError

from console.core.exceptions import VedetteError
from console.supervisor.exceptions import CannotStart


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """Turn what a start can meet into CannotStart; leave mistakes of ours as they are."""
    try:
        yield
    except VedetteError as refusal:
        raise CannotStart(refusal.detail) from refusal
    except DatabaseError as error:
        raise CannotStart(_about_the_database(error)) from error
    except OSError as error:
        raise CannotStart(_about_a_file(error)) from error
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from error


def _about_the_database(error: DatabaseError) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    if database["ENGINE"].endswith("sqlite3"):
        return (
            f"the database {database['NAME']} cannot be used: {reason}; see that it belongs to "
            "this user and that the disk has room, or restore it from a backup"
        )
    return (
        f"the database of DATABASE_URL cannot be used: {reason}; see that the server runs and "
        "that user, password and name are right"
    )


def _about_a_file(error: OSError) -> str:
    return (
        f"{error.filename or 'a file'} cannot be used: {error.strerror or error}; see that "
        f"{settings.DATA_DIR} belongs to this user and that the disk has room, or set "
        "VEDETTE_DATA to another directory"
    )
