"""The supervisor: what fails comes back, what stops stops in order."""

from __future__ import annotations

import asyncio
from random import SystemRandom

from agent.supervisor import Part, Supervisor
from tests.agent.gateway import eventually


async def for_ever() -> None:
    await asyncio.Event().wait()


class TestSupervisor:
    async def test_starts_a_failed_part_again_and_says_so(self) -> None:
        attempts: list[int] = []

        async def fragile() -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise OSError("no \x1b such device")
            await for_ever()

        supervisor = Supervisor([Part("fragile part", fragile)], random=SystemRandom())
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(stop))
            await eventually(lambda: len(attempts) == 3)
            problems = supervisor.problems()
            stop.set()

        assert problems == ["The fragile part failed and is started again: no ? such device."]

    async def test_keeps_the_others_running(self) -> None:
        ticks: list[int] = []

        async def broken() -> None:
            raise ValueError

        async def sound() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.005)

        parts = [Part("broken", broken), Part("sound", sound)]
        supervisor = Supervisor(parts, random=SystemRandom())
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(stop))
            await eventually(lambda: len(ticks) > 20)
            stop.set()

        assert supervisor.problems()[0].startswith("The broken failed")

    async def test_restarts_a_part_that_ends_by_itself(self) -> None:
        runs: list[int] = []

        async def short() -> None:
            runs.append(1)

        supervisor = Supervisor([Part("short", short)], random=SystemRandom())
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(stop))
            await eventually(lambda: len(runs) == 2)
            stop.set()

        assert "ended by itself" in supervisor.problems()[0]

    async def test_stops_in_reverse_order_with_last_words(self) -> None:
        order: list[str] = []

        def part(name: str) -> Part:
            async def run() -> None:
                try:
                    await for_ever()
                finally:
                    order.append(f"{name} ended")

            async def finish() -> None:
                order.append(f"{name} finished")

            return Part(name, run, finish)

        async def stumble() -> None:
            raise RuntimeError

        parts = [part("first"), part("second"), Part("third", for_ever, stumble)]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(Supervisor(parts, random=SystemRandom()).run(stop))
            await asyncio.sleep(0.01)
            stop.set()

        assert order == ["second finished", "second ended", "first finished", "first ended"]
