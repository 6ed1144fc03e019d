"""What `up` says to whoever started it, step by step.

The reader may be gone, or read nothing: a closed terminal or a full pipe must not keep the console
from running, and least of all from stopping in order.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from console.supervisor.exceptions import StopRequested

# Seconds for which a reader may keep us waiting.
PATIENCE = 1.0


class Narrator:
    """Writes at once, and drops what nobody can read.

    `stream` is None where the program was started with a closed standard output.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """Write one line, or several."""
        self._write(f"{text}\n")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Write the title, and how long the block took, or that it failed or was broken off."""
        began = time.monotonic()
        self._write(f"  {title} ... ")
        try:
            yield
        except StopRequested:
            self._write("broken off\n")
            raise
        except BaseException:
            self._write("failed\n")
            raise
        self._write(f"{time.monotonic() - began:.1f} s\n")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            if _takes_text(self._stream):
                self._stream.write(text)
                self._stream.flush()
        except OSError:
            _silence(self._stream)
            self._stream = None


def _takes_text(stream: TextIO) -> bool:
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLOUT)
    # A reader who went away is an answer, too: the write then says so.
    return bool(poll.poll(PATIENCE * 1000))


def _silence(stream: TextIO) -> None:
    # Python writes what is still in the buffer when it ends, and would call that a failure.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
