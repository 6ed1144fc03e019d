"""What is mounted where, with sources and options: proc(5), /proc/PID/mountinfo."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from agent.sensors.values import text_of

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")
_FIELDS_BEFORE: Final = 6
_FIELDS_AFTER: Final = 3


class MountEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One mount. `part` is the folder of the file system that is shown here: `/` for all of it."""

    device: str
    part: bytes
    point: bytes
    file_system: str
    source: str
    options: str


def parse_mount_table(raw: bytes) -> Iterator[MountEntry]:
    """Yield the mounts of a mountinfo file, in the order in which they were made."""
    for line in raw.splitlines():
        before, _, after = line.partition(b" - ")
        fields, more = before.split(b" "), after.split(b" ")
        if len(fields) < _FIELDS_BEFORE or len(more) < _FIELDS_AFTER:
            continue
        yield MountEntry(
            device=text_of(fields[2]),
            part=_plain(fields[3]),
            point=_plain(fields[4]),
            file_system=text_of(more[0]),
            source=text_of(_plain(more[1])),
            options=text_of(_joined(fields[5], more[2])),
        )


def _joined(mount: bytes, file_system: bytes) -> bytes:
    """Join the options of the mount and of its file system; read-only in one is read-only."""
    options = dict.fromkeys(_plain(each) for each in (mount + b"," + file_system).split(b","))
    if b"ro" in options:
        options.pop(b"rw", None)
    return b",".join(options)


def _plain(field: bytes) -> bytes:
    """Undo the kernel's escapes of blanks, line ends and backslashes."""
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field)
