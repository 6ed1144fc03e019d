"""Every property that a Signal or a search can name: one table, one reader each.

The parser checks names and values against it, the engine and the direct evaluator read events
through it, the editor and the documentation list it. A new property is one new row.

A reader gets the event's process (for properties of a process) or the event itself, and answers
with text (empty: absent), an integer (-1: absent) or a tuple of texts for a property that has
several values at once; a term is then true when it is true of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeAlias

from detection.signals.expression import Condition
from protocol.events import (
    DnsEvent,
    Event,
    FileEvent,
    ImageLoaded,
    NetworkEvent,
    Process,
    RegistryEvent,
    SecurityEvent,
)

Found: TypeAlias = str | int | tuple[str, ...]

LINUX, WINDOWS, MACOS = "linux", "windows", "macos"
EVERYWHERE = frozenset({LINUX, WINDOWS, MACOS})
UNIX = frozenset({LINUX, MACOS})
WINDOWS_ONLY = frozenset({WINDOWS})
LINUX_ONLY = frozenset({LINUX})

PROCESS = "process"

ABSENT_INTEGER = -1


class ValueType(StrEnum):
    """What a value is; it decides which conditions make sense."""

    TEXT = "text"
    INTEGER = "integer"
    ADDRESS = "address"
    HASH = "hash"


_TEXT_CONDITIONS = frozenset(Condition) - {Condition.IN_CIDR}
CONDITIONS_OF: dict[ValueType, frozenset[Condition]] = {
    ValueType.TEXT: _TEXT_CONDITIONS,
    ValueType.INTEGER: frozenset({Condition.IS, Condition.IS_NULL}),
    ValueType.ADDRESS: frozenset(Condition),
    ValueType.HASH: frozenset({Condition.IS, Condition.STARTS_WITH, Condition.IS_NULL}),
}


@dataclass(frozen=True, slots=True)
class Property:
    """One row of the table.

    `kind` is the kind of event that has the property (see `protocol.events.KINDS`); `process`
    properties exist on events of every kind, because every event names its process.
    """

    name: str
    sentence: str
    read: Callable[[Any], Found]
    type: ValueType = ValueType.TEXT
    platforms: frozenset[str] = EVERYWHERE
    aliases: tuple[str, ...] = ()
    several: bool = False

    @property
    def kind(self) -> str:
        """The kind of event that has it."""
        return self.name.partition(".")[0]


def last_component(path: str) -> str:
    """Cut a path of any operating system down to the name of the file."""
    return path.replace("\\", "/").rpartition("/")[2]


def _hashes(hashed: Process | FileEvent | ImageLoaded) -> tuple[str, ...]:
    return tuple(h for h in (hashed.md5, hashed.sha1, hashed.sha256) if h)


def _parent_path(process: Process) -> str:
    return process.ancestors[0].path if process.ancestors else ""


def _parent_name(process: Process) -> str:
    return last_component(_parent_path(process))


def _parent_command_line(process: Process) -> str:
    return process.ancestors[0].command_line if process.ancestors else ""


def _ancestry_path(process: Process) -> tuple[str, ...]:
    return tuple(ancestor.path for ancestor in process.ancestors if ancestor.path)


def _ancestry_command_line(process: Process) -> tuple[str, ...]:
    return tuple(ancestor.command_line for ancestor in process.ancestors if ancestor.command_line)


def _command_line(process: Process) -> str:
    return process.command_line_text or " ".join(process.arguments)


def _file_name(event: FileEvent) -> str:
    return last_component(event.path)


def _dns_operation(event: DnsEvent) -> str:
    return "response" if event.response else "query"


_PROCESS_ROWS = (
    Property(
        "process.path", "Full path of the program.", attrgetter("path"), aliases=("process.image",)
    ),
    Property("process.name", "File name of the program, without its folder.", attrgetter("name")),
    Property("process.command_line", "Every argument, joined by blanks.", _command_line),
    Property(
        "process.hash",
        "MD5, SHA-1 or SHA-256 of the program, whichever the value has the length of.",
        _hashes,
        ValueType.HASH,
        several=True,
    ),
    Property(
        "process.user",
        "Name of the account it runs as.",
        attrgetter("user"),
        aliases=("user.name", "process.user_name"),
    ),
    Property(
        "process.user_id",
        "Number of the account it runs as.",
        attrgetter("user_id"),
        ValueType.INTEGER,
        UNIX,
        aliases=("user.id",),
    ),
    Property("process.pid", "Number of the process.", attrgetter("pid"), ValueType.INTEGER),
    Property(
        "process.cwd",
        "Folder it works in.",
        attrgetter("cwd"),
        aliases=("process.working_directory", "process.current_directory"),
    ),
    Property("process.parent_path", "Full path of the parent's program.", _parent_path),
    Property("process.parent_name", "File name of the parent's program.", _parent_name),
    Property("process.parent_command_line", "The parent's arguments.", _parent_command_line),
    Property(
        "process.ancestry_path",
        "Full path of any program above it: parent, grandparent and so on, up to eight.",
        _ancestry_path,
        several=True,
    ),
    Property(
        "process.ancestry_command_line",
        "Arguments of any process above it, up to eight.",
        _ancestry_command_line,
        several=True,
    ),
    Property(
        "process.original_name",
        "File name that the program was built with, from its version information.",
        attrgetter("original_name"),
        platforms=WINDOWS_ONLY,
        aliases=("process.original_file_name",),
    ),
    *(
        Property(f"process.{field}", sentence, attrgetter(field), platforms=WINDOWS_ONLY)
        for field, sentence in (
            ("company", "Company in the version information."),
            ("product", "Product in the version information."),
            ("description", "Description in the version information."),
        )
    ),
    Property(
        "process.integrity_level",
        "Low, Medium, High or System; a SID where only that was recorded.",
        attrgetter("integrity_level"),
        platforms=WINDOWS_ONLY,
    ),
    Property(
        "process.logon_id",
        "Number of the logon session.",
        attrgetter("logon_id"),
        ValueType.INTEGER,
        aliases=("user.logon_id",),
    ),
    Property(
        "process.signature_status",
        "What checking the code signature gave.",
        attrgetter("signature_status"),
        platforms=frozenset({WINDOWS, MACOS}),
    ),
    Property(
        "process.signer",
        "Who signed the program.",
        attrgetter("signer"),
        platforms=frozenset({WINDOWS, MACOS}),
    ),
    Property(
        "process.container",
        "Id of the container it runs in.",
        attrgetter("container"),
        platforms=LINUX_ONLY,
    ),
)

_FILE_ROWS = (
    Property("file.path", "Full path of the file; of a renamed one the new.", attrgetter("path")),
    Property("file.name", "File name without its folder.", _file_name),
    Property(
        "file.operation", "create, write, delete, rename or permission.", attrgetter("operation")
    ),
    Property(
        "file.hash",
        "MD5, SHA-1 or SHA-256 of the content, where it was hashed.",
        _hashes,
        ValueType.HASH,
        several=True,
    ),
    Property("file.original_path", "Path before a rename.", attrgetter("original_path")),
    Property("file.magic", "First bytes of the content, as recorded.", attrgetter("magic")),
)

_NETWORK_ROWS = (
    Property(
        "network.address",
        "Address of the other side.",
        attrgetter("address"),
        ValueType.ADDRESS,
        aliases=("network.destination_ip", "network.remote_address"),
    ),
    Property(
        "network.port",
        "Port of the other side.",
        attrgetter("port"),
        ValueType.INTEGER,
        aliases=("network.destination_port", "network.remote_port"),
    ),
    Property(
        "network.local_address",
        "Address on this endpoint.",
        attrgetter("local_address"),
        ValueType.ADDRESS,
        aliases=("network.source_ip",),
    ),
    Property(
        "network.local_port",
        "Port on this endpoint.",
        attrgetter("local_port"),
        ValueType.INTEGER,
        aliases=("network.source_port",),
    ),
    Property(
        "network.operation", "connect, accept, refuse, close or listen.", attrgetter("operation")
    ),
    Property("network.protocol", "tcp or udp.", attrgetter("protocol")),
    Property(
        "network.domain",
        "Name that the endpoint had looked up for the address.",
        attrgetter("domain"),
        aliases=("network.destination_domain",),
    ),
)

_OTHER_ROWS = (
    Property("dns.query", "Name that was asked for.", attrgetter("query")),
    Property("dns.response", "Answer, where it was seen.", attrgetter("response")),
    Property("dns.operation", "query, or response where the answer was seen.", _dns_operation),
    Property(
        "registry.key_path",
        "Path of the key, followed by the value's name where a value changed.",
        attrgetter("key_path"),
        platforms=WINDOWS_ONLY,
    ),
    Property(
        "registry.value_name",
        "Name of the value.",
        attrgetter("value_name"),
        platforms=WINDOWS_ONLY,
    ),
    Property(
        "registry.value_data",
        "What the value was set to.",
        attrgetter("value_data"),
        platforms=WINDOWS_ONLY,
    ),
    Property(
        "registry.operation",
        "create_key, delete_key, rename_key, set_value, delete_value.",
        attrgetter("operation"),
        platforms=WINDOWS_ONLY,
    ),
    Property(
        "image.path",
        "Full path of the library or driver.",
        attrgetter("path"),
        aliases=("module.path",),
    ),
    Property(
        "image.hash",
        "MD5, SHA-1 or SHA-256 of the library.",
        _hashes,
        ValueType.HASH,
        aliases=("module.hash",),
        several=True,
    ),
    Property(
        "image.signature_status",
        "What checking its code signature gave.",
        attrgetter("signature_status"),
        platforms=frozenset({WINDOWS, MACOS}),
    ),
    Property(
        "image.signer",
        "Who signed the library.",
        attrgetter("signer"),
        platforms=frozenset({WINDOWS, MACOS}),
    ),
    Property(
        "image.original_name",
        "File name that it was built with.",
        attrgetter("original_name"),
        platforms=WINDOWS_ONLY,
    ),
    Property("security.operation", "logon, logoff, failed_logon, ...", attrgetter("operation")),
    Property("security.user", "Account that logged on.", attrgetter("user")),
    Property("security.logon_type", "How: interactive, network, ...", attrgetter("logon_type")),
    Property(
        "security.source_address",
        "Where the logon came from.",
        attrgetter("source_address"),
        ValueType.ADDRESS,
    ),
    Property(
        "security.service_name", "Service that asked for the logon.", attrgetter("service_name")
    ),
)

_ROWS = _PROCESS_ROWS + _FILE_ROWS + _NETWORK_ROWS + _OTHER_ROWS

PROPERTIES: dict[str, Property] = {row.name: row for row in _ROWS}
"""Every property by its canonical name, in the order in which the documentation lists them."""

ALIASES: dict[str, str] = {alias: row.name for row in _ROWS for alias in row.aliases}
"""Other spellings, each with the canonical name it stands for."""

CLASS_OF_KIND: dict[str, type] = {
    "file": FileEvent,
    "network": NetworkEvent,
    "dns": DnsEvent,
    "registry": RegistryEvent,
    "image": ImageLoaded,
    "security": SecurityEvent,
}
"""The events that have properties of their own besides those of their process."""

NO_PROCESS = Process(key=0, pid=-1, started_at=0, path="")
"""Stands in for a process that was not recorded: it has no property at all."""


def find_property(name: str) -> Property | None:
    """Return the property of this name or alias, in any case, or None."""
    lowered = name.lower()
    return PROPERTIES.get(ALIASES.get(lowered, lowered))


def read_property(row: Property, event: Event) -> Found:
    """Read one property of an event; absent when the event is of another kind."""
    if row.kind == PROCESS:
        return row.read(event.process or NO_PROCESS)
    if isinstance(event, CLASS_OF_KIND[row.kind]):
        return row.read(event)
    return ABSENT_INTEGER if row.type is ValueType.INTEGER else ""


def texts_of(found: Found) -> Iterable[str]:
    """List the present values as texts; nothing when the property is absent."""
    if isinstance(found, tuple):
        return found
    if isinstance(found, int):
        return () if found == ABSENT_INTEGER else (str(found),)
    return (found,) if found else ()
