"""The JSON form of recorded events, field by field: nested names equal the Signal properties.

Only shapes stand here; `protocol.event_json` fills and reads them. A value that equals its
default was not recorded and is left out. Numbers that pass 2^53 are text, because the numbers of
JavaScript end there.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

# What MessagePack and the event store can hold.
Number: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# A 64-bit integer as text.
Key: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^(0|-?[1-9][0-9]{0,18})$")]


class Shape(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The base of all shapes: a mistyped name is an error, not an event that never matches."""


class HashShape(Shape):
    """Hashes of one file's content, as lower-case hexadecimal text."""

    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None


class AncestorShape(Shape):
    """One process above another; `name` is the last component of `path`."""

    key: Key | None = None
    pid: Number = -1
    path: str = ""
    name: str = ""
    command_line: str = ""
    user: str = ""


class ProcessShape(Shape):
    """The process that did it; the `parent_` fields repeat the first of `ancestors`."""

    path: str = ""
    name: str = ""
    command_line: str = ""
    arguments: list[str] = []
    arguments_length: Number = -1
    cwd: str = ""
    pid: Number = -1
    user: str = ""
    user_id: Number = -1
    group_id: Number = -1
    login_user_id: Number = -1
    logon_id: Number = -1
    container: str = ""
    key: Key | None = None
    started_at: str = ""
    parent_path: str = ""
    parent_name: str = ""
    parent_command_line: str = ""
    parent_pid: Number = -1
    parent_key: Key | None = None
    parent_user: str = ""
    ancestors: list[AncestorShape] = []
    hash: HashShape | None = None
    original_name: str = ""
    company: str = ""
    product: str = ""
    description: str = ""
    integrity_level: str = ""
    signature_status: str = ""
    signer: str = ""
    memory_only: bool = False


class ExitShape(Shape):
    """How a process ended."""

    code: Number
    killed_by: Number = 0


class FileShape(Shape):
    """The file that changed; `name` is the last component of `path`."""

    operation: str
    path: str
    name: str = ""
    original_path: str = ""
    hash: HashShape | None = None
    magic: str = ""
    directory: bool = False


class NetworkShape(Shape):
    """The connection."""

    operation: str
    address: str
    port: Number
    protocol: str = ""
    local_address: str = ""
    local_port: Number = -1
    domain: str = ""


class DnsShape(Shape):
    """The name that was asked for."""

    query: str
    record_type: str = ""
    response: str = ""
    server: str = ""


class RegistryShape(Shape):
    """The registry key or value that changed."""

    operation: str
    key_path: str
    value_name: str = ""
    value_data: str = ""


class ImageShape(Shape):
    """The library or driver that was loaded; `name` is the last component of `path`."""

    path: str
    name: str = ""
    hash: HashShape | None = None
    signature_status: str = ""
    signer: str = ""
    original_name: str = ""
    company: str = ""
    product: str = ""
    description: str = ""


class SecurityShape(Shape):
    """The logon, logoff or change of privilege."""

    operation: str
    user: str = ""
    logon_type: str = ""
    source_address: str = ""
    service_name: str = ""


class EventShape(Shape):
    """One event: `kind` names the section that it needs beside `process`.

    `operation` repeats what the section says, and is `start`, `exit`, `query` or `load` for kinds
    that have only one.
    """

    time: str
    kind: str
    operation: str = ""
    already_running: bool = False
    process: ProcessShape | None = None
    exit: ExitShape | None = None
    file: FileShape | None = None
    network: NetworkShape | None = None
    dns: DnsShape | None = None
    registry: RegistryShape | None = None
    image: ImageShape | None = None
    security: SecurityShape | None = None
