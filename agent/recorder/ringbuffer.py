"""Read a BPF ring buffer through mmap, without a system call per record.

The layout is the kernel's (Documentation/bpf/ringbuf.rst): one page with the reader's position,
one with the writer's, then the records. The kernel offers the records twice in a row, so that none
wraps; we map them once and copy the rare record that does, because a second mapping counts every
page of the ring twice in the resident memory of the agent. Each record has an 8-byte header: its
length, with the top bit while it is being written, and the next while it is to be thrown away.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from typing import Final

_BUSY: Final = 1 << 31
_DISCARD: Final = 1 << 30
_LENGTH: Final = _DISCARD - 1
_HEADER_BYTES: Final = 8


class RingBuffer:
    """The reader's side of one ring buffer map."""

    def __init__(self, descriptor: int, size: int) -> None:
        page = mmap.PAGESIZE
        self.descriptor = descriptor
        self._mask = size - 1
        self._reader_page = mmap.mmap(descriptor, page, mmap.MAP_SHARED)
        self._writer_pages = mmap.mmap(
            descriptor, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page
        )
        self._reader = memoryview(self._reader_page).cast("Q")
        whole = memoryview(self._writer_pages)
        self._writer = whole[:8].cast("Q")
        self._records = whole[page:]
        self._lengths = self._records.cast("I")

    def drain(self, handle: Callable[[memoryview, int], None]) -> int:
        """Give each waiting record to `handle(records, offset)`; return how many there were.

        What lies at the offset is the kernel's again when `drain` returns.
        """
        position, end = self._reader[0], self._writer[0]
        records, lengths, mask = self._records, self._lengths, self._mask
        size = mask + 1
        count = 0
        while position < end:
            offset = position & mask
            length = lengths[offset >> 2]
            if length & _BUSY:
                break
            if not length & _DISCARD:
                start = offset + _HEADER_BYTES
                if start + length <= size:
                    handle(records, start)
                else:
                    handle(self._joined(start, length), 0)
                count += 1
            position += ((length & _LENGTH) + _HEADER_BYTES + 7) & ~7
        self._reader[0] = position
        return count

    def _joined(self, start: int, length: int) -> memoryview:
        """Copy a record whose end stands at the beginning of the ring."""
        end = start + length - (self._mask + 1)
        return memoryview(bytes(self._records[start:]) + bytes(self._records[:end]))

    def waiting_bytes(self) -> int:
        """Return how many bytes of the ring are waiting to be read."""
        return self._writer[0] - self._reader[0]

    def close(self) -> None:
        """Unmap. The map itself belongs to whoever opened it."""
        for view in (self._lengths, self._records, self._writer, self._reader):
            view.release()
        self._reader_page.close()
        self._writer_pages.close()
