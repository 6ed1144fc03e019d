"""The recorder as a part: fed to all, stopped for sure, counted over restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agent.recording import Recording
from protocol.events import Event
from protocol.messages import KindCounters, SourceHealth
from tests.agent.gateway import eventually
from tests.agent.recorded import started


class ScriptedRecorder:
    """Gives one batch, then waits or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.stopped = 0
        self.left = [started("/bin/last")]

    def start(self) -> None:
        """Nothing to start."""

    async def run(self, sink: Callable[[list[Event]], None]) -> None:
        sink([started("/bin/first")])
        if self.fails:
            raise OSError("the ring is gone")
        await asyncio.Event().wait()

    def drain(self) -> list[Event]:
        left, self.left = list(self.left), []
        return list(left)

    def health(self) -> list[SourceHealth]:
        return [SourceHealth(name="scripted", state="running", kinds=["process"])]

    def problems(self) -> list[str]:
        return ["The clock was moved."]

    def counters(self) -> dict[str, KindCounters]:
        return {"process": KindCounters(seen=3, recorded=2, filtered=1)}

    def stop(self) -> None:
        self.stopped += 1


class TestRecording:
    async def test_gives_every_batch_to_all_and_the_rest_at_the_end(self) -> None:
        recorder = ScriptedRecorder()
        kept: list[Event] = []
        evaluated: list[Event] = []
        recording = Recording(lambda: recorder, consumers=(kept.extend, evaluated.extend))
        task = asyncio.ensure_future(recording.run())
        await eventually(lambda: kept)
        assert recording.health()[0].name == "scripted"
        assert recording.problems() == ["The clock was moved."]

        task.cancel()
        await asyncio.wait([task])

        assert [event.process.path for event in kept if event.process] == [
            "/bin/first",
            "/bin/last",
        ]
        assert kept == evaluated
        assert recorder.stopped == 1
        assert recording.health() == []
        assert recording.problems() == []

    async def test_stops_the_recorder_when_it_fails_and_keeps_its_counters(self) -> None:
        made: list[ScriptedRecorder] = []

        def make() -> ScriptedRecorder:
            made.append(ScriptedRecorder(fails=True))
            return made[-1]

        recording = Recording(make, consumers=())
        for _ in range(2):
            with pytest.raises(OSError, match="ring"):
                await recording.run()

        assert [recorder.stopped for recorder in made] == [1, 1]
        assert recording.counters()["process"] == KindCounters(seen=6, recorded=4, filtered=2)
