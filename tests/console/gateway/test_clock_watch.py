"""The console's clock is set while endpoints are connected."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.addresses import Address, read_address
from agent.directories import Directories
from console.core.redis import instructions_key
from console.gateway.server import program
from console.gateway.server.clock_watch import JUMP, ClockWatch
from protocol.exceptions import InstructionRefused
from protocol.instructions import ReplaceCertificate
from protocol.signing import Verifier, seal
from tests.agent.link_under_test import LinkUnderTest, running_link
from tests.console.gateway.conftest import GatewayUnderTest, eventually


class Clock:
    """A wall clock that tests set, beside one that stands."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0

    def watch(self) -> ClockWatch:
        return ClockWatch(wall=lambda: self.wall, steady=lambda: 5.0)


class AgentsLink(LinkUnderTest):
    """The agent's own link and clock, on its way to the gateway under test."""

    def __init__(self, directories: Directories, under_test: GatewayUnderTest) -> None:
        super().__init__(directories, f"127.0.0.1:{under_test.port}")
        self.endpoint_id = uuid.uuid4()
        self._context = under_test.authority.context_for(self.endpoint_id)

    def _target(self) -> tuple[Address, ssl.SSLContext]:
        return read_address(self.address), self._context


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
        monkeypatch.setattr(program, "ClockWatch", partial(ClockWatch, wall=lambda: clock.wall))
        under_test = await start_gateway()
        endpoint = await under_test.connected()
        await asyncio.sleep(0.2)
        assert endpoint.is_connected.is_set()

        clock.wall += 3600

        await asyncio.wait_for(endpoint.is_closed.wait(), 30)
        [goodbye] = endpoint.seen.goodbyes
        assert goodbye.reason == "the console's clock was set"
        assert 0 < (goodbye.retry_after or 0) <= 5


class TestAgent:
    @pytest.mark.parametrize("hours", [1, -1])
    async def test_takes_instructions_of_the_console_s_new_hour(
        self,
        start_gateway: Any,
        valkey: redis.Redis,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        hours: int,
    ) -> None:
        moved_by = 0.0

        def console_time() -> float:
            return time.time() + moved_by

        monkeypatch.setattr(program, "SWEEP_INTERVAL", 0.05)
        monkeypatch.setattr(program, "ClockWatch", partial(ClockWatch, wall=console_time))
        clock = SimpleNamespace(time_ns=lambda: int(console_time() * 1e9))
        monkeypatch.setattr(program, "time", clock)
        under_test = await start_gateway(drain_spread=1.0)
        directories = Directories.under(tmp_path)
        directories.create()
        key = Ed25519PrivateKey.generate()
        agent = AgentsLink(directories, under_test)
        async with running_link(agent):
            verifier = Verifier(trusted_keys=[key.public_key()], endpoint_id=agent.endpoint_id)
            await eventually(lambda: agent.link.is_connected)

            moved_by = 3600.0 * hours
            issued_at = int(console_time() * 1e6)
            envelope = seal(
                ReplaceCertificate(address="sessions:1"),
                private_key=key,
                audience=agent.endpoint_id,
                sequence=1,
                issued_at=issued_at,
                expires_at=issued_at + 60_000_000,
            )
            with pytest.raises(InstructionRefused, match=r"was issued|expired"):
                verifier.check(envelope, now=agent.clock.now())
            # What comes over a connection from before is refused, as it should be.
            await eventually(lambda: not agent.link.is_connected)
            # The console keeps it until it was carried out.
            valkey.hset(instructions_key(agent.endpoint_id), "1", envelope)

            await eventually(lambda: agent.instructed)
            opened = verifier.check(agent.instructed[0], now=agent.clock.now())

        assert opened.instruction == ReplaceCertificate(address="sessions:1")
