"""Ask the recorder's event store: who did what, when, and with which program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, TypeVar

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.exceptions import SensorFailed
from agent.sensors.recordedevents import (
    MOST_ROWS,
    Wanted,
    conditions_from,
    joined,
    read_span,
    recorded_events,
)
from agent.sensors.values import instant_text
from detection.signals.expression import Condition, Expression, Term
from protocol.events import (
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessStarted,
    SecurityEvent,
)

_HASH_DIGITS: Final = frozenset("0123456789abcdef")
_HIGHEST_PORT: Final = 65_535
_UNKNOWN: Final = -1
_STEP: Final = " > "

Program: TypeAlias = tuple[str, str, str, str]
"""A path and the three hashes of what was there."""

EventType = TypeVar("EventType", bound=Event)


def processes(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the processes that were started."""
    properties = {
        "process_path": "process.path",
        "command_line": "process.command_line",
        "user": "process.user",
        "parent_path": "process.parent_path",
    }
    for event, process in _started(context, parameters, properties):
        parent = process.parent
        yield (
            instant_text(event.at),
            process.path,
            process.command_line,
            str(process.pid),
            process.user,
            parent.path if parent else "",
            parent.command_line if parent else "",
            str(parent.pid) if parent else "",
            *_hashes(process),
            process.container,
        )


def process_trees(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the processes that were started, with those that led to them."""
    properties = {
        "process_path": "process.path",
        "command_line": "process.command_line",
        "ancestor_path": "process.ancestry_path",
    }
    for event, process in _started(context, parameters, properties):
        chain = [ancestor.path for ancestor in reversed(process.ancestors)]
        yield (
            instant_text(event.at),
            _STEP.join((*chain, process.path)),
            process.command_line,
            str(process.pid),
            process.user,
            process.sha256 or "",
        )


def process_hashes(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the programs that ran, each content once."""
    counted: dict[Program, int] = {}
    last_at: dict[Program, int] = {}
    most = _most_rows(parameters)
    conditions = _hash_condition(parameters["hash"])
    properties = {"process_path": "process.path"}
    all_starts = {**parameters, "max_rows": str(MOST_ROWS)}
    for event, process in _started(context, all_starts, properties, conditions):
        program = (process.path, *_hashes(process))
        counted[program] = counted.get(program, 0) + 1
        last_at.setdefault(program, event.at)
    for program in sorted(counted, key=lambda one: -last_at[one])[:most]:
        yield *program, str(counted[program]), instant_text(last_at[program])


def files(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the files that changed."""
    properties = {
        "file": "file.path",
        "process_path": "process.path",
        "operation": "file.operation",
    }
    for event in _events(context, parameters, properties, FileEvent, "file"):
        yield (
            instant_text(event.at),
            event.operation,
            event.path,
            event.original_path,
            *_who(event.process),
            event.process.command_line if event.process else "",
            *_hashes(event),
        )


def network(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the connections."""
    properties = {
        "address": "network.address",
        "process_path": "process.path",
        "domain": "network.domain",
        "operation": "network.operation",
    }
    port = _port_condition(parameters["port"])
    for event in _events(context, parameters, properties, NetworkEvent, "network", port):
        yield (
            instant_text(event.at),
            event.operation,
            event.protocol,
            event.local_address,
            str(event.local_port),
            event.address,
            str(event.port),
            event.domain,
            *_who(event.process),
            event.process.command_line if event.process else "",
            *_hashes(event.process),
        )


def dns(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the names that were asked for."""
    properties = {"query": "dns.query", "process_path": "process.path"}
    for event in _events(context, parameters, properties, DnsEvent, "dns"):
        yield (
            instant_text(event.at),
            event.query,
            event.record_type,
            event.response,
            event.server,
            *_who(event.process),
        )


def images(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give the libraries and kernel modules that were loaded."""
    properties = {"module": "image.path", "process_path": "process.path"}
    for event in _events(context, parameters, properties, ImageLoaded, "image"):
        yield (
            instant_text(event.at),
            event.path,
            *_hashes(event),
            event.signature_status,
            event.signer,
            *_who(event.process),
        )


def logons(context: SensorContext, parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give logons, logoffs and what failed."""
    properties = {
        "account": "security.user",
        "operation": "security.operation",
        "source_address": "security.source_address",
    }
    for event in _events(context, parameters, properties, SecurityEvent, "security"):
        path, pid, _user = _who(event.process)
        yield (
            instant_text(event.at),
            event.operation,
            event.user,
            event.logon_type,
            event.source_address,
            event.service_name,
            path,
            pid,
        )


def _started(
    context: SensorContext,
    parameters: Mapping[str, str],
    properties: Mapping[str, str],
    more: tuple[Expression, ...] = (),
) -> Iterator[tuple[ProcessStarted, Process]]:
    for event in _events(context, parameters, properties, ProcessStarted, "process", more):
        if event.process is not None:
            yield event, event.process


def _events(
    context: SensorContext,
    parameters: Mapping[str, str],
    properties: Mapping[str, str],
    kind: type[EventType],
    kind_name: str,
    more: tuple[Expression, ...] = (),
) -> Iterator[EventType]:
    conditions = conditions_from(parameters, properties, is_expression=parameters["regex"] == "1")
    wanted = Wanted(
        kinds=(kind_name,),
        condition=joined([*conditions, *more]),
        span=read_span(parameters["time_range"], now=context.now),
        most=_most_rows(parameters),
    )
    for event in recorded_events(context, wanted):
        if isinstance(event, kind):
            yield event


def _most_rows(parameters: Mapping[str, str]) -> int:
    most = int(parameters["max_rows"])
    if not 1 <= most <= MOST_ROWS:
        raise SensorFailed(f"The most rows are a number from 1 to {MOST_ROWS}.")
    return most


def _hash_condition(text: str) -> tuple[Expression, ...]:
    wanted = text.strip().lower()
    if not wanted:
        return ()
    if not set(wanted) <= _HASH_DIGITS:
        raise SensorFailed(f"{text[:80]!r} is no hash in hexadecimal.")
    return (Term("process.hash", Condition.STARTS_WITH, wanted),)


def _port_condition(text: str) -> tuple[Expression, ...]:
    wanted = text.strip()
    if not wanted:
        return ()
    if not (wanted.isascii() and wanted.isdecimal() and int(wanted) <= _HIGHEST_PORT):
        raise SensorFailed(f"{text!r} is no port: a number from 0 to {_HIGHEST_PORT}.")
    return (Term("network.port", Condition.IS, int(wanted)),)


def _who(process: Process | None) -> tuple[str, str, str]:
    """Return path, pid and user of who did it; empty where that was not seen."""
    if process is None:
        return "", "", ""
    return process.path, str(process.pid), process.user


def _hashes(hashed: Process | FileEvent | ImageLoaded | None) -> tuple[str, str, str]:
    if hashed is None:
        return "", "", ""
    return hashed.md5 or "", hashed.sha1 or "", hashed.sha256 or ""


SENSORS: Final[dict[str, SensorFunction]] = {
    "events.processes": processes,
    "events.process_trees": process_trees,
    "events.process_hashes": process_hashes,
    "events.files": files,
    "events.network": network,
    "events.dns": dns,
    "events.images": images,
    "events.logons": logons,
}
