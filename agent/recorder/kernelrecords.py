"""The form of the records that agent/bpf/recorder.bpf.c writes, and the small decodings they need.

Keep both files in step: order, widths and padding are those of the C structures.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from protocol.events import text_from_os

RING_BYTES: Final = 4 * 1024 * 1024

RECORD_EXEC, RECORD_FORK, RECORD_EXIT, RECORD_NETWORK, RECORD_DNS = 1, 2, 3, 4, 5
KIND_OF_RECORD: Final = {
    RECORD_EXEC: "process",
    RECORD_FORK: "process",
    RECORD_EXIT: "exit",
    RECORD_NETWORK: "network",
    RECORD_DNS: "dns",
}

HEADER: Final = struct.Struct("=IIQIIQ")  # type, size, at, pid, user, process started
# parent pid, group, login user, session, pid namespace, mount namespace, pid there, device,
# cgroup, inode, size, modified (s, ns), flags, lengths of path and cwd, arguments kept and total
EXEC: Final = struct.Struct("=IIIIIIIIQQQqIIHHIQ")
EXEC_PATH_CUT, EXEC_CWD_CUT, EXEC_MEMORY_ONLY = 1, 2, 4
FORK: Final = struct.Struct("=II")
EXIT: Final = struct.Struct("=II")
# family, local port, port, operation, local address, address, network namespace, error
NETWORK: Final = struct.Struct("=HHHH16s16sII")
OPERATIONS: Final = ("connect", "accept", "refuse", "close", "listen")
NETWORK_ACCEPT, NETWORK_LISTEN, NETWORK_LISTEN_END = 1, 4, 5
DNS: Final = struct.Struct("=HHI16s")  # family, length, padding, server; then the message

_CUT: Final = "…/"
_MAPPED_IPV4: Final = bytes(10) + b"\xff\xff"
_MOST_CACHED: Final = 8192


class TextCache:
    """Paths and addresses repeat: decode each byte string once."""

    def __init__(self) -> None:
        self._paths: dict[tuple[bytes, int], str] = {}
        self._addresses: dict[tuple[int, bytes], str] = {}

    def path(self, components: bytes, shortcoming: int) -> str:
        """Join components that come leaf first; `shortcoming` is an EXEC_ flag or 0."""
        key = (components, shortcoming)
        text = self._paths.get(key)
        if text is None:
            if len(self._paths) >= _MOST_CACHED:
                self._paths.clear()
            text = self._paths[key] = join_components(components, shortcoming)
        return text

    def address(self, family: int, raw: bytes) -> str:
        """Return the canonical text of an address; IPv4 in IPv6 is shown as IPv4."""
        key = (family, raw)
        text = self._addresses.get(key)
        if text is None:
            if len(self._addresses) >= _MOST_CACHED:
                self._addresses.clear()
            text = self._addresses[key] = address_text(family, raw)
        return text


def join_components(components: bytes, shortcoming: int) -> str:
    """Join the names of a path, each with its NUL, leaf first."""
    names = components.split(b"\0")
    names.pop()
    names.reverse()
    joined = text_from_os(b"/".join(names))
    if shortcoming & EXEC_MEMORY_ONLY:
        return joined
    if shortcoming:
        return _CUT + joined
    return "/" + joined


def address_text(family: int, raw: bytes) -> str:
    """Return the canonical text of the first 4 or all 16 bytes."""
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw.startswith(_MAPPED_IPV4):
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    return socket.inet_ntop(socket.AF_INET6, raw)
