"""The eBPF programs of this kernel, asked of the kernel itself: bpf(2).

Structures: linux/bpf.h, `union bpf_attr` and `struct bpf_prog_info`.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

import msgspec

from agent.recorder import systemcalls
from agent.sensors.values import text_of

_PROGRAM_NEXT, _PROGRAM_OPEN, _INFORMATION = 11, 13, 15
_ATTRIBUTE_BYTES: Final = 128
_INFORMATION_BYTES: Final = 256
_AT_TAG, _AT_LOADED, _AT_NAME = 8, 40, 64
_TAG_BYTES, _NAME_BYTES = 8, 16
_KINDS: Final = (
    "unspecified", "socket_filter", "kprobe", "sched_cls", "sched_act", "tracepoint", "xdp",
    "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops",
    "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local",
    "lirc_mode2", "sk_reuseport", "flow_dissector", "cgroup_sysctl", "raw_tracepoint_writable",
    "cgroup_sockopt", "tracing", "struct_ops", "ext", "lsm", "sk_lookup", "syscall", "netfilter",
)  # fmt: skip


class BpfProgram(msgspec.Struct, frozen=True, kw_only=True):
    """One program. `loaded_ns` counts from boot."""

    id: int
    kind: str
    name: str
    tag: str
    user_id: int
    loaded_ns: int


def list_programs() -> list[BpfProgram]:
    """Return all programs. Raises `OSError`, or `SourceUnavailable` on a foreign processor."""
    found: list[BpfProgram] = []
    after = 0
    while True:
        request = _attributes("=I", after)
        try:
            systemcalls.bpf(_PROGRAM_NEXT, request)
        except FileNotFoundError:
            return found
        (after,) = struct.unpack_from("=I", request, 4)
        program = _read(after)
        if program is not None:
            found.append(program)


def _read(program_id: int) -> BpfProgram | None:
    """Read one program; None when it was unloaded meanwhile."""
    try:
        descriptor = systemcalls.bpf(_PROGRAM_OPEN, _attributes("=I", program_id))
    except FileNotFoundError:
        return None
    try:
        information = ctypes.create_string_buffer(_INFORMATION_BYTES)
        systemcalls.bpf(
            _INFORMATION,
            _attributes("=IIQ", descriptor, len(information), ctypes.addressof(information)),
        )
    finally:
        os.close(descriptor)
    kind, _id = struct.unpack_from("=II", information)
    loaded_ns, user_id = struct.unpack_from("=QI", information, _AT_LOADED)
    raw = information.raw
    return BpfProgram(
        id=program_id,
        kind=_KINDS[kind] if kind < len(_KINDS) else str(kind),
        name=text_of(raw[_AT_NAME : _AT_NAME + _NAME_BYTES].partition(b"\0")[0]),
        tag=raw[_AT_TAG : _AT_TAG + _TAG_BYTES].hex(),
        user_id=user_id,
        loaded_ns=loaded_ns,
    )


def _attributes(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack(layout, *values), _ATTRIBUTE_BYTES)
