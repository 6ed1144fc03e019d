r"""Recorded events: what happened on an endpoint, who did it and when.

One vocabulary for the recorder, the store, the detection language, the wire and the console.
Field names follow the Signal properties (`process.command_line`, `file.path`, ...), so a reader
who knows the language knows the structs. All instants are integer microseconds since the epoch,
UTC. All text is valid UTF-8: a byte that is not stands as a `\\xHH` escape (see `text_from_os`).

The structs are `array_like`: on the wire the position is the name. Append fields with a default;
never reorder, rename the meaning of, or remove one.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

# Process keys count milliseconds from here, so that key and pid share one 63-bit integer
# until the year 2089.
KEY_EPOCH_MS = 1_577_836_800_000  # 2020-01-01T00:00:00Z
PID_BITS = 22  # Linux: PID_MAX_LIMIT is 2**22


def process_key(pid: int, started_at: int) -> int:
    """Name one process image on one endpoint: pid and the instant (µs) its image started."""
    return ((started_at // 1000 - KEY_EPOCH_MS) << PID_BITS) | pid


def text_from_os(raw: bytes) -> str:
    r"""Show bytes from the operating system as text; undecodable bytes become `\\xHH`."""
    return raw.decode("utf-8", "backslashreplace")


class Ancestor(msgspec.Struct, array_like=True, frozen=True):
    """A process above another one, with what an analyst needs to read a chain."""

    key: int
    pid: int
    path: str
    command_line: str
    user: str = ""


class Process(msgspec.Struct, array_like=True, kw_only=True):
    """One process image. A process that calls exec again becomes a new `Process`.

    `arguments` holds at most 8 KiB of text; `arguments_length` is the true length in bytes.
    `ancestors` starts with the parent and holds at most eight levels. A field that the event
    source could not see is empty (text), -1 (numbers) or None (hashes).
    """

    key: int
    pid: int
    started_at: int
    path: str
    arguments: tuple[str, ...] = ()
    arguments_length: int = -1
    cwd: str = ""
    user: str = ""
    user_id: int = -1
    group_id: int = -1
    login_user_id: int = -1
    logon_id: int = -1
    container: str = ""
    ancestors: tuple[Ancestor, ...] = ()
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    original_name: str = ""
    company: str = ""
    product: str = ""
    description: str = ""
    integrity_level: str = ""
    signature_status: str = ""
    signer: str = ""
    memory_only: bool = False
    command_line_text: str = ""

    @property
    def command_line(self) -> str:
        """Every argument, joined by blanks; the text as given where only text was recorded."""
        return self.command_line_text or " ".join(self.arguments)

    @property
    def name(self) -> str:
        """The last component of the path, on any operating system."""
        return self.path.replace("\\", "/").rpartition("/")[2]

    @property
    def parent(self) -> Ancestor | None:
        """The process that started this one, or None when it was not recorded."""
        return self.ancestors[0] if self.ancestors else None


class Recorded(msgspec.Struct, array_like=True, kw_only=True):
    """What every event has: when it happened and the process that did it (None: unknown).

    Every event repeats `kw_only`: without it msgspec would put its own fields ahead of these two,
    and a field appended to an event would move them.
    """

    at: int
    process: Process | None


class ProcessStarted(Recorded, kw_only=True, tag="process.started"):
    """A process began to run an image (exec), or was already running when recording began."""

    already_running: bool = False


class ProcessExited(Recorded, kw_only=True, tag="process.exited"):
    """A process ended, with its exit code, or the number of the POSIX signal that killed it."""

    exit_code: int = 0
    killed_by: int = 0


class FileEvent(Recorded, kw_only=True, tag="file"):
    """A file changed. `operation` is one of `FILE_OPERATIONS`.

    `original_path` is set for renames. `md5`, `sha1` and `sha256` are set when the content was
    hashed. `directory` tells that the path is one.
    """

    operation: str
    path: str
    original_path: str = ""
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    magic: str = ""
    directory: bool = False


class NetworkEvent(Recorded, kw_only=True, tag="network"):
    """A connection was made, accepted, refused or closed.

    Addresses are in their canonical text form; `operation` is one of `NETWORK_OPERATIONS`,
    `protocol` is `tcp` or `udp`. `domain` is what the endpoint had looked up, when known.
    """

    operation: str
    protocol: str
    local_address: str
    local_port: int
    address: str
    port: int
    domain: str = ""


class DnsEvent(Recorded, kw_only=True, tag="dns"):
    """A name was asked for. `record_type` is the DNS name of the type (`A`, `AAAA`, ...)."""

    query: str
    record_type: str = ""
    response: str = ""
    server: str = ""


class RegistryEvent(Recorded, kw_only=True, tag="registry"):
    """A Windows registry key or value changed."""

    operation: str
    key_path: str
    value_name: str = ""
    value_data: str = ""


class ImageLoaded(Recorded, kw_only=True, tag="image"):
    """A process loaded a library or the kernel a driver."""

    path: str
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    signature_status: str = ""
    signer: str = ""
    original_name: str = ""
    company: str = ""
    product: str = ""
    description: str = ""


class SecurityEvent(Recorded, kw_only=True, tag="security"):
    """A logon, logoff, failed logon or change of privilege."""

    operation: str
    user: str = ""
    logon_type: str = ""
    source_address: str = ""
    service_name: str = ""


Event: TypeAlias = (
    ProcessStarted
    | ProcessExited
    | FileEvent
    | NetworkEvent
    | DnsEvent
    | RegistryEvent
    | ImageLoaded
    | SecurityEvent
)

FILE_OPERATIONS = ("create", "write", "delete", "rename", "permission")
NETWORK_OPERATIONS = ("connect", "accept", "refuse", "close", "listen")

# The kinds that counters, searches and settings speak of, in the order in which they are shown.
KIND_OF: dict[type, str] = {
    ProcessStarted: "process",
    ProcessExited: "exit",
    FileEvent: "file",
    NetworkEvent: "network",
    DnsEvent: "dns",
    RegistryEvent: "registry",
    ImageLoaded: "image",
    SecurityEvent: "security",
}
KINDS = tuple(KIND_OF.values())


def kind_of(event: Event) -> str:
    """Name the kind of an event, as counters and searches name it."""
    return KIND_OF[type(event)]


def ancestors_below(parent: Process | None, *, limit: int = 8) -> tuple[Ancestor, ...]:
    """List the ancestors of a child of this parent, nearest first, at most `limit` of them."""
    if parent is None:
        return ()
    nearest = Ancestor(parent.key, parent.pid, parent.path, parent.command_line, parent.user)
    return (nearest, *parent.ancestors[: limit - 1])
