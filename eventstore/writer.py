"""Write events in batches: each text and each process once per segment, one transaction.

Rows are made when an event is appended and written by `flush`. A flush that fails (`StoreFull`,
`StoreBusy`) changes nothing in the file and keeps its rows, so the caller stops appending, says
so, and flushes again later.

A `Process` may be shared by any number of events and must not change after it was appended,
save for its hashes: these are known later than the rest, and are then written to its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from eventstore.connection import writing
from eventstore.dictionary import Dictionary, well_formed
from eventstore.schema import (
    EVENT_TABLES,
    PROCESS_COLUMNS,
    SEGMENT_EVENTS,
    EventTable,
    insertion,
    instant_of_key,
    pid_of_key,
    reader_of,
    split_path,
)
from protocol.events import Ancestor, Event, Process, ProcessExited

PROCESSES_KEPT = 4_096
INTEGER_LIMIT = 2**63

Row = tuple[Any, ...]
Hashes = tuple[str | None, str | None, str | None]

_INSERT_STRING = insertion("string", ("id", "value", "folded"))
_INSERT_ANCESTOR = insertion(
    "ancestor", ("id", "key", "pid_apart", "command_line", "user", "path_directory", "path_name")
)
_INSERT_ANCESTRY = insertion("ancestry", ("id", "level", "ancestor"))
_INSERT_PROCESS = insertion(
    "process",
    (
        "id",
        *PROCESS_COLUMNS.names,
        "pid_apart",
        "started_apart",
        "arguments",
        "argument_lengths",
        "ancestry",
    ),
)
_INSERT_SEGMENT = insertion(
    "segment",
    (
        "id",
        "started_at",
        "first_event",
        "first_string",
        "first_process",
        "first_ancestor",
        "first_ancestry",
    ),
)
_SET_EXIT = "UPDATE process SET exit = ? WHERE id = ?"
_SET_HASHES = "UPDATE process SET md5 = ?, sha1 = ?, sha256 = ? WHERE id = ?"


@dataclass(slots=True)
class _Numbers:
    """The next free number of each table."""

    segment: int
    event: int
    process: int
    ancestor: int
    ancestry: int


@dataclass(slots=True)
class _Known:
    """A process of this segment: its row, and the hashes that the row holds."""

    process: Process
    row: int
    hashes: Hashes


class _EventRows:
    """The rows of one kind of event that wait to be written."""

    def __init__(self, table: EventTable) -> None:
        columns = table.columns
        self.statement = insertion(table.name, table.names)
        self.rows: list[Row] = []
        self.exits = table.event is ProcessExited
        self.numbers_of = reader_of((*columns.numbers, *columns.flags))
        self.texts_of = reader_of(columns.texts)
        self.paths_of = reader_of(columns.paths)
        self.has_paths = bool(columns.paths)


class EventWriter:
    """The one writer of a store. Made by `EventStore`; not safe to use from two threads."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._numbers = _first_free(connection)
        self._strings = Dictionary(_next_id(connection, "string"))
        self._processes: dict[int, _Known] = {}
        self._ancestors: dict[Ancestor, int] = {}
        self._ancestries: dict[tuple[Ancestor, ...], int] = {(): 0}
        self._events = {table.event: _EventRows(table) for table in EVENT_TABLES}
        self._segments: list[Row] = []
        self._process_rows: list[Row] = []
        self._ancestor_rows: list[Row] = []
        self._ancestry_rows: list[Row] = []
        self._exits: list[Row] = []
        self._hashes: list[Row] = []
        self._room = 0
        self._started_at = 0
        self.pending = 0
        self.refused = 0

    def append(self, events: Sequence[Event]) -> range:
        """Take events to be written by the next `flush` and return their ids, in order."""
        numbers, strings = self._numbers, self._strings.__getitem__
        first = numbers.event
        for event in events:
            if not self._room:
                self._begin_segment(event.at)
            self._room -= 1
            kind = self._events[type(event)]
            process = event.process
            number = None if process is None else self._number_of(process)
            row = (
                numbers.event,
                event.at - self._started_at,
                number,
                *kind.numbers_of(event),
                *map(strings, kind.texts_of(event)),
            )
            if kind.has_paths:
                for path in kind.paths_of(event):
                    row += tuple(map(strings, split_path(path)))
            elif kind.exits and number is not None:
                self._exits.append((numbers.event, number))
            kind.rows.append(row)
            numbers.event += 1
        self.pending += len(events)
        return range(first, numbers.event)

    def flush(self) -> int:
        """Write everything appended in one transaction; return the number of events written.

        Raises `StoreFull` or `StoreBusy` with nothing written and nothing forgotten. An event
        with a number beyond 64 bits cannot be stored: it is dropped and counted in `refused`.
        """
        try:
            self._write()
        except OverflowError:
            self._drop_unstorable()
            self._write()
        written = sum(len(kind.rows) for kind in self._events.values())
        for _, rows in self._batches():
            rows.clear()
        self.pending = 0
        return written

    def _write(self) -> None:
        with writing(self._connection):
            for statement, rows in self._batches():
                if rows:
                    self._connection.executemany(statement, rows)

    def _batches(self) -> list[tuple[str, list[Any]]]:
        return [
            (_INSERT_SEGMENT, self._segments),
            (_INSERT_STRING, self._strings.fresh),
            (_INSERT_ANCESTOR, self._ancestor_rows),
            (_INSERT_ANCESTRY, self._ancestry_rows),
            (_INSERT_PROCESS, self._process_rows),
            *((kind.statement, kind.rows) for kind in self._events.values()),
            (_SET_EXIT, self._exits),
            (_SET_HASHES, self._hashes),
        ]

    def _drop_unstorable(self) -> None:
        before = sum(len(kind.rows) for kind in self._events.values())
        for _, rows in self._batches():
            rows[:] = [row for row in rows if all(map(_storable, row))]
        self.refused += before - sum(len(kind.rows) for kind in self._events.values())

    def _begin_segment(self, started_at: int) -> None:
        self._strings.forget()
        self._processes.clear()
        self._ancestors.clear()
        self._ancestries = {(): 0}
        numbers = self._numbers
        self._segments.append(
            (
                numbers.segment,
                started_at,
                numbers.event,
                self._strings.next_id,
                numbers.process,
                numbers.ancestor,
                numbers.ancestry,
            )
        )
        numbers.segment += 1
        self._room = SEGMENT_EVENTS
        self._started_at = started_at

    def _number_of(self, process: Process) -> int:
        known = self._processes.get(process.key)
        if known is not None:
            hashes = (process.md5, process.sha1, process.sha256)
            if known.process is process:
                if hashes != known.hashes:
                    known.hashes = hashes
                    self._hashes.append((*map(self._strings.__getitem__, hashes), known.row))
                return known.row
            if hashes == known.hashes and known.process == process:
                return known.row
        elif len(self._processes) >= PROCESSES_KEPT:
            del self._processes[next(iter(self._processes))]
        return self._add_process(process)

    def _add_process(self, process: Process) -> int:
        row = self._numbers.process
        self._numbers.process += 1
        strings = self._strings.__getitem__
        line, lengths = _joined(process.arguments)
        self._process_rows.append(
            (
                row,
                *_PROCESS_NUMBERS(process),
                *map(strings, _PROCESS_TEXTS(process)),
                *map(strings, split_path(process.path)),
                process.pid - pid_of_key(process.key),
                process.started_at - instant_of_key(process.key),
                strings(line),
                lengths,
                self._number_of_ancestry(process.ancestors),
            )
        )
        hashes = (process.md5, process.sha1, process.sha256)
        self._processes[process.key] = _Known(process, row, hashes)
        return row

    def _number_of_ancestry(self, ancestors: tuple[Ancestor, ...]) -> int:
        number = self._ancestries.get(ancestors)
        if number is None:
            number = self._ancestries[ancestors] = self._numbers.ancestry
            self._numbers.ancestry += 1
            self._ancestry_rows.extend(
                (number, level, self._number_of_ancestor(ancestor))
                for level, ancestor in enumerate(ancestors)
            )
        return number

    def _number_of_ancestor(self, ancestor: Ancestor) -> int:
        number = self._ancestors.get(ancestor)
        if number is None:
            number = self._ancestors[ancestor] = self._numbers.ancestor
            self._numbers.ancestor += 1
            texts = (ancestor.command_line, ancestor.user, *split_path(ancestor.path))
            apart = ancestor.pid - pid_of_key(ancestor.key)
            self._ancestor_rows.append(
                (number, ancestor.key, apart, *map(self._strings.__getitem__, texts))
            )
        return number


_PROCESS_NUMBERS = reader_of((*PROCESS_COLUMNS.numbers, *PROCESS_COLUMNS.flags))
_PROCESS_TEXTS = reader_of(PROCESS_COLUMNS.texts)


def _joined(arguments: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the command line, and where its arguments end if blanks do not tell."""
    if not arguments:
        return None, None
    line = " ".join(arguments)
    if not line.isascii():
        arguments = tuple(map(well_formed, arguments))
        line = " ".join(arguments)
    if line.count(" ") == len(arguments) - 1:
        return line, None
    return line, ",".join(str(len(argument)) for argument in arguments)


def _storable(value: object) -> bool:
    return not isinstance(value, int) or -INTEGER_LIMIT <= value < INTEGER_LIMIT


def _next_id(connection: apsw.Connection, table: str) -> int:
    query = f"SELECT coalesce(max(id), 0) + 1 FROM {table}"  # noqa: S608 -- our names
    number: int = connection.execute(query).get
    return number


def _first_free(connection: apsw.Connection) -> _Numbers:
    """Find the next numbers; an id that was pruned away is not given out again."""
    pruned = connection.execute("SELECT value FROM state WHERE name = 'pruned'").get or 0
    return _Numbers(
        segment=_next_id(connection, "segment"),
        event=max(pruned + 1, *(_next_id(connection, table.name) for table in EVENT_TABLES)),
        process=_next_id(connection, "process"),
        ancestor=_next_id(connection, "ancestor"),
        ancestry=_next_id(connection, "ancestry"),
    )
