"""What `up` says to whoever started it, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Narrator:
    """Writes at once what it is told to say."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        """Write one line, or several."""
        self._write(f"{text}\n")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Write the title, and how long the block took, or that it failed."""
        began = time.monotonic()
        self._write(f"  {title} ... ")
        try:
            yield
        except BaseException:
            self._write("failed\n")
            raise
        self._write(f"{time.monotonic() - began:.1f} s\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
