"""Where the database keeps each property of the Signal language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from eventstore.schema import KEY_PID_MASK

PROCESS = "process"


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Columns that refer to `string`; a term is true when it is true of one of them."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PathColumns:
    """A path in two columns."""

    path: str


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """An expression that gives a number; negative means absent."""

    expression: str


@dataclass(frozen=True, slots=True)
class OneOfTwo:
    """A text that follows from whether a column is empty."""

    column: str
    filled: str
    empty: str


@dataclass(frozen=True, slots=True)
class AncestorColumns:
    """Columns of `ancestor`: of the parent only, or of any process above."""

    inner: TextColumns | PathColumns
    parent_only: bool


Source: TypeAlias = TextColumns | PathColumns | NumberColumn | OneOfTwo | AncestorColumns


def _text(*columns: str) -> TextColumns:
    return TextColumns(columns)


_HASH = _text("md5", "sha1", "sha256")
_PATH = PathColumns("path")
_NAME = _text("path_name")
_LINE = _text("command_line")

SOURCES: dict[str, Source] = {
    "process.path": _PATH,
    "process.name": _NAME,
    "process.command_line": _text("coalesce(nullif(command_line_text, 0), arguments)"),
    "process.hash": _HASH,
    "process.user": _text("user"),
    "process.user_id": NumberColumn("user_id"),
    "process.pid": NumberColumn(f"((key & {KEY_PID_MASK}) + pid_apart)"),
    "process.cwd": _text("cwd"),
    "process.parent_path": AncestorColumns(_PATH, parent_only=True),
    "process.parent_name": AncestorColumns(_NAME, parent_only=True),
    "process.parent_command_line": AncestorColumns(_LINE, parent_only=True),
    "process.ancestry_path": AncestorColumns(_PATH, parent_only=False),
    "process.ancestry_command_line": AncestorColumns(_LINE, parent_only=False),
    "process.original_name": _text("original_name"),
    "process.company": _text("company"),
    "process.product": _text("product"),
    "process.description": _text("description"),
    "process.integrity_level": _text("integrity_level"),
    "process.logon_id": NumberColumn("logon_id"),
    "process.signature_status": _text("signature_status"),
    "process.signer": _text("signer"),
    "process.container": _text("container"),
    "file.path": _PATH,
    "file.name": _NAME,
    "file.operation": _text("operation"),
    "file.hash": _HASH,
    "file.original_path": PathColumns("original_path"),
    "file.magic": _text("magic"),
    "network.address": _text("address"),
    "network.port": NumberColumn("port"),
    "network.local_address": _text("local_address"),
    "network.local_port": NumberColumn("local_port"),
    "network.operation": _text("operation"),
    "network.protocol": _text("protocol"),
    "network.domain": _text("domain"),
    "dns.query": _text("query"),
    "dns.response": _text("response"),
    "dns.operation": OneOfTwo("response", filled="response", empty="query"),
    "registry.key_path": _text("key_path"),
    "registry.value_name": _text("value_name"),
    "registry.value_data": _text("value_data"),
    "registry.operation": _text("operation"),
    "image.path": _PATH,
    "image.hash": _HASH,
    "image.signature_status": _text("signature_status"),
    "image.signer": _text("signer"),
    "image.original_name": _text("original_name"),
    "security.operation": _text("operation"),
    "security.user": _text("user"),
    "security.logon_type": _text("logon_type"),
    "security.source_address": _text("source_address"),
    "security.service_name": _text("service_name"),
}
"""Every canonical property. A test keeps it equal to `detection.signals.properties`."""
