"""The ring buffer's reader, on memory that this test lays out as the kernel does."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator

import pytest

from agent.recorder.ringbuffer import RingBuffer

SIZE = 4096
PAGE = mmap.PAGESIZE
BUSY = 1 << 31
DISCARD = 1 << 30


class KernelSide:
    """Writes records as the kernel does: header, content, padding to eight bytes."""

    def __init__(self, descriptor: int) -> None:
        self.memory = mmap.mmap(descriptor, 2 * PAGE + SIZE)
        self.position = 0

    def put(self, content: bytes, flags: int = 0) -> None:
        """Append a record; its bytes go on at the ring's beginning when the end is reached."""
        padded = struct.pack("=II", len(content) | flags, 0) + content
        padded += bytes(-len(padded) % 8)
        for byte in padded:
            self.memory[2 * PAGE + self.position % SIZE] = byte
            self.position += 1
        struct.pack_into("=Q", self.memory, PAGE, self.position)

    def read_up_to(self) -> int:
        """The reader's position."""
        position: int = struct.unpack_from("=Q", self.memory)[0]
        return position


@pytest.fixture
def kernel() -> Iterator[tuple[KernelSide, RingBuffer]]:
    descriptor = os.memfd_create("ring")
    os.ftruncate(descriptor, 2 * PAGE + SIZE)
    side = KernelSide(descriptor)
    ring = RingBuffer(descriptor, SIZE)
    yield side, ring
    ring.close()
    side.memory.close()
    os.close(descriptor)


def drained(ring: RingBuffer, length: int) -> list[bytes]:
    found: list[bytes] = []
    ring.drain(lambda records, at: found.append(bytes(records[at : at + length])))
    return found


class TestDrain:
    def test_gives_every_record_once(self, kernel: tuple[KernelSide, RingBuffer]) -> None:
        side, ring = kernel
        side.put(b"first...")
        side.put(b"second..")

        assert drained(ring, 8) == [b"first...", b"second.."]
        assert drained(ring, 8) == []
        assert side.read_up_to() == side.position

    def test_joins_a_record_that_wraps(self, kernel: tuple[KernelSide, RingBuffer]) -> None:
        side, ring = kernel
        contents = [bytes([number]) * 1000 for number in range(1, 40)]

        found = []
        for content in contents:
            side.put(content)
            found += drained(ring, 1000)

        assert found == contents

    def test_joins_a_record_whose_header_ends_the_ring(
        self, kernel: tuple[KernelSide, RingBuffer]
    ) -> None:
        side, ring = kernel
        side.put(bytes(SIZE - 16))
        drained(ring, 8)

        side.put(b"wrapped!")

        assert drained(ring, 8) == [b"wrapped!"]

    def test_leaves_out_what_the_kernel_gave_up(
        self, kernel: tuple[KernelSide, RingBuffer]
    ) -> None:
        side, ring = kernel
        side.put(b"nothing.", DISCARD)
        side.put(b"content.")

        assert drained(ring, 8) == [b"content."]

    def test_waits_for_a_record_that_is_being_written(
        self, kernel: tuple[KernelSide, RingBuffer]
    ) -> None:
        side, ring = kernel
        side.put(b"complete")
        side.put(b"half....", BUSY)

        assert drained(ring, 8) == [b"complete"]
        assert ring.waiting_bytes() == 16
