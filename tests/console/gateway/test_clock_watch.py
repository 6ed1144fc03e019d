"""The console's clock is set while endpoints are connected."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from console.gateway.server import program
from console.gateway.server.clock_watch import JUMP, ClockWatch


class Clock:
    """A wall clock that tests set, beside one that stands."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0

    def watch(self) -> ClockWatch:
        return ClockWatch(wall=lambda: self.wall, steady=lambda: 5.0)


class TestClockWatch:
    @pytest.mark.parametrize("jump", [3600.0, -3600.0])
    def test_tells_a_jump_once(self, jump: float) -> None:
        clock = Clock()
        watch = clock.watch()

        clock.wall += jump

        assert [watch.has_jumped(), watch.has_jumped()] == [True, False]

    def test_leaves_small_corrections_alone_until_they_add_up(self) -> None:
        clock = Clock()
        watch = clock.watch()

        told = []
        for _ in range(4):
            clock.wall += JUMP / 3
            told.append(watch.has_jumped())

        assert told == [False, False, False, True]


class TestGateway:
    async def test_lets_its_endpoints_come_again_for_the_new_time(
        self, start_gateway: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr(program, "SWEEP_INTERVAL", 0.05)
        monkeypatch.setattr(
            program, "ClockWatch", functools.partial(ClockWatch, wall=lambda: clock.wall)
        )
        under_test = await start_gateway()
        endpoint = await under_test.connected()
        await asyncio.sleep(0.2)
        assert endpoint.is_connected.is_set()

        clock.wall += 3600

        await asyncio.wait_for(endpoint.is_closed.wait(), 5)
        [goodbye] = endpoint.seen.goodbyes
        assert goodbye.reason == "the console's clock was set"
        assert 0 < (goodbye.retry_after or 0) <= 5
