"""Read recorded events from the shapes of their JSON form (see `protocol.event_json`)."""

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
from protocol.event_writing import (
    NOT_RECORDED,
    SAME_IN_PROCESS,
    last_component,
    operation_of,
    shape_ancestor,
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
    process_key,
)
from protocol.exceptions import MalformedEvent
from protocol.instants import instant_from_text


def read_event(shape: EventShape) -> Event:
    """Read an event from its shape. Raises `MalformedEvent`, which names the field."""
    kind = shape.kind
    read = _READERS.get(kind)
    if read is None:
        raise MalformedEvent("kind", f"{kind!r} is none of {', '.join(_READERS)}")
    _check_sections(shape)
    process = None if shape.process is None else _read_process(shape.process)
    event = read(getattr(shape, kind), _read_instant(shape.time, "time"), process)
    if isinstance(event, ProcessStarted):
        event.already_running = shape.already_running
    elif shape.already_running:
        raise MalformedEvent("already_running", "belongs to events of kind 'process' only")
    operation = operation_of(event)
    if shape.operation not in ("", operation):
        raise MalformedEvent("operation", f"is {shape.operation!r}, which should be {operation!r}")
    return event


def _check_sections(shape: EventShape) -> None:
    for section in _SECTIONS:
        present = getattr(shape, section) is not None
        if section == shape.kind and not present:
            raise MalformedEvent(section, "is missing")
        if section != shape.kind and present:
            raise MalformedEvent(section, f"does not belong to an event of kind {shape.kind!r}")


def _read_instant(text: str, field: str) -> int:
    try:
        return instant_from_text(text)
    except ValueError as error:
        raise MalformedEvent(field, str(error)) from error


def _read_process(shape: ProcessShape) -> Process:
    started_at = NOT_RECORDED
    if shape.started_at:
        started_at = _read_instant(shape.started_at, "process.started_at")
    same = {name: getattr(shape, name) for name in SAME_IN_PROCESS}
    same["path"] = _agreed_path(shape.path, shape.name, "process.name")
    process = Process(
        key=_read_process_key(shape, started_at),
        started_at=started_at,
        arguments=tuple(shape.arguments),
        ancestors=_read_ancestors(shape),
        **same,
        **_read_hash(shape.hash),
    )
    if shape.command_line not in ("", process.command_line):
        process.command_line_text = shape.command_line
    return process


def _read_process_key(shape: ProcessShape, started_at: int) -> int:
    if shape.key is not None:
        return _read_key(shape.key, "process.key")
    if shape.pid == NOT_RECORDED or started_at == NOT_RECORDED:
        return 0
    return process_key(shape.pid, started_at)


def _read_ancestors(shape: ProcessShape) -> tuple[Ancestor, ...]:
    claimed = AncestorShape(
        key=shape.parent_key,
        pid=shape.parent_pid,
        path=shape.parent_path,
        name=shape.parent_name,
        command_line=shape.parent_command_line,
        user=shape.parent_user,
    )
    if not shape.ancestors:
        return () if claimed == _UNCLAIMED else (_read_ancestor(claimed, "process.parent"),)
    ancestors = tuple(
        _read_ancestor(ancestor, f"process.ancestors[{level}]")
        for level, ancestor in enumerate(shape.ancestors)
    )
    _check_parent(claimed, shape_ancestor(ancestors[0]))
    return ancestors


_UNCLAIMED: Final = AncestorShape()


def _check_parent(claimed: AncestorShape, nearest: AncestorShape) -> None:
    if claimed == nearest:
        return
    for field in AncestorShape.__struct_fields__:
        claim, truth = getattr(claimed, field), getattr(nearest, field)
        if claim not in (truth, getattr(_UNCLAIMED, field)):
            raise MalformedEvent(
                f"process.parent_{field}", f"is {claim!r}, but the first ancestor's is {truth!r}"
            )


def _read_ancestor(shape: AncestorShape, field: str) -> Ancestor:
    return Ancestor(
        key=0 if shape.key is None else _read_key(shape.key, f"{field}.key"),
        pid=shape.pid,
        path=_agreed_path(shape.path, shape.name, f"{field}.name"),
        command_line=shape.command_line,
        user=shape.user,
    )


def _read_key(text: str, field: str) -> int:
    key = int(text)
    if not -(2**63) <= key < 2**63:
        raise MalformedEvent(field, f"{text} does not fit into 64 bits")
    return key


def _agreed_path(path: str, name: str, field: str) -> str:
    """Take the path, or the name where only that is known; they must not contradict."""
    if name and path and name != last_component(path):
        raise MalformedEvent(field, f"is {name!r}, but the path is {path!r}")
    return path or name


def _read_hash(shape: HashShape | None) -> dict[str, Any]:
    return {} if shape is None else msgspec.structs.asdict(shape)


def _read_start(_: ProcessShape | None, at: int, process: Process | None) -> Event:
    return ProcessStarted(at=at, process=process)


def _read_exit(section: ExitShape, at: int, process: Process | None) -> Event:
    return ProcessExited(
        at=at, process=process, exit_code=section.code, killed_by=section.killed_by
    )


def _read_file(section: FileShape, at: int, process: Process | None) -> Event:
    return FileEvent(
        at=at,
        process=process,
        operation=section.operation,
        path=_agreed_path(section.path, section.name, "file.name"),
        original_path=section.original_path,
        magic=section.magic,
        directory=section.directory,
        **_read_hash(section.hash),
    )


def _read_image(section: ImageShape, at: int, process: Process | None) -> Event:
    return ImageLoaded(
        at=at,
        process=process,
        path=_agreed_path(section.path, section.name, "image.name"),
        signature_status=section.signature_status,
        signer=section.signer,
        original_name=section.original_name,
        company=section.company,
        product=section.product,
        description=section.description,
        **_read_hash(section.hash),
    )


def _read_network(section: NetworkShape, at: int, process: Process | None) -> Event:
    return NetworkEvent(at=at, process=process, **msgspec.structs.asdict(section))


def _read_dns(section: DnsShape, at: int, process: Process | None) -> Event:
    return DnsEvent(at=at, process=process, **msgspec.structs.asdict(section))


def _read_registry(section: RegistryShape, at: int, process: Process | None) -> Event:
    return RegistryEvent(at=at, process=process, **msgspec.structs.asdict(section))


def _read_security(section: SecurityShape, at: int, process: Process | None) -> Event:
    return SecurityEvent(at=at, process=process, **msgspec.structs.asdict(section))


_READERS: Final[dict[str, Callable[[Any, int, Process | None], Event]]] = {
    "process": _read_start,
    "exit": _read_exit,
    "file": _read_file,
    "network": _read_network,
    "dns": _read_dns,
    "registry": _read_registry,
    "image": _read_image,
    "security": _read_security,
}

_SECTIONS: Final = tuple(kind for kind in _READERS if kind != "process")
