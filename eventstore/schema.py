"""How events lie in the database.

One table per kind of event, keyed by the event's id: its position in the recording, unique over
all kinds and never used twice. Text lives once per segment in `string`; a process lives once per
segment in `process`, its ancestors in `ancestor` and `ancestry`.

A segment is a run of consecutive events that refers to nothing older than itself. So pruning
never has to ask whether an old string is still in use, and a search can look at the strings of
one segment first and then at the events that point to them.

References: NULL is None, 0 is the empty text, other numbers are `string.id`. Paths are split
after their last separator into `…_directory` and `…_name`. `string.folded` holds the lower-case
text where SQLite's own `lower`, which knows ASCII only, would give another answer.

Small numbers are short in SQLite, so instants are stored as their distance from one that the
reader knows: `at` (µs) from its segment's `started_at`, a process's pid and start from what its
key says of them (see `pid_of_key`, `instant_of_key`); mostly zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from protocol.events import (
    KEY_EPOCH_MS,
    PID_BITS,
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    ProcessExited,
    ProcessStarted,
    RegistryEvent,
    SecurityEvent,
)

APPLICATION_ID = 0x56454453  # "VEDS"
SEGMENT_EVENTS = 32_768
EMPTY_TEXT = 0
KEY_PID_MASK = (1 << PID_BITS) - 1

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE segment(
        id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, first_event INTEGER NOT NULL,
        first_string INTEGER NOT NULL, first_process INTEGER NOT NULL,
        first_ancestor INTEGER NOT NULL, first_ancestry INTEGER NOT NULL);
    CREATE TABLE string(id INTEGER PRIMARY KEY, value TEXT NOT NULL, folded TEXT);
    CREATE TABLE ancestor(
        id INTEGER PRIMARY KEY, key INTEGER, pid_apart INTEGER, command_line INTEGER,
        user INTEGER, path_directory INTEGER, path_name INTEGER);
    CREATE TABLE ancestry(
        id INTEGER, level INTEGER, ancestor INTEGER, PRIMARY KEY(id, level)) WITHOUT ROWID;
    CREATE TABLE process(
        id INTEGER PRIMARY KEY, key INTEGER, arguments_length INTEGER, user_id INTEGER,
        group_id INTEGER, login_user_id INTEGER, logon_id INTEGER, memory_only INTEGER,
        cwd INTEGER, user INTEGER, container INTEGER, md5 INTEGER, sha1 INTEGER,
        sha256 INTEGER, original_name INTEGER, company INTEGER, product INTEGER,
        description INTEGER, integrity_level INTEGER, signature_status INTEGER,
        signer INTEGER, command_line_text INTEGER, path_directory INTEGER, path_name INTEGER,
        pid_apart INTEGER, started_apart INTEGER, arguments INTEGER, argument_lengths TEXT,
        ancestry INTEGER, exit INTEGER);
    CREATE TABLE process_start(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, already_running INTEGER);
    CREATE TABLE process_exit(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, exit_code INTEGER,
        killed_by INTEGER);
    CREATE TABLE file(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, directory INTEGER,
        operation INTEGER, md5 INTEGER, sha1 INTEGER, sha256 INTEGER, magic INTEGER,
        path_directory INTEGER, path_name INTEGER,
        original_path_directory INTEGER, original_path_name INTEGER);
    CREATE TABLE network(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, local_port INTEGER, port INTEGER,
        operation INTEGER, protocol INTEGER, local_address INTEGER, address INTEGER,
        domain INTEGER);
    CREATE TABLE dns(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, query INTEGER,
        record_type INTEGER, response INTEGER, server INTEGER);
    CREATE TABLE registry(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, operation INTEGER,
        key_path INTEGER, value_name INTEGER, value_data INTEGER);
    CREATE TABLE image(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, md5 INTEGER, sha1 INTEGER,
        sha256 INTEGER, signature_status INTEGER, signer INTEGER, original_name INTEGER,
        company INTEGER, product INTEGER, description INTEGER, path_directory INTEGER,
        path_name INTEGER);
    CREATE TABLE security(
        id INTEGER PRIMARY KEY, at INTEGER, process INTEGER, operation INTEGER, user INTEGER,
        logon_type INTEGER, source_address INTEGER, service_name INTEGER);
    CREATE TABLE counter(
        hour INTEGER, kind TEXT, seen INTEGER NOT NULL, filtered INTEGER NOT NULL,
        recorded INTEGER NOT NULL, lost INTEGER NOT NULL, PRIMARY KEY(hour, kind))
        WITHOUT ROWID;
    """,
)
"""What brings a store from version N to N + 1. Released scripts never change."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which fields of a struct go to a table, in groups that are stored in the same way.

    The columns follow in this order: numbers, flags, texts, and two for each path.
    """

    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every column, in the order of storage."""
        halves = (f"{path}_{half}" for path in self.paths for half in ("directory", "name"))
        return (*self.numbers, *self.flags, *self.texts, *halves)


@dataclass(frozen=True, slots=True)
class EventTable:
    """The table of one kind of event; `id`, `at` and `process` stand before the columns."""

    name: str
    event: type[Event]
    columns: Columns

    @property
    def names(self) -> tuple[str, ...]:
        """Every column of the table, in the order of storage."""
        return ("id", "at", "process", *self.columns.names)


PROCESS_COLUMNS = Columns(
    numbers=(
        "key",
        "arguments_length",
        "user_id",
        "group_id",
        "login_user_id",
        "logon_id",
    ),
    flags=("memory_only",),
    texts=(
        "cwd",
        "user",
        "container",
        "md5",
        "sha1",
        "sha256",
        "original_name",
        "company",
        "product",
        "description",
        "integrity_level",
        "signature_status",
        "signer",
        "command_line_text",
    ),
    paths=("path",),
)

_HASHES = ("md5", "sha1", "sha256")
_VERSION = ("original_name", "company", "product", "description")

EVENT_TABLES: tuple[EventTable, ...] = (
    EventTable("process_start", ProcessStarted, Columns(flags=("already_running",))),
    EventTable("process_exit", ProcessExited, Columns(numbers=("exit_code", "killed_by"))),
    EventTable(
        "file",
        FileEvent,
        Columns(
            flags=("directory",),
            texts=("operation", *_HASHES, "magic"),
            paths=("path", "original_path"),
        ),
    ),
    EventTable(
        "network",
        NetworkEvent,
        Columns(
            numbers=("local_port", "port"),
            texts=("operation", "protocol", "local_address", "address", "domain"),
        ),
    ),
    EventTable("dns", DnsEvent, Columns(texts=("query", "record_type", "response", "server"))),
    EventTable(
        "registry",
        RegistryEvent,
        Columns(texts=("operation", "key_path", "value_name", "value_data")),
    ),
    EventTable(
        "image",
        ImageLoaded,
        Columns(
            texts=(*_HASHES, "signature_status", "signer", *_VERSION),
            paths=("path",),
        ),
    ),
    EventTable(
        "security",
        SecurityEvent,
        Columns(texts=("operation", "user", "logon_type", "source_address", "service_name")),
    ),
)
TABLE_OF: dict[type[Event], EventTable] = {table.event: table for table in EVENT_TABLES}


def reader_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives these attributes of an object as a tuple, fast."""
    if not names:
        return lambda _subject: ()
    if len(names) == 1:
        get = attrgetter(names[0])
        return lambda subject: (get(subject),)
    return attrgetter(*names)


def insertion(table: str, names: tuple[str, ...]) -> str:
    """Return the statement that inserts one row with these columns."""
    marks = ",".join("?" * len(names))
    return f"INSERT INTO {table}({','.join(names)}) VALUES({marks})"


def split_path(path: str) -> tuple[str, str]:
    r"""Split after the last `/` or `\\`; the two parts joined are the path, whatever it holds."""
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    return path[:cut], path[cut:]


def pid_of_key(key: int) -> int:
    """Return the pid that a process's key says it has."""
    return key & KEY_PID_MASK


def instant_of_key(key: int) -> int:
    """Return the instant (µs) at which a process started, as its key says: whole milliseconds."""
    return ((key >> PID_BITS) + KEY_EPOCH_MS) * 1000
