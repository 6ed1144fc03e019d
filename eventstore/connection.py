"""Open the database file, with its key, and put SQLite's errors into our words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from eventstore.exceptions import (
    NotAnEventStore,
    SearchCancelled,
    StoreBusy,
    StoreDamaged,
    StoreFull,
    StoreTooNew,
    WrongStoreKey,
)
from eventstore.schema import APPLICATION_ID, MIGRATIONS

CIPHERS = ("aes128cbc", "aegis")
BUSY_TIMEOUT_MS = 5_000
SHORTEST_KEY = 16

# Bytes 21 to 23 of every SQLite database are these; SQLite3MC leaves bytes 16 to 23 readable.
_FRACTIONS = bytes((64, 32, 32))
_PLAIN_HEADER = b"SQLite format 3\x00"
_HEADER_LENGTH = 24

# A full disk refuses a write with SQLITE_FULL, but the growth of the shared index with these.
_OUT_OF_ROOM = (
    apsw.SQLITE_IOERR_WRITE,
    apsw.SQLITE_IOERR_FSYNC,
    apsw.SQLITE_IOERR_TRUNCATE,
    apsw.SQLITE_IOERR_SHMSIZE,
    apsw.SQLITE_IOERR_SHMMAP,
)


@contextmanager
def sqlite_errors_named() -> Iterator[None]:
    """Turn SQLite's refusals into the store's own errors."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as refusal:
        raise StoreBusy("another program holds the event store") from refusal
    except apsw.InterruptError as refusal:
        raise SearchCancelled("the search was cancelled") from refusal
    except apsw.FullError as refusal:
        raise StoreFull("the disk has no room for the event store") from refusal
    except apsw.IOError as refusal:
        if getattr(refusal, "extendedresult", 0) in _OUT_OF_ROOM:
            raise StoreFull("the disk has no room for the event store") from refusal
        raise StoreDamaged(str(refusal)) from refusal
    except (apsw.CorruptError, apsw.NotADBError) as refusal:
        raise StoreDamaged(str(refusal)) from refusal


@contextmanager
def writing(connection: apsw.Connection) -> Iterator[None]:
    """Run the block as one transaction; on any error nothing of it remains."""
    with sqlite_errors_named():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # SQLite ends the transaction by itself on a full disk.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def connect(
    path: Path, *, key: bytes, cipher: str | None = "aes128cbc", read_only: bool = False
) -> apsw.Connection:
    """Open or create the file; a cipher of None leaves it unencrypted (only to compare).

    Raises `NotAnEventStore`, `WrongStoreKey`, `StoreBusy`, and `ValueError` for a key shorter
    than 16 bytes or an unknown cipher. The schema is not looked at: see `prepare`.
    """
    _refuse_foreign_file(path, encrypted=cipher is not None)
    flags = (
        apsw.SQLITE_OPEN_READONLY
        if read_only
        else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )
    try:
        connection = apsw.Connection(str(path), flags=flags)
    except apsw.CantOpenError as refusal:
        raise NotAnEventStore(f"{path} cannot be opened: {refusal}") from refusal
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        if cipher is not None:
            _unlock(connection, key, cipher)
        _configure(connection, read_only=read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: apsw.Connection, *, read_only: bool) -> None:
    """Bring the schema up to date, or refuse what is not ours or newer than this program."""
    with sqlite_errors_named():
        version = connection.pragma("user_version")
        owner = connection.pragma("application_id")
        if version and owner != APPLICATION_ID:
            raise NotAnEventStore("the database belongs to another program")
        if version > len(MIGRATIONS):
            raise StoreTooNew(f"schema {version} is newer than {len(MIGRATIONS)}")
        if version == len(MIGRATIONS):
            return
    if read_only:
        raise NotAnEventStore(f"schema {version} is older than {len(MIGRATIONS)}: open to write")
    with writing(connection):
        for script in MIGRATIONS[version:]:
            connection.execute(script)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", len(MIGRATIONS))


def _refuse_foreign_file(path: Path, *, encrypted: bool) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    if not path.is_file():
        raise NotAnEventStore(f"{path} is not a file")
    with path.open("rb") as file:
        header = file.read(_HEADER_LENGTH)
    plain = header.startswith(_PLAIN_HEADER)
    if header[21:24] != _FRACTIONS or plain == encrypted:
        raise NotAnEventStore(f"{path} is not an event store")


def _unlock(connection: apsw.Connection, key: bytes, cipher: str) -> None:
    if cipher not in CIPHERS:
        raise ValueError(f"unknown cipher {cipher!r}: use one of {', '.join(CIPHERS)}")
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"the key has {len(key)} bytes: at least {SHORTEST_KEY} are needed")
    # 32 bytes after "raw:" skip the slow derivation meant for pass phrases. In hexadecimal no
    # key can end the statement.
    material = b"raw:" + hashlib.blake2b(key, digest_size=32, person=b"vedette-store").digest()
    connection.pragma("cipher", cipher)
    connection.pragma("hexkey", material.hex())


def _configure(connection: apsw.Connection, *, read_only: bool) -> None:
    try:
        with sqlite_errors_named():
            connection.pragma("schema_version")
            if not read_only:
                connection.pragma("auto_vacuum", "incremental")
                connection.pragma("journal_mode", "wal")
    except StoreDamaged as refusal:
        if not isinstance(refusal.__cause__, apsw.NotADBError):
            raise
        raise WrongStoreKey("the key does not open this event store") from refusal
    connection.pragma("synchronous", "normal")
    connection.pragma("cache_size", -16_384)  # KiB, negated: SQLite's way to say kibibytes
    connection.pragma("temp_store", "memory")
    connection.pragma("secure_delete", "off")  # pages are encrypted
    connection.pragma("trusted_schema", "off")
