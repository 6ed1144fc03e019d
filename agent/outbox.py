"""Keep durable messages on disk until the console says that they are committed.

Bounded: above its size the oldest message of the lowest priority goes first, and every loss is
counted for ever. Idempotent: an id is stored once. When the disk is full, messages wait in a
small piece of memory instead, the outbox says so, and moves them to disk as soon as that works.
"""

from __future__ import annotations

import enum
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import apsw

from eventstore.connection import sqlite_errors_named, writing
from eventstore.exceptions import EventStoreError, StoreDamaged
from protocol.codec import UPWARD
from protocol.messages import (
    AlertRaised,
    Durable,
    InstructionCompleted,
    QuestionAnswered,
    Upward,
)

log = logging.getLogger(__name__)

# An attacker who fills the disk must not silence the alerts about it: this much still waits in
# memory. An ordinary alert takes 1 to 4 KiB.
HELD_IN_MEMORY_BYTES = 1024 * 1024
JOURNAL_BYTES = 4 * 1024 * 1024
BUSY_TIMEOUT_MS = 2_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    priority INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS message_least_worthy ON message (priority, position);
CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO tally VALUES ('dropped', 0), ('bytes', 0);
CREATE TRIGGER IF NOT EXISTS message_came AFTER INSERT ON message BEGIN
    UPDATE tally SET number = number + length(new.body) WHERE name = 'bytes';
END;
CREATE TRIGGER IF NOT EXISTS message_went AFTER DELETE ON message BEGIN
    UPDATE tally SET number = number - length(old.body) WHERE name = 'bytes';
END;
"""


# What the disk's being full, or held by another program, shows itself as.
_NOT_WRITABLE = (EventStoreError, apsw.CantOpenError)

UpwardDurable: TypeAlias = AlertRaised | InstructionCompleted | QuestionAnswered


class Worth(enum.IntEnum):
    """What is given up first when the outbox is full: the lowest number."""

    ANSWER = 0
    OUTCOME = 1
    ALERT = 2


def worth_of(message: Durable) -> Worth:
    """Say how much a message is worth when not all of them can be kept."""
    if isinstance(message, AlertRaised):
        return Worth.ALERT
    return Worth.ANSWER if isinstance(message, QuestionAnswered) else Worth.OUTCOME


@dataclass(frozen=True)
class Waiting:
    """One message that the console has not acknowledged."""

    position: int
    id: UUID
    message: Upward


class Outbox:
    """The durable messages of one agent. Used from one thread."""

    def __init__(self, path: Path, *, key: bytes, max_bytes: int) -> None:
        """Open or make the outbox; a damaged one is put aside, and a new one begun.

        Where the disk has no room to open it, messages wait in memory until it has.
        """
        self._path = path
        self._key = key
        self._max_bytes = max_bytes
        self._held: OrderedDict[UUID, bytes] = OrderedDict()
        self._held_worth: dict[UUID, Worth] = {}
        self._dropped_unsaved = 0
        self.problem = ""
        self._opened: apsw.Connection | None = None
        try:
            self._opened = self._open()
        except _NOT_WRITABLE as error:
            self._report(error)

    @property
    def size_bytes(self) -> int:
        """How many bytes of messages wait."""
        return self._tally("bytes") + sum(map(len, self._held.values()))

    @property
    def dropped(self) -> int:
        """How many messages were lost since this endpoint was enrolled."""
        return self._tally("dropped") + self._dropped_unsaved

    @property
    def waiting(self) -> int:
        """How many messages the console has not acknowledged."""
        if self._opened is None:
            return len(self._held)
        return self._number("SELECT count(*) FROM message") + len(self._held)

    def put(self, messages: Iterable[UpwardDurable]) -> None:
        """Keep these messages; on disk before this returns, unless `problem` says otherwise."""
        self.put_encoded(
            (message.id, worth_of(message), UPWARD.encode(message)) for message in messages
        )

    def put_encoded(self, messages: Iterable[tuple[UUID, Worth, bytes]]) -> None:
        """Keep messages, all or none, that are encoded already: id, worth and bytes of each."""
        entries = list(messages)
        if entries and not self._stored(entries):
            for entry in entries:
                self._hold(*entry)

    def after(self, position: int, *, limit: int, answers: bool = False) -> list[Waiting]:
        """List waiting messages behind this position, oldest first: answers, or all others.

        What only memory holds comes last, with position 0: it is offered again every time.
        """
        found = self._stored_after(position, limit, answers) if self._opened else []
        held = [
            (name, body)
            for name, body in self._held.items()
            if (self._held_worth[name] is Worth.ANSWER) is answers
        ]
        room = max(limit - len(found), 0)
        return found + [Waiting(0, name, UPWARD.decode(body)) for name, body in held[:room]]

    def forget(self, ids: Collection[UUID]) -> None:
        """Remove what the console has committed; unknown ids are left alone."""
        keys = [(name.bytes,) for name in ids]
        for name in ids:
            self._held.pop(name, None)
            self._held_worth.pop(name, None)
        try:
            if self._opened is not None:
                with writing(self._opened):
                    self._opened.executemany("DELETE FROM message WHERE id = ?", keys)
        except EventStoreError as error:
            # They stay, are sent once more, and the console recognises their ids.
            self._report(error)

    def settle(self) -> None:
        """Move what memory holds to disk, if the disk takes it again."""
        if not self._held and not self._dropped_unsaved and not self.problem:
            return
        entries = [(name, self._held_worth[name], body) for name, body in self._held.items()]
        if self._stored(entries):
            self._held.clear()
            self._held_worth.clear()

    def close(self) -> None:
        """Close the file; what memory still held is tried once more."""
        self.settle()
        if self._opened is not None:
            self._opened.close()

    def _stored_after(self, position: int, limit: int, answers: bool) -> list[Waiting]:
        rows = self._database.execute(
            "SELECT position, id, body FROM message "
            "WHERE position > ? AND (priority = ?) = ? ORDER BY position LIMIT ?",
            (position, int(Worth.ANSWER), answers, limit),
        )
        return [Waiting(at, UUID(bytes=name), UPWARD.decode(body)) for at, name, body in rows]

    @property
    def _database(self) -> apsw.Connection:
        """The file, opened now if it could not be before. Raises what stands in _NOT_WRITABLE."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> apsw.Connection:
        try:
            return _open(self._path, self._key)
        except StoreDamaged as error:
            if isinstance(error.__cause__, apsw.IOError):
                raise  # the disk failed, which says nothing about what is on it
            log.warning("the outbox is damaged and was put aside: %s", error)
            self._path.replace(self._path.with_suffix(".damaged"))
            return _open(self._path, self._key)

    def _stored(self, entries: list[tuple[UUID, Worth, bytes]]) -> bool:
        rows = [(name.bytes, int(worth), body) for name, worth, body in entries]
        try:
            with writing(self._database):
                self._database.executemany(
                    "INSERT OR IGNORE INTO message (id, priority, body) VALUES (?, ?, ?)", rows
                )
                dropped = self._make_room() + self._dropped_unsaved
                self._database.execute(
                    "UPDATE tally SET number = number + ? WHERE name = 'dropped'", (dropped,)
                )
        except _NOT_WRITABLE as error:
            self._report(error)
            return False
        if self.problem:
            log.info("the outbox can write to its disk again")
        self.problem = ""
        self._dropped_unsaved = 0
        return True

    def _make_room(self) -> int:
        """Delete the least worthy messages until the rest fits; return how many went."""
        dropped = 0
        while self._tally("bytes") > self._max_bytes:
            self._database.execute(
                "DELETE FROM message WHERE position = "
                "(SELECT position FROM message ORDER BY priority, position LIMIT 1)"
            )
            dropped += 1
        return dropped

    def _hold(self, name: UUID, worth: Worth, body: bytes) -> None:
        self._held.setdefault(name, body)
        self._held_worth[name] = worth
        while sum(map(len, self._held.values())) > HELD_IN_MEMORY_BYTES:
            least = min(self._held, key=lambda held: self._held_worth[held])
            del self._held[least], self._held_worth[least]
            self._dropped_unsaved += 1

    def _report(self, error: Exception) -> None:
        if not self.problem:
            log.error("the outbox cannot write to its disk: %s", error)
        self.problem = "The outbox cannot write to its disk: new alerts wait in memory only."
        if self._opened is None:
            self.problem += " Those that waited before are on that disk and are sent later."

    def _tally(self, name: str) -> int:
        if self._opened is None:
            return 0
        return self._number("SELECT number FROM tally WHERE name = ?", name)

    def _number(self, query: str, *bindings: str) -> int:
        for (number,) in self._database.execute(query, bindings):
            return int(number)
        raise AssertionError("every query here returns one row")


def _open(path: Path, key: bytes) -> apsw.Connection:
    database = apsw.Connection(str(path))
    try:
        database.pragma("cipher", "aes128cbc")
        # 32 bytes after "raw:" skip the slow derivation that is meant for pass phrases.
        material = hashlib.blake2b(key, digest_size=32, person=b"vedette-outbox").digest()
        database.pragma("hexkey", (b"raw:" + material).hex())
        database.set_busy_timeout(BUSY_TIMEOUT_MS)
        with sqlite_errors_named():
            # FULL: an alert that was put here survives a power cut; alerts are rare (see throttle).
            for name, setting in (("journal_mode", "wal"), ("synchronous", "full")):
                database.pragma(name, setting)
            database.pragma("cache_size", -512)  # KiB, negated: SQLite's way to say kibibytes
            database.pragma("journal_size_limit", JOURNAL_BYTES)
            database.execute(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database
