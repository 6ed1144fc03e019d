"""Read events back as the structs that were recorded, with their processes."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw

from eventstore.schema import (
    EVENT_TABLES,
    PROCESS_COLUMNS,
    EventTable,
    instant_of_key,
    pid_of_key,
)
from eventstore.segments import read_segments
from protocol.events import Ancestor, Event, Process
from protocol.live import EventRow

_PROCESS_NAMES = (
    "id",
    *PROCESS_COLUMNS.numbers,
    *PROCESS_COLUMNS.flags,
    "pid_apart",
    "started_apart",
    *PROCESS_COLUMNS.texts,
    "path_directory",
    "path_name",
    "arguments",
    "argument_lengths",
    "ancestry",
)
_FIRST_TEXT = _PROCESS_NAMES.index("started_apart") + 1
_SELECT_PROCESSES = f"SELECT {','.join(_PROCESS_NAMES)} FROM process WHERE id IN carray(?)"  # noqa: S608
_SELECT_ANCESTORS = (
    "SELECT y.id, a.key, a.pid_apart, a.path_directory, a.path_name, a.command_line, a.user "
    "FROM ancestry y "
    "JOIN ancestor a ON a.id = y.ancestor WHERE y.id IN carray(?) ORDER BY y.id, y.level"
)
_SELECT_STRINGS = "SELECT id, value FROM string WHERE id IN carray(?)"
_SELECT_EVENTS = {
    table.name: f"SELECT {','.join(table.names)} FROM {table.name} WHERE id IN carray(?)"  # noqa: S608
    for table in EVENT_TABLES
}

Texts = dict[int | None, str | None]


def read_rows(connection: apsw.Connection, ids: Sequence[int]) -> list[EventRow]:
    """Return the events with these ids, in the order asked for; pruned ones are left out."""
    wanted = _numbers(ids)
    found = [
        (table, list(connection.execute(_SELECT_EVENTS[table.name], (apsw.carray(wanted),))))
        for table in EVENT_TABLES
        if wanted
    ]
    processes = read_processes(connection, {row[2] for _, rows in found for row in rows} - {None})
    texts = _texts(
        connection,
        (number for table, rows in found for row in rows for number in row[_text_at(table) :]),
    )
    started_at = _segment_starts(connection, wanted)
    events = {
        row[0]: EventRow(row[0], _event(table, row, started_at(row[0]), processes, texts))
        for table, rows in found
        for row in rows
    }
    return [events[number] for number in ids if number in events]


def read_processes(connection: apsw.Connection, numbers: Iterable[int]) -> dict[int, Process]:
    """Return the processes in these rows of the `process` table, by row number."""
    wanted = _numbers(numbers)
    if not wanted:
        return {}
    rows = list(connection.execute(_SELECT_PROCESSES, (apsw.carray(wanted),)))
    chains: dict[int, list[tuple[Any, ...]]] = {}
    wanted_chains = _numbers({row[-1] for row in rows} - {0})
    if wanted_chains:
        for chain, *ancestor in connection.execute(
            _SELECT_ANCESTORS, (apsw.carray(wanted_chains),)
        ):
            chains.setdefault(chain, []).append(tuple(ancestor))
    referred = [number for row in rows for number in row[_FIRST_TEXT:-2]]
    referred += [number for chain in chains.values() for link in chain for number in link[2:]]
    texts = _texts(connection, referred)
    return {row[0]: _process(row, chains.get(row[-1], []), texts) for row in rows}


def _event(
    table: EventTable,
    row: tuple[Any, ...],
    started_at: int,
    processes: dict[int, Process],
    texts: Texts,
) -> Event:
    columns = table.columns
    fields: dict[str, Any] = {"at": started_at + row[1], "process": processes.get(row[2])}
    values = iter(row[3:])
    fields.update((name, next(values)) for name in columns.numbers)
    fields.update((name, bool(next(values))) for name in columns.flags)
    fields.update((name, texts[next(values)]) for name in columns.texts)
    for name in columns.paths:
        fields[name] = f"{texts[next(values)]}{texts[next(values)]}"
    return table.event(**fields)


def _process(row: tuple[Any, ...], chain: list[tuple[Any, ...]], texts: Texts) -> Process:
    values = iter(row[1:])
    fields: dict[str, Any] = {name: next(values) for name in PROCESS_COLUMNS.numbers}
    fields.update((name, bool(next(values))) for name in PROCESS_COLUMNS.flags)
    key = fields["key"]
    fields["pid"] = pid_of_key(key) + next(values)
    fields["started_at"] = instant_of_key(key) + next(values)
    fields.update((name, texts[next(values)]) for name in PROCESS_COLUMNS.texts)
    fields["path"] = f"{texts[next(values)]}{texts[next(values)]}"
    fields["arguments"] = _separated(texts[next(values)], next(values))
    fields["ancestors"] = tuple(_ancestor(link, texts) for link in chain)
    return Process(**fields)


def _ancestor(link: tuple[Any, ...], texts: Texts) -> Ancestor:
    key, apart, *numbers = link
    directory, name, command_line, user = (texts[number] or "" for number in numbers)
    return Ancestor(key, pid_of_key(key) + apart, directory + name, command_line, user)


def _separated(line: str | None, lengths: str | None) -> tuple[str, ...]:
    if line is None:
        return ()
    if lengths is None:
        return tuple(line.split(" "))
    arguments, start = [], 0
    for length in map(int, lengths.split(",")):
        arguments.append(line[start : start + length])
        start += length + 1
    return tuple(arguments)


def _texts(connection: apsw.Connection, numbers: Iterable[int | None]) -> Texts:
    """Look texts up. A number whose text a damaged file lost stands for the empty text."""
    wanted = set(numbers)
    texts: Texts = dict.fromkeys(wanted, "")
    texts[None] = None
    asked = _numbers(wanted - {None, 0})
    if asked:
        texts.update(connection.execute(_SELECT_STRINGS, (apsw.carray(asked),)))
    return texts


def _segment_starts(connection: apsw.Connection, ids: array[int]) -> Callable[[int], int]:
    """Return a function from an event's id to the instant from which its `at` counts."""
    segments = read_segments(connection, since=ids[0]) if ids else []
    firsts = [segment.events[0] for segment in segments]

    def started_at(number: int) -> int:
        at = bisect_right(firsts, number) - 1
        return segments[at].started_at if at >= 0 else 0

    return started_at


def _text_at(table: EventTable) -> int:
    return 3 + len(table.columns.numbers) + len(table.columns.flags)


def _numbers(numbers: Iterable[Any]) -> array[int]:
    return array("q", sorted(numbers))
