"""Run the recorder, and hand every batch of events to whoever keeps or evaluates them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from protocol.events import KINDS, Event
from protocol.messages import KindCounters, SourceHealth


class Recorder(Protocol):
    """What this part needs of a recorder; one that was stopped is not used again."""

    def start(self) -> None:
        """Start the event sources."""

    async def run(self, sink: Callable[[list[Event]], None]) -> None:
        """Give batches of events to `sink` until cancelled."""

    def drain(self) -> list[Event]:
        """Return what happened since the last batch."""

    def health(self) -> list[SourceHealth]:
        """Tell which event sources are in use."""

    def problems(self) -> list[str]:
        """Say what is wrong with this computer rather than with one of the sources."""

    def counters(self) -> dict[str, KindCounters]:
        """Tell how many events were seen, filtered, recorded and lost since the start."""

    def stop(self) -> None:
        """Leave nothing behind in the kernel."""


class Recording:
    """The recorder as a part that can fail and be started again."""

    def __init__(
        self, make: Callable[[], Recorder], *, consumers: Sequence[Callable[[list[Event]], None]]
    ) -> None:
        self._make = make
        self._consumers = consumers
        self._recorder: Recorder | None = None
        self._earlier = {kind: KindCounters() for kind in KINDS}
        self.started = asyncio.Event()

    def health(self) -> list[SourceHealth]:
        """Tell which event sources are in use; none while there is no recorder."""
        return self._recorder.health() if self._recorder else []

    def problems(self) -> list[str]:
        """Say what keeps events from being what they should be, apart from their sources."""
        return self._recorder.problems() if self._recorder else []

    def counters(self) -> dict[str, KindCounters]:
        """Tell what was counted since the agent's start, by earlier recorders too."""
        if self._recorder is None:
            return self._earlier
        now = self._recorder.counters()
        return {kind: _sum(self._earlier[kind], now.get(kind)) for kind in KINDS}

    async def run(self) -> None:
        """Record until cancelled; what had happened by then is still handed over."""
        recorder = self._make()
        try:
            recorder.start()
            self._recorder = recorder
            self.started.set()
            await recorder.run(self._give)
        except asyncio.CancelledError:
            self._give(recorder.drain())
            raise
        finally:
            recorder.stop()
            self._earlier = self.counters()
            self._recorder = None

    def _give(self, events: list[Event]) -> None:
        if events:
            for consume in self._consumers:
                consume(events)


def _sum(earlier: KindCounters, now: KindCounters | None) -> KindCounters:
    if now is None:
        return earlier
    return KindCounters(
        seen=earlier.seen + now.seen,
        filtered=earlier.filtered + now.filtered,
        recorded=earlier.recorded + now.recorded,
        lost=earlier.lost + now.lost,
    )
