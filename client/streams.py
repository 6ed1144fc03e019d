"""Where a command reads and writes: answers to one stream, everything else to the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from getpass import getpass
from typing import BinaryIO, TextIO


@dataclass(slots=True)
class Streams:
    """The streams of one command, the environment, and how a password is asked for."""

    environment: Mapping[str, str]
    output: BinaryIO = field(default_factory=lambda: sys.stdout.buffer)
    messages: TextIO = field(default_factory=lambda: sys.stderr)
    answers: TextIO = field(default_factory=lambda: sys.stdin)
    password: Callable[[str], str] = getpass
    _line: int = 0

    def write(self, text: str) -> None:
        """Write an answer."""
        self.output.write(text.encode("utf-8", "backslashreplace"))
        self.output.flush()

    def say(self, text: str) -> None:
        """Write a message, beside the answer."""
        self._clear()
        self.messages.write(f"{text}\n")
        self.messages.flush()

    def progress(self, text: str) -> None:
        """Write a line that the next message replaces; to a terminal only."""
        if self.messages.isatty():
            self.messages.write(f"\r{text.ljust(self._line)}")
            self._line = len(text)
            self.messages.flush()

    def is_interactive(self) -> bool:
        """Tell whether somebody is there who can be asked."""
        return self.answers.isatty() and self.messages.isatty()

    def ask(self, question: str) -> bool:
        """Ask for a yes; anything else is a no."""
        self._clear()
        self.messages.write(f"{question} [y/N] ")
        self.messages.flush()
        return self.answers.readline().strip().casefold() in {"y", "yes"}

    def _clear(self) -> None:
        if self._line:
            self.messages.write(f"\r{' ' * self._line}\r")
            self._line = 0
