"""What every event source promises, on any operating system.

A source is started once, tells by its file descriptors when something waits, hands over what
waits when asked, and can say at any time how much it saw and how much the kernel had to drop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from protocol.events import Event

Deliver: TypeAlias = Callable[[Event], object]


class SourceCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Which kinds of events a source reports, and in plain words what it cannot see."""

    name: str
    kinds: tuple[str, ...]
    blind_to: tuple[str, ...] = ()


class Source(Protocol):
    """One way in which the operating system tells what happens."""

    def capabilities(self) -> SourceCapabilities:
        """Tell what this source sees, as far as it is known now."""

    def start(self) -> None:
        """Begin to listen. Raises `SourceUnavailable` and leaves nothing behind if it cannot."""

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that become readable when events wait."""

    def drain(self, deliver: Deliver) -> None:
        """Hand over everything that waits, oldest first, and return without waiting."""

    def lost(self) -> dict[str, int]:
        """Count, per kind, what happened but could not be recorded, since the start."""

    def stop(self) -> None:
        """Stop listening and leave nothing behind in the kernel. May be called twice."""
