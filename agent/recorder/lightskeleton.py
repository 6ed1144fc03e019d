"""Load the recorder's BPF programs with nothing but the bpf(2) system call.

A *light skeleton* is a small BPF program that, run once inside the kernel, creates the maps and
loads the other programs, relocating them against the kernel's own types. So the endpoint needs no
libbpf, compiler or headers. The layout of the structures is that of `union bpf_attr` in
linux/bpf.h and of `struct bpf_loader_ctx` in libbpf's skel_internal.h.

Every descriptor is closed by `close`, and by the kernel when the agent dies: no program, link or
map outlives the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from agent.recorder import systemcalls
from agent.recorder.exceptions import BlobDamaged, ProgramRefused

BLOB_DIRECTORY: Final = Path(__file__).resolve().parent.parent / "bpf"

_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _PROG_LOAD, _PROG_RUN = 0, 1, 2, 5, 10
_RAW_TRACEPOINT_OPEN, _LINK_CREATE = 17, 28
_MAP_TYPE_ARRAY: Final = 2
_PROG_TYPE_SYSCALL: Final = 31
_PROG_SLEEPABLE: Final = 1 << 4
_CGROUP_INET_EGRESS: Final = 1
_ATTRIBUTE_BYTES: Final = 128
_LOG_BYTES: Final = 1 << 20
# The verifier gives up with EAGAIN when a signal waits for its caller; libbpf tries as often.
_ATTEMPTS: Final = 5
_CONTEXT_HEAD: Final = struct.Struct("=IIIIQ")  # size, flags, log level, log size, log
_MAP_DESCRIPTION: Final = struct.Struct("=iIQ")  # fd, maximum of entries, initial value
_PROGRAM_DESCRIPTION: Final = struct.Struct("=i")


class Manifest(msgspec.Struct, kw_only=True):
    """What `recorder.manifest.json` says of the blob beside it."""

    maps: list[str]
    programs: list[str]
    input_bytes: int
    instruction_bytes: int
    blob_sha256: str
    sources_sha256: dict[str, str]
    compiler: str


def read_manifest(directory: Path = BLOB_DIRECTORY) -> Manifest:
    """Read the manifest. Raises `BlobDamaged` when it is absent or unreadable."""
    try:
        text = (directory / "recorder.manifest.json").read_bytes()
        return msgspec.json.decode(text, type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise BlobDamaged(f"{directory}/recorder.manifest.json: {error}") from error


def read_blob(manifest: Manifest, directory: Path = BLOB_DIRECTORY) -> tuple[bytes, bytes]:
    """Return the loader's input and instructions; refuse a blob that the manifest disowns."""
    try:
        blob = (directory / "recorder.blob").read_bytes()
    except OSError as error:
        raise BlobDamaged(f"{directory}/recorder.blob: {error}") from error
    if hashlib.sha256(blob).hexdigest() != manifest.blob_sha256:
        raise BlobDamaged(f"{directory}/recorder.blob does not have the recorded SHA-256")
    return blob[: manifest.input_bytes], blob[manifest.input_bytes :]


def _attributes(layout: str, *values: int | bytes) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(struct.pack(layout, *values), _ATTRIBUTE_BYTES)


def _create_input_map(loader_input: bytes) -> int:
    """Put the loader's input into an array map of one element."""
    attributes = _attributes(
        "=IIIII8x16s", _MAP_TYPE_ARRAY, 4, len(loader_input), 1, 0, b"__loader.map"
    )
    descriptor = systemcalls.bpf(_MAP_CREATE, attributes)
    key = ctypes.c_uint32(0)
    value = ctypes.create_string_buffer(loader_input, len(loader_input))
    attributes = _attributes(
        "=I4xQQQ", descriptor, ctypes.addressof(key), ctypes.addressof(value), 0
    )
    systemcalls.bpf(_MAP_UPDATE, attributes)
    return descriptor


def _load_loader(instructions: bytes, input_map: int) -> int:
    code = ctypes.create_string_buffer(instructions, len(instructions))
    license_text = ctypes.create_string_buffer(b"Dual BSD/GPL")
    maps = ctypes.c_int(input_map)
    # type, count, code, licence, (log, kernel version), flags, name, ..., fd_array at byte 120
    attributes = _attributes(
        "=IIQQ20xI16s56xQ",
        _PROG_TYPE_SYSCALL,
        len(instructions) // 8,
        ctypes.addressof(code),
        ctypes.addressof(license_text),
        _PROG_SLEEPABLE,
        b"__loader.prog",
        ctypes.addressof(maps),
    )
    return systemcalls.bpf(_PROG_LOAD, attributes)


class LightSkeleton:
    """The loaded programs and maps, by name."""

    def __init__(self, maps: dict[str, int], programs: dict[str, int]) -> None:
        self.maps = maps
        self.programs = programs
        self._links: list[int] = []

    @classmethod
    def load(cls, directory: Path = BLOB_DIRECTORY) -> LightSkeleton:
        """Load the blob into the kernel.

        Raises `BlobDamaged` for a blob that is not ours, `ProgramRefused` with the verifier's
        log when the kernel does not take a program.
        """
        manifest = read_manifest(directory)
        blob = read_blob(manifest, directory)
        attempts = 1
        while True:
            try:
                return cls(*_load_once(manifest, *blob))
            except InterruptedError as error:
                if attempts == _ATTEMPTS:
                    raise ProgramRefused(f"interrupted {attempts} times by signals") from error
                attempts += 1

    def attach_tracepoint(self, program: str) -> None:
        """Attach a tp_btf program; its tracepoint is part of the program."""
        try:
            attributes = _attributes("=QI", 0, self.programs[program])
            self._links.append(systemcalls.bpf(_RAW_TRACEPOINT_OPEN, attributes))
        except OSError as error:
            raise ProgramRefused(f"{program} cannot be attached: {error.strerror}") from error

    def attach_cgroup_egress(self, program: str, cgroup: Path) -> None:
        """Run a program on every packet that leaves a process of this cgroup (version 2)."""
        directory = -1
        try:
            directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            attributes = _attributes(
                "=IIII", self.programs[program], directory, _CGROUP_INET_EGRESS, 0
            )
            self._links.append(systemcalls.bpf(_LINK_CREATE, attributes))
        except OSError as error:
            raise ProgramRefused(f"{program} cannot be attached: {error.strerror}") from error
        finally:
            if directory >= 0:
                os.close(directory)

    def read_counter(self, map_name: str, index: int) -> int:
        """Read one 64-bit element of an array map."""
        key, value = ctypes.c_uint32(index), ctypes.c_uint64(0)
        attributes = _attributes(
            "=I4xQQQ", self.maps[map_name], ctypes.addressof(key), ctypes.addressof(value), 0
        )
        systemcalls.bpf(_MAP_LOOKUP, attributes)
        return value.value

    def close(self) -> None:
        """Detach and unload everything. May be called twice."""
        for descriptor in [*self._links, *self.programs.values(), *self.maps.values()]:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._links.clear()
        self.programs = {}
        self.maps = {}

    def __enter__(self) -> LightSkeleton:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _load_once(
    manifest: Manifest, loader_input: bytes, instructions: bytes
) -> tuple[dict[str, int], dict[str, int]]:
    """Load everything; return the descriptors of maps and programs."""
    opened: list[int] = []
    try:
        opened.append(_create_input_map(loader_input))
        opened.append(_load_loader(instructions, opened[0]))
        return _run_loader(manifest, opened[1])
    except InterruptedError:
        raise
    except OSError as error:
        raise ProgramRefused(f"bpf(2): {error.strerror}") from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _run_loader(manifest: Manifest, loader: int) -> tuple[dict[str, int], dict[str, int]]:
    """Run the loader program once and read the descriptors that it created."""
    maps_at = _CONTEXT_HEAD.size
    programs_at = maps_at + _MAP_DESCRIPTION.size * len(manifest.maps)
    size = programs_at + _PROGRAM_DESCRIPTION.size * len(manifest.programs)
    context = ctypes.create_string_buffer(size)
    log = ctypes.create_string_buffer(_LOG_BYTES)
    _CONTEXT_HEAD.pack_into(context, 0, size, 0, 1, _LOG_BYTES, ctypes.addressof(log))
    # program, result at byte 4, ..., context size at byte 40, context at byte 48
    attributes = _attributes("=I36xI4xQ", loader, size, ctypes.addressof(context))
    systemcalls.bpf(_PROG_RUN, attributes)
    (result,) = struct.unpack_from("=i", attributes, 4)
    maps = {
        name: _MAP_DESCRIPTION.unpack_from(context, maps_at + i * _MAP_DESCRIPTION.size)[0]
        for i, name in enumerate(manifest.maps)
    }
    programs = {
        name: _PROGRAM_DESCRIPTION.unpack_from(context, programs_at + i * 4)[0]
        for i, name in enumerate(manifest.programs)
    }
    if result == -errno.EAGAIN:
        raise InterruptedError(-result, os.strerror(-result))
    if result < 0:
        # What a failed loader had created it has closed itself.
        text = log.value.decode("utf-8", "backslashreplace")
        raise ProgramRefused(f"the kernel refused a program: {os.strerror(-result)}", text)
    return maps, programs
