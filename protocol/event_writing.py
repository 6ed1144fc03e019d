"""Lay recorded events out in the shapes of their JSON form (see `protocol.event_json`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from protocol.event_shapes import (
    AncestorShape,
    DnsShape,
    EventShape,
    ExitShape,
    FileShape,
    HashShape,
    ImageShape,
    NetworkShape,
    ProcessShape,
    RegistryShape,
    SecurityShape,
)
from protocol.events import (
    Ancestor,
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    ProcessExited,
    ProcessStarted,
    RegistryEvent,
    SecurityEvent,
    kind_of,
)
from protocol.instants import instant_to_text

NOT_RECORDED: Final = -1

# The fields of a process that are the same in both forms.
SAME_IN_PROCESS: Final = tuple(
    name
    for name in Process.__struct_fields__
    if name in ProcessShape.__struct_fields__
    and name not in {"key", "started_at", "arguments", "ancestors"}
)


def shape_event(event: Event) -> EventShape:
    """Lay an event out for JSON."""
    shape = EventShape(
        time=instant_to_text(event.at),
        kind=kind_of(event),
        operation=operation_of(event),
        process=None if event.process is None else _process_shape(event.process),
    )
    _WRITERS[type(event)](event, shape)
    return shape


def operation_of(event: Event) -> str:
    """Name what happened: the event's own operation, or the only one of its kind."""
    if isinstance(event, FileEvent | NetworkEvent | RegistryEvent | SecurityEvent):
        return event.operation
    return _ONLY_OPERATION[type(event)]


_ONLY_OPERATION: Final[dict[type, str]] = {
    ProcessStarted: "start",
    ProcessExited: "exit",
    DnsEvent: "query",
    ImageLoaded: "load",
}


def _process_shape(process: Process) -> ProcessShape:
    shape = ProcessShape(
        key=str(process.key),
        name=process.name,
        command_line=process.command_line,
        arguments=list(process.arguments),
        hash=_hash_shape(process),
        **{name: getattr(process, name) for name in SAME_IN_PROCESS},
    )
    if process.started_at != NOT_RECORDED:
        shape.started_at = instant_to_text(process.started_at)
    if process.ancestors:
        shape.ancestors = [shape_ancestor(ancestor) for ancestor in process.ancestors]
        parent = shape.ancestors[0]
        shape.parent_key = parent.key
        shape.parent_pid = parent.pid
        shape.parent_path = parent.path
        shape.parent_name = parent.name
        shape.parent_command_line = parent.command_line
        shape.parent_user = parent.user
    return shape


def shape_ancestor(ancestor: Ancestor) -> AncestorShape:
    """Lay one level of a process's ancestry out for JSON."""
    return AncestorShape(
        key=str(ancestor.key),
        pid=ancestor.pid,
        path=ancestor.path,
        name=last_component(ancestor.path),
        command_line=ancestor.command_line,
        user=ancestor.user,
    )


def _hash_shape(hashed: Process | FileEvent | ImageLoaded) -> HashShape | None:
    if hashed.md5 is None and hashed.sha1 is None and hashed.sha256 is None:
        return None
    return HashShape(md5=hashed.md5, sha1=hashed.sha1, sha256=hashed.sha256)


def last_component(path: str) -> str:
    """Give the name of a file from its path, on any operating system."""
    return path.replace("\\", "/").rpartition("/")[2]


def _write_start(event: ProcessStarted, shape: EventShape) -> None:
    shape.already_running = event.already_running


def _write_exit(event: ProcessExited, shape: EventShape) -> None:
    shape.exit = ExitShape(code=event.exit_code, killed_by=event.killed_by)


def _write_file(event: FileEvent, shape: EventShape) -> None:
    shape.file = FileShape(
        operation=event.operation,
        path=event.path,
        name=last_component(event.path),
        original_path=event.original_path,
        hash=_hash_shape(event),
        magic=event.magic,
        directory=event.directory,
    )


def _write_network(event: NetworkEvent, shape: EventShape) -> None:
    shape.network = msgspec.convert(event, NetworkShape, from_attributes=True)


def _write_dns(event: DnsEvent, shape: EventShape) -> None:
    shape.dns = msgspec.convert(event, DnsShape, from_attributes=True)


def _write_registry(event: RegistryEvent, shape: EventShape) -> None:
    shape.registry = msgspec.convert(event, RegistryShape, from_attributes=True)


def _write_image(event: ImageLoaded, shape: EventShape) -> None:
    shape.image = ImageShape(
        path=event.path,
        name=last_component(event.path),
        hash=_hash_shape(event),
        signature_status=event.signature_status,
        signer=event.signer,
        original_name=event.original_name,
        company=event.company,
        product=event.product,
        description=event.description,
    )


def _write_security(event: SecurityEvent, shape: EventShape) -> None:
    shape.security = msgspec.convert(event, SecurityShape, from_attributes=True)


_WRITERS: Final[dict[type, Callable[[Any, EventShape], None]]] = {
    ProcessStarted: _write_start,
    ProcessExited: _write_exit,
    FileEvent: _write_file,
    NetworkEvent: _write_network,
    DnsEvent: _write_dns,
    RegistryEvent: _write_registry,
    ImageLoaded: _write_image,
    SecurityEvent: _write_security,
}
